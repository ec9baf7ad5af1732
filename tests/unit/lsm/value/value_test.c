// A large value comes back as it was written, or its file and offset are named.
#include "unit/unit.h"

#include "base/xalloc.h"
#include "disk/memory_vfs_damage.h"
#include "lsm/file/frame.h"
#include "lsm/value/value.h"
#include "lsm/value/value_reader.h"
#include "lsm/value/value_writer.h"

#include <stdlib.h>

enum {
    DATABASE = 42,
    FIRST = 9,
};

static struct memory_vfs disk;
static struct value_writer writer;
static struct value_reader reader;
static struct fault fault;

static void start(void)
{
    memory_vfs_init(&disk);
    disk.vfs.make_dir(&disk.vfs, "db", NULL);
    writer = (struct value_writer){&disk.vfs, "db", DATABASE, .next_file = FIRST, .file_end = 99};
    reader = (struct value_reader){&disk.vfs, "db", DATABASE, .use = 0};
}

static void stop(void)
{
    value_writer_release(&writer);
    value_writer_release(&writer);
    value_reader_release(&reader);
    value_reader_release(&reader);
    memory_vfs_release(&disk);
}

// A value of this size that no other number gives.
static void make(struct buf *value, unsigned number, size_t size)
{
    buf_clear(value);
    uint8_t *at = buf_grow(value, size);
    for (size_t i = 0; i < size; i++)
        at[i] = (uint8_t)(number * 31 + i * 7 + (i >> 8));
}

static enum status try_add(struct bytes value, struct value_pointer *pointer)
{
    return value_writer_add(&writer, &(struct entry){.value = value}, pointer, &fault);
}

static struct value_pointer add(struct bytes value)
{
    struct value_pointer pointer;
    assert_int_equal(try_add(value, &pointer), STATUS_OK);
    return pointer;
}

static struct value_pointer point(struct bytes value, uint64_t place, uint64_t database)
{
    return value_point(&(struct entry){.value = value}, place, database);
}

static void finish(void)
{
    assert_int_equal(value_writer_finish(&writer, &fault), STATUS_OK);
}

static void assert_value(const struct value_pointer *pointer, struct bytes expected)
{
    struct buf value = {0};
    buf_append_text(&value, "replaced");
    assert_int_equal(value_read(&reader, pointer, &value, &fault), STATUS_OK);
    assert_true(bytes_equal(buf_bytes(&value), expected));
    buf_release(&value);
}

static void assert_damaged(const struct value_pointer *pointer, const char *text)
{
    struct buf value = {0};
    assert_int_equal(value_read(&reader, pointer, &value, &fault), STATUS_CORRUPT);
    assert_string_equal(fault.text, text);
    buf_release(&value);
}

// ---- Packing ---------------------------------------------------------------------------

TEST(a_packed_value_is_smaller_and_comes_back)
{
    struct buf value = {0}, out = {0}, back = {0};
    make(&value, 1, 10000);
    buf_append_text(&out, "before");
    assert_true(value_pack(&out, buf_bytes(&value)));
    assert_true(out.size < 6 + value.size - value.size / 8 + 4);
    assert_memory_equal(out.data, "before", 6);
    struct bytes packed = bytes_of(out.data + 6, out.size - 6);
    struct entry entry = {.value = packed, .is_packed = true};
    assert_int_equal(value_size(&entry), 10000);
    assert_true(value_unpack(&back, packed));
    assert_true(bytes_equal(buf_bytes(&back), buf_bytes(&value)));
    buf_release(&value);
    buf_release(&out);
    buf_release(&back);
}

TEST(what_does_not_shrink_is_not_packed)
{
    struct random random;
    struct buf value = {0}, out = {0};
    random_init(&random, 1);
    for (int i = 0; i < 10000; i++)
        buf_append_u8(&value, (uint8_t)random_u64(&random));
    buf_append_text(&out, "before");
    assert_false(value_pack(&out, buf_bytes(&value)));
    assert_int_equal(out.size, 6);
    assert_false(value_pack(&out, (struct bytes){0}));
    assert_int_equal(out.size, 6);
    buf_release(&value);
    buf_release(&out);
}

