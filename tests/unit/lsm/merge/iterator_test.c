// An iterator shows what a sorted array of the newest entries would, whatever the keys
// look like and wherever the walk begins and ends.
#include "unit/lsm/shelf.h"

#include "base/hash.h"
#include "base/random.h"
#include "disk/memory_vfs_damage.h"
#include "lsm/merge/iterator.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    KEY_COUNT = 700,
    SOURCE_COUNT_MAX = 9,
    SHAPE_COUNT = 6,
};

static struct shelf shelf;
static struct cache cache;
static struct random rng;

static struct buf keys[KEY_COUNT]; // ascending
static size_t key_count;
static unsigned newest[KEY_COUNT]; // 1 + the newest source that has the key; 0: none

static unsigned draw(unsigned limit)
{
    return (unsigned)random_below(&rng, limit);
}

static void append_random(struct buf *key, size_t size, unsigned letters)
{
    for (size_t i = 0; i < size; i++)
        buf_append_u8(key, (uint8_t)(letters == 256 ? draw(256) : 'a' + draw(letters)));
}

// Decimals behind a prefix; random bytes; few letters, so that keys begin with one another;
// zeros alone; largest bytes; the same in the first twelve bytes.
static void make_key(struct buf *key, unsigned shape)
{
    buf_clear(key);
    if (shape == 0)
        buf_printf(key, "user:%08u", draw(100000));
    else if (shape == 1)
        append_random(key, 1 + draw(20), 256);
    else if (shape == 2)
        append_random(key, 1 + draw(40), 2);
    else if (shape == 3)
        for (unsigned i = draw(60); i < 60; i++)
            buf_append_u8(key, 0);
    else if (shape == 4)
        for (unsigned i = draw(60); i < 60; i++)
            buf_append_u8(key, i < 2 ? (uint8_t)draw(256) : 255);
    else {
        buf_append_text(key, "as long as twelve");
        append_random(key, draw(60), 3);
    }
}

static int compare_keys(const void *a, const void *b)
{
    return bytes_compare(buf_bytes(a), buf_bytes(b));
}

static void make_keys(unsigned shape)
{
    for (size_t i = 0; i < KEY_COUNT; i++)
        make_key(&keys[i], shape);
    qsort(keys, KEY_COUNT, sizeof *keys, compare_keys);
    key_count = 1;
    for (size_t i = 1; i < KEY_COUNT; i++) {
        struct buf swap = keys[key_count];
        keys[key_count] = keys[i];
        keys[i] = swap;
        key_count += !bytes_equal(buf_bytes(&keys[key_count]), buf_bytes(&keys[key_count - 1]));
    }
    memset(newest, 0, sizeof newest);
}

// What source `s` says of key `i`: a value that names both, or a deletion.
static struct entry entry_of(size_t s, size_t i)
{
    static uint8_t values[SOURCE_COUNT_MAX * KEY_COUNT][64];
    uint8_t *value = values[s * KEY_COUNT + i];
    store_u32(value, (uint32_t)s);
    store_u32(value + 4, (uint32_t)i);
    bool is_deleted = (s * 7 + i) % 5 == 0;
    return (struct entry){
        .key = buf_bytes(&keys[i]),
        .value = is_deleted ? (struct bytes){0} : bytes_of(value, 8 + i % 50),
        .is_deleted = is_deleted,
    };
}

struct source_kind {
    struct memtable *memtable; // NULL: a table
    struct orders orders;
    struct sstable *table;
};

static struct source_kind sources[SOURCE_COUNT_MAX];
static size_t source_count;

// Each source has every `step`-th key or so; it is a memtable or a table.
static void make_source(size_t s)
{
    static struct entry entries[KEY_COUNT];
    size_t count = 0;
    unsigned step = 1 + draw(6);
    for (size_t i = 0; i < key_count; i++) {
        if (draw(step))
            continue;
        entries[count++] = entry_of(s, i);
        if (!newest[i])
            newest[i] = (unsigned)s + 1;
    }
    sources[s] = (struct source_kind){0};
    if (draw(3) && count) {
        sources[s].table = shelf_add(&shelf, entries, count, 128 << draw(5));
        return;
    }
    sources[s].memtable = memtable_new(256 << 10, 1, SIZE_MAX, NULL);
    for (size_t i = 0; i < count; i++)
        memtable_add(sources[s].memtable, hash64_seeded(entries[i].key, 1), &entries[i]);
    orders_update(&sources[s].orders, sources[s].memtable);
}

static void add_sources(struct iterator *iterator)
{
    for (size_t s = 0; s < source_count; s++) {
        if (sources[s].table)
            iterator_add_table(iterator, sources[s].table);
        for (size_t o = sources[s].orders.count; o > 0; o--)
            iterator_add_order(iterator, sources[s].memtable, sources[s].orders.orders[o - 1]);
    }
}

static void check_walk(struct iterator *iterator, struct bytes from, struct bytes to)
{
    struct entry entry;
    iterator->to = to;
    assert_int_equal(iterator_seek(iterator, from, &shelf.fault), STATUS_OK);
    for (size_t i = 0; i < key_count; i++) {
        struct bytes key = buf_bytes(&keys[i]);
        if (!newest[i] || bytes_compare(key, from) < 0 || (to.size && bytes_compare(key, to) >= 0))
            continue;
        struct entry wanted = entry_of(newest[i] - 1, i);
        assert_int_equal(iterator_next(iterator, &entry, &shelf.fault), STATUS_OK);
        assert_true(bytes_equal(entry.key, key));
        assert_true(bytes_equal(entry.value, wanted.value));
        assert_int_equal(entry.is_deleted, wanted.is_deleted);
    }
    assert_int_equal(iterator_next(iterator, &entry, &shelf.fault), STATUS_END);
    assert_int_equal(iterator_next(iterator, &entry, &shelf.fault), STATUS_END);
}

