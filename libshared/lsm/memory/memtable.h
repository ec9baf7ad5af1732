// memtable.h - what was written last, in memory.
//
// Entries are appended to an arena of fixed size and never move; a hash index points
// at the newest entry of each key:
//
//     slots   [ hash, upper 32 bits | offset / 8 ]   open addressing, linear probing
//     arena   { value size, key size, flags, address?, key, value } { ... } { ... } ->
//
// A put whose value is large also remembers where the value lies in the log; smaller
// entries have no room for that.
//
// Nothing is sorted while writing. A walk in key order (a flush, a scan) sorts what it
// needs into an `order`, which does not change any more: a scan sees what was there when
// it began, because overwriting appends. The overwritten entry is flagged, so that later
// walks need not look at it.
//
// One writer. Entries of an order or a find live as long as the memtable.
#pragma once

#include "base/endian.h"
#include "base/pages.h"
#include "lsm/entry/entry.h"

enum {
    MEMTABLE_START = 8,        // offset of the first entry: 0 is a free slot
    MEMTABLE_HEADER_SIZE = 8,  // u32 value size, u16 key size, u8 flags, u8 0
    MEMTABLE_ADDRESS_SIZE = 8, // behind it, of large values
    MEMTABLE_ALIGN = 8,
    MEMTABLE_LOADING_MAX = 16,
};

enum memtable_flags {
    MEMTABLE_IS_DELETED = 1,
    MEMTABLE_IS_OVERWRITTEN = 2, // the key has a newer entry
    MEMTABLE_HAS_ADDRESS = 4,
    MEMTABLE_IS_PACKED = 8, // the value, which is large then
};

struct memtable {
    unsigned ref_count;
    uint64_t hash_seed;        // with which all hashes given here are made
    size_t value_size_large;   // values from this size on have an address in the log
    const struct pages *pages; // where its memory comes from
    uint8_t *arena;
    size_t capacity; // of its memory
    size_t touched;  // of it, which need not be paid for again
    size_t size;     // of the arena
    size_t used;
    uint64_t *slots; // 0 = free
    uint64_t slot_mask;
    size_t key_count; // distinct keys
    struct {
        uint64_t hash;
        size_t offset;
    } loading[MEMTABLE_LOADING_MAX]; // entries that the index does not know yet, a ring
    size_t load_count;               // entries that were ever in it
};

enum memtable_result {
    MEMTABLE_ABSENT,
    MEMTABLE_FOUND,
    MEMTABLE_DELETED,
};

// Memory is touched only as it is used. One reference belongs to the caller. With
// `value_size_large` SIZE_MAX no value is large.
struct memtable *memtable_new(size_t size, uint64_t hash_seed, size_t value_size_large,
                              const struct pages *pages);
struct memtable *memtable_retain(struct memtable *memtable);
void memtable_release(struct memtable *memtable); // NULL is allowed

// Empties one that nobody else refers to, for another life in memory that is there already.
// False if somebody does, or if its arena has another size.
bool memtable_reuse(struct memtable *memtable, size_t size);

// Bytes of the arena that an entry takes at most. All of a batch must fit before it is added.
static inline size_t memtable_entry_size(size_t key_size, size_t value_size)
{
    size_t size = MEMTABLE_HEADER_SIZE + MEMTABLE_ADDRESS_SIZE + key_size + value_size;
    return (size + MEMTABLE_ALIGN - 1) / MEMTABLE_ALIGN * MEMTABLE_ALIGN;
}

static inline size_t memtable_free_size(const struct memtable *memtable)
{
    return memtable->size - memtable->used;
}

// Fetches what an add or a find of this hash will look at first.
static inline void memtable_prefetch(const struct memtable *memtable, uint64_t hash)
{
    __builtin_prefetch(&memtable->slots[hash >> 32 & memtable->slot_mask], 1);
}

// The address of the value counts only if the value is large, as packed ones are.
void memtable_add(struct memtable *memtable, uint64_t hash, const struct entry *entry);

// The same for a long row of entries: the index learns of each when the memory it needs has
// come, some entries later. Before the end nothing else may be asked of the memtable.
void memtable_load(struct memtable *memtable, uint64_t hash, const struct entry *entry);
void memtable_load_end(struct memtable *memtable);

enum memtable_result memtable_find(const struct memtable *memtable, uint64_t hash, struct bytes key,
                                   struct entry *entry);

// The entry at an offset of the arena; the next one begins `*size` bytes on.
static inline struct entry memtable_entry_at(const struct memtable *memtable, size_t offset,
                                             size_t *size)
{
    const uint8_t *at = memtable->arena + offset;
    struct entry entry = {
        .is_deleted = at[6] & MEMTABLE_IS_DELETED,
        .is_packed = at[6] & MEMTABLE_IS_PACKED,
    };
    entry.value.size = load_u32(at);
    entry.key.size = load_u16(at + 4);
    bool has_address = at[6] & MEMTABLE_HAS_ADDRESS;
    at += MEMTABLE_HEADER_SIZE;
    if (has_address) {
        entry.value_address = load_u64(at);
        at += MEMTABLE_ADDRESS_SIZE;
    }
    entry.key.data = at;
    entry.value.data = at + entry.key.size;
    size_t end = (size_t)(entry.value.data - memtable->arena) + entry.value.size;
    *size = (end + MEMTABLE_ALIGN - 1) / MEMTABLE_ALIGN * MEMTABLE_ALIGN - offset;
    return entry;
}

static inline bool memtable_is_overwritten(const struct memtable *memtable, size_t offset)
{
    return memtable->arena[offset + 6] & MEMTABLE_IS_OVERWRITTEN;
}

// Makes room for an entry by moving the arena; bytes borrowed from it are void.
void memtable_reserve(struct memtable *memtable, size_t size);

// Takes back what the memtable has of that beyond `size`, as far as it is not used.
void memtable_limit(struct memtable *memtable, size_t size);