TEST(what_was_not_packed_is_not_unpacked)
{
    struct buf value = {0}, packed = {0}, back = {0};
    make(&value, 1, 5000);
    assert_true(value_pack(&packed, buf_bytes(&value)));
    for (size_t size = 0; size < packed.size; size++)
        assert_false(value_unpack(&back, bytes_of(packed.data, size)));
    static const uint32_t sizes[] = {0, 1, 4999, 5001, 1 << 30, UINT32_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        store_u32(packed.data, sizes[i]);
        assert_false(value_unpack(&back, buf_bytes(&packed)));
    }
    buf_release(&value);
    buf_release(&packed);
    buf_release(&back);
}

TEST(a_packed_value_is_read_as_it_was_or_as_it_is_stored)
{
    struct buf value = {0}, packed = {0}, stored = {0};
    struct value_pointer pointer, copy;
    start();
    make(&value, 1, 6000);
    assert_true(value_pack(&packed, buf_bytes(&value)));
    struct entry entry = {.value = buf_bytes(&packed), .is_packed = true};
    assert_int_equal(value_writer_add(&writer, &entry, &pointer, &fault), STATUS_OK);
    finish();
    assert_int_equal(pointer.size, packed.size);
    assert_value(&pointer, buf_bytes(&value));
    assert_int_equal(value_read_stored(&reader, &pointer, &stored, &fault), STATUS_OK);
    assert_true(bytes_equal(buf_bytes(&stored), buf_bytes(&packed)));
    buf_clear(&stored);
    value_pointer_encode(&stored, &pointer);
    assert_true(value_pointer_decode(&copy, buf_bytes(&stored)));
    assert_true(copy.is_packed && copy.size == pointer.size);
    buf_release(&value);
    buf_release(&packed);
    buf_release(&stored);
    stop();
}

// ---- Counts ----------------------------------------------------------------------------

TEST(counts_add_up_by_file)
{
    struct value_counts counts = {0};
    assert_int_equal(value_counts_find(&counts, 5), 0);
    value_counts_add(&counts, 5, 10);
    value_counts_add(&counts, VALUE_IN_LOG | 5, 1);
    value_counts_add(&counts, 3, 7);
    value_counts_add(&counts, 5, 10);
    value_counts_add(&counts, 4, 0);
    assert_int_equal(counts.count, 4);
    for (size_t i = 1; i < counts.count; i++)
        assert_true(counts.counts[i - 1].id < counts.counts[i].id);
    assert_int_equal(value_counts_find(&counts, 5), 20);
    assert_int_equal(value_counts_find(&counts, VALUE_IN_LOG | 5), 1);
    assert_int_equal(value_counts_find(&counts, 3), 7);
    assert_int_equal(value_counts_find(&counts, 4), 0);
    assert_int_equal(value_counts_find(&counts, 6), 0);
    value_counts_release(&counts);
    value_counts_release(&counts);
    assert_int_equal(value_counts_find(&counts, 5), 0);
}

// ---- Pointers --------------------------------------------------------------------------

TEST(a_pointer_is_20_bytes_and_comes_back)
{
    struct value_pointer pointer = point(bytes_of_text("value"), (uint64_t)7 << 32 | 512, 42);
    struct value_pointer copy;
    struct buf out = {0};
    value_pointer_encode(&out, &pointer);
    assert_int_equal(out.size, VALUE_POINTER_SIZE);
    assert_true(value_pointer_decode(&copy, buf_bytes(&out)));
    assert_true(copy.place == pointer.place && copy.size == 5);
    assert_true(copy.checksum == pointer.checksum);
    assert_int_equal(value_id(copy.place), 7);
    assert_false(value_pointer_decode(&copy, bytes_of(out.data, 19)));
    buf_append_u8(&out, 0);
    assert_false(value_pointer_decode(&copy, buf_bytes(&out)));
    buf_release(&out);
}

TEST(the_checksum_of_a_pointer_tells_its_place_and_database)
{
    struct bytes value = bytes_of_text("value");
    uint64_t place = (uint64_t)7 << 32 | 512;
    uint64_t checksum = point(value, place, 42).checksum;
    assert_true(point(value, place, 43).checksum != checksum);
    assert_true(point(value, place + 8, 42).checksum != checksum);
    assert_true(point(value, place | VALUE_IN_LOG << 32, 42).checksum != checksum);
    assert_true(point(bytes_of_text("valuf"), place, 42).checksum != checksum);
}

TEST(an_id_names_a_value_file_or_a_segment_of_the_log)
{
    struct buf path = {0};
    assert_string_equal(value_path(&path, "db", 12), "db/000012.val");
    assert_string_equal(value_path(&path, "db", VALUE_IN_LOG | 12), "db/000012.log");
    buf_release(&path);
}

