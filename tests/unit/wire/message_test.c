// Every operation is on the wire what the grammar says, comes back as it was, and cannot be
// read from fewer bytes.
#include "unit/unit.h"

#include "base/endian.h"
#include "base/random.h"
#include "unit/wire/op_fields.h"
#include "wire/client.h"
#include "wire/hello.h"
#include "wire/hint.h"
#include "wire/repair.h"
#include "wire/ring.h"

enum { ROUNDS = 50 };

static struct random dice;

// For each kind: draw a value, write it as the grammar says, compare two.
static void draw_u8(uint8_t *at)
{
    *at = (uint8_t)random_u64(&dice);
}

static void draw_u32(uint32_t *at)
{
    *at = (uint32_t)random_u64(&dice);
}

static void draw_u64(uint64_t *at)
{
    *at = random_u64(&dice);
}

static void draw_dot(struct dot *at)
{
    *at = (struct dot){random_u64(&dice), random_u64(&dice)};
}

static void draw_request(struct request_id *at)
{
    for (size_t i = 0; i < sizeof at->bytes; i++)
        at->bytes[i] = (uint8_t)random_u64(&dice);
}

static void draw_short(struct bytes *at)
{
    static uint8_t pool[4096];
    for (int i = 0; i < 16; i++)
        pool[random_below(&dice, sizeof pool)] = (uint8_t)random_u64(&dice);
    size_t size = random_below(&dice, 4) ? random_below(&dice, 40) : 0;
    *at = bytes_of(pool + random_below(&dice, sizeof pool - 40), size);
}

static void draw_sized(struct bytes *at)
{
    draw_short(at);
}

static void write_u8(struct buf *out, const uint8_t *at)
{
    buf_append(out, bytes_of(at, 1));
}

static void write_number(struct buf *out, uint64_t value, int size)
{
    for (int i = 0; i < size; i++)
        buf_append_u8(out, (uint8_t)(value >> (8 * i)));
}

static void write_u32(struct buf *out, const uint32_t *at)
{
    write_number(out, *at, 4);
}

static void write_u64(struct buf *out, const uint64_t *at)
{
    write_number(out, *at, 8);
}

static void write_dot(struct buf *out, const struct dot *at)
{
    write_number(out, at->actor, 8);
    write_number(out, at->counter, 8);
}

static void write_request(struct buf *out, const struct request_id *at)
{
    buf_append(out, bytes_of(at->bytes, sizeof at->bytes));
}

static void write_short(struct buf *out, const struct bytes *at)
{
    write_number(out, at->size, 2);
    buf_append(out, *at);
}

static void write_sized(struct buf *out, const struct bytes *at)
{
    write_number(out, at->size, 4);
    buf_append(out, *at);
}

#define same_u8(a, b)      assert_int_equal(*(a), *(b))
#define same_u32(a, b)     assert_int_equal(*(a), *(b))
#define same_u64(a, b)     assert_true(*(a) == *(b))
#define same_dot(a, b)     assert_true(dot_equal(*(a), *(b)))
#define same_request(a, b) assert_memory_equal((a)->bytes, (b)->bytes, sizeof(a)->bytes)
#define same_short(a, b)   assert_true(bytes_equal(*(a), *(b)))
#define same_sized(a, b)   assert_true(bytes_equal(*(a), *(b)))

#define DRAW(kind, member)  draw_##kind(&op.member);
#define WRITE(kind, member) write_##kind(&expected, &op.member);
#define SAME(kind, member)  same_##kind(&op.member, &back.member);

