// What the owner lets ride in the log comes back with its snapshot: all of it, in order, once.
#include "unit/lsm/jobs.h"

#include "disk/memory_vfs.h"
#include "lsm/lsm.h"

static struct memory_vfs disk;
static struct lsm *lsm;
static struct lsm_options options;
static struct fault fault;
static struct buf notes, snapshot_seen;

static void snapshot(void *context, struct buf *out)
{
    (void)context;
    buf_append(out, buf_bytes(&notes));
}

static enum status restore(void *context, struct bytes bytes, struct fault *why)
{
    (void)why;
    (void)context;
    buf_set(&notes, bytes);
    buf_set(&snapshot_seen, bytes);
    return STATUS_OK;
}

static enum status replay(void *context, struct bytes note, struct fault *why)
{
    (void)why;
    (void)context;
    buf_append(&notes, note);
    return STATUS_OK;
}

static void open_again(void)
{
    if (lsm)
        lsm_close(lsm);
    buf_clear(&notes);
    buf_clear(&snapshot_seen);
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
    options.owner = (struct lsm_owner){
        .snapshot = snapshot,
        .restore = restore,
        .replay = replay,
    };
    open_again();
}

static void stop(void)
{
    lsm_close(lsm);
    lsm = NULL;
    buf_release(&notes);
    buf_release(&snapshot_seen);
    memory_vfs_release(&disk);
}

static void work_all(void)
{
    while (run_job(lsm, LSM_WORKER_LOG) || run_job(lsm, LSM_WORKER_BACKGROUND))
        continue;
}

static void must_put(const char *key, const char *value, const char *note)
{
    struct lsm_batch batch = {0};
    uint64_t position;
    lsm_batch_put(&batch, bytes_of_text(key), bytes_of_text(value));
    lsm_batch_note(&batch, bytes_of_text(note));
    assert_int_equal(lsm_write(lsm, &batch, &position), STATUS_OK);
    buf_append_text(&notes, note);
    lsm_batch_release(&batch);
}

static void check(const char *key, const char *value)
{
    struct buf found = {0};
    enum status status = lsm_get(lsm, bytes_of_text(key), &found, &fault);
    assert_int_equal(status, STATUS_OK);
    assert_true(bytes_equal(buf_bytes(&found), bytes_of_text(value)));
    buf_release(&found);
}

// A note of so many bytes, each batch of a key with it or alone. Jobs make room when there is none.
static void write_note(size_t size, bool is_flushed_between)
{
    struct lsm_batch batch = {0};
    struct buf note = {0};
    uint64_t position, durable = lsm_durable(lsm);
    uint8_t *at = buf_grow(&note, size);
    for (size_t i = 0; i < size; i++)
        at[i] = (uint8_t)(i * i >> 8 ^ i);
    lsm_batch_note(&batch, buf_bytes(&note));
    enum status status;
    unsigned busy_count = 0;
    while ((status = lsm_write(lsm, &batch, &position)) == STATUS_BUSY) {
        must_put("between", "1", "small ");
        if (is_flushed_between && busy_count == 2)
            lsm_flush(lsm);
        work_all();
        assert_true(++busy_count < 1000);
    }
    assert_int_equal(status, STATUS_OK);
    assert_true(position == lsm_written(lsm) && lsm_durable(lsm) < position);
    assert_true(!busy_count || lsm_durable(lsm) > durable);
    buf_append(&notes, buf_bytes(&note));
    lsm_batch_release(&batch);
    buf_release(&note);
}

static void note_of_any_size(size_t size, bool is_flushed_between)
{
    struct buf written = {0};
    start();
    must_put("a", "1", "one ");
    write_note(size, is_flushed_between);
    must_put("a", "2", "two ");
    work_all();
    buf_set(&written, buf_bytes(&notes));
    open_again();
    assert_true(bytes_equal(buf_bytes(&notes), buf_bytes(&written)));
    check("a", "2");
    buf_release(&written);
    stop();
}

TEST(a_note_larger_than_a_segment_comes_back)
{
    note_of_any_size(60000, false);
    note_of_any_size(64 << 10, false);
    note_of_any_size(100000, false);
    note_of_any_size(10 << 20, false);
}

TEST(a_flush_between_the_parts_of_a_note_loses_none)
{
    note_of_any_size(400000, true);
}

TEST(a_note_that_was_not_finished_never_was)
{
    struct lsm_batch batch = {0};
    struct buf note = {0};
    uint64_t position;
    start();
    must_put("a", "1", "one ");
    memset(buf_grow(&note, 200000), 7, 200000);
    lsm_batch_note(&batch, buf_bytes(&note));
    assert_int_equal(lsm_write(lsm, &batch, &position), STATUS_BUSY);
    must_put("a", "2", "two ");
    work_all();
    open_again();
    assert_string_equal(buf_text(&notes), "one two ");
    write_note(300000, false); // another one does not go on with it
    work_all();
    open_again();
    assert_true(notes.size >= 300008);
    lsm_batch_release(&batch);
    buf_release(&note);
    stop();
}

TEST(notes_and_snapshots_make_up_the_whole_history)
{
    start();
    must_put("a", "1", "one ");
    lsm_flush(lsm);
    must_put("a", "2", "two ");
    work_all();
    must_put("a", "3", "three");
    work_all();
    open_again();
    assert_true(bytes_equal(buf_bytes(&snapshot_seen), bytes_of_text("one ")));
    assert_true(bytes_equal(buf_bytes(&notes), bytes_of_text("one two three")));
    check("a", "3");
    stop();
}

TEST(notes_alone_do_not_make_the_log_grow_for_ever)
{
    static uint8_t note[4000];
    start();
    for (unsigned i = 0; i < 1000; i++) {
        struct lsm_batch batch = {0};
        uint64_t position;
        lsm_batch_note(&batch, bytes_of(note, sizeof note));
        if (lsm_write(lsm, &batch, &position))
            work_all();
        lsm_batch_release(&batch);
    }
    work_all();
    struct lsm_stats stats;
    lsm_stats(lsm, &stats);
    assert_true(stats.log_bytes < 12 * options.log_segment_size);
    assert_int_equal(stats.table_count, 0);
    stop();
}
