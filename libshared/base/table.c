#include "base/table.h"

#include "base/hash.h"
#include "base/xalloc.h"

#include <assert.h>
#include <stdlib.h>

enum { CAPACITY_MIN = 16 };

static struct bytes key_of(const struct table_slot *slot)
{
    bool is_inline = slot->key_size <= TABLE_KEY_INLINE;
    return bytes_of(is_inline ? slot->key.bytes : slot->key.copy, slot->key_size);
}

static void release_key(struct table_slot *slot)
{
    if (slot->used && slot->key_size > TABLE_KEY_INLINE)
        free(slot->key.copy);
}

static size_t next_of(const struct table *table, size_t index)
{
    return (index + 1) & (table->capacity - 1);
}

// The slot of the key, or the free one where it belongs.
static struct table_slot *probe(const struct table *table, struct bytes key, uint64_t hash)
{
    size_t i = hash & (table->capacity - 1);
    while (table->slots[i].used &&
           !(table->slots[i].hash == hash && bytes_equal(key_of(&table->slots[i]), key)))
        i = next_of(table, i);
    return &table->slots[i];
}

// At most three of four slots are used, so that every probe ends soon.
static void grow(struct table *table)
{
    if (table->count < table->capacity / 4 * 3)
        return;
    struct table old = *table;
    table->capacity = old.capacity ? 2 * old.capacity : CAPACITY_MIN;
    table->slots = xcalloc(table->capacity, sizeof *table->slots);
    for (size_t i = 0; i < old.capacity; i++)
        if (old.slots[i].used)
            *probe(table, key_of(&old.slots[i]), old.slots[i].hash) = old.slots[i];
    free(old.slots);
}

void table_init(struct table *table, uint64_t seed)
{
    *table = (struct table){.seed = seed};
}

void table_release(struct table *table)
{
    table_clear(table);
    free(table->slots);
    table_init(table, table->seed);
}

void table_clear(struct table *table)
{
    for (size_t i = 0; i < table->capacity; i++) {
        release_key(&table->slots[i]);
        table->slots[i].used = false;
    }
    table->count = 0;
}

union table_value *table_find(const struct table *table, struct bytes key)
{
    if (table->count == 0)
        return NULL;
    struct table_slot *slot = probe(table, key, hash64_seeded(key, table->seed));
    return slot->used ? &slot->value : NULL;
}

union table_value *table_add(struct table *table, struct bytes key)
{
    assert(key.size <= UINT32_MAX);
    grow(table);
    uint64_t hash = hash64_seeded(key, table->seed);
    struct table_slot *slot = probe(table, key, hash);
    if (slot->used)
        return &slot->value;
    *slot = (struct table_slot){.hash = hash, .key_size = (uint32_t)key.size, .used = true};
    uint8_t *to = slot->key.bytes;
    if (key.size > TABLE_KEY_INLINE)
        to = slot->key.copy = xmalloc(key.size);
    if (key.size)
        memcpy(to, key.data, key.size);
    table->count++;
    return &slot->value;
}

bool table_remove(struct table *table, struct bytes key)
{
    if (table->count == 0)
        return false;
    struct table_slot *found = probe(table, key, hash64_seeded(key, table->seed));
    if (!found->used)
        return false;
    release_key(found);
    // An entry behind the hole may fill it unless its home lies after the hole.
    size_t mask = table->capacity - 1, hole = (size_t)(found - table->slots);
    for (size_t i = next_of(table, hole); table->slots[i].used; i = next_of(table, i)) {
        size_t from_home = (i - table->slots[i].hash) & mask, from_hole = (i - hole) & mask;
        if (from_home >= from_hole) {
            table->slots[hole] = table->slots[i];
            hole = i;
        }
    }
    table->slots[hole].used = false;
    table->count--;
    return true;
}

bool table_next(const struct table *table, size_t *position, struct bytes *key,
                union table_value **value)
{
    while (*position < table->capacity) {
        struct table_slot *slot = &table->slots[(*position)++];
        if (!slot->used)
            continue;
        *key = key_of(slot);
        *value = &slot->value;
        return true;
    }
    return false;
}
