// Tables hold what was written to them; several are walked and merged as one.
#include "unit/unit.h"

#include "disk/memory_vfs_damage.h"
#include "lsm/merge/merge.h"
#include "lsm/table/filter.h"

#include "base/hash.h"

#include <stdio.h>

enum { DATABASE = 42 };

static struct memory_vfs disk;
static struct sstable_files files;
static struct cache cache;
static struct version *version;
static struct fault fault;

static void start(void)
{
    memory_vfs_init(&disk);
    disk.vfs.make_dir(&disk.vfs, "db", NULL);
    files = (struct sstable_files){.count_max = 2};
    cache_init(&cache, 16 << 10);
    version = version_new();
}

static void drop_table(void *context, struct sstable *table)
{
    (void)context;
    sstable_release(table);
}

static void stop(void)
{
    version_release(version, &(struct version_drop){.table = drop_table});
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
                               .file_end = first_file + 99,
                               .run = run};
}

static void add_tables(struct run_writer *writer)
{
    for (size_t i = 0; i < writer->count; i++) {
        sstable_adopt(writer->tables[i], &files);
        version_push(version, writer->tables[i]);
    }
    version_finish(version);
    run_writer_release(writer);
}

// The newest table of the first range.
static struct sstable *newest(void)
{
    return version->ranges[0].slices[0].table;
}

static void make_key(char key[32], unsigned i)
{
    snprintf(key, 32, "key %06u", i);
}

