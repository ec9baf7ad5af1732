// memtable.h - what was written last, in memory.
//
// Entries are appended to an arena of fixed size and never move; a hash index points
// at the newest entry of each key:
//
//     slots   [ tag 16 | offset 48 ]   open addressing, linear probing
//     arena   { value size, key size, is deleted, key, value } { ... } { ... } ->
//
// Nothing is sorted while writing. A walk in key order (a flush, a scan) sorts what it
// needs into an `order`, which does not change any more: a scan sees what was there when
// it began, because overwriting appends.
//
// One writer. What an order or a find returned lives as long as the memtable.
#pragma once

#include "lsm/entry.h"

struct memtable {
    unsigned ref_count;
    uint64_t hash_seed; // with which all hashes given here are made
    uint8_t *arena;
    size_t size; // of the arena
    size_t used;
    uint64_t *slots; // 0 = free
    uint64_t slot_mask;
    size_t key_count; // distinct keys
};

enum memtable_result {
    MEMTABLE_ABSENT,
    MEMTABLE_FOUND,
    MEMTABLE_DELETED,
};

// Memory is touched only as it is used. One reference belongs to the caller.
struct memtable *memtable_new(size_t size, uint64_t hash_seed);
struct memtable *memtable_retain(struct memtable *memtable);
void memtable_release(struct memtable *memtable); // NULL is allowed

// Empties one that nobody else refers to, for another life in memory that is there already.
// False if somebody does, or if its arena has another size.
bool memtable_reuse(struct memtable *memtable, size_t size);

// Bytes of the arena that an entry takes. All of a batch must fit before it is added.
size_t memtable_entry_size(size_t key_size, size_t value_size);
static inline size_t memtable_free_size(const struct memtable *memtable)
{
    return memtable->size - memtable->used;
}

void memtable_add(struct memtable *memtable, uint64_t hash, struct bytes key, struct bytes value,
                  bool is_deleted);
enum memtable_result memtable_find(const struct memtable *memtable, uint64_t hash, struct bytes key,
                                   struct bytes *value);

// The entry at an offset of the arena; the next one begins `*size` bytes on.
struct entry memtable_entry_at(const struct memtable *memtable, size_t offset, size_t *size);

// Makes room for an entry by moving the arena; what was borrowed from it is void.
void memtable_reserve(struct memtable *memtable, size_t size);

// Takes back what the memtable has of that beyond `size`, as far as it is not used.
void memtable_limit(struct memtable *memtable, size_t size);

enum {
    MEMTABLE_START = 8, // offset of the first entry: 0 is a free slot
};
