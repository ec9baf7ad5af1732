// Deletions go when nothing older is left that they hide, and no later than wanted.
#include "unit/lsm/jobs.h"

#include <stdio.h>

enum { COUNT = 200 };

static struct memory_vfs disk;
static struct lsm *lsm;
static struct fault fault;

static void start_with(unsigned merge_run_count, uint64_t purge_age_ms)
{
    struct lsm_options options = small_options(&disk);
    memory_vfs_init(&disk);
    options.merge_run_count = merge_run_count;
    options.purge_age_ms = purge_age_ms;
    assert_int_equal(lsm_open(&lsm, &options, &fault), STATUS_OK);
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

TEST(everything_is_merged_when_somebody_wants_it)
{
    struct lsm_batch batch = {0};
    struct lsm_stats stats;
    uint64_t position;
    start_with(8, 0);
    put_all("key", 1, bytes_of_text("old"));
    put_all("key", 2, bytes_of_text("new"));
    lsm_batch_delete(&batch, bytes_of_text("key 1"));
    assert_int_equal(lsm_write(lsm, &batch, &position), STATUS_OK); // in memory
    lsm_batch_release(&batch);
    run_jobs(lsm);
    lsm_compact(lsm);
    assert_true(lsm_is_compacting(lsm));
    run_jobs(lsm);
    assert_false(lsm_is_compacting(lsm));
    lsm_stats(lsm, &stats);
    assert_int_equal(stats.table_entries, COUNT - 1);
    assert_int_equal(count("key", bytes_of_text("new")), COUNT / 2);
    uint64_t merge_count = stats.merge_count;
    run_jobs(lsm);
    lsm_stats(lsm, &stats);
    assert_int_equal(stats.merge_count, merge_count); // once is enough
    stop();
}

TEST(an_empty_database_has_nothing_to_merge)
{
    start_with(8, 0);
    lsm_compact(lsm);
    run_jobs(lsm);
    assert_false(lsm_is_compacting(lsm));
    stop();
}
