// The manifest says after every crash what it said before or after the last edit.
#include "unit/unit.h"

#include "lsm/manifest.h"
#include "sim/memory_vfs.h"

static struct memory_vfs disk;
static struct manifest manifest;
static struct edit_state seen;
static struct fault fault;

static void edit_table(struct buf *edit, uint64_t number)
{
    struct sstable_info info = {.number = number, .run = number, .size = 100, .entry_count = 5};
    buf_append_text(&info.smallest, "a");
    buf_append_text(&info.greatest, "z");
    edit_encode_add(edit, &info);
    sstable_info_release(&info);
}

static void start(void)
{
    struct buf edit = {0}, snapshot = {0};
    memory_vfs_init(&disk);
    disk.vfs.make_dir(&disk.vfs, "db", NULL);
    disk.vfs.sync_dir(&disk.vfs, ".", NULL);
    buf_append_text(&snapshot, "snapshot");
    edit_encode_flushed(&edit, 77, &snapshot);
    edit_encode_next_file(&edit, 5);
    edit_table(&edit, 3);
    assert_int_equal(manifest_create(&manifest, &disk.vfs, "db", 42, 1, buf_bytes(&edit), &fault),
                     STATUS_OK);
    assert_int_equal(manifest_switch(&manifest, &fault), STATUS_OK);
    buf_release(&edit);
    buf_release(&snapshot);
}

static enum status reopen(void)
{
    manifest_close(&manifest);
    edit_state_release(&seen);
    return manifest_open(&manifest, &disk.vfs, "db", &seen, &fault);
}

static void stop(void)
{
    manifest_close(&manifest);
    edit_state_release(&seen);
    memory_vfs_release(&disk);
}

static void append_table(uint64_t number)
{
    struct buf edit = {0};
    edit_table(&edit, number);
    assert_int_equal(manifest_append(&manifest, buf_bytes(&edit), &fault), STATUS_OK);
    buf_release(&edit);
}

TEST(edits_add_up)
{
    struct buf edit = {0};
    start();
    append_table(4);
    edit_encode_remove(&edit, 3);
    edit_encode_flushed(&edit, 88, NULL);
    assert_int_equal(manifest_append(&manifest, buf_bytes(&edit), &fault), STATUS_OK);
    assert_int_equal(reopen(), STATUS_OK);
    assert_true(seen.flushed == 88 && !seen.has_snapshot && seen.next_file == 5);
    assert_int_equal(seen.table_count, 1);
    assert_true(seen.tables[0].number == 4 && seen.tables[0].entry_count == 5);
    assert_true(bytes_equal(buf_bytes(&seen.tables[0].greatest), bytes_of_text("z")));
    assert_true(manifest.database == 42);
    buf_release(&edit);
    stop();
}

TEST(the_last_edit_may_be_torn_and_those_before_may_not)
{
    start();
    uint64_t first = manifest.size;
    append_table(6);
    uint64_t second = manifest.size;
    append_table(7);
    memory_vfs_flip(&disk, "db/MANIFEST-000001", second + 40, 1);
    assert_int_equal(reopen(), STATUS_OK);
    assert_true(manifest.is_torn && manifest_is_long(&manifest));
    assert_int_equal(seen.table_count, 2);
    memory_vfs_flip(&disk, "db/MANIFEST-000001", second + 40, 1);
    memory_vfs_flip(&disk, "db/MANIFEST-000001", first + 40, 1);
    assert_int_equal(reopen(), STATUS_CORRUPT);
    memory_vfs_flip(&disk, "db/MANIFEST-000001", first + 40, 1);
    memory_vfs_flip(&disk, "db/MANIFEST-000001", 512 + 40, 1);
    assert_int_equal(reopen(), STATUS_CORRUPT);
    assert_string_equal(fault.text, "db/MANIFEST-000001: damaged edit at offset 512");
    stop();
}

TEST(a_new_manifest_counts_from_the_switch_on)
{
    struct buf edit = {0};
    start();
    append_table(4);
    struct manifest next;
    edit_encode_flushed(&edit, 99, NULL);
    assert_int_equal(manifest_create(&next, &disk.vfs, "db", 42, 2, buf_bytes(&edit), &fault),
                     STATUS_OK);
    assert_int_equal(reopen(), STATUS_OK);
    assert_int_equal(seen.table_count, 2);
    assert_int_equal(manifest_switch(&next, &fault), STATUS_OK);
    manifest_close(&next);
    assert_int_equal(reopen(), STATUS_OK);
    assert_true(seen.table_count == 0 && seen.flushed == 99 && manifest.number == 2);
    buf_release(&edit);
    stop();
}

TEST(without_current_there_is_no_database)
{
    start();
    disk.vfs.remove(&disk.vfs, "db/CURRENT", NULL);
    assert_int_equal(reopen(), STATUS_NOT_FOUND);
    memory_vfs_store(&disk, "db/CURRENT", bytes_of_text("MANIFEST-1\n"));
    assert_int_equal(reopen(), STATUS_CORRUPT);
    memory_vfs_store(&disk, "db/CURRENT", bytes_of_text("MANIFEST-000009\n"));
    assert_int_equal(reopen(), STATUS_CORRUPT);
    assert_string_equal(fault.text, "db/MANIFEST-000009: missing at offset 0");
    stop();
}

TEST(an_edit_that_contradicts_the_state_is_refused)
{
    struct edit_state empty = {0};
    struct buf edit = {0};
    edit_encode_remove(&edit, 1);
    assert_false(edit_apply(&empty, buf_bytes(&edit)));
    buf_clear(&edit);
    edit_table(&edit, 1);
    assert_true(edit_apply(&empty, buf_bytes(&edit)));
    assert_false(edit_apply(&empty, buf_bytes(&edit)));
    for (size_t size = 1; size < edit.size; size++) {
        struct edit_state cut = {0};
        assert_false(edit_apply(&cut, bytes_of(edit.data, size)));
        edit_state_release(&cut);
    }
    edit_state_release(&empty);
    buf_release(&edit);
}

TESTS(RUN(edits_add_up), RUN(the_last_edit_may_be_torn_and_those_before_may_not),
      RUN(a_new_manifest_counts_from_the_switch_on), RUN(without_current_there_is_no_database),
      RUN(an_edit_that_contradicts_the_state_is_refused))
