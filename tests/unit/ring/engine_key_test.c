// Keys of the storage engine: in the order of their tokens.
#include "unit/unit.h"

#include "ring/engine_key.h"

static const struct engine_key some = {0x0102030405060708, 0x090a0b0c, {(const uint8_t *)"k", 1}};

TEST(an_engine_key_has_the_token_the_keyspace_and_the_key)
{
    struct buf encoded = {0};
    struct engine_key parts = {0};
    engine_key_encode(&some, &encoded);
    for (uint8_t i = 0; i < ENGINE_KEY_PREFIX_SIZE; i++)
        assert_int_equal(encoded.data[i], i + 1); // so that a partition is one range of keys
    assert_true(engine_key_decode(&parts, buf_bytes(&encoded)));
    assert_true(parts.token == some.token && parts.keyspace == some.keyspace);
    assert_true(bytes_equal(parts.key, some.key));
    buf_release(&encoded);
}

TEST(without_a_key_it_is_none)
{
    struct buf encoded = {0};
    struct engine_key parts;
    engine_key_encode(&some, &encoded);
    for (size_t size = 0; size < encoded.size; size++)
        assert_false(engine_key_decode(&parts, bytes_of(encoded.data, size)));
    buf_release(&encoded);
}

TEST(a_key_has_its_token)
{
    struct engine_key made = engine_key_of(7, bytes_of_text("greeting"));
    assert_true(made.token == ring_token(7, bytes_of_text("greeting")));
    assert_int_equal(made.keyspace, 7);
    assert_true(bytes_equal(made.key, bytes_of_text("greeting")));
}

// Parts, and what is compared with them: each smaller than the next.
TEST(engine_keys_are_compared_as_their_bytes_are)
{
    static const struct engine_key ascending[] = {
        {1, 1, {(const uint8_t *)"a", 1}},   {1, 1, {(const uint8_t *)"aa", 2}},
        {1, 1, {(const uint8_t *)"b", 1}},   {1, 256, {(const uint8_t *)"a", 1}},
        {256, 1, {(const uint8_t *)"a", 1}}, {UINT64_MAX, 1, {(const uint8_t *)"a", 1}},
    };
    enum { COUNT = sizeof ascending / sizeof *ascending };
    struct buf encoded = {0};
    for (int i = 0; i < COUNT; i++) {
        buf_clear(&encoded);
        engine_key_encode(&ascending[i], &encoded);
        for (int j = 0; j < COUNT; j++) {
            int order = engine_key_compare(&ascending[j], buf_bytes(&encoded));
            assert_int_equal((order > 0) - (order < 0), (j > i) - (j < i));
        }
    }
    buf_release(&encoded);
}

TEST(an_engine_key_is_greater_than_what_it_begins_with)
{
    struct buf encoded = {0};
    engine_key_encode(&some, &encoded);
    for (size_t size = 0; size < encoded.size; size++)
        assert_true(engine_key_compare(&some, bytes_of(encoded.data, size)) > 0);
    buf_append_u8(&encoded, 0);
    assert_true(engine_key_compare(&some, buf_bytes(&encoded)) < 0);
    buf_release(&encoded);
}

TEST(partitions_are_ranges_that_meet_and_leave_nothing_out)
{
    enum { PARTITIONS = 64 };
    struct buf from = {0}, to = {0}, end = {0};
    for (uint32_t partition = 0; partition < PARTITIONS; partition++) {
        engine_key_range(PARTITIONS, partition, &from, &to);
        struct engine_key first = {ring_partition_begin(PARTITIONS, partition), 0, some.key};
        assert_true(engine_key_compare(&first, buf_bytes(&from)) > 0);
        assert_true(!partition || bytes_equal(buf_bytes(&from), buf_bytes(&end)));
        struct engine_key before = {first.token - 1, UINT32_MAX, some.key};
        assert_true(!partition || engine_key_compare(&before, buf_bytes(&from)) < 0);
        buf_set(&end, buf_bytes(&to));
    }
    assert_int_equal(end.size, 0); // the last one has no end
    buf_release(&from);
    buf_release(&to);
    buf_release(&end);
}
