// cache.h - uncompressed blocks that were read lately.
//
// A hash table of blocks, evicted by CLOCK: a hand goes round, spares a block that was
// used since it last came by, and takes the next. Owner's thread only. A block that
// is evicted while somebody reads it lives on through its reference count.
#pragma once

#include "lsm/sstable.h"

struct cache {
    size_t size_max; // bytes of blocks; 0 keeps none
    size_t size;
    struct block **buckets;
    size_t bucket_mask;
    struct block **blocks; // the clock
    size_t count;
    size_t capacity;
    size_t hand;
    uint64_t hit_count;
    uint64_t miss_count;
};

void cache_init(struct cache *cache, size_t size_max);
void cache_release(struct cache *cache); // may be repeated

// The block from the cache or from the file, with a reference for the caller. `is_kept`:
// it goes into the cache; a long scan does not want that.
enum status cache_read(struct cache *cache, struct sstable *table, uint32_t index, bool is_kept,
                       struct block **block, struct fault *fault) MUST_USE;
