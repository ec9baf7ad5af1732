// walk.h - all entries of the database in key order, range by range.
//
// Within a range an iterator merges its slices, and, for a scan, what the memtables hold.
// A key that several of them have comes out once, as the newest says. Tables,
// memtables, orders and the version are borrowed: the caller keeps them alive. A walk
// without a cache may go on any thread, over pinned tables.
#pragma once

#include "lsm/merge/iterator.h"
#include "lsm/version/version.h"

// What a memtable has, above all slices.
struct walk_order {
    const struct memtable *memtable;
    const struct order *order;
};

struct walk {
    const struct version *version;
    struct bytes from, to;           // [from, to); an empty `to` is the end
    size_t slice_count;              // so many of the newest of each range
    const struct walk_order *orders; // newest first
    size_t order_count;
    void (*on_hidden)(void *context, const struct entry *entry); // as of the iterator
    void *context;
    struct cache *cache; // NULL: on another thread than the owner's

    struct iterator iterator; // of the range at hand
    size_t index;             // of it
    struct bytes end;         // where it ends, or `to`
    bool is_begun;
};

void walk_release(struct walk *walk); // may be repeated

// The next entry, borrowed until the next call. END, CORRUPT, IO; BUSY as with iterator_seek().
enum status walk_next(struct walk *walk, struct entry *entry, struct fault *fault) MUST_USE;
