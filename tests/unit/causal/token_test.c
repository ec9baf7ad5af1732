// Tokens: what a script holds comes back whole, for its own key, or not at all.
#include "unit/unit.h"

#include "base/random.h"
#include "causal/token.h"
#include "unit/causal/golden.h"

static const uint32_t keyspace = 3;

static struct bytes key(void)
{
    return bytes_of_text("greeting");
}

// Of a cluster whose routers have the keys 1 ... count; the first is the own one.
static const struct seals *cluster(unsigned count)
{
    static struct seals seals;
    seals_release(&seals);
    for (unsigned i = 1; i <= count; i++) {
        uint8_t secret[SEAL_SECRET_SIZE] = {(uint8_t)i};
        assert_int_equal(i == 1 ? seals_add_own(&seals, secret) : seals_add(&seals, secret),
                         STATUS_OK);
    }
    return &seals;
}

static void build_context(struct context *context)
{
    context->hlc_max = 0x0001020304050607u;
    clock_add(&context->clock, (struct interval){0xa1, 1, 7});
    clock_add(&context->clock, (struct interval){0xb2, 300, 300});
    buf_append(&context->requests, bytes_of_text("a request's id.."));
}

static struct receipt example_receipt(void)
{
    return (struct receipt){.keyspace = keyspace,
                            .key = key(),
                            .request = {{1, 2, 3}},
                            .dot = {0xa1, 300},
                            .epoch = 12,
                            .acked = 3,
                            .hinted = 1};
}

TEST(a_context_comes_back_for_its_key)
{
    struct context context = {0}, back = {0};
    struct buf buf = {0};
    build_context(&context);
    context_encode(&context, cluster(1), keyspace, key(), &buf);
    assert_int_equal(context_decode(&back, cluster(1), keyspace, key(), buf_bytes(&buf)),
                     STATUS_OK);
    assert_true(clock_equal(&context.clock, &back.clock) && context.hlc_max == back.hlc_max);
    assert_true(bytes_equal(buf_bytes(&context.requests), buf_bytes(&back.requests)));

    struct bytes encoded = buf_bytes(&buf);
    assert_int_equal(context_decode(&back, cluster(1), keyspace + 1, key(), encoded),
                     STATUS_REFUSED);
    assert_int_equal(context_decode(&back, cluster(1), keyspace, bytes_of_text("other"), encoded),
                     STATUS_REFUSED);
    assert_true(back.clock.count == 0 && back.hlc_max == 0);
    context_release(&context);
    context_release(&back);
    buf_release(&buf);
}

TEST(the_context_of_a_record_is_its_clock_and_greatest_stamp)
{
    struct record record = {0};
    struct context context = {0};
    struct record_write write = {.dot = {5, 1}, .hlc = 70};
    record_update(&record, &write, false);
    write = (struct record_write){.dot = {6, 1}, .hlc = 60, .keep_siblings = true};
    record_update(&record, &write, false);
    context_of_record(&context, &record);
    assert_true(clock_equal(&context.clock, &record.clock));
    assert_int_equal(context.hlc_max, 70);
    record_release(&record);
    context_release(&context);
}

