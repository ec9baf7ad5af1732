// A filter never denies a key that is there, and seldom admits one that is not.
#include "unit/unit.h"

#include "base/random.h"
#include "lsm/table/filter.h"

enum { COUNT = 200000 };

static uint64_t hashes[COUNT];

static void make(struct filter *filter, struct random *random, size_t count, unsigned bits_per_key)
{
    struct buf bytes = {0};
    for (size_t i = 0; i < count; i++)
        hashes[i] = random_u64(random);
    filter_build(&bytes, hashes, count, bits_per_key);
    assert_true(bytes.size <= count * bits_per_key / 8 + FILTER_LINE_SIZE + 1);
    assert_true(filter_init(filter, buf_bytes(&bytes)));
    buf_release(&bytes);
}

TEST(every_key_that_was_added_may_be_there)
{
    struct random random;
    random_init(&random, 1);
    for (size_t count = 1; count <= COUNT; count *= 2) {
        struct filter filter;
        make(&filter, &random, count, 10);
        for (size_t i = 0; i < count; i++)
            assert_true(filter_may_have(&filter, hashes[i]));
        filter_release(&filter);
    }
}

// Of so many strangers, a few are admitted; in permille of a percent.
static size_t admitted(unsigned bits_per_key)
{
    struct random random;
    struct filter filter;
    random_init(&random, bits_per_key);
    make(&filter, &random, COUNT, bits_per_key);
    size_t count = 0;
    for (size_t i = 0; i < 500000; i++)
        count += filter_may_have(&filter, random_u64(&random));
    filter_release(&filter);
    return count / 5;
}

TEST(ten_bits_a_key_admit_one_stranger_in_a_hundred)
{
    size_t count = admitted(10);
    assert_true(count > 850 && count < 1080);
}

TEST(fourteen_bits_a_key_admit_one_stranger_in_five_hundred)
{
    size_t count = admitted(14);
    assert_true(count > 150 && count < 220);
}

TEST(an_empty_filter_excludes_nothing)
{
    struct buf bytes = {0};
    struct filter filter;
    filter_build(&bytes, NULL, 0, 10);
    assert_int_equal(bytes.size, 0);
    assert_true(filter_init(&filter, buf_bytes(&bytes)));
    assert_true(filter_may_have(&filter, 7));
}

TEST(bytes_that_are_no_filter_are_refused)
{
    static const uint8_t line[FILTER_LINE_SIZE + 1] = {[FILTER_LINE_SIZE] = 6};
    static const uint8_t without_probes[FILTER_LINE_SIZE + 1];
    static const uint8_t too_many[FILTER_LINE_SIZE + 1] = {[FILTER_LINE_SIZE] = 17};
    struct filter filter;
    assert_true(filter_init(&filter, bytes_of(line, sizeof line)));
    filter_release(&filter);
    assert_false(filter_init(&filter, bytes_of(line, sizeof line - 1)));
    assert_false(filter_init(&filter, bytes_of(line + FILTER_LINE_SIZE, 1)));
    assert_false(filter_init(&filter, bytes_of(without_probes, sizeof without_probes)));
    assert_false(filter_init(&filter, bytes_of(too_many, sizeof too_many)));
}
