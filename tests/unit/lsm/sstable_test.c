// Tables hold what was written to them; runs of them are walked and merged as one.
#include "unit/unit.h"

#include "lsm/filter.h"
#include "lsm/merge.h"
#include "sim/memory_vfs.h"

#include "base/hash.h"

#include <stdio.h>

enum { DATABASE = 42 };

static struct memory_vfs disk;
static struct sstable_files files;
static struct cache cache;
static struct version version;
static struct fault fault;

static void start(void)
{
    memory_vfs_init(&disk);
    disk.vfs.make_dir(&disk.vfs, "db", NULL);
    files = (struct sstable_files){.count_max = 2};
    cache_init(&cache, 16 << 10);
}

static void stop(void)
{
    version_release(&version);
    cache_release(&cache);
    sstable_files_release(&files);
    memory_vfs_release(&disk);
}

static struct run_writer writer_for(uint64_t run, uint64_t first_file, uint64_t table_size_max)
{
    return (struct run_writer){.vfs = &disk.vfs,
                               .dir = "db",
                               .database = DATABASE,
                               .block_size = 512,
                               .filter_bits = 10,
                               .table_size_max = table_size_max,
                               .next_file = first_file,
                               .run = run};
}

static void add_tables(struct run_writer *writer)
{
    for (size_t i = 0; i < writer->count; i++) {
        struct sstable *table;
        assert_int_equal(sstable_open(&table, &disk.vfs, "db", DATABASE, &writer->infos[i], &fault),
                         STATUS_OK);
        sstable_adopt(table, &files);
        version_add_take(&version, table);
    }
    assert_true(version_update(&version));
    run_writer_release(writer);
}

static void make_key(char key[32], unsigned i)
{
    snprintf(key, 32, "key %06u", i);
}

// A run with every `step`-th key; the value is the run's number, or it is deleted.
static void make_run(uint64_t run, unsigned step, bool is_deleted)
{
    struct run_writer writer = writer_for(run, run, 4096);
    for (unsigned i = 0; i < 1000; i += step) {
        char key[32];
        make_key(key, i);
        struct entry entry = {bytes_of_text(key), bytes_of(&run, is_deleted ? 0 : sizeof run),
                              is_deleted};
        assert_int_equal(run_writer_add(&writer, &entry, &fault), STATUS_OK);
    }
    assert_int_equal(run_writer_finish(&writer, &fault), STATUS_OK);
    add_tables(&writer);
}

static uint64_t wanted_run(unsigned i)
{
    return i % 6 == 0 ? 0 : i % 2 == 0 ? 200 : 100; // 300 deleted every sixth
}

static void make_three_runs(void)
{
    make_run(100, 1, false);
    make_run(200, 2, false);
    make_run(300, 6, true);
    assert_int_equal(version.run_count, 3);
    assert_true(version.runs[0].number == 300 && version.runs[2].count > 1);
}

TEST(every_key_is_found_in_its_run)
{
    start();
    make_run(100, 2, false);
    struct run *run = &version.runs[0];
    for (unsigned i = 0; i < 1000; i++) {
        char key[32];
        make_key(key, i);
        struct sstable *table = run_find(run, bytes_of_text(key));
        bool is_equal = false;
        if (table) {
            struct block *block;
            assert_int_equal(cache_read(&cache, table,
                                        sstable_find_block(table, bytes_of_text(key)), true, &block,
                                        &fault),
                             STATUS_OK);
            block_find(block, bytes_of_text(key), &is_equal);
            block_release(block);
            uint64_t hash = hash64_seeded(bytes_of_text(key), DATABASE);
            assert_true(!is_equal || filter_may_have(buf_bytes(&table->filter), hash));
        }
        assert_int_equal(is_equal, i % 2 == 0);
    }
    assert_true(files.count <= 2);
    assert_true(cache.hit_count > 0 && cache.size <= cache.size_max);
    assert_null(run_find(run, bytes_of_text("a")));
    assert_null(run_find(run, bytes_of_text("z")));
    stop();
}

