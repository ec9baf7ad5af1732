// shelf.h - tables on a disk in memory, for tests of what reads them.
#pragma once

#include "unit/unit.h"

#include "disk/memory_vfs.h"
#include "lsm/entry/entry.h"
#include "lsm/table/sstable.h"
#include "lsm/table/sstable_writer.h"

enum {
    SHELF_DATABASE = 42,
    SHELF_TABLE_COUNT_MAX = 16,
};

struct shelf {
    struct memory_vfs disk;
    struct sstable_files files;
    struct sstable *tables[SHELF_TABLE_COUNT_MAX]; // number 1 is the first
    size_t count;
    struct fault fault;
};

static inline void shelf_init(struct shelf *shelf)
{
    *shelf = (struct shelf){.files = {.count_max = 3}};
    memory_vfs_init(&shelf->disk);
    shelf->disk.vfs.make_dir(&shelf->disk.vfs, "db", NULL);
}

static inline void shelf_release(struct shelf *shelf)
{
    for (size_t i = 0; i < shelf->count; i++)
        sstable_release(shelf->tables[i]);
    sstable_files_release(&shelf->files);
    memory_vfs_release(&shelf->disk);
}

// A table of these entries, which are in order; at least one.
static inline struct sstable *shelf_add(struct shelf *shelf, const struct entry *entries,
                                        size_t count, size_t block_size)
{
    struct sstable_writer writer;
    struct sstable_info info;
    assert_true(count && shelf->count < SHELF_TABLE_COUNT_MAX);
    assert_int_equal(sstable_writer_open(&writer, &shelf->disk.vfs, "db", shelf->count + 1,
                                         SHELF_DATABASE, block_size, 10, &shelf->fault),
                     STATUS_OK);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(sstable_writer_add(&writer, &entries[i], &shelf->fault), STATUS_OK);
    assert_int_equal(sstable_writer_finish(&writer, &info, &shelf->fault), STATUS_OK);
    struct sstable **table = &shelf->tables[shelf->count++];
    assert_int_equal(
        sstable_open(table, &shelf->disk.vfs, "db", SHELF_DATABASE, &info, &shelf->fault),
        STATUS_OK);
    sstable_adopt(*table, &shelf->files);
    sstable_info_release(&info);
    return *table;
}
