// What the owner of a database lets go goes, when nothing older is left that it hides.
#include "unit/lsm/jobs.h"

#include <stdio.h>

enum { COUNT = 200, LARGE = 2000 };

static struct memory_vfs disk;
static struct lsm *lsm;
static struct fault fault;
static bool may_purge; // what the rule says
static unsigned large_asked;

static void purge_rule(void *context, struct buf *rule)
{
    (void)context;
    buf_append_u8(rule, may_purge);
}

// Tombstones of this owner begin with a "t".
static bool purges(struct bytes rule, struct bytes key, struct bytes value)
{
    large_asked += key.data[0] == 'l';
    assert_int_equal(rule.size, 1);
    return rule.data[0] && value.size && value.data[0] == 't';
}

static void start_with(unsigned merge_run_count, uint64_t purge_age_ms)
{
    struct lsm_options options = small_options(&disk);
    memory_vfs_init(&disk);
    options.separate_size = LARGE;
    options.merge_run_count = merge_run_count;
    options.purge_age_ms = purge_age_ms;
    options.owner = (struct lsm_owner){.purge_rule = purge_rule, .purges = purges};
    assert_int_equal(lsm_open(&lsm, &options, &fault), STATUS_OK);
    may_purge = false;
    large_asked = 0;
}

static void start(void)
{
    start_with(2, 0);
}

static void stop(void)
{
    lsm_close(lsm);
    memory_vfs_release(&disk);
}

// Gives this value to every `stride`-th key, and flushes.
static void put_all(const char *prefix, unsigned stride, struct bytes value)
{
    struct lsm_batch batch = {0};
    uint64_t position;
    for (unsigned i = 0; i < COUNT; i += stride) {
        char key[32];
        snprintf(key, sizeof key, "%s %u", prefix, i);
        lsm_batch_put(&batch, bytes_of_text(key), value);
    }
    assert_int_equal(lsm_write(lsm, &batch, &position), STATUS_OK);
    lsm_batch_release(&batch);
    run_jobs(lsm);
    lsm_flush(lsm);
    run_jobs(lsm);
}

static uint64_t purged(void)
{
    struct lsm_stats stats;
    lsm_stats(lsm, &stats);
    return stats.purged_count;
}

// How many of the keys with this prefix are there with this value.
static unsigned count(const char *prefix, struct bytes value)
{
    struct buf found = {0};
    unsigned sum = 0;
    for (unsigned i = 0; i < COUNT; i++) {
        char key[32];
        snprintf(key, sizeof key, "%s %u", prefix, i);
        sum += !lsm_get(lsm, bytes_of_text(key), &found, &fault) &&
               bytes_equal(buf_bytes(&found), value);
    }
    buf_release(&found);
    return sum;
}

// Flushes until merges have reached the bottom some times.
static void churn(void)
{
    for (int i = 0; i < 12; i++)
        put_all("churn", 1, bytes_of_text("of no importance"));
}

TEST(tombstones_stay_until_the_rule_lets_them_go)
{
    struct bytes value = bytes_of_text("value"), tombstone = bytes_of_text("tombstone");
    start();
    put_all("key", 1, value);
    put_all("key", 2, tombstone);
    churn();
    assert_int_equal(purged(), 0);
    assert_int_equal(count("key", tombstone), COUNT / 2);
    may_purge = true;
    churn();
    assert_int_equal(purged(), COUNT / 2);
    assert_int_equal(count("key", tombstone), 0);
    assert_int_equal(count("key", value), COUNT / 2); // and what they hid never came back
    stop();
}

TEST(large_values_are_not_asked_about)
{
    static uint8_t bytes[LARGE];
    memset(bytes, 't', sizeof bytes);
    struct bytes value = bytes_of(bytes, sizeof bytes);
    start();
    may_purge = true;
    put_all("large", 10, value);
    churn();
    assert_int_equal(large_asked, 0);
    assert_int_equal(count("large", value), COUNT / 10);
    stop();
}

static uint64_t entries_after(uint64_t *now_ms, uint64_t ms)
{
    struct lsm_stats stats;
    for (uint64_t end = *now_ms + ms; *now_ms < end;) {
        lsm_tick(lsm, *now_ms += 1000);
        run_jobs(lsm);
    }
    lsm_stats(lsm, &stats);
    return stats.table_entries;
}

TEST(deletions_that_are_older_than_wanted_are_merged_away)
{
    enum { AGE_MS = 70000, DELETED = 4 };
    struct lsm_batch batch = {0};
    uint64_t position, now_ms = 1000;
    start_with(8, AGE_MS);
    lsm_tick(lsm, now_ms);
    put_all("key", 1, bytes_of_text("value"));
    for (unsigned i = 0; i < DELETED; i++) {
        char key[32];
        snprintf(key, sizeof key, "key %u", i * 50);
        lsm_batch_delete(&batch, bytes_of_text(key));
    }
    assert_int_equal(lsm_write(lsm, &batch, &position), STATUS_OK);
    lsm_batch_release(&batch);
    lsm_flush(lsm);
    assert_int_equal(entries_after(&now_ms, AGE_MS - 10000), COUNT + DELETED);
    assert_int_equal(entries_after(&now_ms, AGE_MS), COUNT - DELETED);
    assert_int_equal(count("key", bytes_of_text("value")), COUNT - DELETED);
    stop();
}