TEST(an_iterator_shows_what_the_newest_run_says)
{
    start();
    make_three_runs();
    for (unsigned from = 0; from < 1000; from += 333) {
        struct iterator iterator = {.cache = &cache};
        for (size_t r = 0; r < version.run_count; r++)
            iterator_add_run(&iterator, version.runs[r].tables, version.runs[r].count);
        char key[32];
        make_key(key, from);
        assert_int_equal(iterator_seek(&iterator, bytes_of_text(key), &fault), STATUS_OK);
        struct entry entry;
        for (unsigned i = from; i < 1000; i++) {
            make_key(key, i);
            assert_int_equal(iterator_next(&iterator, &entry, &fault), STATUS_OK);
            assert_true(bytes_equal(entry.key, bytes_of_text(key)));
            uint64_t run = wanted_run(i);
            assert_int_equal(entry.is_deleted, run == 0);
            assert_true(bytes_equal(entry.value, bytes_of(&run, run ? sizeof run : 0)));
        }
        assert_int_equal(iterator_next(&iterator, &entry, &fault), STATUS_END);
        iterator_release(&iterator);
    }
    stop();
}

TEST(a_merge_in_steps_keeps_what_counts_and_drops_deletions_at_the_bottom)
{
    start();
    make_three_runs();
    struct merge merge;
    assert_int_equal(merge_choose(&version, 4), 0);
    assert_int_equal(merge_choose(&version, 3), 3);
    assert_int_equal(merge_init(&merge, &version, 3, &fault), STATUS_OK);
    merge.writer = writer_for(300, 1000, 4096);
    unsigned steps = 0;
    while (!merge.is_done) {
        assert_int_equal(merge_step(&merge, 2000, &fault), STATUS_OK);
        steps++;
    }
    assert_true(steps > 2);
    struct run_writer writer = merge.writer;
    merge.writer = (struct run_writer){0};
    merge_release(&merge);
    version_release(&version);
    add_tables(&writer);
    assert_int_equal(version.run_count, 1);
    uint64_t entries = 0;
    for (size_t i = 0; i < version.table_count; i++) {
        entries += version.tables[i]->info.entry_count;
        assert_int_equal(version.tables[i]->info.deleted_count, 0);
    }
    assert_int_equal(entries, 1000 - 167);
    stop();
}

TEST(damage_is_found_and_named)
{
    start();
    make_run(100, 1, false);
    struct sstable *table = version.tables[0];
    assert_int_equal(sstable_use(table, &fault), STATUS_OK);
    assert_int_equal(sstable_verify(table, &fault), STATUS_OK);
    for (uint64_t offset = 0; offset < table->info.size; offset += 7) {
        memory_vfs_flip(&disk, "db/000100.tbl", offset, 5);
        assert_int_equal(sstable_verify(table, &fault), STATUS_CORRUPT);
        assert_true(!strncmp(fault.text, "db/000100.tbl: ", 15));
        memory_vfs_flip(&disk, "db/000100.tbl", offset, 5);
    }
    stop();
}

TEST(an_aborted_run_leaves_no_file)
{
    start();
    struct run_writer writer = writer_for(5, 5, 512);
    for (unsigned i = 0; i < 500; i++) {
        char key[32];
        make_key(key, i);
        struct entry entry = {bytes_of_text(key), bytes_of_text(key), false};
        assert_int_equal(run_writer_add(&writer, &entry, &fault), STATUS_OK);
    }
    assert_true(memory_vfs_has(&disk, "db/000005.tbl"));
    assert_true(memory_vfs_has(&disk, "db/000006.tbl"));
    run_writer_abort(&writer);
    assert_false(memory_vfs_has(&disk, "db/000005.tbl"));
    assert_false(memory_vfs_has(&disk, "db/000006.tbl"));
    stop();
}

TESTS(RUN(every_key_is_found_in_its_run), RUN(an_iterator_shows_what_the_newest_run_says),
      RUN(a_merge_in_steps_keeps_what_counts_and_drops_deletions_at_the_bottom),
      RUN(damage_is_found_and_named), RUN(an_aborted_run_leaves_no_file))
