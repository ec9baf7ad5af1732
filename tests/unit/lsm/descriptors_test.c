// Without a descriptor to be had nothing is damaged and nothing ends: it waits, and goes on.
#include "unit/lsm/jobs.h"

#include "lsm/engine.h"

enum { KEYS = 1600, TICK_MS = 100, OPENS = MEMORY_VFS_OPEN | MEMORY_VFS_NAME };

static struct memory_vfs disk;
static struct lsm *lsm;
static struct random random_now;
static uint64_t now_ms;
static unsigned fault_count; // of jobs

static void start(unsigned table_count_max)
{
    struct fault fault;
    memory_vfs_init(&disk);
    random_init(&random_now, 1);
    struct lsm_options options = small_options(&disk);
    options.range_size = 64 << 10;
    options.table_count_max = table_count_max;
    options.cache_size = 0;
    fault_count = 0;
    assert_int_equal(lsm_open(&lsm, &options, &fault), STATUS_OK);
    lsm_tick(lsm, now_ms);
}

static void stop(void)
{
    lsm_close(lsm);
    memory_vfs_release(&disk);
}

static void run_all(void)
{
    for (int worker = 0; worker < LSM_WORKER_COUNT; worker++) {
        struct fault fault;
        struct lsm_job *job = lsm_next_job(lsm, (enum lsm_worker)worker);
        if (!job)
            continue;
        lsm_job_run(job);
        enum status status = lsm_on_done(lsm, job, &fault);
        assert_true(!status || status == STATUS_EXHAUSTED);
        fault_count += status != STATUS_OK;
        worker = -1;
    }
}

static void pass(uint64_t ms)
{
    for (uint64_t end = now_ms + ms; now_ms < end;) {
        lsm_tick(lsm, now_ms += TICK_MS);
        run_all();
    }
}

// The first refusal of a write, OK if there was none in so many.
static enum status write_many(unsigned count)
{
    enum status status = STATUS_OK;
    for (unsigned i = 0; i < count && !status; i++) {
        status = put_random(lsm, &random_now, KEYS);
        if (i % 16 == 0)
            pass(TICK_MS);
    }
    return status;
}

TEST(writes_are_put_off_without_descriptors_and_go_on_with_them)
{
    start(256);
    assert_int_equal(write_many(2000), STATUS_OK);
    memory_vfs_fail(&disk, OPENS, 0, STATUS_EXHAUSTED, true);
    assert_int_equal(write_many(10000), STATUS_BUSY); // when memory and log are full
    pass(10000);
    assert_true(fault_count > 1);   // it was tried again,
    assert_true(fault_count < 100); // but not all the time
    assert_false(lsm_failed(lsm));
    assert_false(lsm->space.is_full);
    memory_vfs_fail(&disk, 0, 0, STATUS_OK, false);
    pass(5000);
    assert_int_equal(write_many(2000), STATUS_OK);
    assert_false(lsm_failed(lsm));
    stop();
}

TEST(a_read_gives_up_another_table_for_the_one_that_it_needs)
{
    struct fault fault;
    struct buf value = {0};
    char key[16];
    start(4);
    assert_int_equal(write_many(4000), STATUS_OK);
    lsm_flush(lsm);
    pass(5000);
    assert_true(lsm->files.tables.count > 1);
    // Each needs a descriptor that is to be had as soon as another is given back.
    for (unsigned i = 0; i < KEYS; i++) {
        memory_vfs_fail(&disk, MEMORY_VFS_OPEN, 0, STATUS_EXHAUSTED, false);
        snprintf(key, sizeof key, "%u", i);
        enum status status = lsm_get(lsm, bytes_of_text(key), &value, &fault);
        assert_true(status == STATUS_OK || status == STATUS_NOT_FOUND); // not all were written
    }
    assert_true(disk.fault_count > 1);
    buf_release(&value);
    stop();
}
