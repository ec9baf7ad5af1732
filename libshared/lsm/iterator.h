// iterator.h - memtables and runs walked together in key order.
//
// Sources are added from the newest to the oldest. Of every key only what the newest
// source says comes out; deletions too. The iterator borrows tables, memtables and
// orders: who made it keeps them alive.
#pragma once

#include "lsm/cache.h"
#include "lsm/order.h"
#include "lsm/version.h"

struct source;

struct iterator {
    struct cache *cache; // NULL: on another thread than the owner's, with pinned tables
    struct source *sources;
    size_t count;
    struct source **heap; // smallest key on top
    size_t heap_count;
    struct source *current; // gave the last entry; outside the heap
};

void iterator_add_order(struct iterator *iterator, const struct memtable *memtable,
                        const struct order *order);
void iterator_add_run(struct iterator *iterator, struct sstable *const *tables, size_t count);
void iterator_release(struct iterator *iterator); // may be repeated

// Goes to the first key that is not below `from`, after all sources were added.
enum status iterator_seek(struct iterator *iterator, struct bytes from,
                          struct fault *fault) MUST_USE;

// The next entry, borrowed until the next call. END, CORRUPT, IO.
enum status iterator_next(struct iterator *iterator, struct entry *entry,
                          struct fault *fault) MUST_USE;
