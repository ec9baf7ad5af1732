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

static void build_context(struct context *context)
{
    context->hlc_max = 0x0001020304050607u;
    clock_add(&context->clock, (struct interval){0xa1, 1, 7});
    clock_add(&context->clock, (struct interval){0xb2, 300, 300});
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
    context_encode(&context, keyspace, key(), &buf);
    assert_int_equal(context_decode(&back, keyspace, key(), buf_bytes(&buf)), STATUS_OK);
    assert_true(clock_equal(&context.clock, &back.clock) && context.hlc_max == back.hlc_max);

    struct bytes encoded = buf_bytes(&buf);
    assert_int_equal(context_decode(&back, keyspace + 1, key(), encoded), STATUS_INVALID);
    assert_int_equal(context_decode(&back, keyspace, bytes_of_text("other"), encoded),
                     STATUS_INVALID);
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

// Both decoders; every change of the bytes must be INVALID for the one that they are for.
static void assert_damage_is_refused(struct buf *buf, enum status (*decode)(struct bytes))
{
    assert_int_equal(decode(buf_bytes(buf)), STATUS_OK);
    for (size_t size = 0; size < buf->size; size++)
        assert_int_equal(decode(bytes_of(buf->data, size)), STATUS_INVALID);
    for (size_t bit = 0; bit < 8 * buf->size; bit++) {
        buf->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(decode(buf_bytes(buf)), STATUS_INVALID);
        buf->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static enum status decode_context(struct bytes encoded)
{
    struct context context = {0};
    enum status status = context_decode(&context, keyspace, key(), encoded);
    context_release(&context);
    return status;
}

static enum status decode_receipt(struct bytes encoded)
{
    struct receipt receipt;
    return receipt_decode(&receipt, encoded);
}

TEST(a_damaged_token_is_refused)
{
    struct context context = {0};
    struct receipt receipt = example_receipt();
    struct buf buf = {0};
    build_context(&context);
    context_encode(&context, keyspace, key(), &buf);
    assert_damage_is_refused(&buf, decode_context);
    assert_int_equal(decode_receipt(buf_bytes(&buf)), STATUS_INVALID);
    buf_clear(&buf);
    receipt_encode(&receipt, &buf);
    assert_damage_is_refused(&buf, decode_receipt);
    assert_int_equal(decode_context(buf_bytes(&buf)), STATUS_INVALID);
    context_release(&context);
    buf_release(&buf);
}

TEST(a_receipt_comes_back)
{
    struct receipt receipt = example_receipt(), back;
    struct buf buf = {0};
    receipt_encode(&receipt, &buf);
    assert_int_equal(receipt_decode(&back, buf_bytes(&buf)), STATUS_OK);
    assert_int_equal(back.keyspace, keyspace);
    assert_true(bytes_equal(back.key, key()));
    assert_true(request_id_equal(&back.request, &receipt.request));
    assert_true(dot_equal(back.dot, receipt.dot));
    assert_int_equal(back.epoch, 12);
    assert_int_equal(back.acked, 3);
    assert_int_equal(back.hinted, 1);
    buf_release(&buf);
}

TEST(the_longest_context_fits_in_a_text_and_a_longer_one_is_refused)
{
    struct context context = {0}, back = {0};
    struct buf buf = {0}, text = {0}, binary = {0};
    for (uint64_t i = 1; i <= CLOCK_INTERVALS_MAX; i++)
        clock_add(&context.clock, (struct interval){i, UINT64_MAX / 2 + 1, UINT64_MAX});
    context_encode(&context, keyspace, key(), &buf);
    token_format(buf_bytes(&buf), &text);
    assert_true(text.size <= TOKEN_TEXT_SIZE_MAX);
    assert_int_equal(token_parse(buf_bytes(&text), &binary), STATUS_OK);
    assert_int_equal(context_decode(&back, keyspace, key(), buf_bytes(&binary)), STATUS_OK);
    clock_add(&context.clock, (struct interval){CLOCK_INTERVALS_MAX + 1, 1, 1});
    buf_clear(&buf);
    context_encode(&context, keyspace, key(), &buf);
    assert_int_equal(context_decode(&back, keyspace, key(), buf_bytes(&buf)), STATUS_INVALID);
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

TEST(format_1_stays_readable)
{
    struct context context = {0};
    struct receipt receipt = example_receipt();
    struct buf buf = {0};
    build_context(&context);
    context_encode(&context, keyspace, key(), &buf);
    assert_golden("context", buf_bytes(&buf));
    assert_int_equal(decode_context(buf_bytes(&buf)), STATUS_OK);
    buf_clear(&buf);
    receipt_encode(&receipt, &buf);
    assert_golden("receipt", buf_bytes(&buf));
    assert_int_equal(decode_receipt(buf_bytes(&buf)), STATUS_OK);
    context_release(&context);
    buf_release(&buf);
}

TESTS(RUN(a_context_comes_back_for_its_key),
      RUN(the_context_of_a_record_is_its_clock_and_greatest_stamp), RUN(a_damaged_token_is_refused),
      RUN(a_receipt_comes_back),
      RUN(the_longest_context_fits_in_a_text_and_a_longer_one_is_refused),
      RUN(bytes_of_every_length_come_back_from_their_text),
      RUN(a_text_is_base64url_in_its_one_form), RUN(format_1_stays_readable))
