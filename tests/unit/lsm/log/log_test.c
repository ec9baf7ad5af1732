// The log gives back a prefix of what was written that has all that was synced, and
// tells a torn tail from damage.
#include "unit/unit.h"

#include "base/endian.h"
#include "disk/memory_vfs_damage.h"
#include "lsm/log/log_recovery.h"

#include <stdio.h>

enum { DATABASE = 42, SEGMENT_SIZE = 64 << 10, BEGIN_OFFSET = 512 };

static struct memory_vfs disk;
static struct log log_now;
static struct log_write write_now;
static struct buf replayed;       // all batches, one behind the other
static uint64_t replayed_address; // of the last one
static struct fault fault;
static enum log_durability durability;

static void prepare(uint64_t number, uint64_t recycled)
{
    struct segment segment = {
        .number = number, .size = SEGMENT_SIZE, .is_mapped = durability != LOG_DURABILITY_GROUP};
    assert_int_equal(segment_prepare(&segment, &disk.vfs, "db", DATABASE, recycled, &fault),
                     STATUS_OK);
    log_add_segment(&log_now, &segment);
}

static enum status apply(void *context, struct bytes ops, uint64_t address, struct fault *why)
{
    (void)why;
    (void)context;
    replayed_address = address;
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

// Reads the log from this place in segment 1 on.
static enum status recover_from(uint64_t offset)
{
    uint64_t by_number[64] = {0}, numbers[64];
    size_t count = 0;
    log_release(&log_now);
    log_write_release(&write_now, &disk.vfs);
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
                           .reserve_size = SEGMENT_SIZE,
                           .durability = durability};
    return log_recover(&log_now,
                       &(struct log_recovery){.address = (uint64_t)1 << 32 | offset,
                                              .numbers = numbers,
                                              .count = count,
                                              .apply = apply},
                       &fault);
}

