// What lsm.h promises beyond "it is a map": positions, limits, refusals, scans, jobs.
#include "unit/lsm/jobs.h"

#include "disk/memory_vfs_damage.h"
#include "lsm/lsm.h"

#include <stdio.h>

static struct memory_vfs disk;
static struct lsm *lsm;
static struct lsm_options options;
static struct fault fault;

static void open_again(void)
{
    if (lsm)
        lsm_close(lsm);
    assert_int_equal(lsm_open(&lsm, &options, &fault), STATUS_OK);
}

static void start(void)
{
    memory_vfs_init(&disk);
    options = lsm_options_default();
    options.vfs = &disk.vfs;
    options.dir = "db";
    options.memtable_size = 64 << 10;
    options.log_segment_size = 64 << 10;
    options.merge_run_count = 4;
    open_again();
}

static void stop(void)
{
    lsm_close(lsm);
    lsm = NULL;
    memory_vfs_release(&disk);
}

static void work_all(void)
{
    while (run_job(lsm, LSM_WORKER_LOG) || run_job(lsm, LSM_WORKER_BACKGROUND))
        continue;
}

static enum status put(const char *key, struct bytes value)
{
    struct lsm_batch batch = {0};
    uint64_t position;
    lsm_batch_put(&batch, bytes_of_text(key), value);
    enum status status = lsm_write(lsm, &batch, &position);
    lsm_batch_release(&batch);
    return status;
}

static void must_put(const char *key, const char *value)
{
    assert_int_equal(put(key, bytes_of_text(value)), STATUS_OK);
}

static void check(const char *key, const char *value)
{
    struct buf found = {0};
    enum status status = lsm_get(lsm, bytes_of_text(key), &found, &fault);
    assert_int_equal(status, value ? STATUS_OK : STATUS_NOT_FOUND);
    if (value)
        assert_true(bytes_equal(buf_bytes(&found), bytes_of_text(value)));
    buf_release(&found);
}

// Writes about `size` bytes to many keys, with jobs in between.
static void churn(size_t size)
{
    static uint8_t value[500];
    for (size_t at = 0; at < size; at += sizeof value) {
        char key[32];
        snprintf(key, sizeof key, "churn %05zu", at * 31 % 9973);
        enum status status = put(key, bytes_of(value, sizeof value));
        if (status == STATUS_BUSY)
            work_all();
        else
            assert_int_equal(status, STATUS_OK);
    }
}

TEST(a_write_is_visible_at_once_and_durable_after_a_job)
{
    start();
    uint64_t before = lsm_written(lsm);
    must_put("key", "value");
    assert_true(lsm_written(lsm) > before);
    assert_true(lsm_durable(lsm) < lsm_written(lsm));
    check("key", "value");
    assert_true(run_job(lsm, LSM_WORKER_LOG));
    assert_true(lsm_durable(lsm) == lsm_written(lsm));
    assert_false(run_job(lsm, LSM_WORKER_LOG));
    stop();
}

TEST(there_is_one_job_of_a_kind_at_a_time)
{
    start();
    must_put("a", "1");
    struct lsm_job *job = lsm_next_job(lsm, LSM_WORKER_LOG);
    assert_non_null(job);
    must_put("b", "2");
    assert_null(lsm_next_job(lsm, LSM_WORKER_LOG));
    lsm_job_run(job);
    assert_int_equal(lsm_on_done(lsm, job, &fault), STATUS_OK);
    assert_true(lsm_durable(lsm) < lsm_written(lsm));
    assert_true(run_job(lsm, LSM_WORKER_LOG));
    stop();
}

TEST(a_database_is_open_once)
{
    struct lsm *second;
    start();
    assert_int_equal(lsm_open(&second, &options, &fault), STATUS_LOCKED);
    stop();
}

TEST(limits_are_refused_and_leave_nothing)
{
    static uint8_t large[70000];
    start();
    assert_int_equal(put("key", bytes_of(large, sizeof large)), STATUS_TOO_LARGE);
    assert_int_equal(put("key", bytes_of(large, 33000)), STATUS_TOO_LARGE);
    assert_int_equal(put("key", bytes_of(large, 32000)), STATUS_OK);
    assert_int_equal(put("", bytes_of(large, 1)), STATUS_INVALID);
    struct lsm_batch batch = {0};
    uint64_t position;
    lsm_batch_put(&batch, bytes_of_text("good"), bytes_of_text("1"));
    lsm_batch_put(&batch, bytes_of(large, LSM_KEY_SIZE_MAX + 1), (struct bytes){0});
    assert_int_equal(lsm_write(lsm, &batch, &position), STATUS_TOO_LARGE);
    lsm_batch_release(&batch);
    check("good", NULL);
    stop();
}

TEST(when_nothing_is_flushed_writes_are_refused_as_busy)
{
    static uint8_t value[1000];
    start();
    enum status status = STATUS_OK;
    unsigned count = 0;
    for (; !status && count < 1000; count++)
        status = put("key", bytes_of(value, sizeof value));
    assert_int_equal(status, STATUS_BUSY);
    work_all();
    assert_int_equal(put("key", bytes_of(value, sizeof value)), STATUS_OK);
    stop();
}

