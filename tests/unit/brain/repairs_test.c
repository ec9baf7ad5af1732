// Read repairs that a store was too busy for.
#include "dkv-router/repairs.h"

#include "unit/unit.h"

static struct repairs repairs;
static struct moment now;

static int make(void **state)
{
    (void)state;
    repairs = (struct repairs){0};
    now = (struct moment){1000, 0};
    return 0;
}

static int drop(void **state)
{
    (void)state;
    repairs_release(&repairs);
    assert_int_equal(repairs.count, 0);
    assert_int_equal(repairs.size, 0);
    return 0;
}

AROUND_EACH(make, drop)

enum { LINK = 4 };

static uint64_t add(size_t size)
{
    static uint8_t bytes[REPAIRS_SIZE_MAX];
    struct op_merge merge = {
        .keyspace = 1, .key = bytes_of_text("key"), .record = bytes_of(bytes, size)};
    return repairs_add(&repairs, LINK, &(struct ring_stamp){.epoch = 9}, &merge, now);
}

static enum status reply(uint64_t id, enum status status)
{
    struct op_merged merged = {.id = id, .status = (uint8_t)status};
    return repairs_on_merged(&repairs, LINK, &merged, now);
}

// The id of the one that is sent again now; 0: none is.
static uint64_t next(void)
{
    struct op_merge merge;
    struct ring_stamp stamp;
    uint32_t number;
    if (!repairs_next(&repairs, now, &merge, &number, &stamp))
        return 0;
    assert_int_equal(number, LINK);
    assert_int_equal(stamp.epoch, 9);
    assert_int_equal(merge.keyspace, 1);
    assert_true(bytes_equal(merge.key, bytes_of_text("key")));
    return merge.id;
}

TEST(one_that_is_taken_is_over)
{
    uint64_t id = add(100);
    assert_int_equal(repairs.count, 1);
    assert_int_equal(reply(id, STATUS_OK), STATUS_OK);
    assert_int_equal(repairs.count, 0);
    assert_int_equal(reply(id, STATUS_OK), STATUS_NOT_FOUND);
    assert_true(add(100) != id); // a late reply is not for the next one
}

TEST(one_that_a_busy_store_refuses_is_sent_again_later_and_later_and_then_given_up)
{
    uint64_t id = add(100);
    for (unsigned try = 1; try < REPAIRS_TRIES; try++) {
        assert_int_equal(reply(id, STATUS_BUSY), STATUS_BUSY);
        now.mono_ms += ((uint64_t)REPAIRS_PAUSE_MS << 2 * (try - 1)) - 1;
        assert_int_equal(next(), 0);
        now.mono_ms++;
        assert_int_equal(next(), id);
        assert_int_equal(next(), 0); // it is sent
    }
    assert_int_equal(reply(id, STATUS_BUSY), STATUS_REFUSED);
    assert_int_equal(repairs.count, 0);
}

TEST(one_that_is_refused_for_another_reason_is_over)
{
    assert_int_equal(reply(add(100), STATUS_DISK_FULL), STATUS_DISK_FULL);
    assert_int_equal(repairs.count, 0);
}

TEST(one_without_a_reply_is_forgotten)
{
    add(100);
    now.mono_ms += REPAIRS_REPLY_MS - 1;
    assert_int_equal(next(), 0);
    assert_int_equal(repairs.count, 1);
    now.mono_ms++;
    assert_int_equal(next(), 0);
    assert_int_equal(repairs.count, 0);
}

TEST(another_owner_cannot_reply)
{
    struct op_merged merged = {.id = add(100)};
    assert_int_equal(repairs_on_merged(&repairs, LINK + 1, &merged, now), STATUS_NOT_FOUND);
    assert_int_equal(repairs.count, 1);
}

TEST(the_list_is_bounded_in_count_and_bytes)
{
    for (unsigned i = 0; i < REPAIRS_MAX; i++)
        assert_true(add(1));
    assert_false(add(1));
    repairs_release(&repairs);
    assert_true(add(REPAIRS_SIZE_MAX - 100));
    assert_false(add(1000));
}
