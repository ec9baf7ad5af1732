// order.h - entries of a memtable in key order.
//
// An immutable array of the newest entry of every key among those it was made from.
// Made from eight bytes of each key, behind what all of them share: a radix sort on as
// many of their upper bits as can tell the keys apart if they are spread evenly, then
// comparisons among the few that it could not. Entries that were added in key order cost
// one look.
//
// `orders` keeps the orders of a memtable that is still written: each further walk
// sorts what came since, and orders of similar size are merged, so that n entries
// are never in more than about log2(n) orders, newest last.
#pragma once

#include "lsm/memory/memtable.h"

enum {
    ORDER_AHEAD_COUNT = 16,
};

struct order {
    unsigned ref_count;
    size_t count;
    uint32_t at[]; // offsets in the arena, divided by 8
};

// The entries between an offset of the arena and its end, what is used of it now. One reference
// belongs to the caller.
struct order *order_new(const struct memtable *memtable, size_t begin, size_t end);
struct order *order_retain(struct order *order);
void order_release(struct order *order); // NULL is allowed

// The entry at an index. A walk finds the memory of those ahead fetched.
static inline struct entry order_entry(const struct order *order, const struct memtable *memtable,
                                       size_t index)
{
    size_t size;
    if (index + ORDER_AHEAD_COUNT < order->count) {
        const uint8_t *ahead =
            memtable->arena + (size_t)order->at[index + ORDER_AHEAD_COUNT] * MEMTABLE_ALIGN;
        __builtin_prefetch(ahead);
        __builtin_prefetch(ahead + 64);
        __builtin_prefetch(ahead + 128);
    }
    return memtable_entry_at(memtable, (size_t)order->at[index] * MEMTABLE_ALIGN, &size);
}

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
