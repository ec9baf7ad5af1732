// cache.h - uncompressed blocks that were read lately.
//
//     new ──> small queue ──used again──> main queue ──> out
//                  │        ┌──────────────^    └─ used: round again
//                  └─ not ──┴─> ghost: forgotten, but missed again soon
//
// S3-FIFO (Yang, Zhang, Qiu, Yue, Rashmi: FIFO Queues are All You Need for Cache Eviction,
// 2023): a tenth of the memory is for blocks that came lately. A block used there again, or
// shortly after it left, is kept in the main queue; one that is read once, as in a long walk,
// pushes out nothing else. A use is a counter up to three; nothing moves until something
// must go.
//
// Owner's thread only. A block that is evicted while somebody refers to it lives on.
#pragma once

#include "lsm/table/sstable.h"

struct cache_slot {
    uint64_t key;        // number of the table * 2^32 + index of the block
    struct block *block; // NULL: free
};

// A damaged block that was met. All keys that it may have had lie in [from, to].
struct cache_damage {
    uint64_t key; // as of a slot
    struct buf from, to;
    bool is_passed_over;
};

enum { CACHE_DAMAGES_MAX = 256 }; // that are remembered

struct cache_queue {
    struct block *oldest;
    struct block *newest;
    size_t size; // bytes
};

struct cache {
    size_t size_max; // bytes, everything counted; 0 keeps no block
    size_t size;
    struct cache_queue queues[2]; // small, main
    struct cache_slot *slots;     // open addressing, linear probing
    size_t slot_mask;
    size_t count;
    uint64_t *ghosts;    // keys, each at the place its hash says; as many as there are slots
    struct reads *reads; // what is not in memory is noted there; NULL: it is read
    struct buf stored;   // what was read from a file
    struct block *loose; // read last, too large to be kept
    struct cache_damage *damages;
    size_t damage_count;
    uint64_t hit_count;
    uint64_t miss_count;
};

void cache_init(struct cache *cache, size_t size_max);
void cache_release(struct cache *cache); // may be repeated

// Begins to load what cache_find() will look at.
void cache_prefetch(const struct cache *cache, const struct sstable *table, uint32_t index);

// The block if it is there, or NULL. Borrowed until the next cache_read() or
// cache_forget(). It is not looked into.
struct block *cache_find(const struct cache *cache, const struct sstable *table, uint32_t index);

// Counts a block that was found as used.
void cache_use(struct cache *cache, struct block *block);

// The block from the cache, which counts as a use, else from the file. Borrowed as well. BUSY
// if it could only be noted. END: it is passed over.
enum status cache_read(struct cache *cache, struct sstable *table, uint32_t index,
                       struct block **block, struct fault *fault) MUST_USE;

// A damaged block, which cache_read() does by itself; and whether it is passed over.
void cache_note_damage(struct cache *cache, const struct sstable *table, uint32_t index);
bool cache_passes_over(const struct cache *cache, const struct sstable *table, uint32_t index);

// Lets go of the blocks of a table that will not be asked for again.
void cache_forget(struct cache *cache, const struct sstable *table);