// ---- Writing and reading ---------------------------------------------------------------

TEST(values_come_back_each_from_a_multiple_of_8)
{
    static const size_t sizes[] = {4096, 0, 1, 7, 8, 9, 5000000, 1 << 20, 65537};
    enum { COUNT = sizeof sizes / sizeof sizes[0] };
    struct value_pointer pointers[COUNT];
    struct buf value = {0};
    uint64_t sum = 0, end = VALUE_FILE_START;
    start();
    for (unsigned i = 0; i < COUNT; i++) {
        make(&value, i, sizes[i]);
        pointers[i] = add(buf_bytes(&value));
        assert_true(pointers[i].place == ((uint64_t)FIRST << 32 | end));
        end += (sizes[i] + 7) / 8 * 8;
        sum += sizes[i];
    }
    finish();
    assert_int_equal(value_counts_find(&writer.written, FIRST), sum);
    assert_int_equal(memory_vfs_size(&disk, "db/000009.val"), end);
    for (unsigned i = COUNT; i-- > 0;) {
        make(&value, i, sizes[i]);
        assert_value(&pointers[i], buf_bytes(&value));
    }
    buf_release(&value);
    stop();
}

TEST(a_value_file_begins_with_a_header_of_its_kind)
{
    struct buf content = {0};
    struct frame_file file = {0};
    start();
    add(bytes_of_text("value"));
    finish();
    memory_vfs_load(&disk, "db/000009.val", &content);
    assert_int_equal(frame_file_decode(&file, buf_bytes(&content), FRAME_FILE_VALUES, "x", &fault),
                     STATUS_OK);
    assert_true(file.database == DATABASE && file.number == FIRST && file.size == 0);
    assert_memory_equal(content.data, "dkv-val", 8);
    assert_memory_equal(content.data + VALUE_FILE_START, "value\0\0", 8);
    buf_release(&content);
    stop();
}

TEST(a_full_file_is_followed_by_another_and_an_abort_removes_them_all)
{
    enum { SIZE = 100 << 20 };
    const size_t size_more = VALUE_FILE_SIZE_MAX + 1; // than any file takes: one for it alone
    uint8_t *zeros = xcalloc(1, size_more);
    struct value_pointer pointers[3];
    start();
    for (unsigned i = 0; i < 3; i++)
        pointers[i] = add(bytes_of(zeros, SIZE));
    struct value_pointer last = add(bytes_of(zeros, size_more));
    finish();
    assert_int_equal(writer.written.count, 3);
    assert_int_equal(value_id(pointers[0].place), FIRST);
    assert_int_equal(value_id(pointers[1].place), FIRST);
    assert_int_equal(value_id(pointers[2].place), FIRST + 1);
    assert_true(last.place == ((uint64_t)(FIRST + 2) << 32 | VALUE_FILE_START));
    assert_true(memory_vfs_size(&disk, "db/000009.val") <= VALUE_FILE_SIZE_MAX);
    assert_value(&pointers[2], bytes_of(zeros, SIZE));
    add(bytes_of_text("not finished"));
    assert_true(memory_vfs_has(&disk, "db/000009.val") && memory_vfs_has(&disk, "db/000012.val"));
    value_writer_abort(&writer);
    for (uint64_t number = FIRST; number < FIRST + 4; number++) {
        struct buf path = {0};
        assert_false(memory_vfs_has(&disk, value_path(&path, "db", number)));
        buf_release(&path);
    }
    free(zeros);
    stop();
}

TEST(files_are_synced_when_the_writer_has_finished)
{
    struct random random;
    struct buf value = {0};
    random_init(&random, 1);
    start();
    make(&value, 1, 3 << 20);
    struct value_pointer pointer = add(buf_bytes(&value));
    finish();
    finish(); // nothing more to do
    assert_int_equal(disk.vfs.sync_dir(&disk.vfs, "db", &fault), STATUS_OK);
    assert_int_equal(disk.vfs.sync_dir(&disk.vfs, ".", &fault), STATUS_OK);
    value_writer_release(&writer);
    memory_vfs_crash(&disk, MEMORY_VFS_LOSE_ALL, &random);
    assert_value(&pointer, buf_bytes(&value));
    buf_release(&value);
    stop();
}