static enum status recover(void)
{
    return recover_from(BEGIN_OFFSET);
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
    log_write_release(&write_now, &disk.vfs);
    buf_release(&replayed);
    memory_vfs_release(&disk);
    durability = LOG_DURABILITY_GROUP;
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
    struct segment segment;
    uint64_t recycled = 0;
    log_drop(&log_now, log_now.stored, NULL, NULL);
    assert_true(log_plan_segment(&log_now, &segment, &recycled));
    assert_int_equal(segment.number, 3);
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

TEST(a_segment_is_prepared_long_before_it_is_needed_and_not_for_nothing)
{
    static const uint8_t bytes[1000];
    struct segment segment;
    uint64_t recycled, number, position;
    size_t size = 0;
    start();
    while (!log_plan_segment(&log_now, &segment, &recycled)) {
        assert_int_equal(log_append(&log_now, bytes_of(bytes, sizeof bytes), &position), STATUS_OK);
        sync_now();
        size += sizeof bytes;
    }
    assert_in_range(size, SEGMENT_SIZE / 16, SEGMENT_SIZE / 4);
    prepare(segment.number, recycled);
    assert_false(log_plan_segment(&log_now, &segment, &recycled));
    log_now.is_idle = true; // or each burst of writes would begin with making another one
    assert_false(log_take_obsolete(&log_now, &number));
    prepare(segment.number + 1, 0);
    assert_true(log_take_obsolete(&log_now, &number));
    assert_int_equal(number, segment.number + 1);
    assert_false(log_take_obsolete(&log_now, &number));
    stop();
}

TEST(a_mapped_log_is_stored_at_once_and_outlives_the_process)
{
    durability = LOG_DURABILITY_NONE;
    start();
    uint64_t position = append("one ");
    assert_true(log_durable(&log_now) >= position);
    append("two");
    assert_false(log_take(&log_now, &write_now));
    memory_vfs_kill(&disk);
    assert_int_equal(recover(), STATUS_OK);
    assert_true(bytes_equal(buf_bytes(&replayed), bytes_of_text("one two")));
    crash();
    assert_int_equal(recover(), STATUS_OK);
    assert_int_equal(replayed.size, 0);
    stop();
}

TEST(full_mapped_segments_are_closed_and_synced_by_the_next_write)
{
    for (durability = LOG_DURABILITY_INTERVAL;; durability = LOG_DURABILITY_NONE) {
        enum log_durability played = durability;
        start();
        prepare(2, 0);
        fill_segment();
        log_drop(&log_now, log_now.stored, NULL, NULL);
        assert_int_equal(log_now.segment_count, 2); // the first is still open
        uint64_t stored = log_now.stored, synced = log_now.synced;
        sync_now();
        assert_true(log_now.stored == stored);
        assert_int_equal(write_now.sync_count, 0);
        bool is_synced = played == LOG_DURABILITY_INTERVAL;
        assert_true(is_synced ? log_now.synced >> 32 == 1 && log_now.synced > synced
                              : log_now.synced == synced);
        log_drop(&log_now, log_now.stored, NULL, NULL);
        assert_int_equal(log_now.segment_count, 1);
        stop();
        if (!is_synced)
            break;
    }
}

TEST(a_due_sync_makes_a_mapped_log_durable)
{
    durability = LOG_DURABILITY_INTERVAL;
    start();
    append("one");
    log_now.is_sync_due = true;
    sync_now();
    append("two");
    assert_true(log_now.synced < log_now.stored);
    crash();
    assert_int_equal(recover(), STATUS_OK);
    assert_true(bytes_equal(buf_bytes(&replayed), bytes_of_text("one")));
    stop();
}

// What a process has done of a frame when it is killed: first the payload, in any part,
// then the fields of the header, the checksum at the end.
TEST(a_frame_that_was_half_made_when_the_process_died_was_never_there)
{
    enum { SIZE = 56, OFFSET = BEGIN_OFFSET + 40 }; // of the second frame
    struct buf before = {0}, after = {0};
    for (size_t done = 0; done <= SIZE; done++) {
        durability = LOG_DURABILITY_NONE;
        start();
        append("one");
        memory_vfs_load(&disk, "db/000001.log", &before);
        append("two, of some length");
        memory_vfs_load(&disk, "db/000001.log", &after);
        memory_vfs_kill(&disk);
        log_release(&log_now);
        for (size_t i = 0; i < SIZE; i++) {
            size_t at = OFFSET + (i < SIZE - 32 ? i + 32 : (i - (SIZE - 32) + 8) % 32);
            if (i < done)
                before.data[at] = after.data[at];
        }
        memory_vfs_store(&disk, "db/000001.log", buf_bytes(&before));
        bool is_whole = memcmp(before.data, after.data, before.size) == 0;
        assert_true(is_whole || done < SIZE);
        assert_int_equal(recover(), STATUS_OK);
        assert_true(bytes_equal(buf_bytes(&replayed),
                                bytes_of_text(is_whole ? "onetwo, of some length" : "one")));
        stop();
    }
    buf_release(&before);
    buf_release(&after);
}

TEST(a_segment_that_cannot_be_mapped_may_follow_one_that_is)
{
    durability = LOG_DURABILITY_NONE;
    start();
    disk.has_no_maps = true;
    prepare(2, 0);
    disk.has_no_maps = false;
    prepare(3, 0);
    while (log_now.current == 0)
        append("one segment ");
    assert_true(log_now.stored >> 32 == 2); // at once, there as well
    while (log_now.current == 1)
        append("another one ");
    uint64_t position = append("no write was waited for ");
    assert_true(log_durable(&log_now) >= position);
    memory_vfs_kill(&disk);
    assert_int_equal(recover(), STATUS_OK);
    assert_true(replayed.size > 2 * SEGMENT_SIZE / 5);
    assert_memory_equal(replayed.data + replayed.size - 24, "no write was waited for ", 24);
    stop();
}

// The next log_write brings it, and what follows waits behind it.
TEST(a_frame_that_could_not_be_written_at_once_is_written_later)
{
    for (unsigned is_last = 0; is_last < 2; is_last++) { // in its segment, so that a seal follows
        durability = LOG_DURABILITY_NONE;
        start();
        disk.has_no_maps = true;
        prepare(2, 0);
        disk.has_no_maps = false;
        while (log_now.current == 0)
            append("one segment ");
        if (is_last)
            prepare(3, 0);
        while (is_last && log_now.offset + 44 + LOG_SEAL_SIZE <= SEGMENT_SIZE)
            append("another one ");
        uint64_t stored = log_durable(&log_now);
        memory_vfs_fail(&disk, MEMORY_VFS_WRITE, 0, STATUS_IO, false);
        uint64_t first = append("refused by the disk ");
        assert_true(first > stored && log_durable(&log_now) == stored);
        uint64_t second = append("behind it ");
        assert_true(second > first && log_durable(&log_now) == stored);
        assert_int_equal(log_now.current, is_last ? 2 : 1);
        sync_now();
        assert_true(log_durable(&log_now) >= second);
        uint64_t third = append("at once ");
        assert_true(log_durable(&log_now) >= third);
        memory_vfs_kill(&disk);
        assert_int_equal(recover(), STATUS_OK);
        const char *end = "refused by the disk behind it at once ";
        assert_memory_equal(replayed.data + replayed.size - strlen(end), end, strlen(end));
        stop();
    }
}

static void check_address(uint64_t address, const char *text)
{
    struct buf content = {0};
    char path[32];
    snprintf(path, sizeof path, "db/%06u.log", (unsigned)(address >> 32));
    memory_vfs_load(&disk, path, &content);
    assert_memory_equal(content.data + (address & UINT32_MAX), text, strlen(text));
    buf_release(&content);
}

TEST(operations_lie_before_their_position_and_a_replay_says_where)
{
    for (unsigned i = 0; i < 2; i++) {
        durability = i ? LOG_DURABILITY_NONE : LOG_DURABILITY_GROUP;
        start();
        uint64_t first = append("first") - 5;
        uint64_t second = append("the second") - 10;
        if (!i)
            sync_now();
        check_address(first, "first");
        check_address(second, "the second");
        assert_int_equal(recover(), STATUS_OK);
        assert_true(replayed_address == second);
        stop();
    }
}

TEST(a_log_leaves_room_for_the_seal_of_its_last_segment)
{
    start();
    assert_int_equal(recover_from(SEGMENT_SIZE - LOG_SEAL_SIZE), STATUS_OK);
    prepare(2, 0);
    append("goes into the next segment");
    assert_int_equal(recover_from(SEGMENT_SIZE - LOG_SEAL_SIZE + FRAME_ALIGN), STATUS_CORRUPT);
    assert_int_equal(recover_from(SEGMENT_SIZE), STATUS_CORRUPT);
    assert_string_equal(fault.text,
                        "db/000001.log: log ending without room for a seal at offset 65536");
    stop();
}
