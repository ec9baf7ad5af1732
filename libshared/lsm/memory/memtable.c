#include "lsm/memory/memtable.h"

#include "base/xalloc.h"

#include <assert.h>
#include <stdlib.h>

enum {
    TOUCH_SIZE = 2 << 20,
    SLOT_COUNT_MIN = 64,
    ENTRY_SIZE_EXPECTED = 64, // smaller ones make the index grow
};

static uint64_t slot_of(uint64_t hash, size_t offset)
{
    return hash >> 32 << 32 | offset / MEMTABLE_ALIGN;
}

static size_t offset_of(uint64_t slot)
{
    return (size_t)(slot & UINT32_MAX) * MEMTABLE_ALIGN;
}

static struct bytes key_at(const struct memtable *memtable, size_t offset)
{
    const uint8_t *at = memtable->arena + offset;
    size_t start = MEMTABLE_HEADER_SIZE;
    if (at[6] & MEMTABLE_HAS_ADDRESS)
        start += MEMTABLE_ADDRESS_SIZE;
    return bytes_of(at + start, load_u16(at + 4));
}

// The slot of the key, or the free one where it belongs.
static uint64_t *find_slot(const struct memtable *memtable, uint64_t hash, struct bytes key)
{
    for (uint64_t i = hash >> 32;; i++) {
        uint64_t *slot = &memtable->slots[i & memtable->slot_mask];
        if (!*slot ||
            (*slot >> 32 == hash >> 32 && bytes_equal(key_at(memtable, offset_of(*slot)), key)))
            return slot;
    }
}

static void give_slots(struct memtable *memtable)
{
    pages_give(memtable->pages, memtable->slots, (memtable->slot_mask + 1) * sizeof(uint64_t));
}

// Twice the slots. Their upper halves of the hashes are enough to place them.
static void grow_index(struct memtable *memtable)
{
    uint64_t *old = memtable->slots;
    uint64_t old_count = memtable->slot_mask + 1, mask = 2 * old_count - 1;
    uint64_t *slots = pages_take(memtable->pages, 2 * old_count * sizeof *slots);
    pages_touch(memtable->pages, slots, 2 * old_count * sizeof *slots);
    for (uint64_t i = 0; i < old_count; i++) {
        uint64_t at = old[i] >> 32 & mask;
        if (!old[i])
            continue;
        while (slots[at])
            at = (at + 1) & mask;
        slots[at] = old[i];
    }
    give_slots(memtable);
    memtable->slots = slots;
    memtable->slot_mask = mask;
}