// A bound: none, a key, or something near one.
static struct bytes make_bound(struct buf *bound)
{
    buf_clear(bound);
    if (draw(4)) {
        buf_set(bound, buf_bytes(&keys[draw((unsigned)key_count)]));
        if (draw(3) == 0)
            buf_append_u8(bound, (uint8_t)draw(256));
        else if (draw(3) == 0 && bound->size > 1)
            bound->size--;
    }
    return buf_bytes(bound);
}

static void check_walks(struct cache *cache_or_none)
{
    struct iterator iterator = {.cache = cache_or_none};
    struct buf from = {0}, to = {0};
    add_sources(&iterator);
    check_walk(&iterator, (struct bytes){0}, (struct bytes){0});
    for (unsigned i = 0; i < 12; i++)
        check_walk(&iterator, make_bound(&from), make_bound(&to));
    buf_release(&from);
    buf_release(&to);
    iterator_release(&iterator);
}

static void try_shape(unsigned shape)
{
    shelf_init(&shelf);
    make_keys(shape);
    source_count = 1 + draw(SOURCE_COUNT_MAX);
    for (size_t s = 0; s < source_count; s++)
        make_source(s);
    cache_init(&cache, draw(2) ? 16 << 10 : 0);
    check_walks(&cache);
    for (size_t i = 0; i < shelf.count; i++) { // as for a merge: the files stay open
        shelf.files.count_max = SHELF_TABLE_COUNT_MAX;
        assert_int_equal(sstable_pin(shelf.tables[i], &shelf.fault), STATUS_OK);
    }
    check_walks(NULL);
    for (size_t s = 0; s < source_count; s++) {
        orders_release(&sources[s].orders);
        memtable_release(sources[s].memtable);
    }
    cache_release(&cache);
    shelf_release(&shelf);
}

TEST(a_walk_shows_the_newest_entry_of_every_key)
{
    random_init(&rng, 1);
    for (unsigned i = 0; i < 20 * SHAPE_COUNT; i++)
        try_shape(i % SHAPE_COUNT);
    for (size_t i = 0; i < KEY_COUNT; i++)
        buf_release(&keys[i]);
}

TEST(without_sources_there_is_nothing)
{
    struct iterator iterator = {0};
    struct entry entry;
    assert_int_equal(iterator_seek(&iterator, bytes_of_text("a"), NULL), STATUS_OK);
    assert_int_equal(iterator_next(&iterator, &entry, NULL), STATUS_END);
    iterator_release(&iterator);
}

// A table whose keys are 0000 to 1999, and whose block `damaged` is.
static struct sstable *make_damaged(uint32_t damaged)
{
    static char text[2000][8];
    static struct entry entries[2000];
    for (unsigned i = 0; i < 2000; i++) {
        snprintf(text[i], sizeof text[i], "%04u", i);
        entries[i] = (struct entry){.key = bytes_of_text(text[i]), .value = bytes_of_text(text[i])};
    }
    struct sstable *table = shelf_add(&shelf, entries, 2000, 256);
    assert_true(table->block_count > damaged + 10);
    memory_vfs_flip(&shelf.disk, "db/000001.tbl", table->places[damaged].offset + 5, 1);
    return table;
}

// How many entries come out before `wanted`.
static size_t count_entries(struct iterator *iterator, enum status wanted)
{
    struct entry entry;
    size_t count = 0;
    enum status status = iterator_seek(iterator, (struct bytes){0}, &shelf.fault);
    while (!status) {
        status = iterator_next(iterator, &entry, &shelf.fault);
        count += !status;
    }
    assert_int_equal(status, wanted);
    return count;
}

TEST(everything_before_damage_comes_out_and_then_an_error)
{
    for (unsigned with_cache = 0; with_cache < 2; with_cache++) {
        shelf_init(&shelf);
        cache_init(&cache, 1 << 20);
        struct sstable *table = make_damaged(40);
        struct iterator iterator = {.cache = with_cache ? &cache : NULL};
        iterator_add_table(&iterator, table);
        size_t count = count_entries(&iterator, STATUS_CORRUPT);
        assert_non_null(strstr(shelf.fault.text, "db/000001.tbl: damaged block at offset"));
        // Who ends before it does not meet it, though it is read ahead.
        char to[8];
        snprintf(to, sizeof to, "%04u", (unsigned)count - 1);
        iterator.to = bytes_of_text(to);
        assert_int_equal(count_entries(&iterator, STATUS_END), count - 1);
        iterator_release(&iterator);
        cache_release(&cache);
        shelf_release(&shelf);
    }
}

TEST(a_walk_leaves_the_cache_alone_after_two_blocks)
{
    shelf_init(&shelf);
    cache_init(&cache, 1 << 20);
    struct sstable *table = make_damaged(0);
    memory_vfs_flip(&shelf.disk, "db/000001.tbl", table->places[0].offset + 5, 1);
    struct iterator iterator = {.cache = &cache};
    iterator_add_table(&iterator, table);
    uint64_t calls = shelf.disk.call_count;
    assert_int_equal(count_entries(&iterator, STATUS_END), 2000);
    assert_int_equal(cache.count, 2);
    assert_true(shelf.disk.call_count - calls < table->block_count / 4);
    iterator_release(&iterator);
    cache_release(&cache);
    shelf_release(&shelf);
}
