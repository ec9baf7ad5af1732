// block.h - the unit in which tables are read: some sorted entries, by column.
//
//     u32 entry count n   u32 prefix size
//     heads        n × 8  the eight bytes of each key behind the prefix, zero-filled
//     tail sizes   n × u32
//     value sizes  n × u32
//     flags        n × u8   bit 0: deleted; bits 1 to 4: how many bytes the head holds
//     prefix              what all keys of the block begin with
//     tails               what follows the heads in the keys
//     values
//
// A search looks at the heads alone, and at one tail to be sure. Sizes that repeat
// compress to nothing; a block in memory has them summed up into ends.
//
// On disk a block is compressed with LZ4, unless that does not help, and has a trailer:
//
//     stored bytes   u32 size before compression   u32 compression (0 none, 1 LZ4)
//     u64 checksum of all this, salted with database, file number and offset
#pragma once

#include "base/buf.h"
#include "base/status.h"

enum {
    BLOCK_TRAILER_SIZE = 16,
    BLOCK_ENTRY_OVERHEAD = 17, // bytes for an entry beside key and value
};

// ---- Making one ----------------------------------------------------------------------

struct block_builder {
    struct buf keys;
    struct buf values;
    struct buf sizes; // u32 key size, u32 value size, u32 is deleted
    uint32_t count;
    struct buf raw; // the block while it is finished
};

void block_builder_release(struct block_builder *builder); // may be repeated

// Keys come in order, each once.
void block_builder_add(struct block_builder *builder, struct bytes key, struct bytes value,
                       bool is_deleted);
size_t block_builder_size(const struct block_builder *builder); // uncompressed, about

// The last key; empty if there is none.
struct bytes block_builder_last(const struct block_builder *builder);

// Puts what was added into `raw` and begins a new block.
struct bytes block_builder_finish(struct block_builder *builder);

struct block_place {
    uint64_t database;
    uint64_t number; // of the file
    uint64_t offset;
};

// Appends raw bytes as they are stored: compressed, with trailer.
void block_store(struct buf *out, struct bytes raw, struct block_place place);

// ---- Reading one ---------------------------------------------------------------------

// Checks stored bytes and appends them to `raw`, uncompressed. False if they are damaged.
bool block_load(struct buf *raw, struct bytes stored, struct block_place place);

struct block {
    unsigned ref_count;
    bool is_recent;     // for the cache
    struct block *next; // in a bucket of the cache
    uint64_t table;
    uint64_t offset;
    uint8_t *raw; // owned
    size_t size;
    uint32_t count;
    struct bytes prefix;
    const uint8_t *heads;
    const uint8_t *tail_ends;
    const uint8_t *value_ends;
    const uint8_t *flags;
    const uint8_t *tails;
    const uint8_t *values;
};

// Takes over the memory of `raw`. NULL if it is no block, which a checksum excludes. One
// reference belongs to the caller.
struct block *block_new_take(struct buf *raw, uint64_t table, uint64_t offset);
struct block *block_retain(struct block *block);
void block_release(struct block *block); // NULL is allowed

// The first entry whose key is not below `key`, or `count`. `is_equal`: it is the key.
uint32_t block_find(const struct block *block, struct bytes key, bool *is_equal);

void block_key(const struct block *block, uint32_t index, struct buf *key); // replaces `key`
struct bytes block_value(const struct block *block, uint32_t index);
static inline bool block_is_deleted(const struct block *block, uint32_t index)
{
    return block->flags[index] & 1;
}
