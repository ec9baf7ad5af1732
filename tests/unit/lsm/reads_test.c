// What is not in memory is BUSY, read by a job, and there when it is asked for again.
#include "unit/lsm/jobs.h"

#include "base/random.h"
#include "disk/memory_vfs.h"
#include "lsm/file/reads.h"
#include "lsm/lsm.h"

#include <stdio.h>

enum {
    KEY_COUNT = 3000,
    LARGE_SIZE = 300 << 10,
};

static struct memory_vfs disk;
static struct lsm *lsm;
static struct lsm_options options;
static struct fault fault;
static struct buf value;
static uint64_t position;

static void flush(void)
{
    lsm_flush(lsm);
    while (run_job(lsm, LSM_WORKER_LOG) || run_job(lsm, LSM_WORKER_BACKGROUND) ||
           run_job(lsm, LSM_WORKER_MERGE))
        ;
}

static struct bytes key_at(unsigned i)
{
    static char key[16];
    snprintf(key, sizeof key, "k%05u", i);
    return bytes_of_text(key);
}

static void put(unsigned i, struct bytes bytes)
{
    struct lsm_batch batch = {0};
    uint64_t written;
    lsm_batch_put(&batch, key_at(i), bytes);
    assert_int_equal(lsm_write(lsm, &batch, &written), STATUS_OK);
    lsm_batch_release(&batch);
}

// Incompressible, so that places are what their sizes say.
static void make(struct buf *out, unsigned i, size_t size)
{
    struct random random;
    random_init(&random, i);
    buf_clear(out);
    while (out->size < size)
        buf_append_u64(out, random_u64(&random));
}

// Small values in blocks of 1 KiB and nothing in a cache, all of it cold.
static void start(void)
{
    struct buf bytes = {0};
    memory_vfs_init(&disk);
    options = lsm_options_default();
    options.vfs = &disk.vfs;
    options.dir = "db";
    options.memtable_size = 4 << 20;
    options.log_segment_size = 1 << 20;
    options.block_size = 1024;
    options.cache_size = 0;
    assert_int_equal(lsm_open(&lsm, &options, &fault), STATUS_OK);
    for (unsigned i = 0; i < KEY_COUNT; i++) {
        make(&bytes, i, 200);
        put(i, buf_bytes(&bytes));
    }
    buf_release(&bytes);
    flush();
    memory_vfs_cool(&disk);
}

static void stop(void)
{
    lsm_close(lsm);
    buf_release(&value);
    memory_vfs_release(&disk);
}

static enum status try(unsigned i)
{
    return lsm_try_get(lsm, key_at(i), &value, &position, &fault);
}

static void assert_value(unsigned i, size_t size)
{
    struct buf expected = {0};
    make(&expected, i, size);
    assert_true(bytes_equal(buf_bytes(&value), buf_bytes(&expected)));
    buf_release(&expected);
}

static void remove_tables(void *context, const char *name)
{
    char path[64];
    (void)context;
    snprintf(path, sizeof path, "db/%s", name);
    if (strstr(name, ".tbl"))
        assert_int_equal(disk.vfs.remove(&disk.vfs, path, NULL), STATUS_OK);
}

TEST(a_cold_key_is_busy_until_the_job_is_done)
{
    struct lsm_stats stats;
    start();
    assert_false(run_job(lsm, LSM_WORKER_READ));
    assert_int_equal(try(7), STATUS_BUSY);
    assert_true(lsm_loaded(lsm) < position);
    assert_int_equal(try(7), STATUS_BUSY);
    struct lsm_job *job = lsm_next_job(lsm, LSM_WORKER_READ);
    assert_non_null(job);
    assert_null(lsm_next_job(lsm, LSM_WORKER_READ));
    lsm_job_run(job);
    assert_true(lsm_loaded(lsm) < position);
    assert_int_equal(lsm_on_done(lsm, job, &fault), STATUS_OK);
    assert_true(lsm_loaded(lsm) >= position);
    assert_int_equal(try(7), STATUS_OK);
    assert_value(7, 200);
    assert_false(run_job(lsm, LSM_WORKER_READ));
    lsm_stats(lsm, &stats);
    assert_int_equal(stats.cold_read_count, 1);
    stop();
}

