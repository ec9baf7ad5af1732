// A flush writes every key of a memtable once; large values stay where they lie in the log if
// they fill most of a segment, and are copied if not.
#include "unit/unit.h"

#include "base/hash.h"
#include "disk/memory_vfs_damage.h"
#include "lsm/file/frame.h"
#include "lsm/merge/flush.h"
#include "lsm/table/sstable.h"
#include "lsm/value/value_reader.h"

#include <stdio.h>

enum {
    DATABASE = 42,
    SEGMENT_SIZE = 64 << 10,
    LARGE = 4096,
};

static struct memory_vfs disk;
static struct memtable *memtable;
static struct flush flush;
static struct sstable_files files;
static struct fault fault;
static uint8_t large[LARGE + 1000]; // a large value begins anywhere in its first bytes

static void start(void)
{
    memory_vfs_init(&disk);
    disk.vfs.make_dir(&disk.vfs, "db", NULL);
    memtable = memtable_new(1 << 20, DATABASE, LARGE, NULL);
    files = (struct sstable_files){.count_max = 9};
    for (size_t i = 0; i < sizeof large; i++)
        large[i] = (uint8_t)(i * i >> 3);
    flush = (struct flush){
        .memtable = memtable,
        .begin = frame_address(1, FRAME_START),
        .end = frame_address(9, FRAME_START),
        .segment_size = SEGMENT_SIZE,
        .writer =
            {
                .vfs = &disk.vfs,
                .dir = "db",
                .database = DATABASE,
                .block_size = 1000,
                .filter_bits = 10,
                .table_size_max = 1 << 20,
                .next_file = 3,
                .file_end = 20,
                .run = 2,
                .values = {&disk.vfs, "db", DATABASE, .next_file = 20, .file_end = 30},
            },
    };
}

static void stop(void)
{
    flush_release(&flush);
    flush_release(&flush);
    sstable_files_release(&files);
    memtable_release(memtable);
    memory_vfs_release(&disk);
}

static void add(const char *key, struct bytes value, uint64_t address)
{
    struct entry entry = {.key = bytes_of_text(key), .value = value, .value_address = address};
    memtable_add(memtable, hash64_seeded(entry.key, DATABASE), &entry);
}

static void remove_key(const char *key)
{
    struct entry entry = {.key = bytes_of_text(key), .is_deleted = true};
    memtable_add(memtable, hash64_seeded(entry.key, DATABASE), &entry);
}

// `count` large values in a segment, one behind the other from an offset on, whose keys begin
// with a letter; and the segment.
static void add_large(char letter, uint64_t number, uint64_t offset, unsigned count)
{
    struct buf path = {0}, segment = {0};
    memset(buf_grow(&segment, SEGMENT_SIZE), 0, SEGMENT_SIZE);
    for (unsigned i = 0; i < count; i++, offset += LARGE) {
        char key[16];
        snprintf(key, sizeof key, "%c%02u", letter, i);
        add(key, bytes_of(large + i, LARGE), frame_address(number, offset));
        memcpy(segment.data + offset, large + i, LARGE);
    }
    memory_vfs_store(&disk, value_path(&path, "db", number | VALUE_IN_LOG), buf_bytes(&segment));
    buf_release(&path);
    buf_release(&segment);
}

static unsigned run(uint64_t step_size)
{
    unsigned step_count = 0;
    for (; !flush.has_ended; step_count++)
        assert_int_equal(flush_step(&flush, step_size, &fault), STATUS_OK);
    return step_count;
}

