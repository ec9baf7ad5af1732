// block.h - the unit in which tables are read: some sorted entries, by column.
//
//     prefix        what all keys of the block begin with
//     heads         the eight bytes of each key behind the prefix, zero-filled
//     sizes, flags  of each tail and value; whether it is deleted, or a pointer (value.h)
//     tails         what follows the heads in the keys
//     values
//
// A search looks at the heads alone, and at one tail to be sure. Sizes that repeat
// compress to nothing; a block in memory has them summed up into ends.
//
// On disk a block is compressed with LZ4, unless that does not help, and has a trailer with a
// checksum, salted with its place. Every byte: dkv-store(5), TABLES.
//
// In memory a block is one allocation, with prefix and heads in its first cache lines.
#pragma once

#include "base/buf.h"
#include "base/endian.h"
#include "base/status.h"
#include "lsm/entry/entry.h"

enum {
    BLOCK_TRAILER_SIZE = 16,
    BLOCK_HEADER_SIZE = 8,
    BLOCK_DELETED = 1, // flags
    BLOCK_POINTER = 1 << 5,
    BLOCK_HEAD_MASK = 15,
    BLOCK_HEAD_SIZE = 8,
    BLOCK_ENTRY_OVERHEAD = 17, // bytes for an entry beside key and value
    BLOCK_PADDING = 16,        // that may be read behind a block in memory
    BLOCK_PREFETCH_SIZE = 1024,
};

// ---- Making one ----------------------------------------------------------------------

// Values are copied once, to where they will be: behind room for the columns.
struct block_builder {
    struct buf keys;
    struct buf raw;  // room, then the values
    size_t room;     // bytes of it, as much as the blocks before needed
    uint32_t *sizes; // of each entry: key size, value size
    uint8_t *flags;
    uint32_t count;
    uint32_t capacity;
};

void block_builder_release(struct block_builder *builder); // may be repeated

// Keys come in order, each once.
void block_builder_add(struct block_builder *builder, const struct entry *entry);
size_t block_builder_size(const struct block_builder *builder); // uncompressed, about

// The last key; empty if there is none.
struct bytes block_builder_last(const struct block_builder *builder);

// The raw block of what was added, at least one entry. Borrowed until the next entry is
// added, which begins a new block.
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
    struct block *next; // in a queue of the cache
    struct block *previous;
    uint64_t key;       // in the cache
    uint32_t ref_count; // 1 when new
    uint8_t queue;      // of the cache
    uint8_t use_count;  // for the cache
    size_t capacity;    // of raw, without padding
    uint32_t size;      // of raw
    uint32_t tails;     // where they begin in raw
    uint32_t values;    // the same
    uint32_t prefix_size;
    uint32_t count;
    uint8_t raw[];
};

// Checks stored data and makes a block of them: in the memory of `*block`, which may be NULL, if
// it is large enough and not referred to by others, else in new memory. False if they are damaged
// or no block; `*block` is NULL then.
bool block_decode(struct block **block, struct bytes stored, struct block_place place);
struct block *block_retain(struct block *block);
void block_release(struct block *block); // NULL is allowed

// The first entry whose key is not below `key`, or `count`. `is_equal`: it is the key.
uint32_t block_find(const struct block *block, struct bytes key, bool *is_equal);

void block_key(const struct block *block, uint32_t index, struct buf *key); // replaces `key`
struct bytes block_value(const struct block *block, uint32_t index);

// ---- The columns ---------------------------------------------------------------------

// Begins to load what a search looks at.
static inline void block_prefetch(const struct block *block)
{
    const uint8_t *at = (const uint8_t *)block;
    for (size_t i = 0; i < BLOCK_PREFETCH_SIZE; i += 64)
        __builtin_prefetch(at + i);
}

static inline const uint8_t *block_heads(const struct block *block)
{
    return block->raw + BLOCK_HEADER_SIZE + block->prefix_size;
}

static inline struct bytes block_prefix(const struct block *block)
{
    return bytes_of(block->raw + BLOCK_HEADER_SIZE, block->prefix_size);
}

// Where the tail of an entry ends, counted from the first; that of the next one begins there.
static inline uint32_t block_tail_end(const struct block *block, uint32_t index)
{
    return load_u32(block_heads(block) + (size_t)block->count * 8 + (size_t)index * 4);
}

static inline uint32_t block_value_end(const struct block *block, uint32_t index)
{
    return load_u32(block_heads(block) + (size_t)block->count * 12 + (size_t)index * 4);
}

static inline uint8_t block_flags(const struct block *block, uint32_t index)
{
    return block_heads(block)[(size_t)block->count * 16 + index];
}

static inline bool block_is_deleted(const struct block *block, uint32_t index)
{
    return block_flags(block, index) & BLOCK_DELETED;
}

static inline bool block_is_pointer(const struct block *block, uint32_t index)
{
    return block_flags(block, index) & BLOCK_POINTER;
}

// How many bytes of the key are in its head.
static inline size_t block_head_size(const struct block *block, uint32_t index)
{
    return block_flags(block, index) >> 1 & BLOCK_HEAD_MASK;
}