struct memtable *memtable_new(size_t size, uint64_t hash_seed, size_t value_size_large,
                              const struct pages *pages)
{
    size_t slot_count = SLOT_COUNT_MIN;
    while (slot_count < size / ENTRY_SIZE_EXPECTED)
        slot_count *= 2;
    struct memtable *memtable = xmalloc(sizeof *memtable);
    *memtable = (struct memtable){
        .ref_count = 1,
        .hash_seed = hash_seed,
        .value_size_large = value_size_large,
        .pages = pages,
        .arena = pages_take(pages, size + MEMTABLE_START),
        .capacity = size + MEMTABLE_START,
        .size = size + MEMTABLE_START,
        .used = MEMTABLE_START,
        .slots = pages_take(pages, slot_count * sizeof *memtable->slots),
        .slot_mask = slot_count - 1,
    };
    pages_touch(pages, memtable->slots, slot_count * sizeof *memtable->slots);
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
    pages_give(memtable->pages, memtable->arena, memtable->capacity);
    give_slots(memtable);
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

// Memory is paid for in large pieces shortly before it is used.
static void touch_ahead(struct memtable *memtable, size_t end)
{
    if (end <= memtable->touched)
        return;
    size_t begin = memtable->touched;
    memtable->touched =
        end + TOUCH_SIZE < memtable->capacity ? end + TOUCH_SIZE : memtable->capacity;
    pages_touch(memtable->pages, memtable->arena + begin, memtable->touched - begin);
}

// Puts the entry behind the others and returns where it is.
static size_t append(struct memtable *memtable, const struct entry *entry)
{
    struct bytes key = entry->key, value = entry->value;
    assert(memtable_entry_size(key.size, value.size) <= memtable_free_size(memtable));
    bool is_large = entry->is_packed || value.size >= memtable->value_size_large;
    bool has_address = entry->value_address && is_large;
    size_t offset = memtable->used;
    touch_ahead(memtable, offset + memtable_entry_size(key.size, value.size));
    uint8_t *at = memtable->arena + offset;
    store_u32(at, (uint32_t)value.size);
    store_u16(at + 4, (uint16_t)key.size);
    at[6] = (uint8_t)((entry->is_deleted ? MEMTABLE_IS_DELETED : 0) |
                      (entry->is_packed ? MEMTABLE_IS_PACKED : 0) |
                      (has_address ? MEMTABLE_HAS_ADDRESS : 0));
    at[7] = 0;
    at += MEMTABLE_HEADER_SIZE;
    if (has_address) {
        store_u64(at, entry->value_address);
        at += MEMTABLE_ADDRESS_SIZE;
    }
    memcpy(at, key.data, key.size);
    at += key.size;
    if (value.size)
        memcpy(at, value.data, value.size);
    size_t end = (size_t)(at - memtable->arena) + value.size;
    memtable->used = (end + MEMTABLE_ALIGN - 1) / MEMTABLE_ALIGN * MEMTABLE_ALIGN;
    return offset;
}

// Lets the index point at a new entry.
static void point_at(struct memtable *memtable, uint64_t hash, size_t offset)
{
    uint64_t *slot = find_slot(memtable, hash, key_at(memtable, offset));
    bool is_new = !*slot;
    if (!is_new)
        memtable->arena[offset_of(*slot) + 6] |= MEMTABLE_IS_OVERWRITTEN;
    *slot = slot_of(hash, offset);
    memtable->key_count += is_new;
    if (is_new && memtable->key_count > (memtable->slot_mask + 1) / 8 * 5)
        grow_index(memtable);
}

void memtable_add(struct memtable *memtable, uint64_t hash, const struct entry *entry)
{
    point_at(memtable, hash, append(memtable, entry));
}

void memtable_load(struct memtable *memtable, uint64_t hash, const struct entry *entry)
{
    size_t i = memtable->load_count % MEMTABLE_LOADING_MAX;
    if (memtable->load_count >= MEMTABLE_LOADING_MAX)
        point_at(memtable, memtable->loading[i].hash, memtable->loading[i].offset);
    memtable->loading[i].hash = hash;
    memtable->loading[i].offset = append(memtable, entry);
    memtable->load_count++;
    memtable_prefetch(memtable, hash);
}

void memtable_load_end(struct memtable *memtable)
{
    size_t end = memtable->load_count;
    size_t begin = end < MEMTABLE_LOADING_MAX ? 0 : end - MEMTABLE_LOADING_MAX;
    for (size_t at = begin; at < end; at++) {
        size_t i = at % MEMTABLE_LOADING_MAX;
        point_at(memtable, memtable->loading[i].hash, memtable->loading[i].offset);
    }
    memtable->load_count = 0;
}

enum memtable_result memtable_find(const struct memtable *memtable, uint64_t hash, struct bytes key,
                                   struct entry *entry)
{
    uint64_t slot = *find_slot(memtable, hash, key);
    if (!slot)
        return MEMTABLE_ABSENT;
    size_t size;
    *entry = memtable_entry_at(memtable, offset_of(slot), &size);
    return entry->is_deleted ? MEMTABLE_DELETED : MEMTABLE_FOUND;
}

void memtable_reserve(struct memtable *memtable, size_t size)
{
    if (size <= memtable_free_size(memtable))
        return;
    while (size > memtable_free_size(memtable))
        memtable->size *= 2;
    uint8_t *arena = pages_take(memtable->pages, memtable->size);
    memcpy(arena, memtable->arena, memtable->used);
    pages_give(memtable->pages, memtable->arena, memtable->capacity);
    memtable->arena = arena;
    memtable->capacity = memtable->size;
    memtable->touched = memtable->used;
}

void memtable_limit(struct memtable *memtable, size_t size)
{
    size += MEMTABLE_START;
    if (memtable->size > size)
        memtable->size = size > memtable->used ? size : memtable->used;
}