// Where the value of a key lies: an id of a file; 0 in the table, 1 nowhere, 2 deleted.
static uint64_t where(const char *key)
{
    struct block *block = NULL;
    struct buf stored = {0}, value = {0};
    struct value_pointer pointer;
    uint64_t place = 1;
    bool is_equal = false;
    uint32_t at = 0;
    for (size_t i = 0; i < flush.writer.count && !is_equal; i++) {
        struct sstable *table = flush.writer.tables[i];
        uint32_t index = sstable_find_block(table, bytes_of_text(key));
        assert_int_equal(sstable_try_block(table, index, NULL, &stored, &block, &fault), STATUS_OK);
        at = block_find(block, bytes_of_text(key), &is_equal);
    }
    if (is_equal)
        place = block_is_deleted(block, at) ? 2 : 0;
    if (is_equal && block_is_pointer(block, at)) {
        struct value_reader reader = {.vfs = &disk.vfs, .dir = "db", .database = DATABASE};
        assert_true(value_pointer_decode(&pointer, block_value(block, at)));
        assert_int_equal(value_read(&reader, &pointer, &value, &fault), STATUS_OK);
        unsigned first = (unsigned)(key[1] - '0') * 10 + (unsigned)(key[2] - '0');
        assert_true(bytes_equal(buf_bytes(&value), bytes_of(large + first, LARGE)));
        value_reader_release(&reader);
        place = value_id(pointer.place);
    }
    block_release(block);
    buf_release(&stored);
    buf_release(&value);
    return place;
}

TEST(every_key_is_written_once_as_it_is_now)
{
    start();
    add("a", bytes_of_text("old"), 0);
    add("b", bytes_of_text("value"), 0);
    add("a", bytes_of_text("new"), 0);
    remove_key("b");
    remove_key("c");
    run(1 << 20);
    assert_int_equal(flush.writer.count, 1);
    const struct sstable_info *info = &flush.writer.tables[0]->info;
    assert_true(info->number == 3 && info->run == 2);
    assert_true(info->entry_count == 3 && info->deleted_count == 2 && !info->value_size);
    assert_true(where("a") == 0 && where("b") == 2 && where("c") == 2 && where("d") == 1);
    stop();
}

TEST(without_older_tables_deletions_have_nothing_to_hide)
{
    start();
    flush.is_oldest = true;
    add("a", bytes_of_text("value"), 0);
    remove_key("b");
    run(1 << 20);
    assert_true(flush.writer.count == 1 && flush.writer.tables[0]->info.entry_count == 1);
    stop();
    start();
    flush.is_oldest = true;
    remove_key("b");
    run(1 << 20);
    assert_int_equal(flush.writer.count, 0); // nothing is left
    stop();
}

TEST(large_values_stay_in_a_segment_that_they_fill)
{
    start();
    add_large('a', 2, 600, 8);  // half of what a segment has
    add_large('b', 3, 600, 7);  // less
    add_large('c', 4, 600, 15); // nearly all
    add("small", bytes_of(large, LARGE - 1), frame_address(4, 9000));
    run(1 << 20);
    assert_int_equal(where("a07"), 2 | VALUE_IN_LOG);
    assert_int_equal(where("b06"), 20);
    assert_int_equal(where("c14"), 4 | VALUE_IN_LOG);
    assert_int_equal(where("small"), 0);
    assert_int_equal(flush.kept.count, 2);
    assert_int_equal(value_counts_find(&flush.writer.pointed, 2 | VALUE_IN_LOG), 8 * LARGE);
    assert_int_equal(value_counts_find(&flush.writer.pointed, 20), 7 * LARGE);
    assert_int_equal(value_counts_find(&flush.writer.values.written, 20), 7 * LARGE);
    assert_int_equal(flush.writer.tables[0]->info.value_size, 30 * LARGE);
    stop();
}

TEST(of_the_first_and_last_segment_only_the_part_of_the_memtable_counts)
{
    start();
    flush.begin = frame_address(2, 48 << 10);
    flush.end = frame_address(4, 16 << 10);
    add_large('a', 2, 48 << 10, 2); // of 16 KiB
    add_large('b', 3, 600, 7);      // of 64 KiB
    add_large('c', 4, 600, 1);      // of 16 KiB
    run(1 << 20);
    assert_int_equal(where("a01"), 2 | VALUE_IN_LOG);
    assert_int_equal(where("b06"), 20);
    assert_int_equal(where("c00"), 20);
    stop();
    start(); // the same one
    flush.begin = frame_address(2, 16 << 10);
    flush.end = frame_address(2, 32 << 10);
    add_large('a', 2, 16 << 10, 2);
    run(1 << 20);
    assert_int_equal(where("a01"), 2 | VALUE_IN_LOG);
    stop();
}

