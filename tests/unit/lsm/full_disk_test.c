// A full disk stops only what needs more room, and what wins room goes on.
#include "unit/lsm/jobs.h"

#include "lsm/engine.h"

enum { SIZE = 1 << 20, KEYS = 400, TICK_MS = 100 };

static struct memory_vfs disk;
static struct lsm *lsm;
static struct random random_now;
static uint64_t now_ms;
static unsigned fault_count; // of jobs

static void start(void)
{
    struct fault fault;
    struct lsm_options options = lsm_options_default();
    memory_vfs_init(&disk);
    random_init(&random_now, 1);
    options.vfs = &disk.vfs;
    options.dir = "db";
    options.memtable_size = SIZE;
    options.log_segment_size = SIZE;
    options.range_size = SIZE;
    fault_count = 0;
    assert_int_equal(lsm_open(&lsm, &options, &fault), STATUS_OK);
    lsm_tick(lsm, now_ms);
}

static void stop(void)
{
    lsm_close(lsm);
    memory_vfs_release(&disk);
}

static void limit_room(uint64_t room)
{
    struct fault fault;
    uint64_t free_bytes;
    disk.capacity = (uint64_t)1 << 40;
    assert_int_equal(disk.vfs.space(&disk.vfs, "db", &free_bytes, &fault), STATUS_OK);
    disk.capacity -= free_bytes - room;
}

static bool run(enum lsm_worker worker)
{
    struct fault fault;
    struct lsm_job *job = lsm_next_job(lsm, worker);
    if (!job)
        return false;
    lsm_job_run(job);
    enum status status = lsm_on_done(lsm, job, &fault);
    assert_true(!status || status == STATUS_DISK_FULL);
    fault_count += status != STATUS_OK;
    return !status;
}

static void pass(uint64_t ms)
{
    for (uint64_t end = now_ms + ms; now_ms < end;) {
        lsm_tick(lsm, now_ms += TICK_MS);
        for (int worker = 0; worker < LSM_WORKER_COUNT; worker++) {
            if (run((enum lsm_worker)worker))
                worker = -1;
        }
    }
}

// Writes until so much of this segment of the log is used.
static void write_until(uint64_t segment, uint64_t offset)
{
    while (lsm->log.current < segment || lsm->log.offset < offset) {
        assert_int_equal(put_random(lsm, &random_now, KEYS), STATUS_OK);
        run(LSM_WORKER_LOG);
        if (lsm->log.current + 1 == lsm->log.segment_count && lsm->log.offset > SIZE / 4 * 3)
            run(LSM_WORKER_BACKGROUND); // prepares the next one
    }
}

TEST(a_segment_that_is_not_needed_yet_is_no_reason_to_call_a_disk_full)
{
    start();
    write_until(0, SIZE / 4);
    limit_room(SIZE / 2);
    uint64_t changes = disk.change_count;
    pass(15000);
    assert_int_equal(fault_count, 2); // it is tried again, but not often
    assert_in_range(disk.change_count - changes, 1, 20);
    assert_false(lsm->space.is_full);
    write_until(0, SIZE / 2 + SIZE / 8);
    pass(1000);
    for (unsigned i = 0; i < 20; i++) { // now it is, though what is written has room in the log
        assert_true(lsm->space.is_full);
        assert_int_equal(put_random(lsm, &random_now, KEYS), STATUS_OK);
        pass(500);
    }
    limit_room(2 * SIZE);
    pass(2000);
    assert_false(lsm->space.is_full);
    assert_int_equal(lsm->log.segment_count, 2);
    stop();
}

TEST(a_flush_for_which_there_is_room_frees_a_segment)
{
    for (uint64_t used = SIZE / 8; used < SIZE; used += SIZE / 8) {
        start();
        write_until(1, used);
        limit_room(SIZE / 4 * 3);
        lsm_flush(lsm);
        pass(5000);
        assert_null(lsm->sealed.memtable);
        assert_false(lsm->space.is_full);
        assert_true(lsm->log.segments[0].number > 1);
        stop();
    }
}

TEST(a_drop_needs_no_room)
{
    struct lsm_batch batch = {0};
    struct fault fault;
    static const uint8_t large[5000] = "large";
    uint64_t position;
    start();
    write_until(0, SIZE / 2);
    lsm_batch_put(&batch, bytes_of_text("large"), bytes_of(large, sizeof large));
    assert_int_equal(lsm_write(lsm, &batch, &position), STATUS_OK);
    lsm_batch_release(&batch);
    lsm_flush(lsm);
    pass(2000);
    assert_true(lsm->version->value_count);
    limit_room(20000);
    assert_int_equal(lsm_drop_range(lsm, (struct bytes){0}, (struct bytes){0}), STATUS_OK);
    pass(2000);
    assert_int_equal(lsm_drop_status(lsm, &fault), STATUS_OK);
    struct lsm_stats stats;
    lsm_stats(lsm, &stats);
    assert_int_equal(stats.table_count + stats.value_file_count, 0);
    stop();
}
