// The log gives back a prefix of what was written that has all that was synced, and
// tells a torn tail from damage.
#include "unit/unit.h"

#include "base/endian.h"
#include "lsm/log_recovery.h"
#include "sim/memory_vfs.h"

#include <stdio.h>

enum { DATABASE = 42, SEGMENT_SIZE = 64 << 10, BEGIN_OFFSET = 512 };

static struct memory_vfs disk;
static struct log log_now;
static struct log_write write_now;
static struct buf replayed; // all batches, one behind the other
static struct fault fault;

static void prepare(uint64_t number, uint64_t recycled)
{
    struct segment segment = {.number = number, .size = SEGMENT_SIZE};
    assert_int_equal(segment_prepare(&segment, &disk.vfs, "db", DATABASE, recycled, &fault),
                     STATUS_OK);
    log_add_segment(&log_now, &segment);
}

static enum status apply(void *context, struct bytes ops)
{
    (void)context;
    buf_append(&replayed, ops);
    return STATUS_OK;
}

static void each_name(void *context, const char *name)
{
    uint64_t *numbers = context;
    unsigned number;
    if (sscanf(name, "%06u.log", &number) == 1)
        numbers[number] = number;
}

// Reads the log from segment 1 on.
static enum status recover(void)
{
    uint64_t by_number[64] = {0}, numbers[64];
    size_t count = 0;
    log_release(&log_now);
    log_write_release(&write_now);
    buf_clear(&replayed);
    disk.vfs.list(&disk.vfs, "db", each_name, by_number, NULL);
    for (size_t i = 1; i < 64; i++) {
        if (by_number[i])
            numbers[count++] = i;
    }
    log_now = (struct log){.vfs = &disk.vfs,
                           .dir = "db",
                           .database = DATABASE,
                           .segment_size = SEGMENT_SIZE,
                           .reserve_size = SEGMENT_SIZE};
    return log_recover(&log_now,
                       &(struct log_recovery){.address = (uint64_t)1 << 32 | BEGIN_OFFSET,
                                              .numbers = numbers,
                                              .count = count,
                                              .apply = apply},
                       &fault);
}

static void start(void)
{
    memory_vfs_init(&disk);
    assert_int_equal(disk.vfs.make_dir(&disk.vfs, "db", &fault), STATUS_OK);
    assert_int_equal(disk.vfs.sync_dir(&disk.vfs, ".", &fault), STATUS_OK);
    log_now = (struct log){.vfs = &disk.vfs};
    prepare(1, 0);
    assert_int_equal(recover(), STATUS_OK);
}

static void stop(void)
{
    log_release(&log_now);
    log_write_release(&write_now);
    buf_release(&replayed);
    memory_vfs_release(&disk);
}

static uint64_t append(const char *text)
{
    uint64_t position = 0;
    assert_int_equal(log_append(&log_now, bytes_of_text(text), &position), STATUS_OK);
    return position;
}

static void sync_now(void)
{
    assert_true(log_take(&log_now, &write_now));
    assert_int_equal(log_write_run(&write_now, &disk.vfs, DATABASE, &fault), STATUS_OK);
    log_on_written(&log_now, &write_now);
}

static void crash(void)
{
    struct random random;
    random_init(&random, 1);
    memory_vfs_crash(&disk, MEMORY_VFS_LOSE_ALL, &random);
}

TEST(what_was_synced_comes_back_after_a_power_loss)
{
    start();
    uint64_t position = append("one ");
    append("two ");
    assert_true(log_durable(&log_now) < position);
    sync_now();
    assert_true(log_durable(&log_now) >= position);
    append("never written");
    crash();
    assert_int_equal(recover(), STATUS_OK);
    assert_true(bytes_equal(buf_bytes(&replayed), bytes_of_text("one two ")));
    append("three");
    sync_now();
    assert_int_equal(recover(), STATUS_OK);
    assert_true(bytes_equal(buf_bytes(&replayed), bytes_of_text("one two three")));
    stop();
}

TEST(frames_promise_what_was_synced_before_them)
{
    start();
    append("one");
    sync_now();
    uint64_t synced = log_now.synced;
    append("two");
    sync_now();
    struct buf content = {0};
    memory_vfs_load(&disk, "db/000001.log", &content);
    assert_true(synced > 0);
    assert_true(load_u64(content.data + (synced & UINT32_MAX) + 16) == synced);
    buf_release(&content);
    stop();
}