TEST(a_scan_sees_what_was_there_when_it_was_opened)
{
    start();
    must_put("a", "1");
    must_put("b", "1");
    lsm_flush(lsm);
    work_all();
    must_put("c", "1");
    struct lsm_scan *scan = lsm_scan_open(lsm, (struct bytes){0}, (struct bytes){0});
    struct lsm_batch batch = {0};
    uint64_t position;
    lsm_batch_delete(&batch, bytes_of_text("b"));
    lsm_batch_put(&batch, bytes_of_text("c"), bytes_of_text("2"));
    lsm_batch_put(&batch, bytes_of_text("d"), bytes_of_text("2"));
    assert_int_equal(lsm_write(lsm, &batch, &position), STATUS_OK);
    lsm_batch_release(&batch);
    churn(600 << 10); // flushes and merges move everything underneath
    work_all();
    static const char *const keys[] = {"a", "b", "c"};
    struct bytes key, value;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(lsm_scan_next(scan, &key, &value, &fault), STATUS_OK);
        assert_true(bytes_equal(key, bytes_of_text(keys[i])));
        assert_true(bytes_equal(value, bytes_of_text("1")));
    }
    assert_int_equal(lsm_scan_next(scan, &key, &value, &fault), STATUS_END);
    lsm_scan_close(scan);
    check("b", NULL);
    check("c", "2");
    stop();
}

TEST(a_scan_keeps_its_bounds)
{
    start();
    must_put("a", "1");
    must_put("b", "1");
    must_put("c", "1");
    for (unsigned flushed = 0; flushed < 2; flushed++) {
        struct bytes key, value;
        struct lsm_scan *scan = lsm_scan_open(lsm, bytes_of_text("aa"), bytes_of_text("c"));
        assert_int_equal(lsm_scan_next(scan, &key, &value, &fault), STATUS_OK);
        assert_true(bytes_equal(key, bytes_of_text("b")));
        assert_int_equal(lsm_scan_next(scan, &key, &value, &fault), STATUS_END);
        assert_int_equal(lsm_scan_next(scan, &key, &value, &fault), STATUS_END);
        lsm_scan_close(scan);
        lsm_flush(lsm);
        work_all();
    }
    stop();
}

static void count_name(void *context, const char *name)
{
    (void)name;
    ++*(size_t *)context;
}

TEST(the_directory_holds_only_what_is_needed)
{
    start();
    churn(3 << 20);
    lsm_flush(lsm);
    work_all();
    struct lsm_stats stats;
    lsm_stats(lsm, &stats);
    assert_true(stats.flush_count > 20 && stats.merge_count > 3);
    assert_true(stats.table_count < 8);
    size_t count = 0;
    disk.vfs.list(&disk.vfs, "db", count_name, &count, NULL);
    assert_true(count <= stats.table_count + 8); // LOCK, CURRENT, manifest, a few segments
    assert_int_equal(lsm_verify(lsm, &fault), STATUS_OK);
    stop();
}

TEST(many_short_lives_do_not_leave_a_long_log)
{
    start();
    for (unsigned i = 0; i < 40; i++) {
        must_put("key", "value");
        run_job(lsm, LSM_WORKER_LOG);
        open_again();
        run_job(lsm, LSM_WORKER_BACKGROUND);
    }
    struct lsm_stats stats;
    lsm_stats(lsm, &stats);
    assert_true(stats.log_bytes <= 6 * options.log_segment_size);
    stop();
}

TEST(a_full_disk_refuses_writes_and_loses_none)
{
    start();
    disk.capacity = 500 << 10;
    static uint8_t value[1000]; // that does not compress
    struct random random;
    random_init(&random, 1);
    char key[32];
    unsigned accepted = 0;
    enum status status = STATUS_OK;
    for (unsigned i = 0; i < 2000 && status != STATUS_DISK_FULL; i++) {
        snprintf(key, sizeof key, "key %04u", accepted);
        for (size_t b = 0; b < sizeof value; b++)
            value[b] = (uint8_t)random_u64(&random);
        status = put(key, bytes_of(value, sizeof value));
        accepted += !status;
        for (size_t worker = 0; worker < 2; worker++) {
            struct lsm_job *job = lsm_next_job(lsm, (enum lsm_worker)worker);
            if (!job)
                continue;
            lsm_job_run(job);
            enum status done = lsm_on_done(lsm, job, &fault);
            assert_true(done == STATUS_OK || done == STATUS_DISK_FULL);
        }
    }
    assert_int_equal(status, STATUS_DISK_FULL);
    assert_false(lsm_failed(lsm));
    disk.capacity = 0;
    lsm_tick(lsm, 5000);
    work_all();
    assert_true(lsm_durable(lsm) == lsm_written(lsm));
    must_put("again", "1");
    work_all();
    open_again();
    check("again", "1");
    for (unsigned i = 0; i < accepted; i++) {
        struct buf found = {0};
        snprintf(key, sizeof key, "key %04u", i);
        assert_int_equal(lsm_get(lsm, bytes_of_text(key), &found, &fault), STATUS_OK);
        buf_release(&found);
    }
    stop();
}