// Whatever changes in the bytes, the decoder that they are for refuses them. (The name of the
// key may become one that is not known.)
static void assert_damage_is_refused(struct buf *buf, enum status (*decode)(struct bytes))
{
    assert_int_equal(decode(buf_bytes(buf)), STATUS_OK);
    for (size_t size = 0; size < buf->size; size++)
        assert_int_not_equal(decode(bytes_of(buf->data, size)), STATUS_OK);
    for (size_t bit = 0; bit < 8 * buf->size; bit++) {
        bool is_of_id = bit / 8 >= buf->size - SEAL_SIZE && bit / 8 < buf->size - SEAL_SIZE + 8;
        buf->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(decode(buf_bytes(buf)), is_of_id ? STATUS_NOT_FOUND : STATUS_INVALID);
        buf->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static enum status decode_context(struct bytes encoded)
{
    struct context context = {0};
    enum status status = context_decode(&context, cluster(1), keyspace, key(), encoded);
    context_release(&context);
    return status;
}

static enum status decode_receipt(struct bytes encoded)
{
    struct receipt receipt;
    return receipt_decode(&receipt, cluster(1), encoded);
}

TEST(a_damaged_token_is_refused)
{
    struct context context = {0};
    struct receipt receipt = example_receipt();
    struct buf buf = {0};
    build_context(&context);
    context_encode(&context, cluster(1), keyspace, key(), &buf);
    assert_damage_is_refused(&buf, decode_context);
    assert_int_equal(decode_receipt(buf_bytes(&buf)), STATUS_INVALID);
    buf_clear(&buf);
    receipt_encode(&receipt, cluster(1), &buf);
    assert_damage_is_refused(&buf, decode_receipt);
    assert_int_equal(decode_context(buf_bytes(&buf)), STATUS_INVALID);
    context_release(&context);
    buf_release(&buf);
}

TEST(every_router_that_knows_the_key_of_a_token_takes_it)
{
    struct context context = {0};
    struct seals other = {0};
    struct buf buf = {0};
    uint8_t first[SEAL_SECRET_SIZE] = {1}, second[SEAL_SECRET_SIZE] = {2};
    build_context(&context);
    context_encode(&context, cluster(1), keyspace, key(), &buf);
    struct bytes sealed = buf_bytes(&buf);
    assert_int_equal(seals_add_own(&other, second), STATUS_OK);
    assert_int_equal(context_decode(&context, &other, keyspace, key(), sealed), STATUS_NOT_FOUND);
    assert_int_equal(context.clock.count, 0);
    assert_int_equal(seals_add(&other, first), STATUS_OK);
    assert_int_equal(seals_add(&other, first), STATUS_EXISTS);
    assert_int_equal(context_decode(&context, &other, keyspace, key(), sealed), STATUS_OK);
    assert_int_equal(context.clock.count, 2);
    seals_release(&other);
    context_release(&context);
    buf_release(&buf);
}

// Whoever knows the id of a key, which tokens show, cannot seal with it.
TEST(a_seal_of_another_key_under_a_known_name_is_refused)
{
    struct context context = {0};
    struct seals forger = {0};
    struct buf buf = {0};
    uint8_t secret[SEAL_SECRET_SIZE] = {99};
    build_context(&context);
    assert_int_equal(seals_add_own(&forger, secret), STATUS_OK);
    forger.own.id = cluster(1)->own.id;
    context_encode(&context, &forger, keyspace, key(), &buf);
    assert_int_equal(decode_context(buf_bytes(&buf)), STATUS_INVALID);
    buf_clear(&buf);
    context_encode(&context, NULL, keyspace, key(), &buf); // the key of nobody
    assert_int_equal(decode_context(buf_bytes(&buf)), STATUS_INVALID);
    seals_release(&forger);
    context_release(&context);
    buf_release(&buf);
}

TEST(many_keys_are_told_apart)
{
    const struct seals *seals = cluster(200);
    assert_int_equal(seals->count, 200);
    for (uint32_t i = 1; i < seals->count; i++)
        assert_true(seals->keys[i - 1].id < seals->keys[i].id);
    for (uint32_t i = 0; i < seals->count; i++) {
        struct seals one = {0};
        struct context context = {0}, back = {0};
        struct buf buf = {0};
        assert_int_equal(seals_add_own(&one, seals->keys[i].secret), STATUS_OK);
        build_context(&context);
        context_encode(&context, &one, keyspace, key(), &buf);
        assert_int_equal(context_decode(&back, seals, keyspace, key(), buf_bytes(&buf)), STATUS_OK);
        context_release(&context);
        context_release(&back);
        buf_release(&buf);
        seals_release(&one);
    }
}

// A claim with the seal that anybody can make.
static void encode_as_nobody(const struct receipt *receipt, struct buf *out)
{
    struct buf sealed = {0};
    receipt_encode(receipt, cluster(1), &sealed);
    buf_append(out, bytes_of(sealed.data, sealed.size - SEAL_SIZE));
    seals_seal(NULL, SEAL_RECEIPT, out, 0);
    buf_release(&sealed);
}

TEST(a_receipt_of_nobody_names_the_request_and_claims_nothing)
{
    struct receipt receipt = {.keyspace = keyspace, .key = key(), .request = {{1, 2, 3}}}, back;
    struct receipt claim = example_receipt();
    struct buf buf = {0};
    receipt_encode(&receipt, NULL, &buf);
    assert_int_equal(receipt_decode(&back, cluster(1), buf_bytes(&buf)), STATUS_OK);
    assert_false(back.is_sealed);
    assert_true(request_id_equal(&back.request, &receipt.request));
    assert_damage_is_refused(&buf, decode_receipt);
    buf_clear(&buf);
    encode_as_nobody(&claim, &buf);
    assert_int_equal(receipt_decode(&back, cluster(1), buf_bytes(&buf)), STATUS_INVALID);
    buf_release(&buf);
}

TEST(a_receipt_comes_back)
{
    struct receipt receipt = example_receipt(), back;
    struct buf buf = {0};
    receipt_encode(&receipt, cluster(1), &buf);
    assert_int_equal(receipt_decode(&back, cluster(1), buf_bytes(&buf)), STATUS_OK);
    assert_int_equal(back.keyspace, keyspace);
    assert_true(bytes_equal(back.key, key()));
    assert_true(request_id_equal(&back.request, &receipt.request));
    assert_true(dot_equal(back.dot, receipt.dot));
    assert_int_equal(back.epoch, 12);
    assert_int_equal(back.acked, 3);
    assert_int_equal(back.hinted, 1);
    assert_true(back.is_sealed);
    buf_release(&buf);
}

TEST(the_longest_context_fits_in_a_text_and_a_longer_one_is_refused)
{
    struct context context = {0}, back = {0};
    struct buf buf = {0}, text = {0}, binary = {0};
    for (uint64_t i = 1; i <= CLOCK_INTERVALS_MAX; i++)
        clock_add(&context.clock, (struct interval){i, UINT64_MAX / 2 + 1, UINT64_MAX});
    context_encode(&context, cluster(1), keyspace, key(), &buf);
    token_format(buf_bytes(&buf), &text);
    assert_true(text.size <= TOKEN_TEXT_SIZE_MAX);
    assert_int_equal(token_parse(buf_bytes(&text), &binary), STATUS_OK);
    assert_int_equal(context_decode(&back, cluster(1), keyspace, key(), buf_bytes(&binary)),
                     STATUS_OK);
    clock_add(&context.clock, (struct interval){CLOCK_INTERVALS_MAX + 1, 1, 1});
    buf_clear(&buf);
    context_encode(&context, cluster(1), keyspace, key(), &buf);
    assert_int_equal(context_decode(&back, cluster(1), keyspace, key(), buf_bytes(&buf)),
                     STATUS_INVALID);
    context_release(&context);
    context_release(&back);
    buf_release(&buf);
    buf_release(&text);
    buf_release(&binary);
}

TEST(bytes_of_every_length_come_back_from_their_text)
{
    struct random random;
    random_init(&random, 8);
    struct buf binary = {0}, text = {0}, back = {0};
    for (size_t size = 0; size < 200; size++) {
        buf_clear(&binary);
        buf_clear(&text);
        buf_clear(&back);
        for (size_t i = 0; i < size; i++)
            buf_append_u8(&binary, (uint8_t)random_u64(&random));
        token_format(buf_bytes(&binary), &text);
        assert_int_equal(token_parse(buf_bytes(&text), &back), STATUS_OK);
        assert_true(bytes_equal(buf_bytes(&binary), buf_bytes(&back)));
    }
    buf_release(&binary);
    buf_release(&text);
    buf_release(&back);
}

TEST(a_text_is_base64url_in_its_one_form)
{
    struct buf out = {0};
    token_format(bytes_of("\xfb\xff\xfe\x01", 4), &out);
    assert_string_equal(buf_text(&out), "-__-AQ");
    static const char *const refused[] = {"-__-A",  "-__-AR", "-__-AQ==", "+//+AQ",
                                          "-__ AQ", "AAB",    "AB",       "-__-AQ\n"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        assert_int_equal(token_parse(bytes_of_text(refused[i]), &out), STATUS_INVALID);
        assert_string_equal(buf_text(&out), "-__-AQ");
    }
    assert_int_equal(token_parse(bytes_of("AA\0A", 4), &out), STATUS_INVALID);
    buf_release(&out);
}

TEST(format_2_stays_readable)
{
    struct context context = {0};
    struct receipt receipt = example_receipt();
    struct buf buf = {0};
    build_context(&context);
    context_encode(&context, cluster(1), keyspace, key(), &buf);
    assert_golden("context", buf_bytes(&buf));
    assert_int_equal(decode_context(buf_bytes(&buf)), STATUS_OK);
    buf_clear(&buf);
    receipt_encode(&receipt, cluster(1), &buf);
    assert_golden("receipt", buf_bytes(&buf));
    assert_int_equal(decode_receipt(buf_bytes(&buf)), STATUS_OK);
    context_release(&context);
    buf_release(&buf);
}