TEST(a_large_value_that_was_overwritten_fills_nothing)
{
    start();
    add_large('a', 2, 600, 9);
    add("a00", bytes_of_text("small now"), 0);
    add("a01", bytes_of_text("small now"), 0);
    run(1 << 20);
    assert_int_equal(where("a00"), 0);
    assert_int_equal(where("a05"), 20);
    stop();
}

TEST(small_steps_write_the_same_as_one)
{
    char key[16];
    start();
    for (unsigned i = 0; i < 400; i++) {
        snprintf(key, sizeof key, "key %03u", i);
        add(key, bytes_of(large + i, 300), 0);
    }
    add_large('a', 2, 600, 3);
    assert_true(run(5000) > 5);
    assert_int_equal(flush.writer.tables[0]->info.entry_count, 403);
    assert_true(where("key 399") == 0 && where("a02") == 20);
    stop();
}

TEST(after_the_end_tables_values_and_kept_segments_survive_a_loss_of_power)
{
    struct random random;
    random_init(&random, 1);
    start();
    disk.vfs.sync_dir(&disk.vfs, ".", &fault);
    add_large('a', 2, 600, 9);
    add_large('b', 3, 600, 2);
    struct vfs_file *file; // the log has written, and not yet synced
    assert_int_equal(disk.vfs.open(&disk.vfs, "db/000002.log", VFS_WRITE, &file, &fault),
                     STATUS_OK);
    assert_int_equal(disk.vfs.write(&disk.vfs, file, 600, bytes_of(large, LARGE), &fault),
                     STATUS_OK);
    disk.vfs.close(&disk.vfs, file);
    run(1 << 20);
    struct sstable *table = flush.writer.tables[0];
    sstable_adopt(table, &files);
    memory_vfs_crash(&disk, MEMORY_VFS_LOSE_ALL, &random);
    struct sstable *again;
    assert_int_equal(sstable_open(&again, &disk.vfs, "db", DATABASE, &table->info, &fault),
                     STATUS_OK);
    assert_int_equal(sstable_verify(again, &fault), STATUS_OK);
    flush.writer.tables[0] = again;
    assert_int_equal(where("a00"), 2 | VALUE_IN_LOG);
    assert_int_equal(where("b01"), 20);
    sstable_release(table);
    stop();
}

TEST(a_flush_that_fails_leaves_no_files)
{
    for (unsigned kind = MEMORY_VFS_OPEN; kind < MEMORY_VFS_ANY; kind *= 2) {
        for (uint64_t skip = 0;; skip++) {
            start();
            add("key", bytes_of_text("value"), 0);
            add_large('a', 2, 600, 9);
            add_large('b', 3, 600, 2);
            memory_vfs_fail(&disk, kind, skip, STATUS_IO, false);
            enum status status = STATUS_OK;
            while (!status && !flush.has_ended)
                status = flush_step(&flush, 1 << 20, &fault);
            bool has_failed = disk.fault_count > 0;
            assert_int_equal(status, has_failed ? STATUS_IO : STATUS_OK);
            assert_int_equal(memory_vfs_has(&disk, "db/000003.tbl"), !has_failed);
            assert_int_equal(memory_vfs_has(&disk, "db/000020.val"), !has_failed);
            assert_true(memory_vfs_has(&disk, "db/000002.log"));
            stop();
            if (!has_failed)
                break;
        }
    }
}

// What of it was dropped would not be written by another try.
TEST(a_kept_segment_that_could_not_be_synced_is_the_end_for_want_of_space_too)
{
    start();
    add_large('a', 2, 600, 9);
    memory_vfs_fail(&disk, MEMORY_VFS_SYNC, 0, STATUS_DISK_FULL, false);
    enum status status = STATUS_OK;
    while (!status && !flush.has_ended)
        status = flush_step(&flush, 1 << 20, &fault);
    assert_int_equal(flush.kept.count, 1);
    assert_int_equal(status, STATUS_IO);
    stop();
}
