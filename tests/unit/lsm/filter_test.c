// A filter never denies a key that is there, and seldom admits one that is not.
#include "unit/unit.h"

#include "base/random.h"
#include "lsm/filter.h"

enum { COUNT = 20000 };

TEST(every_key_that_was_added_may_be_there)
{
    static uint64_t hashes[COUNT];
    struct random random;
    random_init(&random, 1);
    for (size_t i = 0; i < COUNT; i++)
        hashes[i] = random_u64(&random);
    for (size_t count = 1; count <= COUNT; count *= 2) {
        struct buf filter = {0};
        filter_build(&filter, hashes, count, 10);
        assert_int_equal(filter.size % FILTER_LINE_SIZE, 0);
        for (size_t i = 0; i < count; i++)
            assert_true(filter_may_have(buf_bytes(&filter), hashes[i]));
        buf_release(&filter);
    }
}

TEST(ten_bits_a_key_admit_one_stranger_in_fifty_at_most)
{
    static uint64_t hashes[COUNT];
    struct random random;
    struct buf filter = {0};
    random_init(&random, 2);
    for (size_t i = 0; i < COUNT; i++)
        hashes[i] = random_u64(&random);
    filter_build(&filter, hashes, COUNT, 10);
    size_t admitted = 0;
    for (size_t i = 0; i < COUNT; i++)
        admitted += filter_may_have(buf_bytes(&filter), random_u64(&random));
    assert_true(admitted < COUNT / 50);
    buf_release(&filter);
}

TEST(an_empty_filter_excludes_nothing)
{
    struct buf filter = {0};
    filter_build(&filter, NULL, 0, 10);
    assert_int_equal(filter.size, 0);
    assert_true(filter_may_have(buf_bytes(&filter), 7));
}

TESTS(RUN(every_key_that_was_added_may_be_there),
      RUN(ten_bits_a_key_admit_one_stranger_in_fifty_at_most),
      RUN(an_empty_filter_excludes_nothing))
