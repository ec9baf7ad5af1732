// A memtable answers with what was written last.
#include "unit/unit.h"

#include "base/buf.h"
#include "base/hash.h"
#include "lsm/memory/memtable.h"

#include <stdio.h>

enum { SEED = 5 };

static void add(struct memtable *memtable, const char *key, const char *value)
{
    struct bytes bytes = bytes_of_text(key);
    struct entry entry = {.key = bytes, .is_deleted = !value};
    if (value)
        entry.value = bytes_of_text(value);
    memtable_add(memtable, hash64_seeded(bytes, SEED), &entry);
}

static enum memtable_result find(const struct memtable *memtable, const char *key,
                                 struct bytes *value)
{
    struct bytes bytes = bytes_of_text(key);
    struct entry entry = {0};
    enum memtable_result result =
        memtable_find(memtable, hash64_seeded(bytes, SEED), bytes, &entry);
    *value = entry.value;
    return result;
}

TEST(the_last_write_of_a_key_is_found)
{
    struct memtable *memtable = memtable_new(4096, SEED, SIZE_MAX, NULL);
    struct bytes value;
    assert_int_equal(find(memtable, "a", &value), MEMTABLE_ABSENT);
    add(memtable, "a", "1");
    add(memtable, "b", "2");
    add(memtable, "a", "3");
    assert_int_equal(find(memtable, "a", &value), MEMTABLE_FOUND);
    assert_true(bytes_equal(value, bytes_of_text("3")));
    assert_int_equal(memtable->key_count, 2);
    add(memtable, "a", NULL);
    assert_int_equal(find(memtable, "a", &value), MEMTABLE_DELETED);
    assert_int_equal(find(memtable, "c", &value), MEMTABLE_ABSENT);
    memtable_release(memtable);
}

TEST(the_index_grows_with_small_entries)
{
    struct memtable *memtable = memtable_new(256 << 10, SEED, SIZE_MAX, NULL);
    struct bytes value;
    char key[16];
    for (unsigned i = 0; i < 10000; i++) {
        snprintf(key, sizeof key, "%u", i);
        add(memtable, key, key);
    }
    assert_int_equal(memtable->key_count, 10000);
    for (unsigned i = 0; i < 10000; i++) {
        snprintf(key, sizeof key, "%u", i);
        assert_int_equal(find(memtable, key, &value), MEMTABLE_FOUND);
        assert_true(bytes_equal(value, bytes_of_text(key)));
    }
    memtable_release(memtable);
}

TEST(what_is_loaded_is_there_at_the_end)
{
    for (unsigned count = 0; count < 100; count += 9) {
        struct memtable *memtable = memtable_new(64 << 10, SEED, SIZE_MAX, NULL);
        struct entry found;
        for (unsigned i = 0; i < count; i++) {
            unsigned number = i / 2; // each is overwritten once
            struct entry entry = {.key = bytes_of(&number, 4), .value = bytes_of(&i, 4)};
            memtable_load(memtable, hash64_seeded(entry.key, SEED), &entry);
        }
        memtable_load_end(memtable);
        assert_int_equal(memtable->key_count, (count + 1) / 2);
        for (unsigned i = 0; i < count; i++) {
            unsigned number = i / 2, newest = (i | 1) < count ? i | 1 : i;
            struct bytes key = bytes_of(&number, 4);
            assert_int_equal(memtable_find(memtable, hash64_seeded(key, SEED), key, &found),
                             MEMTABLE_FOUND);
            assert_true(bytes_equal(found.value, bytes_of(&newest, 4)));
        }
        memtable_release(memtable);
    }
}

TEST(the_address_of_a_large_value_is_kept_and_of_no_other)
{
    struct memtable *memtable = memtable_new(4096, SEED, 4, NULL);
    static const char *const keys[] = {"large", "small", "gone"};
    const struct entry entries[] = {
        {.key = bytes_of_text("large"), .value = bytes_of_text("1234"), .value_address = 77},
        {.key = bytes_of_text("small"), .value = bytes_of_text("123"), .value_address = 78},
        {.key = bytes_of_text("gone"), .is_deleted = true},
    };
    size_t at = MEMTABLE_START, size, taken = 0;
    for (size_t i = 0; i < 3; i++) {
        memtable_add(memtable, hash64_seeded(entries[i].key, SEED), &entries[i]);
        taken += memtable_entry_size(entries[i].key.size, entries[i].value.size);
    }
    for (size_t i = 0; i < 3; i++, at += size) {
        struct entry entry = memtable_entry_at(memtable, at, &size);
        assert_true(bytes_equal(entry.key, bytes_of_text(keys[i])));
        assert_true(bytes_equal(entry.value, entries[i].value));
        assert_int_equal(entry.value_address, i == 0 ? 77 : 0);
        assert_int_equal(entry.is_deleted, i == 2);
    }
    assert_int_equal(at, memtable->used);
    assert_true(at - MEMTABLE_START <= taken);
    struct bytes value;
    assert_int_equal(find(memtable, "large", &value), MEMTABLE_FOUND);
    assert_true(bytes_equal(value, bytes_of_text("1234")));
    memtable_release(memtable);
}

TEST(an_empty_memtable_has_another_life)
{
    struct memtable *memtable = memtable_new(4096, SEED, SIZE_MAX, NULL);
    struct bytes value;
    add(memtable, "a", "1");
    memtable_retain(memtable);
    assert_false(memtable_reuse(memtable, 4096));
    memtable_release(memtable);
    assert_false(memtable_reuse(memtable, 8192));
    assert_true(memtable_reuse(memtable, 4096));
    assert_int_equal(find(memtable, "a", &value), MEMTABLE_ABSENT);
    assert_int_equal(memtable->key_count, 0);
    memtable_release(memtable);
}
