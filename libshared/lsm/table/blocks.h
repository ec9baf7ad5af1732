// blocks.h - the data blocks of a table, one after the other.
//
// A block that the cache has is taken from there and does not count as used. Of the others the
// first two are read one by one and kept in the cache, since most readers do not go far. From
// then on many are read at once and decoded in memory that is used again and again, and the
// cache is left alone. Without a cache it is so from the beginning.
#pragma once

#include "lsm/table/cache.h"

struct blocks {
    struct sstable *table;
    struct cache *cache; // NULL: on another thread than the owner's, the table is pinned
    uint32_t at;         // the next block
    uint32_t end;
    uint32_t kept_count;    // blocks read through the cache
    struct buf stored;      // read ahead
    struct bytes left;      // of it: from block `at` to the one before `stored_end`
    uint32_t stored_end;    // 0: nothing was read ahead
    struct block *own;      // decoded here
    struct block *borrowed; // from the cache, with a reference
};

// Begins before block `begin`. The struct may have been on another table, or be zero-filled.
void blocks_start(struct blocks *blocks, struct sstable *table, struct cache *cache, uint32_t begin,
                  uint32_t end);
void blocks_release(struct blocks *blocks); // may be repeated

// The next block, borrowed until the next call. END, CORRUPT, IO; BUSY as with cache_read().
enum status blocks_next(struct blocks *blocks, const struct block **block,
                        struct fault *fault) MUST_USE;
