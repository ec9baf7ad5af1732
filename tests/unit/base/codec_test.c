// What is written by a buf is read back by a reader, and nothing else is.
#include "unit/unit.h"

#include "base/buf.h"
#include "base/random.h"
#include "base/reader.h"

TEST(every_number_comes_back)
{
    struct buf buf = {0};
    buf_append_u8(&buf, 0xfe);
    buf_append_u16(&buf, 0xfedc);
    buf_append_u32(&buf, 0xfedcba98u);
    buf_append_u64(&buf, 0xfedcba9876543210u);
    buf_append_varint(&buf, 0);
    buf_append_varint(&buf, 127);
    buf_append_varint(&buf, 128);
    buf_append_varint(&buf, UINT64_MAX);
    buf_append_short(&buf, bytes_of_text("key"));
    buf_append_sized(&buf, bytes_of_text("value"));
    struct reader reader = reader_of(buf_bytes(&buf));
    assert_int_equal(reader_u8(&reader), 0xfe);
    assert_int_equal(reader_u16(&reader), 0xfedc);
    assert_int_equal(reader_u32(&reader), 0xfedcba98u);
    assert_true(reader_u64(&reader) == 0xfedcba9876543210u);
    assert_int_equal(reader_varint(&reader), 0);
    assert_int_equal(reader_varint(&reader), 127);
    assert_int_equal(reader_varint(&reader), 128);
    assert_true(reader_varint(&reader) == UINT64_MAX);
    assert_true(bytes_equal(reader_short(&reader), bytes_of_text("key")));
    assert_true(bytes_equal(reader_sized(&reader), bytes_of_text("value")));
    assert_true(reader_done(&reader));
    buf_release(&buf);
}

TEST(a_number_has_one_varint)
{
    static const uint8_t longer[] = {0x80, 0x00};
    static const uint8_t too_big[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02};
    struct reader reader = reader_of(bytes_of(longer, sizeof longer));
    reader_varint(&reader);
    assert_true(reader.bad);
    reader = reader_of(bytes_of(too_big, sizeof too_big));
    reader_varint(&reader);
    assert_true(reader.bad);
}

TEST(a_short_read_is_bad_for_ever)
{
    static const uint8_t three[] = {1, 2, 3};
    struct reader reader = reader_of(bytes_of(three, sizeof three));
    assert_int_equal(reader_u32(&reader), 0);
    assert_true(reader.bad);
    assert_int_equal(reader_u8(&reader), 0);
    assert_false(reader_done(&reader));
}

TEST(a_size_beyond_the_end_gives_nothing)
{
    struct buf buf = {0};
    buf_append_u32(&buf, UINT32_MAX);
    buf_append_text(&buf, "abc");
    struct reader reader = reader_of(buf_bytes(&buf));
    assert_int_equal(reader_sized(&reader).size, 0);
    assert_true(reader.bad);
    buf_release(&buf);
}

TEST(formatted_text_is_appended_without_terminator)
{
    struct buf buf = {0};
    buf_append_text(&buf, "a");
    buf_printf(&buf, "%d-%s", 12, "xyz");
    assert_string_equal(buf_text(&buf), "a12-xyz");
    assert_int_equal(buf.size, 7);
    buf_release(&buf);
}

TEST(random_numbers_repeat_for_a_seed_and_stay_below_the_limit)
{
    struct random a, b;
    random_init(&a, 7);
    random_init(&b, 7);
    for (int i = 0; i < 1000; i++) {
        uint64_t x = random_below(&a, 10);
        assert_true(x < 10);
        assert_true(x == random_below(&b, 10));
    }
}
