// Large values are packed from the log to the last merge, and nobody who reads notices.
#include "unit/lsm/jobs.h"

#include "base/random.h"
#include "lsm/ingest.h"

#include <stdio.h>

enum { COUNT = 60, VALUE_SIZE = 3000 };

static struct memory_vfs disk;
static struct lsm_options options;
static struct lsm *lsm;
static struct fault fault;
static uint8_t rounds[COUNT]; // which value each key has; 0: none

static void open_again(void)
{
    if (lsm)
        lsm_close(lsm);
    assert_int_equal(lsm_open(&lsm, &options, &fault), STATUS_OK);
}

static void start(void)
{
    memory_vfs_init(&disk);
    options = small_options(&disk);
    options.separate_size = 1000;
    options.merge_run_count = 2;
    memset(rounds, 0, sizeof rounds);
    open_again();
}

static void stop(void)
{
    lsm_close(lsm);
    lsm = NULL;
    memory_vfs_release(&disk);
}

static void flush(void)
{
    lsm_flush(lsm);
    run_jobs(lsm);
}

// Every third is noise, which does not shrink.
static void make(struct buf *value, unsigned key, unsigned round)
{
    struct random random;
    random_init(&random, key * 100 + round);
    buf_clear(value);
    for (unsigned i = 0; i < VALUE_SIZE; i++)
        buf_append_u8(value,
                      key % 3 ? (uint8_t)(key + round + i / 200) : (uint8_t)random_u64(&random));
}

static void put(unsigned first, unsigned stride, unsigned round)
{
    struct buf value = {0};
    struct lsm_batch batch = {0};
    uint64_t position;
    for (unsigned i = first; i < COUNT; i += stride) {
        uint8_t key = (uint8_t)i;
        make(&value, i, round);
        rounds[i] = (uint8_t)round;
        lsm_batch_put(&batch, bytes_of(&key, 1), buf_bytes(&value));
        lsm_batch_put(&batch, bytes_of_text("small"), bytes_of_text("value"));
        assert_int_equal(lsm_write(lsm, &batch, &position), STATUS_OK);
        lsm_batch_clear(&batch);
        run_jobs(lsm);
    }
    lsm_batch_release(&batch);
    buf_release(&value);
}

static void check_value(unsigned i, struct bytes found)
{
    struct buf value = {0};
    make(&value, i, rounds[i]);
    assert_true(bytes_equal(found, buf_bytes(&value)));
    buf_release(&value);
}

static void on_found(void *context, size_t index, enum status status, struct bytes value)
{
    (void)context;
    assert_int_equal(status, rounds[index] ? STATUS_OK : STATUS_NOT_FOUND);
    if (!status)
        check_value((unsigned)index, value);
}

static void check(void)
{
    uint8_t bytes[COUNT];
    struct bytes keys[COUNT], key, value;
    struct buf found = {0};
    for (unsigned i = 0; i < COUNT; i++) {
        bytes[i] = (uint8_t)i;
        keys[i] = bytes_of(&bytes[i], 1);
        enum status status = lsm_get(lsm, keys[i], &found, &fault);
        on_found(NULL, i, status, buf_bytes(&found));
    }
    assert_int_equal(lsm_multi_get(lsm, keys, COUNT, on_found, NULL, &fault), STATUS_OK);
    struct lsm_scan *scan = lsm_scan_open(lsm, (struct bytes){0}, bytes_of_text("a"));
    while (!lsm_scan_next(scan, &key, &value, &fault)) {
        if (key.size == 1)
            check_value(key.data[0], value);
    }
    lsm_scan_close(scan);
    assert_int_equal(lsm_verify(lsm, &fault), STATUS_OK);
    buf_release(&found);
}

TEST(what_is_packed_is_read_from_memory_log_and_files)
{
    start();
    put(0, 2, 1);
    check();
    open_again(); // from the log
    check();
    flush(); // most of each segment is large values: they stay in the log
    check();
    struct lsm_stats stats;
    lsm_stats(lsm, &stats);
    assert_true(stats.value_live_bytes > 0);
    assert_true(stats.value_live_bytes < COUNT / 2 * VALUE_SIZE * 6 / 10);
    for (unsigned round = 2; round < 12; round++) { // and merges move them
        put(round % 3, 3, round);
        flush();
        check();
    }
    open_again();
    check();
    stop();
}

TEST(what_is_ingested_is_packed)
{
    struct buf value = {0};
    start();
    put(0, 2, 1);
    struct lsm_ingest *ingest = lsm_ingest_new(lsm);
    for (unsigned i = 0; i < COUNT; i += 5) {
        uint8_t key = (uint8_t)i;
        make(&value, i, 2);
        rounds[i] = 2;
        assert_int_equal(lsm_ingest_add(ingest, bytes_of(&key, 1), buf_bytes(&value), &fault),
                         STATUS_OK);
    }
    assert_int_equal(lsm_ingest_finish(ingest, &fault), STATUS_OK);
    assert_true(run_writer_size(&ingest->writer) < COUNT / 5 * VALUE_SIZE * 6 / 10);
    assert_int_equal(lsm_ingest_commit(lsm, ingest), STATUS_OK);
    run_jobs(lsm);
    assert_false(lsm_is_ingesting(lsm));
    check();
    open_again();
    check();
    buf_release(&value);
    stop();
}

TEST(a_kept_segment_counts_as_large_as_it_is_whatever_size_new_ones_have)
{
    start();
    put(0, 3, 1);
    options.log_segment_size *= 4;
    open_again();
    flush();
    size_t kept_count = 0;
    for (size_t i = 0; i < lsm->version->value_count; i++) {
        const struct value_file *file = lsm->version->values[i].file;
        kept_count += (file->id & VALUE_IN_LOG) != 0;
        assert_true(file->size <= options.log_segment_size / 4);
    }
    assert_true(kept_count);
    check();
    stop();
}