TEST(who_can_wait_does)
{
    start();
    assert_int_equal(lsm_get(lsm, key_at(8), &value, &fault), STATUS_OK);
    assert_value(8, 200);
    assert_int_equal(try(8), STATUS_OK); // warm now
    assert_int_equal(disk.cold_count, 0);
    assert_false(run_job(lsm, LSM_WORKER_READ));
    stop();
}

TEST(what_is_in_memory_or_nowhere_is_never_busy)
{
    struct buf bytes = {0};
    start();
    make(&bytes, 1, 10);
    put(20, buf_bytes(&bytes));
    buf_release(&bytes);
    assert_int_equal(try(20), STATUS_OK);
    assert_int_equal(lsm_try_get(lsm, bytes_of_text("a"), &value, &position, &fault),
                     STATUS_NOT_FOUND);
    assert_int_equal(try(KEY_COUNT + 77), STATUS_NOT_FOUND); // the filter says it
    stop();
}

TEST(a_large_value_is_a_second_place)
{
    struct buf bytes = {0};
    start();
    make(&bytes, 9, LARGE_SIZE);
    put(9, buf_bytes(&bytes));
    buf_release(&bytes);
    flush();
    memory_vfs_cool(&disk);
    assert_int_equal(try(9), STATUS_BUSY);
    assert_true(run_job(lsm, LSM_WORKER_READ));
    uint64_t block = position;
    assert_int_equal(try(9), STATUS_BUSY);
    assert_true(position > block);
    assert_true(run_job(lsm, LSM_WORKER_READ));
    assert_int_equal(try(9), STATUS_OK);
    assert_value(9, LARGE_SIZE);
    stop();
}

static enum status waiting_read(struct vfs *vfs, struct vfs_file *file, uint64_t offset, void *data,
                                size_t size, size_t *size_read, struct fault *why)
{
    (void)vfs, (void)file, (void)offset, (void)data, (void)size, (void)size_read, (void)why;
    fail_msg("the owner waits for the disk");
    return STATUS_IO;
}

// Goes on behind the i-th key until nothing more is in memory; nothing is waited for, and every
// value is the one that was put. OK: at the end.
static enum status scan_on(unsigned *i, size_t size)
{
    struct bytes key, bytes, from = *i ? key_at(*i) : (struct bytes){0};
    struct lsm_scan *scan = lsm_scan_open(lsm, from, (struct bytes){0});
    enum status status;
    struct vfs vfs = disk.vfs;
    disk.vfs.read = waiting_read;
    while (!(status = lsm_scan_try_next(scan, &key, &bytes, &position, &fault))) {
        assert_true(bytes_equal(key, key_at(*i)));
        buf_set(&value, bytes);
        assert_value((*i)++, size);
    }
    disk.vfs = vfs;
    lsm_scan_close(scan);
    return status == STATUS_END ? STATUS_OK : status;
}

// Runs the jobs that the last BUSY waits for; no more than are needed.
static void load(void)
{
    do
        assert_true(run_job(lsm, LSM_WORKER_READ));
    while (lsm_loaded(lsm) < position);
}

TEST(a_cold_scan_is_busy_and_what_is_behind_is_read_with_it)
{
    unsigned i = 0, rounds = 0;
    start();
    while (scan_on(&i, 200) == STATUS_BUSY) {
        assert_true(position > lsm_loaded(lsm));
        load();
        rounds++;
    }
    assert_int_equal(i, KEY_COUNT);
    assert_in_range(rounds, 2, KEY_COUNT * 200 / (128 << 10));
    assert_int_equal(scan_on(&(unsigned){0}, 200), STATUS_OK); // warm now
    assert_false(run_job(lsm, LSM_WORKER_READ));
    stop();
}

