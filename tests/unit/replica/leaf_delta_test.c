// Counts and hash trees of a shard move with its records.
#include "unit/unit.h"

#include "replica/leaf_delta.h"

static struct record record;

static void write_one(uint64_t counter, uint8_t flags)
{
    struct record_write write = {.dot = {7, counter}, .flags = flags, .keep_siblings = true};
    record_update(&record, &write, true);
}

static int drop(void **state)
{
    (void)state;
    record_release(&record);
    return 0;
}

AROUND_EACH(NULL, drop)

TEST(a_key_without_a_record_counts_for_nothing)
{
    struct leaf_delta delta = {0}, none = {0};
    leaf_delta_add(&delta, &record, 5);
    leaf_delta_remove(&delta, &record, 5);
    assert_memory_equal(&delta, &none, sizeof delta);
}

TEST(a_key_is_live_as_long_as_one_value_is)
{
    struct leaf_delta delta = {0};
    write_one(1, SIBLING_TOMBSTONE);
    leaf_delta_add(&delta, &record, 5);
    assert_true(delta.live_count == 0 && delta.gone_count == 1);
    leaf_delta_remove(&delta, &record, 5);
    write_one(2, 0);
    leaf_delta_add(&delta, &record, 5);
    assert_true(delta.live_count == 1 && delta.gone_count == 0);
}

TEST(values_and_deletions_have_a_tree_each)
{
    struct leaf_delta delta = {0};
    write_one(1, 0);
    leaf_delta_add(&delta, &record, 5);
    assert_true(delta.live_root && !delta.deleted_root);
    uint64_t live_root = delta.live_root;
    leaf_delta_remove(&delta, &record, 5);
    write_one(2, SIBLING_TOMBSTONE);
    leaf_delta_add(&delta, &record, 5);
    assert_true(delta.live_root == live_root && delta.deleted_root);
}

TEST(a_record_that_is_taken_out_leaves_nothing_behind)
{
    struct leaf_delta delta = {0}, none = {0};
    write_one(1, 0);
    write_one(2, SIBLING_TOMBSTONE);
    leaf_delta_add(&delta, &record, 5);
    leaf_delta_remove(&delta, &record, 5);
    assert_memory_equal(&delta, &none, sizeof delta);
}

TEST(equal_records_of_two_keys_are_two_leaves)
{
    struct leaf_delta one = {0}, other = {0};
    write_one(1, 0);
    leaf_delta_add(&one, &record, 5);
    leaf_delta_add(&other, &record, 6);
    assert_true(one.live_root != other.live_root);
}
