// A write is refused whole or applied whole, and large values are remembered where they lie.
#include "unit/unit.h"

#include "base/random.h"
#include "disk/memory_vfs_damage.h"
#include "lsm/engine.h"
#include "lsm/file/frame.h"

#include <stdio.h>

static struct memory_vfs disk;
static struct lsm *lsm;
static struct lsm_batch batch;
static struct fault fault;

static void start_with(enum lsm_durability durability, size_t separate_size)
{
    struct lsm_options options = lsm_options_default();
    memory_vfs_init(&disk);
    options.vfs = &disk.vfs;
    options.dir = "db";
    options.memtable_size = 64 << 10;
    options.log_segment_size = 64 << 10;
    options.durability = durability;
    options.separate_size = separate_size;
    assert_int_equal(lsm_open(&lsm, &options, &fault), STATUS_OK);
}

static void start(enum lsm_durability durability)
{
    start_with(durability, SIZE_MAX);
}

static void stop(void)
{
    lsm_close(lsm);
    lsm_batch_release(&batch);
    memory_vfs_release(&disk);
}

static enum status write_batch(void)
{
    uint64_t position;
    enum status status = lsm_write(lsm, &batch, &position);
    lsm_batch_clear(&batch);
    return status;
}

static void sync_log(void)
{
    struct lsm_job *job = lsm_next_job(lsm, LSM_WORKER_LOG);
    if (!job)
        return;
    lsm_job_run(job);
    assert_int_equal(lsm_on_done(lsm, job, &fault), STATUS_OK);
}

TEST(one_operation_out_of_bounds_refuses_the_batch)
{
    static const uint8_t large[LSM_KEY_SIZE_MAX + 1];
    struct buf value = {0};
    start(LSM_DURABILITY_NONE);
    lsm_batch_put(&batch, bytes_of_text("a"), bytes_of_text("1"));
    lsm_batch_put(&batch, bytes_of(large, sizeof large), bytes_of_text("1"));
    lsm_batch_delete(&batch, (struct bytes){0});
    assert_int_equal(write_batch(), STATUS_TOO_LARGE);
    lsm_batch_delete(&batch, (struct bytes){0});
    assert_int_equal(write_batch(), STATUS_INVALID);
    lsm_batch_put(&batch, bytes_of_text("b"), bytes_of(large, 33 << 10));
    assert_int_equal(write_batch(), STATUS_TOO_LARGE);
    assert_int_equal(write_batch(), STATUS_OK); // empty
    assert_int_equal(lsm->active.memtable->key_count, 0);
    lsm_batch_put(&batch, bytes_of_text("a"), bytes_of_text("2"));
    assert_int_equal(write_batch(), STATUS_OK);
    assert_int_equal(lsm_get(lsm, bytes_of_text("a"), &value, &fault), STATUS_OK);
    buf_release(&value);
    stop();
}

TEST(a_batch_of_any_size_is_applied_in_order)
{
    struct buf value = {0};
    start(LSM_DURABILITY_NONE);
    for (unsigned count = 1; count <= 130; count += 43) {
        for (unsigned i = 0; i < count; i++) {
            char text[16];
            snprintf(text, sizeof text, "%u of %u", i, count);
            lsm_batch_note(&batch, bytes_of_text("note"));
            lsm_batch_put(&batch, bytes_of_text("key"), bytes_of_text(text));
            lsm_batch_put(&batch, bytes_of_text(text), bytes_of_text(text));
            lsm_batch_delete(&batch, bytes_of_text("gone"));
        }
        assert_int_equal(write_batch(), STATUS_OK);
        char newest[16];
        snprintf(newest, sizeof newest, "%u of %u", count - 1, count);
        assert_int_equal(lsm_get(lsm, bytes_of_text("key"), &value, &fault), STATUS_OK);
        assert_true(bytes_equal(buf_bytes(&value), bytes_of_text(newest)));
    }
    assert_int_equal(lsm_get(lsm, bytes_of_text("gone"), &value, &fault), STATUS_NOT_FOUND);
    assert_int_equal(lsm->active.memtable->key_count, 1 + 1 + 44 + 87 + 130 + 1);
    buf_release(&value);
    stop();
}

// Every entry of the memtable: a large value has an address, at which its bytes are, packed
// where they shrink.
static void check_addresses(size_t value_size_large)
{
    struct buf log = {0}, path = {0};
    size_t counts[2] = {0};
    for (size_t at = MEMTABLE_START, size; at < lsm->active.memtable->used; at += size) {
        struct entry entry = memtable_entry_at(lsm->active.memtable, at, &size);
        assert_int_equal(entry.value_address != 0, value_size(&entry) >= value_size_large);
        if (!entry.value_address)
            continue;
        uint64_t number = frame_number(entry.value_address);
        memory_vfs_load(&disk, file_path(&path, "db", FILE_LOG, number), &log);
        assert_memory_equal(log.data + frame_offset(entry.value_address), entry.value.data,
                            entry.value.size);
        counts[entry.is_packed]++;
    }
    assert_true(counts[false] > 0 && counts[true] > 0);
    buf_release(&log);
    buf_release(&path);
}

TEST(the_address_of_a_large_value_is_where_its_bytes_are_in_the_log)
{
    enum { LARGE = 300 };
    static uint8_t bytes[1000];
    struct random random;
    random_init(&random, 1);
    for (enum lsm_durability way = LSM_DURABILITY_GROUP; way <= LSM_DURABILITY_NONE; way++) {
        start_with(way, LARGE);
        for (unsigned i = 0; i < 40; i++) {
            memset(bytes, (int)i + 1, sizeof bytes);
            for (size_t at = 0; i % 2 && at < sizeof bytes; at++)
                bytes[at] = (uint8_t)random_u64(&random);
            lsm_batch_put(&batch, bytes_of(&i, sizeof i), bytes_of(bytes, 290 + i % 20));
            lsm_batch_note(&batch, bytes_of_text("note"));
            if (i % 3 == 0)
                lsm_batch_put(&batch, bytes_of(&i, sizeof i), bytes_of(bytes, 900));
            assert_int_equal(write_batch(), STATUS_OK);
            if (i % 5 == 0)
                sync_log();
        }
        sync_log();
        check_addresses(LARGE);
        stop();
    }
}

TEST(a_flush_without_numbers_for_its_files_fails_and_says_so)
{
    start(LSM_DURABILITY_NONE);
    lsm_batch_put(&batch, bytes_of_text("key"), bytes_of_text("value"));
    assert_int_equal(write_batch(), STATUS_OK);
    lsm->next_file = FILE_NUMBER_END - 4096;
    lsm_flush(lsm);
    struct lsm_job *job = lsm_next_job(lsm, LSM_WORKER_BACKGROUND);
    lsm_job_run(job);
    assert_int_equal(lsm_on_done(lsm, job, &fault), STATUS_IO);
    assert_string_equal(fault.text,
                        "db: the numbers for files are used up; dump it into a new one");
    assert_true(lsm_failed(lsm));
    stop();
}
