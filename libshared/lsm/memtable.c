#include "lsm/memtable.h"

#include "base/endian.h"
#include "base/hash.h"
#include "base/xalloc.h"

#include <assert.h>
#include <stdlib.h>

enum {
    ENTRY_HEADER_SIZE = 8, // u32 value size, u16 key size, u8 is deleted, u8 0
    ENTRY_ALIGN = 8,
    SLOT_COUNT_MIN = 64,
    ENTRY_SIZE_EXPECTED = 128, // smaller ones make the index grow
    TAG_SHIFT = 48,
};

#define OFFSET_MASK (((uint64_t)1 << TAG_SHIFT) - 1)

static uint64_t slot_of(uint64_t hash, size_t offset)
{
    return hash >> TAG_SHIFT << TAG_SHIFT | offset;
}

static struct bytes key_at(const struct memtable *memtable, size_t offset)
{
    const uint8_t *at = memtable->arena + offset;
    return bytes_of(at + ENTRY_HEADER_SIZE, load_u16(at + 4));
}

// The slot of the key, or the free one where it belongs.
static uint64_t *find_slot(const struct memtable *memtable, uint64_t hash, struct bytes key)
{
    uint64_t i = hash & memtable->slot_mask;
    for (;; i = (i + 1) & memtable->slot_mask) {
        uint64_t slot = memtable->slots[i];
        if (!slot || (slot >> TAG_SHIFT == hash >> TAG_SHIFT &&
                      bytes_equal(key_at(memtable, slot & OFFSET_MASK), key)))
            return &memtable->slots[i];
    }
}

static void grow_index(struct memtable *memtable)
{
    uint64_t *old = memtable->slots;
    uint64_t old_count = memtable->slot_mask + 1;
    memtable->slot_mask = 2 * old_count - 1;
    memtable->slots = xcalloc(2 * old_count, sizeof *memtable->slots);
    for (uint64_t i = 0; i < old_count; i++) {
        if (!old[i])
            continue;
        struct bytes key = key_at(memtable, old[i] & OFFSET_MASK);
        *find_slot(memtable, hash64_seeded(key, memtable->hash_seed), key) = old[i];
    }
    free(old);
}

struct memtable *memtable_new(size_t size, uint64_t hash_seed)
{
    size_t slot_count = SLOT_COUNT_MIN;
    while (slot_count < size / ENTRY_SIZE_EXPECTED)
        slot_count *= 2;
    struct memtable *memtable = xmalloc(sizeof *memtable);
    *memtable = (struct memtable){
        .ref_count = 1,
        .hash_seed = hash_seed,
        .arena = xmalloc(size + MEMTABLE_START),
        .size = size + MEMTABLE_START,
        .used = MEMTABLE_START,
        .slots = xcalloc(slot_count, sizeof *memtable->slots),
        .slot_mask = slot_count - 1,
    };
    return memtable;
}

struct memtable *memtable_retain(struct memtable *memtable)
{
    memtable->ref_count++;
    return memtable;
}

void memtable_release(struct memtable *memtable)
{
    if (!memtable || --memtable->ref_count)
        return;
    free(memtable->arena);
    free(memtable->slots);
    free(memtable);
}

bool memtable_reuse(struct memtable *memtable, size_t size)
{
    if (memtable->ref_count > 1 || memtable->size != size + MEMTABLE_START)
        return false;
    memset(memtable->slots, 0, (memtable->slot_mask + 1) * sizeof *memtable->slots);
    memtable->used = MEMTABLE_START;
    memtable->key_count = 0;
    return true;
}

size_t memtable_entry_size(size_t key_size, size_t value_size)
{
    return (ENTRY_HEADER_SIZE + key_size + value_size + ENTRY_ALIGN - 1) / ENTRY_ALIGN *
           ENTRY_ALIGN;
}

void memtable_add(struct memtable *memtable, uint64_t hash, struct bytes key, struct bytes value,
                  bool is_deleted)
{
    size_t size = memtable_entry_size(key.size, value.size);
    assert(size <= memtable_free_size(memtable));
    size_t offset = memtable->used;
    uint8_t *at = memtable->arena + offset;
    store_u32(at, (uint32_t)value.size);
    store_u16(at + 4, (uint16_t)key.size);
    at[6] = is_deleted;
    at[7] = 0;
    memcpy(at + ENTRY_HEADER_SIZE, key.data, key.size);
    if (value.size)
        memcpy(at + ENTRY_HEADER_SIZE + key.size, value.data, value.size);
    memtable->used += size;

    uint64_t *slot = find_slot(memtable, hash, key);
    bool is_new = !*slot;
    *slot = slot_of(hash, offset);
    memtable->key_count += is_new;
    if (is_new && memtable->key_count > (memtable->slot_mask + 1) / 8 * 5)
        grow_index(memtable);
}

enum memtable_result memtable_find(const struct memtable *memtable, uint64_t hash, struct bytes key,
                                   struct bytes *value)
{
    uint64_t slot = *find_slot(memtable, hash, key);
    if (!slot)
        return MEMTABLE_ABSENT;
    size_t size;
    struct entry entry = memtable_entry_at(memtable, slot & OFFSET_MASK, &size);
    *value = entry.value;
    return entry.is_deleted ? MEMTABLE_DELETED : MEMTABLE_FOUND;
}

struct entry memtable_entry_at(const struct memtable *memtable, size_t offset, size_t *size)
{
    const uint8_t *at = memtable->arena + offset;
    size_t value_size = load_u32(at);
    size_t key_size = load_u16(at + 4);
    *size = memtable_entry_size(key_size, value_size);
    return (struct entry){
        .key = bytes_of(at + ENTRY_HEADER_SIZE, key_size),
        .value = bytes_of(at + ENTRY_HEADER_SIZE + key_size, value_size),
        .is_deleted = at[6],
    };
}

void memtable_reserve(struct memtable *memtable, size_t size)
{
    if (size <= memtable_free_size(memtable))
        return;
    while (size > memtable_free_size(memtable))
        memtable->size *= 2;
    memtable->arena = xrealloc(memtable->arena, memtable->size);
}

void memtable_limit(struct memtable *memtable, size_t size)
{
    size += MEMTABLE_START;
    if (memtable->size > size)
        memtable->size = size > memtable->used ? size : memtable->used;
}