TEST(a_torn_tail_is_discarded_and_a_new_segment_begun)
{
    start();
    append("one");
    sync_now();
    uint64_t end = log_now.synced;
    append("two");
    sync_now();
    memory_vfs_flip(&disk, "db/000001.log", (end & UINT32_MAX) + 33, 0);
    assert_int_equal(recover(), STATUS_OK);
    assert_true(bytes_equal(buf_bytes(&replayed), bytes_of_text("one")));
    uint64_t position;
    assert_int_equal(log_append(&log_now, bytes_of_text("three"), &position), STATUS_BUSY);
    prepare(2, 0);
    position = append("three");
    assert_true(position >> 32 == 2);
    sync_now();
    assert_int_equal(recover(), STATUS_OK);
    assert_true(bytes_equal(buf_bytes(&replayed), bytes_of_text("onethree")));
    stop();
}

TEST(damage_before_what_was_promised_is_corruption)
{
    start();
    append("one");
    sync_now();
    uint64_t end = log_now.synced;
    append("two");
    sync_now();
    append("three");
    sync_now();
    memory_vfs_flip(&disk, "db/000001.log", (end & UINT32_MAX) + 33, 0);
    assert_int_equal(recover(), STATUS_CORRUPT);
    char wanted[100];
    snprintf(wanted, sizeof wanted, "db/000001.log: damaged frame before synced ones at offset %u",
             (unsigned)(end & UINT32_MAX));
    assert_string_equal(fault.text, wanted);
    stop();
}

static void fill_segment(void)
{
    char text[8001];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    while (log_now.current + 1 < log_now.segment_count)
        append(text);
}

TEST(a_damaged_seal_is_corruption_as_soon_as_a_later_frame_was_synced)
{
    start();
    prepare(2, 0);
    fill_segment();
    sync_now();
    struct buf content = {0};
    memory_vfs_load(&disk, "db/000001.log", &content);
    size_t seal = content.size;
    while (!content.data[--seal])
        continue;
    memory_vfs_flip(&disk, "db/000001.log", seal, 3);
    assert_int_equal(recover(), STATUS_CORRUPT);
    buf_release(&content);
    stop();
}

TEST(a_batch_that_fits_nowhere_is_refused)
{
    static const uint8_t large[SEGMENT_SIZE];
    uint64_t position;
    start();
    assert_int_equal(log_append(&log_now, bytes_of(large, sizeof large), &position),
                     STATUS_TOO_LARGE);
    size_t largest = SEGMENT_SIZE - 512 - 32 - 40 - 4;
    assert_int_equal(log_append(&log_now, bytes_of(large, largest + 1), &position),
                     STATUS_TOO_LARGE);
    assert_int_equal(log_append(&log_now, bytes_of(large, largest), &position), STATUS_OK);
    sync_now();
    assert_int_equal(recover(), STATUS_OK);
    assert_int_equal(replayed.size, largest);
    stop();
}

TEST(without_a_spare_segment_nothing_more_is_accepted_than_fits)
{
    static const uint8_t bytes[1000];
    uint64_t position;
    start();
    size_t count = 0;
    while (!log_append(&log_now, bytes_of(bytes, sizeof bytes), &position))
        count++;
    sync_now();
    assert_int_equal(recover(), STATUS_OK);
    assert_int_equal(replayed.size, count * sizeof bytes);
    stop();
}

TEST(stale_frames_of_a_recycled_segment_are_never_read)
{
    start();
    prepare(2, 0);
    fill_segment();
    sync_now();
    uint64_t number = 0, recycled = 0;
    log_drop(&log_now, log_now.stored);
    assert_true(log_needs_segment(&log_now, &number, &recycled));
    assert_int_equal(number, 3);
    assert_int_equal(recycled, 1);
    prepare(3, 1);
    assert_false(memory_vfs_has(&disk, "db/000001.log"));
    fill_segment();
    append("end");
    sync_now();
    assert_int_equal(log_verify(&log_now, (uint64_t)2 << 32 | BEGIN_OFFSET, log_now.stored, &fault),
                     STATUS_OK);
    struct buf content = {0};
    memory_vfs_load(&disk, "db/000003.log", &content);
    assert_true(load_u64(content.data + 512 + 8) == ((uint64_t)3 << 32 | 512));
    buf_release(&content);
    stop();
}

TESTS(RUN(what_was_synced_comes_back_after_a_power_loss),
      RUN(frames_promise_what_was_synced_before_them),
      RUN(a_torn_tail_is_discarded_and_a_new_segment_begun),
      RUN(damage_before_what_was_promised_is_corruption),
      RUN(a_damaged_seal_is_corruption_as_soon_as_a_later_frame_was_synced),
      RUN(a_batch_that_fits_nowhere_is_refused),
      RUN(without_a_spare_segment_nothing_more_is_accepted_than_fits),
      RUN(stale_frames_of_a_recycled_segment_are_never_read))