TEST(a_failed_write_or_sync_is_told)
{
    struct buf value = {0};
    struct value_pointer pointer;
    make(&value, 1, 2 << 20);
    start();
    memory_vfs_fail(&disk, MEMORY_VFS_WRITE, 0, STATUS_DISK_FULL, false);
    assert_int_equal(try_add(buf_bytes(&value), &pointer), STATUS_DISK_FULL);
    value_writer_abort(&writer);
    assert_false(memory_vfs_has(&disk, "db/000009.val"));
    stop();
    start();
    add(buf_bytes(&value));
    memory_vfs_fail(&disk, MEMORY_VFS_SYNC, 0, STATUS_IO, false);
    assert_int_equal(value_writer_finish(&writer, &fault), STATUS_IO);
    value_writer_abort(&writer);
    assert_false(memory_vfs_has(&disk, "db/000009.val"));
    stop();
    start();
    memory_vfs_store(&disk, "db/000009.val", bytes_of_text("there already"));
    assert_int_not_equal(try_add(buf_bytes(&value), &pointer), STATUS_OK);
    buf_release(&value);
    stop();
}

// ---- Damage ----------------------------------------------------------------------------

TEST(a_damaged_value_is_named_and_the_others_are_read)
{
    struct buf value = {0};
    start();
    make(&value, 1, 5000);
    struct value_pointer first = add(buf_bytes(&value)), second = add(buf_bytes(&value));
    finish();
    for (uint64_t offset = 5512; offset < 10512; offset += 777) {
        memory_vfs_flip(&disk, "db/000009.val", offset, 3);
        assert_value(&first, buf_bytes(&value));
        assert_damaged(&second, "db/000009.val: damaged value at offset 5512");
        memory_vfs_flip(&disk, "db/000009.val", offset, 3);
    }
    assert_value(&second, buf_bytes(&value));
    memory_vfs_truncate(&disk, "db/000009.val", 10511);
    assert_damaged(&second, "db/000009.val: damaged value at offset 5512");
    memory_vfs_truncate(&disk, "db/000009.val", 512);
    assert_damaged(&first, "db/000009.val: damaged value at offset 512");
    value_reader_forget(&reader, FIRST);
    disk.vfs.remove(&disk.vfs, "db/000009.val", NULL);
    assert_damaged(&first, "db/000009.val: missing");
    first.place |= VALUE_IN_LOG << 32;
    assert_damaged(&first, "db/000009.log: missing");
    buf_release(&value);
    stop();
}

TEST(a_value_of_another_place_or_database_is_damaged)
{
    struct bytes value = bytes_of_text("the same value");
    start();
    struct value_pointer first = add(value), second = add(value);
    finish();
    struct value_pointer wrong = first;
    wrong.place = second.place; // the bytes are the same
    assert_damaged(&wrong, "db/000009.val: damaged value at offset 528");
    reader.database++;
    assert_damaged(&first, "db/000009.val: damaged value at offset 512");
    stop();
}

TEST(a_failed_read_is_no_damage)
{
    struct bytes expected = bytes_of_text("value");
    struct buf value = {0};
    start();
    struct value_pointer pointer = add(expected);
    finish();
    memory_vfs_fail(&disk, MEMORY_VFS_OPEN, 0, STATUS_IO, false);
    assert_int_equal(value_read(&reader, &pointer, &value, &fault), STATUS_IO);
    memory_vfs_fail(&disk, MEMORY_VFS_READ, 0, STATUS_IO, false);
    assert_int_equal(value_read(&reader, &pointer, &value, &fault), STATUS_IO);
    assert_value(&pointer, expected);
    buf_release(&value);
    stop();
}

TEST(a_reader_reads_from_more_files_than_it_keeps_open)
{
    enum { COUNT = 3 * VALUE_OPEN_MAX };
    struct value_pointer pointers[COUNT];
    struct buf value = {0};
    start();
    for (unsigned i = 0; i < COUNT; i++) {
        make(&value, i, 100 + i);
        pointers[i] = add(buf_bytes(&value));
        finish(); // the next one goes into a new file
    }
    assert_int_equal(writer.written.count, COUNT);
    for (unsigned round = 0; round < 5; round++)
        for (unsigned k = 0; k < COUNT; k++) {
            unsigned i = (k * (round * 6 + 1) + round) % COUNT;
            make(&value, i, 100 + i);
            assert_value(&pointers[i], buf_bytes(&value));
        }
    buf_release(&value);
    stop();
}