TEST(a_scan_asks_for_large_values_together)
{
    enum { LARGE_COUNT = 40, SIZE = 8 << 10 };
    struct buf bytes = {0};
    unsigned i = 0, rounds = 0, before = 0;
    start();
    for (unsigned at = 0; at < LARGE_COUNT; at++) {
        make(&bytes, at, SIZE);
        put(at, buf_bytes(&bytes));
    }
    buf_release(&bytes);
    assert_int_equal(lsm_drop_range(lsm, key_at(LARGE_COUNT), (struct bytes){0}), STATUS_OK);
    flush();
    memory_vfs_cool(&disk);
    for (; scan_on(&i, SIZE) == STATUS_BUSY; rounds++, before = i) {
        assert_true(rounds < 2 || i - before >= 16);
        load();
    }
    assert_int_equal(i, LARGE_COUNT);
    assert_int_equal(rounds, 4); // the tables, then 16, 16 and 8
    stop();
}

// Large values beside the small ones, in tables of which the first blocks are in memory.
static void add_large(unsigned count, size_t size)
{
    struct buf bytes = {0};
    for (unsigned i = 0; i < count; i++) {
        make(&bytes, i, size);
        put(i, buf_bytes(&bytes));
        if ((i + 1) * size % (1 << 20) < size)
            flush();
    }
    buf_release(&bytes);
    flush();
    memory_vfs_cool(&disk);
    unsigned i = 0;
    assert_int_equal(scan_on(&i, size), STATUS_BUSY);
    load();
}

TEST(a_scan_asks_for_a_limited_size_of_large_values)
{
    unsigned i = 0;
    start();
    add_large(10, LARGE_SIZE);
    uint64_t loaded = lsm_loaded(lsm);
    assert_int_equal(scan_on(&i, LARGE_SIZE), STATUS_BUSY);
    assert_int_equal(position, loaded + 2);
    stop();
}

TEST(scans_leave_places_to_others)
{
    enum { LARGE_COUNT = 300, SIZE = 8 << 10 };
    start();
    add_large(LARGE_COUNT, SIZE);
    uint64_t loaded = lsm_loaded(lsm);
    for (unsigned from = 0; from < LARGE_COUNT; from += 8) {
        unsigned i = from;
        assert_int_equal(scan_on(&i, SIZE), STATUS_BUSY);
        assert_int_equal(i, from);
    }
    assert_in_range(position, loaded + READS_COUNT_MAX / 2, loaded + READS_COUNT_MAX - 32);
    assert_int_equal(try(KEY_COUNT - 1), STATUS_BUSY);
    stop();
}

TEST(a_scan_asks_for_the_beginnings_of_all_tables_together)
{
    struct buf bytes = {0};
    unsigned i = 0;
    struct lsm_stats stats;
    start();
    for (unsigned round = 0; round < 2; round++) {
        make(&bytes, 0, 200);
        put(0, buf_bytes(&bytes));
        flush();
    }
    buf_release(&bytes);
    lsm_stats(lsm, &stats);
    assert_true(stats.slice_count_max > 1);
    memory_vfs_cool(&disk);
    assert_int_equal(try(1), STATUS_BUSY); // the oldest table, which the scan comes to last
    assert_int_equal(scan_on(&i, 200), STATUS_BUSY);
    assert_int_equal(i, 0);
    assert_int_equal(position, stats.slice_count_max);
    load();
    assert_int_equal(scan_on(&i, 200), STATUS_BUSY);
    assert_true(i > 0);
    stop();
}

