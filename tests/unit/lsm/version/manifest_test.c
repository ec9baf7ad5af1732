// The manifest says after every crash what it said before or after the last edit.
#include "unit/unit.h"

#include "base/section.h"
#include "disk/memory_vfs_damage.h"
#include "lsm/version/manifest.h"

#include <stdio.h>

static struct memory_vfs disk;
static struct manifest manifest;
static struct edit_state seen;
static struct fault fault;

// A range with tables, each called by a digit.
static void edit_range(struct buf *edit, const char *begin, const char *numbers)
{
    size_t at = section_begin(edit, 4); // range
    buf_append_short(edit, bytes_of_text(begin));
    buf_append_u32(edit, (uint32_t)strlen(numbers));
    for (; *numbers; numbers++)
        buf_append_u64(edit, (uint64_t)(*numbers - '0'));
    section_end(edit, at);
}

// One more table, in front of those that the only range has.
static void edit_table(struct buf *edit, uint64_t number, const char *numbers)
{
    struct sstable_info info = {.number = number, .run = number, .size = 100, .entry_count = 5};
    buf_append_text(&info.smallest, "a");
    buf_append_text(&info.largest, "z");
    size_t at = section_begin(edit, 3); // add
    sstable_info_encode(edit, &info);
    section_end(edit, at);
    edit_range(edit, "", numbers);
    sstable_info_release(&info);
}

static void edit_join(struct buf *edit, const char *begin)
{
    size_t at = section_begin(edit, 5);
    buf_append_short(edit, bytes_of_text(begin));
    section_end(edit, at);
}

static const struct snapshot none;
static struct features features;

static void start(void)
{
    struct buf edit = {0};
    static const char *const names[] = {"apples", "pears-2", NULL};
    features_init(&features, names);
    memory_vfs_init(&disk);
    disk.vfs.make_dir(&disk.vfs, "db", NULL);
    disk.vfs.sync_dir(&disk.vfs, ".", NULL);
    edit_encode_flushed(&edit, 77, &(struct snapshot){9, 100, 1});
    edit_encode_next_file(&edit, 5);
    edit_table(&edit, 3, "3");
    assert_int_equal(
        manifest_create(&manifest, &disk.vfs, "db", 42, 1, &features, buf_bytes(&edit), &fault),
        STATUS_OK);
    assert_int_equal(manifest_switch(&manifest, &fault), STATUS_OK);
    buf_release(&edit);
}

static enum status reopen(void)
{
    manifest_close(&manifest);
    edit_state_release(&seen);
    return manifest_open(&manifest, &disk.vfs, "db", &features, &seen, &fault);
}

static void stop(void)
{
    manifest_close(&manifest);
    edit_state_release(&seen);
    memory_vfs_release(&disk);
}

static void append_table(uint64_t number, const char *numbers)
{
    struct buf edit = {0};
    edit_table(&edit, number, numbers);
    assert_int_equal(manifest_append(&manifest, buf_bytes(&edit), &fault), STATUS_OK);
    buf_release(&edit);
}

TEST(edits_add_up)
{
    struct buf edit = {0};
    start();
    append_table(4, "43");
    edit_range(&edit, "", "4");
    edit_range(&edit, "m", "43");
    edit_encode_flushed(&edit, 88, &none);
    assert_int_equal(manifest_append(&manifest, buf_bytes(&edit), &fault), STATUS_OK);
    assert_int_equal(reopen(), STATUS_OK);
    assert_true(seen.flushed == 88 && !seen.snapshot.number && seen.next_file == 5);
    assert_int_equal(seen.range_count, 2);
    assert_true(seen.ranges[0].numbers.size == 8 && seen.ranges[1].numbers.size == 16);
    assert_true(bytes_equal(buf_bytes(&seen.ranges[1].begin), bytes_of_text("m")));
    const struct sstable_info *table = edit_find_table(&seen, 4);
    assert_true(table && table->entry_count == 5);
    assert_true(bytes_equal(buf_bytes(&table->largest), bytes_of_text("z")));
    assert_null(edit_find_table(&seen, 5));
    assert_true(manifest.database == 42);

    buf_clear(&edit);
    edit_join(&edit, "m");
    assert_int_equal(manifest_append(&manifest, buf_bytes(&edit), &fault), STATUS_OK);
    assert_int_equal(reopen(), STATUS_OK);
    assert_int_equal(seen.range_count, 1);
    buf_release(&edit);
    stop();
}