// One round for an operation: draw, encode, compare with the grammar, decode, compare, and
// decode with fields of a later version behind, and decode every shorter piece.
#define DEFINE_ROUND(name)                                                                         \
    static void round_##name(void)                                                                 \
    {                                                                                              \
        struct op_##name op, back;                                                                 \
        struct buf encoded = {0}, expected = {0};                                                  \
        FIELDS_##name(DRAW);                                                                       \
        op_encode_##name(&op, &encoded);                                                           \
        write_number(&expected, encoded.size - 4, 4);                                              \
        FIELDS_##name(WRITE);                                                                      \
        assert_int_equal(encoded.size, expected.size);                                             \
        assert_memory_equal(encoded.data, expected.data, expected.size);                           \
        struct reader reader = reader_of(buf_bytes(&encoded));                                     \
        assert_int_equal(op_decode_##name(&back, &reader), STATUS_OK);                             \
        assert_true(reader_done(&reader));                                                         \
        FIELDS_##name(SAME);                                                                       \
        buf_append(&encoded, bytes_of_text("more"));                                               \
        store_u32(encoded.data, (uint32_t)(encoded.size - 4));                                     \
        reader = reader_of(buf_bytes(&encoded));                                                   \
        assert_int_equal(op_decode_##name(&back, &reader), STATUS_OK);                             \
        assert_true(reader_done(&reader));                                                         \
        FIELDS_##name(SAME);                                                                       \
        for (size_t size = 0; size < encoded.size; size++) {                                       \
            reader = reader_of(bytes_of(encoded.data, size));                                      \
            assert_int_equal(op_decode_##name(&back, &reader), STATUS_INVALID);                    \
        }                                                                                          \
        buf_release(&encoded);                                                                     \
        buf_release(&expected);                                                                    \
    }
ALL_OPS(DEFINE_ROUND)

TEST(every_operation_follows_the_grammar_comes_back_and_cannot_be_cut)
{
#define LIST_ROUND(name) round_##name,
    static void (*const rounds[])(void) = {ALL_OPS(LIST_ROUND)};
    random_init(&dice, 1);
    for (unsigned i = 0; i < sizeof rounds / sizeof *rounds; i++)
        for (int round = 0; round < ROUNDS; round++)
            rounds[i]();
}

TEST(the_try_of_an_encoded_put_is_changed_in_place)
{
    struct op_put op = {.flags = PUT_DELETE, .ttl_ms = 7, .key = bytes_of_text("k")}, back;
    struct buf encoded = {0};
    op_encode_put(&op, &encoded);
    struct put_try put_try = {true, 11, 12, 13, 14, 15};
    op_put_set_try(encoded.data, &put_try);
    struct reader reader = reader_of(buf_bytes(&encoded));
    assert_int_equal(op_decode_put(&back, &reader), STATUS_OK);
    assert_int_equal(back.flags, PUT_DELETE | PUT_RETRY);
    assert_true(back.try == 11 && back.budget_ms == 12 && back.young_ms == 13 &&
                back.wait_ms == 14 && back.first_ms == 15 && back.ttl_ms == 7 &&
                bytes_equal(back.key, op.key));
    buf_release(&encoded);
}

static struct message_header some_header(void)
{
    return (struct message_header){.type = MESSAGE_MERGE,
                                   .count = 3,
                                   .body_size = 5,
                                   .credit_ops = 0x1234,
                                   .credit_kib = 0x5678,
                                   .epoch = 0x1122334455667788u,
                                   .boot = 0x99aabbccddeeff00u,
                                   .budget_ms = 0xcafef00d,
                                   .ring_hash = 0x01020304,
                                   .sent_ms = 0x0102030405060708u,
                                   .your_ms = 0x1112131415161718u,
                                   .received_kib = 0x21222324,
                                   .since = 0x31323334};
}

// A header and its five bytes of body.
static void encode_some(uint8_t message[MESSAGE_HEADER_SIZE + 5])
{
    struct message_header header = some_header();
    message_header_encode(&header, message);
    memcpy(message + MESSAGE_HEADER_SIZE, "abcde", 5);
}

static enum status decode(const uint8_t *message, size_t size)
{
    struct message_header header;
    struct reader body;
    return message_header_decode(&header, bytes_of(message, size), &body);
}

TEST(a_header_is_sixty_four_bytes_in_this_order)
{
    static const uint8_t expected[MESSAGE_HEADER_SIZE] = {
        0x64, 0x6b, 2,    35,   0,    0,    3,    0,    5,    0,    0,    0,    0x34,
        0x12, 0x78, 0x56, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 0x00, 0xff,
        0xee, 0xdd, 0xcc, 0xbb, 0xaa, 0x99, 0x0d, 0xf0, 0xfe, 0xca, 0x04, 0x03, 0x02,
        0x01, 0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01, 0x18, 0x17, 0x16, 0x15,
        0x14, 0x13, 0x12, 0x11, 0x24, 0x23, 0x22, 0x21, 0x34, 0x33, 0x32, 0x31};
    uint8_t message[MESSAGE_HEADER_SIZE + 5];
    encode_some(message);
    assert_memory_equal(message, expected, sizeof expected);
}

TEST(a_header_comes_back_with_a_reader_of_exactly_the_body)
{
    uint8_t message[MESSAGE_HEADER_SIZE + 5];
    struct message_header sent = some_header(), header;
    struct reader body;
    encode_some(message);
    assert_int_equal(message_header_decode(&header, bytes_of(message, sizeof message), &body),
                     STATUS_OK);
    assert_true(header.type == sent.type && header.count == sent.count &&
                header.body_size == sent.body_size && header.credit_ops == sent.credit_ops &&
                header.credit_kib == sent.credit_kib && header.epoch == sent.epoch &&
                header.boot == sent.boot && header.budget_ms == sent.budget_ms &&
                header.ring_hash == sent.ring_hash && header.sent_ms == sent.sent_ms &&
                header.your_ms == sent.your_ms && header.received_kib == sent.received_kib &&
                header.since == sent.since);
    assert_true(bytes_equal(reader_bytes(&body, 5), bytes_of_text("abcde")));
    assert_true(reader_done(&body));
}

TEST(a_message_of_another_size_than_its_header_says_is_invalid)
{
    uint8_t message[MESSAGE_HEADER_SIZE + 6] = {0};
    encode_some(message);
    for (size_t size = 0; size <= sizeof message; size++)
        assert_int_equal(decode(message, size),
                         size == MESSAGE_HEADER_SIZE + 5 ? STATUS_OK : STATUS_INVALID);
}

TEST(magic_version_and_flags_must_be_right)
{
    static const uint8_t fixed[] = {0, 1, 2, 4, 5};
    uint8_t message[MESSAGE_HEADER_SIZE + 5];
    for (unsigned i = 0; i < sizeof fixed; i++) {
        for (int bit = 0; bit < 8; bit++) {
            encode_some(message);
            message[fixed[i]] ^= (uint8_t)(1 << bit);
            assert_int_equal(decode(message, sizeof message), STATUS_INVALID);
        }
    }
}

TEST(a_message_has_no_more_operations_than_the_limit)
{
    uint8_t message[MESSAGE_HEADER_SIZE + 5];
    encode_some(message);
    store_u16(message + 6, MESSAGE_OPS_MAX);
    assert_int_equal(decode(message, sizeof message), STATUS_OK);
    store_u16(message + 6, MESSAGE_OPS_MAX + 1);
    assert_int_equal(decode(message, sizeof message), STATUS_INVALID);
}

TEST(a_list_of_what_was_superseded_comes_back_without_writes_that_have_no_request)
{
    struct superseded_list sent = {0}, list = {0};
    struct buf encoded = {0};
    superseded_list_add(&sent, (struct superseded){{1, 2}, {{3}}});
    superseded_list_add(&sent, (struct superseded){.dot = {4, 5}}); // nobody asks for it
    superseded_list_add(&sent, (struct superseded){{6, 7}, {{8}}});
    buf_append_text(&encoded, "what was there before");
    superseded_encode(&sent, &encoded);
    assert_int_equal(encoded.size, 2 * SUPERSEDED_ENCODED_SIZE);
    superseded_list_add(&list, (struct superseded){{9, 9}, {{9}}}); // the same
    superseded_decode(bytes_of(encoded.data, encoded.size - 1), &list);
    assert_int_equal(list.count, 1);
    superseded_decode(buf_bytes(&encoded), &list);
    assert_int_equal(list.count, 2);
    assert_true(dot_equal(list.items[0].dot, sent.items[0].dot));
    assert_true(dot_equal(list.items[1].dot, sent.items[2].dot));
    assert_int_equal(list.items[1].request.bytes[0], 8);
    superseded_list_release(&sent);
    superseded_list_release(&list);
    buf_release(&encoded);
}