TEST(a_place_is_noted_once_and_a_job_takes_a_limited_number)
{
    start();
    uint64_t first = 0, last = 0;
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 600; i += 10) { // two or three keys a block
            assert_int_equal(try(i), STATUS_BUSY);
            first = i ? first : position;
            last = position;
        }
    }
    assert_int_equal(first, 1);
    assert_in_range(last, READS_BATCH_MAX + 1, 60);
    struct lsm_job *job = lsm_next_job(lsm, LSM_WORKER_READ);
    assert_int_equal(try(0), STATUS_BUSY); // the job has it: not once more
    assert_int_equal(position, first);
    lsm_job_run(job);
    assert_int_equal(lsm_on_done(lsm, job, &fault), STATUS_OK);
    assert_int_equal(lsm_loaded(lsm), READS_BATCH_MAX);
    assert_true(run_job(lsm, LSM_WORKER_READ));
    assert_int_equal(lsm_loaded(lsm), last);
    assert_false(run_job(lsm, LSM_WORKER_READ));
    stop();
}

TEST(a_job_takes_a_limited_size_or_one_place)
{
    struct reads reads = {.count = 5};
    struct read_batch batch;
    for (size_t i = 0; i < reads.count; i++)
        reads.places[i].size = READS_BATCH_SIZE_MAX / 3;
    assert_true(reads_take(&reads, &batch));
    assert_int_equal(batch.count, 3);
    reads.places[0].size = 2 * READS_BATCH_SIZE_MAX;
    assert_true(reads_take(&reads, &batch));
    assert_int_equal(batch.count, 1);
}

TEST(with_too_many_places_it_waits)
{
    start();
    unsigned busy_count = 0;
    for (unsigned i = 0; i < KEY_COUNT; i += 5) { // each in a block of its own
        enum status status = try(i);
        busy_count += status == STATUS_BUSY;
        assert_int_equal(status, i / 5 < READS_COUNT_MAX ? STATUS_BUSY : STATUS_OK);
    }
    assert_int_equal(busy_count, READS_COUNT_MAX);
    while (run_job(lsm, LSM_WORKER_READ))
        ;
    for (unsigned i = 0; i < KEY_COUNT; i += 5)
        assert_int_equal(try(i), STATUS_OK);
    stop();
}

TEST(without_a_file_system_that_can_tell_it_waits)
{
    start();
    disk.vfs.read_cached = NULL;
    assert_int_equal(try(7), STATUS_OK);
    assert_value(7, 200);
    stop();
}

TEST(a_table_that_is_dropped_while_its_place_is_wanted_is_no_trouble)
{
    start();
    assert_int_equal(try(7), STATUS_BUSY);
    assert_int_equal(lsm_drop_range(lsm, (struct bytes){0}, (struct bytes){0}), STATUS_OK);
    flush();
    assert_false(lsm_is_dropping(lsm));
    assert_true(run_job(lsm, LSM_WORKER_READ)); // its file is gone
    assert_true(lsm_loaded(lsm) >= position);
    assert_int_equal(try(7), STATUS_NOT_FOUND);
    stop();
}

TEST(a_missing_file_and_damage_are_met_by_who_asks_again)
{
    start();
    assert_int_equal(try(7), STATUS_BUSY);
    options.vfs->list(options.vfs, "db", remove_tables, NULL, NULL);
    assert_true(run_job(lsm, LSM_WORKER_READ));
    assert_int_equal(try(7), STATUS_BUSY); // the engine has the file open: it is cold as before
    assert_int_equal(lsm_get(lsm, key_at(7), &value, &fault), STATUS_OK);
    memory_vfs_fail(&disk, MEMORY_VFS_READ, 0, STATUS_IO, true);
    assert_int_equal(try(7), STATUS_BUSY);
    assert_true(run_job(lsm, LSM_WORKER_READ));
    assert_int_equal(lsm_get(lsm, key_at(7), &value, &fault), STATUS_IO);
    memory_vfs_fail(&disk, 0, 0, STATUS_OK, false);
    stop();
}

TEST(what_is_wanted_may_be_left_at_a_close)
{
    start();
    assert_int_equal(try(7), STATUS_BUSY);
    stop();
    start();
    assert_int_equal(try(7), STATUS_BUSY);
    struct lsm_job *job = lsm_next_job(lsm, LSM_WORKER_READ);
    assert_non_null(job); // never run
    stop();
}
