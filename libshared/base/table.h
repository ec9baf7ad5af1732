// table.h - a hash table from bytes to numbers or pointers.
//
// Open addressing with linear probing; a removal moves later entries back (Knuth, The
// Art of Computer Programming 3, 6.4, algorithm R), so there are no tombstones and a
// table that lives for ever does not rot. Keys are copied: up to 16 bytes (numbers,
// request ids) into the table itself, longer ones into memory of their own.
//
// The seed keeps outsiders from choosing keys that collide. The order of iteration
// depends on the seed and on the history, and on nothing else.
//
// A zero-filled table is a valid empty one with seed 0.
#pragma once

#include "base/bytes.h"

enum { TABLE_KEY_INLINE = 16 };

union table_value {
    uint64_t number;
    void *pointer;
};

struct table_slot {
    uint64_t hash;
    uint32_t key_size;
    bool used;
    union {
        uint8_t bytes[TABLE_KEY_INLINE];
        uint8_t *copy; // owned, if key_size > TABLE_KEY_INLINE
    } key;
    union table_value value;
};

struct table {
    struct table_slot *slots; // owned
    size_t capacity;          // 0 or a power of two
    size_t count;
    uint64_t seed;
};

void table_init(struct table *table, uint64_t seed);
void table_release(struct table *table); // empty again, seed kept; what values point to is not its
void table_clear(struct table *table);   // empty, capacity kept

// The value of the key, which may be changed in place; NULL if there is none. Lives
// until the next call that adds or removes.
union table_value *table_find(const struct table *table, struct bytes key);

// The same, but a key that is not there is added with a value of zero.
union table_value *table_add(struct table *table, struct bytes key);

bool table_remove(struct table *table, struct bytes key); // false if it was not there

// Iteration: start with *position = 0; false when there is no more. Nothing may be
// added or removed meanwhile. The key is borrowed from the table.
bool table_next(const struct table *table, size_t *position, struct bytes *key,
                union table_value **value);

// A number as a key: table_find(&table, table_key(&id)).
static inline struct bytes table_key(const uint64_t *number)
{
    return bytes_of(number, sizeof *number);
}
