// Who writes faster than the engine works is slowed down gradually, and no longer than needed.
#include "unit/lsm/jobs.h"

#include "disk/memory_vfs.h"
#include "lsm/engine.h"

enum { MEMTABLE_SIZE = 1 << 20, KEYS = 5000 };

static struct memory_vfs disk;
static struct lsm *lsm;
static struct fault fault;
static struct random random_now;
static uint64_t now_ms;

static void start(uint64_t merge_rate)
{
    struct lsm_options options = lsm_options_default();
    memory_vfs_init(&disk);
    random_init(&random_now, 1);
    options.vfs = &disk.vfs;
    options.dir = "db";
    options.memtable_size = MEMTABLE_SIZE;
    options.log_segment_size = 4 * MEMTABLE_SIZE;
    options.range_size = MEMTABLE_SIZE;
    options.merge_run_count = 4;
    options.merge_rate = merge_rate;
    assert_int_equal(lsm_open(&lsm, &options, &fault), STATUS_OK);
}

static void stop(void)
{
    lsm_close(lsm);
    memory_vfs_release(&disk);
}

static void pass(uint64_t ms)
{
    for (uint64_t end = now_ms + ms; now_ms < end;) {
        lsm_tick(lsm, now_ms += 200);
        run_jobs(lsm);
    }
}

static enum status put(void)
{
    return put_random(lsm, &random_now, KEYS);
}

static struct lsm_stats stats(void)
{
    struct lsm_stats now;
    lsm_stats(lsm, &now);
    return now;
}

TEST(merges_keep_to_their_rate_in_the_long_run)
{
    enum { RATE = 100 << 10, SECONDS = 200 };
    start(RATE);
    for (int i = 0; i < 40000; i++) {
        while (put())
            run_jobs(lsm);
    }
    uint64_t before = stats().merge_written_bytes;
    pass(SECONDS * 1000);
    uint64_t written = stats().merge_written_bytes - before;
    assert_true(written > RATE * SECONDS / 4);
    assert_true(written < RATE * SECONDS + (8 << 20)); // two steps may be overdrawn
    stop();
}

TEST(a_delay_ends_when_its_reason_does)
{
    start(1); // next to no merges
    while (lsm->pace.merge_debt < 500) {
        if (put())
            run_jobs(lsm);
    }
    lsm->pace.bytes += 100 << 20;
    assert_true(lsm_delay_us(lsm) > 0);
    assert_true(lsm_delay_us(lsm) > 0); // it is more than one delay may be
    lsm->schedule.rate = 0;
    run_jobs(lsm);
    assert_int_equal(put(), STATUS_OK);
    assert_int_equal(lsm_delay_us(lsm), 0);
    stop();
}

// How long is to be waited for so many bytes more in the memtable.
static uint64_t delay_of_next(uint64_t bytes)
{
    uint64_t delay_us = 0;
    for (size_t end = lsm->active.memtable->used + bytes; lsm->active.memtable->used < end;) {
        if (put())
            break;
        uint64_t now_us = lsm_delay_us(lsm);
        assert_true(now_us <= 20000);
        delay_us += now_us;
    }
    return delay_us;
}

TEST(the_further_writes_are_ahead_of_a_flush_the_longer_they_wait)
{
    enum { PART = MEMTABLE_SIZE / 16 };
    start(0);
    while (!lsm->sealed.memtable)
        assert_int_equal(put(), STATUS_OK);
    assert_int_equal(delay_of_next(MEMTABLE_SIZE / 2), 0);
    uint64_t before = delay_of_next(PART);
    assert_in_range(before, 0, PART / 100); // a hundredth of the longest wait for a byte
    for (int part = 1; part < 8; part++) {
        uint64_t delay_us = delay_of_next(PART);
        assert_true(part < 3 || delay_us > before);
        before = delay_us;
    }
    assert_in_range(before, PART / 2, PART); // up to a microsecond for a byte
    run_jobs(lsm);
    assert_int_equal(lsm_delay_us(lsm), 0);
    stop();
}

TEST(what_a_flush_was_owed_ends_with_it_whatever_merges_are_owed)
{
    start(1); // next to no merges
    while (lsm->pace.merge_debt < 300) {
        if (put())
            run_jobs(lsm);
    }
    while (!lsm->sealed.memtable)
        assert_int_equal(put(), STATUS_OK);
    while (!put())
        continue;
    lsm->pace.bytes = 1 << 20;
    assert_int_equal(lsm_delay_us(lsm), 20000);
    assert_true(lsm->pace.flush_delay_ns > 100 * 1000 * 1000);
    lsm->pace.merge_delay_ns = 0; // as if it had been waited for
    run_jobs(lsm);
    assert_true(lsm->pace.merge_debt > 300);
    uint64_t delay_us = 0;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(put(), STATUS_OK);
        delay_us += lsm_delay_us(lsm);
    }
    assert_in_range(delay_us, 0, 10000); // for these alone, at most a microsecond for a byte
    stop();
}

TEST(a_log_that_is_written_again_tells_that_there_is_room)
{
    start(0);
    assert_int_equal(put(), STATUS_OK);
    memory_vfs_fail(&disk, MEMORY_VFS_WRITE, 0, STATUS_DISK_FULL, false);
    struct lsm_job *job = lsm_next_job(lsm, LSM_WORKER_LOG);
    lsm_job_run(job);
    assert_int_equal(lsm_on_done(lsm, job, &fault), STATUS_DISK_FULL);
    assert_true(stats().disk_full);
    pass(10000);
    assert_true(lsm_durable(lsm) == lsm_written(lsm));
    assert_false(stats().disk_full);
    stop();
}
