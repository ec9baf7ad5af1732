// iterator.h - memtables and tables walked together in key order.
//
// Sources are added from the newest to the oldest. Of every key only the entry of the newest
// source comes out; deletions too. The iterator borrows tables, memtables and
// orders: its maker keeps them alive.
//
// A tree of losers (Knuth, The Art of Computer Programming 3, 5.4.1) finds the smallest key by
// comparing eight bytes, taken behind what all keys of the walk begin with; only where
// these are equal the keys themselves are compared:
//
//            [2]             each node keeps the loser there, and its head; the winner of
//         [0]   [3]          all, here source 1, goes on and plays again on its way up
//        0   1 2   3
#pragma once

#include "lsm/memory/order.h"
#include "lsm/table/blocks.h"

struct source;

struct player {
    uint64_t head;
    size_t source;
};

struct iterator {
    // Told of every entry that a newer one hides; or NULL.
    void (*on_hidden)(void *context, const struct entry *entry);
    void *context;
    struct cache *cache; // NULL: on another thread than the owner's, with pinned tables
    struct bytes to;     // borrowed; where the walk ends; empty: nowhere
    struct source *sources;
    size_t count;
    size_t capacity;
    size_t depth;           // of the heads in the keys
    struct player *players; // the winner, then the tree
    bool is_shown;          // the winner's entry came out
};

void iterator_add_order(struct iterator *iterator, const struct memtable *memtable,
                        const struct order *order);
void iterator_add_table(struct iterator *iterator, struct sstable *table);
void iterator_release(struct iterator *iterator); // may be repeated

// Goes to the first key that is not below `from`, after all sources were added. BUSY, where the
// cache notes what is missing: the first blocks of all sources are noted.
enum status iterator_seek(struct iterator *iterator, struct bytes from,
                          struct fault *fault) MUST_USE;

// The next entry, borrowed until the next call. END; after BUSY, CORRUPT or IO only a release
// makes sense.
enum status iterator_next(struct iterator *iterator, struct entry *entry,
                          struct fault *fault) MUST_USE;