// A run with every `step`-th key; the value is the run's number, or it is deleted.
static void make_run(uint64_t run, unsigned step, bool is_deleted)
{
    struct run_writer writer = writer_for(run, run, 1 << 20);
    for (unsigned i = 0; i < 1000; i += step) {
        char key[32];
        make_key(key, i);
        struct entry entry = {
            .key = bytes_of_text(key),
            .value = bytes_of(&run, is_deleted ? 0 : sizeof run),
            .is_deleted = is_deleted,
        };
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
    assert_true(version->count == 1 && version->ranges[0].count == 3);
    assert_true(newest()->info.run == 300);
}

TEST(every_key_is_found_in_its_table)
{
    start();
    make_run(100, 2, false);
    struct sstable *table = newest();
    for (unsigned i = 0; i < 1000; i++) {
        char key[32];
        make_key(key, i);
        bool is_equal;
        struct block *block;
        uint32_t index = sstable_find_block(table, bytes_of_text(key));
        assert_int_equal(cache_read(&cache, table, index, &block, &fault), STATUS_OK);
        block_find(block, bytes_of_text(key), &is_equal);
        uint64_t hash = hash64_seeded(bytes_of_text(key), DATABASE);
        assert_true(!is_equal || filter_may_have(&table->filter, hash));
        assert_int_equal(is_equal, i % 2 == 0);
    }
    assert_true(files.count <= 2);
    assert_true(cache.hit_count > 0 && cache.size <= cache.size_max);
    stop();
}

// Keys whose heads are spread evenly, in clumps, or all alike.
static void make_shaped_key(char key[64], unsigned shape, unsigned i)
{
    if (shape == 0)
        snprintf(key, 64, "%08x", i * 4294967u);
    else if (shape == 1)
        snprintf(key, 64, "user:profile:%06u", i);
    else
        snprintf(key, 64, "the-same-head-%c%07u", i < 990 ? 'a' : 'z', i);
}

static uint32_t find_slowly(const struct sstable *table, struct bytes key)
{
    struct block *block = NULL;
    struct buf stored = {0};
    bool is_here = false, is_equal;
    uint32_t index = table->block_count;
    while (!is_here && index-- > 1) {
        assert_int_equal(sstable_try_block(table, index, NULL, &stored, &block, &fault), STATUS_OK);
        is_here = block_find(block, key, &is_equal) > 0 || is_equal;
    }
    block_release(block);
    buf_release(&stored);
    return index;
}

TEST(the_index_finds_every_block_and_measures_ranges)
{
    for (unsigned shape = 0; shape < 3; shape++) {
        start();
        struct run_writer writer = writer_for(1, 1, 1 << 20);
        char key[64];
        for (unsigned i = 1; i < 1000; i++) {
            make_shaped_key(key, shape, i);
            struct entry entry = {.key = bytes_of_text(key), .value = bytes_of_text(key)};
            assert_int_equal(run_writer_add(&writer, &entry, &fault), STATUS_OK);
        }
        assert_int_equal(run_writer_finish(&writer, &fault), STATUS_OK);
        add_tables(&writer);
        struct sstable *table = newest();
        assert_int_equal(sstable_use(table, &fault), STATUS_OK);
        assert_true(table->block_count > 20);
        for (unsigned i = 1; i < 1000; i += 3) {
            make_shaped_key(key, shape, i);
            assert_int_equal(sstable_find_block(table, bytes_of_text(key)),
                             find_slowly(table, bytes_of_text(key)));
        }
        struct bytes none = {0}, low = bytes_of_text("\1"), high = bytes_of_text("~");
        uint64_t all = sstable_range_size(table, none, none);
        assert_true(all > table->info.size / 2 && all < table->info.size);
        assert_int_equal(sstable_range_size(table, low, high), all);
        assert_int_equal(sstable_range_size(table, none, low), 0);
        assert_int_equal(sstable_range_size(table, high, none), 0);
        make_shaped_key(key, shape, 500);
        uint64_t upper = sstable_range_size(table, bytes_of_text(key), none);
        uint64_t lower = sstable_range_size(table, none, bytes_of_text(key));
        assert_true(upper > all / 3 && lower > all / 3);
        assert_true(upper + lower >= all && upper + lower < all + all / 10);
        stop();
    }
}

TEST(an_iterator_shows_what_the_newest_run_says)
{
    start();
    make_three_runs();
    for (unsigned from = 0; from < 1000; from += 333) {
        struct iterator iterator = {.cache = &cache};
        for (size_t s = 0; s < version->ranges[0].count; s++)
            iterator_add_table(&iterator, version->ranges[0].slices[s].table);
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
    struct compaction_choice choice = {.range_count = 1, .slice_count = 3, .is_bottom = true};
    assert_int_equal(merge_init(&merge, version, &choice, &fault), STATUS_OK);
    merge.writer = writer_for(300, 1000, 4096);
    unsigned steps = 0;
    while (!merge.has_ended) {
        assert_int_equal(merge_step(&merge, 2000, &fault), STATUS_OK);
        steps++;
    }
    assert_true(steps > 2 && merge.writer.count > 1);
    uint64_t entries = 0;
    for (size_t i = 0; i < merge.writer.count; i++) {
        entries += merge.writer.tables[i]->info.entry_count;
        assert_int_equal(merge.writer.tables[i]->info.deleted_count, 0);
    }
    assert_int_equal(entries, 1000 - 167);
    version_release(merge_release(&merge), &(struct version_drop){.table = drop_table});
    stop();
}

TEST(damage_is_found_and_named)
{
    start();
    make_run(100, 1, false);
    struct sstable *table = newest();
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
        struct entry entry = {.key = bytes_of_text(key), .value = bytes_of_text(key)};
        assert_int_equal(run_writer_add(&writer, &entry, &fault), STATUS_OK);
    }
    assert_true(memory_vfs_has(&disk, "db/000005.tbl"));
    assert_true(memory_vfs_has(&disk, "db/000006.tbl"));
    run_writer_abort(&writer);
    assert_false(memory_vfs_has(&disk, "db/000005.tbl"));
    assert_false(memory_vfs_has(&disk, "db/000006.tbl"));
    stop();
}

TEST(a_run_without_numbers_left_grows_its_last_table)
{
    start();
    struct run_writer writer = writer_for(5, 5, 512);
    writer.file_end = 7;
    for (unsigned i = 0; i < 500; i++) {
        char key[32];
        make_key(key, i);
        struct entry entry = {.key = bytes_of_text(key), .value = bytes_of_text(key)};
        assert_int_equal(run_writer_add(&writer, &entry, &fault), STATUS_OK);
    }
    assert_int_equal(run_writer_finish(&writer, &fault), STATUS_OK);
    assert_int_equal(writer.count, 2);
    assert_true(writer.infos[1].entry_count > 400);
    run_writer_release(&writer);
    stop();
}
