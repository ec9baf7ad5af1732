// The cache keeps what is used, within its bound, and nothing that is read only once.
#include "unit/lsm/shelf.h"

#include "base/random.h"
#include "disk/memory_vfs_damage.h"
#include "lsm/table/cache.h"

#include <stdio.h>

enum {
    BLOCK_SIZE = 1024,
    BLOCK_COUNT = 400, // of a table
};

static struct shelf shelf;
static struct cache cache;

// One entry in each block, whose value is its index, again and again.
static struct sstable *make_table(void)
{
    static char keys[BLOCK_COUNT][16];
    static uint32_t values[BLOCK_COUNT][BLOCK_SIZE / 4];
    static struct entry entries[BLOCK_COUNT];
    for (uint32_t i = 0; i < BLOCK_COUNT; i++) {
        snprintf(keys[i], sizeof keys[i], "%08u", i);
        for (size_t j = 0; j < BLOCK_SIZE / 4; j++)
            values[i][j] = i;
        entries[i] = (struct entry){
            .key = bytes_of_text(keys[i]),
            .value = bytes_of(values[i], BLOCK_SIZE),
        };
    }
    struct sstable *table = shelf_add(&shelf, entries, BLOCK_COUNT, BLOCK_SIZE);
    assert_int_equal(table->block_count, BLOCK_COUNT);
    return table;
}

static void start(size_t size_max)
{
    shelf_init(&shelf);
    cache_init(&cache, size_max);
}

static void stop(void)
{
    cache_release(&cache);
    shelf_release(&shelf);
}

// True if it was there. Whatever it gives must be the right block.
static bool read(struct sstable *table, uint32_t index)
{
    struct block *block, *found = cache_find(&cache, table, index);
    bool is_there = found;
    assert_int_equal(cache_read(&cache, table, index, &block, &shelf.fault), STATUS_OK);
    assert_true(!is_there || block == found);
    assert_int_equal(load_u32(block_value(block, 0).data), index);
    assert_int_equal(block_value(block, 0).size, BLOCK_SIZE);
    return is_there;
}

static unsigned count_there(const struct sstable *table, uint32_t begin, uint32_t end)
{
    unsigned count = 0;
    for (uint32_t i = begin; i < end; i++)
        count += cache_find(&cache, table, i) != NULL;
    return count;
}

TEST(what_was_read_is_found_until_the_memory_is_full)
{
    start(100 * BLOCK_SIZE);
    struct sstable *table = make_table();
    struct random random;
    random_init(&random, 1);
    for (uint32_t i = 0; i < 60; i++)
        assert_false(read(table, i));
    for (uint32_t i = 0; i < 60; i++)
        assert_true(read(table, i));
    assert_int_equal(cache.miss_count, 60);
    assert_int_equal(cache.hit_count, 60);
    for (unsigned i = 0; i < 20000; i++) {
        read(table, (uint32_t)random_below(&random, BLOCK_COUNT));
        assert_true(cache.size <= cache.size_max);
        assert_true(cache.size > cache.size_max / 2 || i < 1000);
    }
    assert_int_equal(count_there(table, 0, BLOCK_COUNT), cache.count);
    stop();
}

TEST(a_long_walk_pushes_out_nothing_that_is_used)
{
    start(100 * BLOCK_SIZE);
    struct sstable *used = make_table(), *walked = make_table();
    for (unsigned round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < 40; i++)
            read(used, i);
    }
    for (uint32_t i = 0; i < BLOCK_COUNT; i++)
        read(walked, i);
    assert_true(count_there(used, 0, 40) >= 38);
    stop();
}

TEST(what_is_missed_again_soon_is_kept)
{
    start(100 * BLOCK_SIZE);
    struct sstable *table = make_table(), *walked = make_table();
    for (uint32_t i = 0; i < 60; i++) { // so that the small queue has no more than its share
        read(walked, i);
        read(walked, i);
    }
    read(table, 7);
    uint32_t at = 100;
    while (cache_find(&cache, table, 7))
        read(walked, at++);
    assert_false(read(table, 7)); // it is a ghost, and comes into the main queue
    for (uint32_t i = 0; i < 100; i++)
        read(walked, 200 + i);
    assert_true(read(table, 7));
    stop();
}

TEST(a_table_that_is_gone_leaves_nothing)
{
    start(1000 * BLOCK_SIZE);
    size_t empty_size;
    struct sstable *table = make_table(), *other = make_table();
    for (uint32_t i = 0; i < BLOCK_COUNT; i++)
        read(other, i);
    empty_size = cache.size;
    for (uint32_t i = 0; i < 100; i++)
        read(table, i);
    cache_forget(&cache, table);
    assert_int_equal(count_there(table, 0, BLOCK_COUNT), 0);
    assert_int_equal(count_there(other, 0, BLOCK_COUNT), BLOCK_COUNT);
    assert_int_equal(cache.size, empty_size);
    cache_forget(&cache, other);
    assert_int_equal(cache.count, 0);
    stop();
}

TEST(a_block_lives_as_long_as_somebody_refers_to_it)
{
    start(40 * BLOCK_SIZE);
    struct sstable *table = make_table();
    read(table, 5);
    struct block *block = block_retain(cache_find(&cache, table, 5));
    for (uint32_t i = 100; i < 300; i++)
        read(table, i);
    assert_null(cache_find(&cache, table, 5));
    assert_int_equal(load_u32(block_value(block, 0).data), 5);
    block_release(block);
    stop();
}

TEST(a_block_that_is_too_large_is_lent_only)
{
    start(3 * BLOCK_SIZE);
    struct sstable *table = make_table();
    for (uint32_t i = 0; i < 20; i++)
        assert_false(read(table, i));
    assert_int_equal(cache.count, 0);
    cache_release(&cache);
    cache_init(&cache, 0);
    assert_false(read(table, 3));
    assert_false(read(table, 3));
    stop();
}

TEST(damage_is_reported_and_not_kept)
{
    start(100 * BLOCK_SIZE);
    struct sstable *table = make_table();
    struct block *block;
    memory_vfs_flip(&shelf.disk, "db/000001.tbl", table->places[9].offset + 20, 2);
    assert_int_equal(cache_read(&cache, table, 9, &block, &shelf.fault), STATUS_CORRUPT);
    assert_non_null(strstr(shelf.fault.text, "db/000001.tbl: damaged block at offset"));
    assert_null(cache_find(&cache, table, 9));
    assert_false(read(table, 8));
    assert_false(read(table, 10));
    memory_vfs_flip(&shelf.disk, "db/000001.tbl", table->places[9].offset + 20, 2);
    assert_false(read(table, 9));
    stop();
}