TEST(a_failed_sync_stops_the_engine)
{
    start();
    must_put("a", "1");
    memory_vfs_fail(&disk, MEMORY_VFS_SYNC, 0, STATUS_IO, false);
    struct lsm_job *job = lsm_next_job(lsm, LSM_WORKER_LOG);
    lsm_job_run(job);
    assert_int_equal(lsm_on_done(lsm, job, &fault), STATUS_IO);
    assert_true(lsm_failed(lsm));
    assert_true(lsm_durable(lsm) < lsm_written(lsm));
    assert_int_equal(put("b", bytes_of_text("1")), STATUS_IO);
    assert_null(lsm_next_job(lsm, LSM_WORKER_LOG));
    check("a", "1");
    stop();
}

// Where nothing is mapped, a write that fails in lsm_write() itself is left to the LOG job.
TEST(a_failed_write_of_the_log_is_repeated_once_and_then_stops_the_engine)
{
    start();
    disk.has_no_maps = true;
    options.durability = LSM_DURABILITY_INTERVAL;
    open_again();
    must_put("a", "1");
    assert_true(lsm_durable(lsm) == lsm_written(lsm));
    memory_vfs_fail(&disk, MEMORY_VFS_WRITE, 0, STATUS_IO, false);
    must_put("b", "2");
    uint64_t written = lsm_written(lsm);
    assert_true(lsm_durable(lsm) < written);
    work_all();
    assert_true(lsm_durable(lsm) == written);
    must_put("c", "3");
    assert_true(lsm_written(lsm) > written && lsm_durable(lsm) == lsm_written(lsm));

    memory_vfs_fail(&disk, MEMORY_VFS_WRITE, 0, STATUS_IO, true);
    must_put("d", "4");
    struct lsm_job *job = lsm_next_job(lsm, LSM_WORKER_LOG);
    lsm_job_run(job);
    assert_int_equal(lsm_on_done(lsm, job, &fault), STATUS_IO);
    assert_string_equal(fault.text, "db/000001.log: unable to write: Input/output error");
    assert_true(lsm_failed(lsm));
    assert_int_equal(put("e", bytes_of_text("5")), STATUS_IO);
    memory_vfs_fail(&disk, 0, 0, STATUS_OK, false);
    open_again();
    check("b", "2");
    check("c", "3");
    check("e", NULL);
    stop();
}

static enum status refuse_to_allocate(struct vfs *vfs, struct vfs_file *file, uint64_t size,
                                      struct fault *allocate_fault)
{
    (void)vfs, (void)file, (void)size, (void)allocate_fault;
    fail_msg("a segment was only allocated");
    return STATUS_IO;
}

// A sync of blocks that are only allocated has more to write than they, and can fail for that.
TEST(what_is_synced_goes_into_segments_that_are_filled_with_zeros)
{
    start();
    stop();
    memory_vfs_init(&disk);
    disk.vfs.allocate = refuse_to_allocate;
    open_again();
    churn(1 << 20);
    work_all();
    stop();
}

TEST(an_interval_passes_between_syncs)
{
    start();
    options.durability = LSM_DURABILITY_INTERVAL;
    options.interval_ms = 100;
    open_again();
    struct lsm_stats before, after;
    lsm_tick(lsm, 1000);
    must_put("a", "1");
    run_job(lsm, LSM_WORKER_LOG);
    lsm_stats(lsm, &before);
    lsm_tick(lsm, 1050);
    must_put("b", "1");
    run_job(lsm, LSM_WORKER_LOG);
    assert_true(lsm_durable(lsm) == lsm_written(lsm));
    lsm_stats(lsm, &after);
    assert_int_equal(after.log_sync_count, before.log_sync_count);
    lsm_tick(lsm, 1200);
    assert_true(run_job(lsm, LSM_WORKER_LOG)); // a sync alone
    assert_false(run_job(lsm, LSM_WORKER_LOG));
    lsm_stats(lsm, &after);
    assert_int_equal(after.log_sync_count, before.log_sync_count + 1);
    stop();
}

TEST(a_lost_current_is_not_taken_for_a_new_database)
{
    start();
    must_put("a", "1");
    work_all();
    lsm_close(lsm);
    lsm = NULL;
    disk.vfs.remove(&disk.vfs, "db/CURRENT", NULL);
    assert_int_equal(lsm_open(&lsm, &options, &fault), STATUS_CORRUPT);
    assert_string_equal(fault.text, "db/CURRENT: missing");
    memory_vfs_store(&disk, "db/CURRENT", bytes_of_text("MANIFEST-000001\n"));
    open_again();
    check("a", "1");
    stop();
}