TEST(the_last_edit_may_be_torn_and_those_before_may_not)
{
    start();
    uint64_t first = manifest.size;
    append_table(6, "63");
    uint64_t second = manifest.size;
    append_table(7, "763");
    memory_vfs_flip(&disk, "db/MANIFEST-000001", second + 40, 1);
    assert_int_equal(reopen(), STATUS_OK);
    assert_true(manifest.is_torn && manifest_wants_rewrite(&manifest));
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
    append_table(4, "43");
    struct manifest next;
    edit_encode_flushed(&edit, 99, &none);
    assert_int_equal(
        manifest_create(&next, &disk.vfs, "db", 42, 2, &features, buf_bytes(&edit), &fault),
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
    assert_string_equal(fault.text, "db/MANIFEST-000009: missing");
    stop();
}

TEST(who_does_not_know_a_feature_is_told_so_and_reads_nothing)
{
    start();
    append_table(4, "43");
    struct features all = features;
    static const char *const fewer[] = {"apples", NULL};
    features_init(&features, fewer);
    memory_vfs_flip(&disk, "db/MANIFEST-000001", manifest.size - 8, 1); // whatever comes behind
    assert_int_equal(reopen(), STATUS_INVALID);
    assert_string_equal(fault.text, "db: written by a newer dkv (needs feature pears-2)");
    assert_int_equal(seen.table_count, 0);
    features = all;
    memory_vfs_flip(&disk, "db/MANIFEST-000001", manifest.size - 8, 1);
    assert_int_equal(reopen(), STATUS_OK);
    assert_true(features_has(&manifest.features, "pears-2"));
    stop();
}

TEST(a_required_fact_of_later_days_is_no_damage)
{
    struct buf edit = {0};
    start();
    uint64_t at = manifest.size;
    section_end(&edit, section_begin(&edit, 99));
    assert_int_equal(manifest_append(&manifest, buf_bytes(&edit), &fault), STATUS_OK);
    assert_int_equal(reopen(), STATUS_INVALID);
    char text[200];
    snprintf(text, sizeof text,
             "db/MANIFEST-000001: written by a newer dkv (needs the edit at offset %d)", (int)at);
    assert_string_equal(fault.text, text);
    buf_release(&edit);
    stop();
}

TEST(an_edit_that_contradicts_the_state_is_refused)
{
    struct edit_state sum = {0};
    struct buf edit = {0};
    edit_range(&edit, "", "1");
    assert_int_equal(edit_apply(&sum, buf_bytes(&edit), 2), STATUS_CORRUPT); // no such table
    buf_clear(&edit);
    edit_join(&edit, "m");
    assert_int_equal(edit_apply(&sum, buf_bytes(&edit), 2), STATUS_CORRUPT); // no such range
    buf_clear(&edit);
    edit_table(&edit, 1, "1");
    assert_int_equal(edit_apply(&sum, buf_bytes(&edit), 2), STATUS_OK);
    assert_int_equal(edit_apply(&sum, buf_bytes(&edit), 2), STATUS_CORRUPT); // there is one already
    size_t whole = 0; // a prefix that ends with a fact is an edit as well
    for (size_t size = 1; size < edit.size; size++) {
        struct edit_state cut = {0};
        whole += !edit_apply(&cut, bytes_of(edit.data, size), 2);
        edit_state_release(&cut);
    }
    assert_int_equal(whole, 1);
    edit_state_release(&sum);
    buf_release(&edit);
}
