// order.h - entries of a memtable in key order.
//
// An immutable array of the newest entry of every key among those it was made from.
// Made by a radix sort of eight bytes of each key behind what all of them share,
// which leaves to a comparison sort only keys that are equal there.
//
// `orders` keeps the orders of a memtable that is still written: each further walk
// sorts what came since, and orders of similar size are merged, so that n entries
// are never in more than about log2(n) orders, newest last.
#pragma once

#include "lsm/memtable.h"

struct order {
    unsigned ref_count;
    size_t count;
    uint32_t at[]; // offsets in the arena, divided by 8
};

// The entries between two offsets of the arena. One reference belongs to the caller.
struct order *order_new(const struct memtable *memtable, size_t begin, size_t end);
struct order *order_retain(struct order *order);
void order_release(struct order *order); // NULL is allowed

struct entry order_entry(const struct order *order, const struct memtable *memtable, size_t index);

// Index of the first entry whose key is not below `key`; `count` if there is none.
size_t order_find(const struct order *order, const struct memtable *memtable, struct bytes key);

enum {
    ORDERS_MAX = 48,
};

struct orders {
    size_t end; // of the part of the arena that is in order
    size_t count;
    struct order *orders[ORDERS_MAX];
};

// Brings everything that is in the memtable into order.
void orders_update(struct orders *orders, const struct memtable *memtable);
void orders_release(struct orders *orders); // may be repeated
