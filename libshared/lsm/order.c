#include "lsm/order.h"

#include "base/endian.h"
#include "base/xalloc.h"

#include <stdlib.h>

enum {
    RADIX_COUNT_MIN = 96, // fewer are faster compared
};

struct item {
    uint64_t head; // eight bytes of the key, big-endian
    uint32_t at;
};

struct items {
    const struct memtable *memtable;
    struct item *items;
    size_t count;
    size_t depth; // size of the prefix that all keys share
};

static struct entry entry_at(const struct memtable *memtable, uint32_t at)
{
    size_t size;
    return memtable_entry_at(memtable, (size_t)at * 8, &size);
}

static uint64_t head_of(struct bytes key, size_t depth)
{
    if (key.size >= depth + 8)
        return load_u64_be(key.data + depth);
    uint8_t head[8] = {0};
    memcpy(head, key.data + depth, key.size - depth);
    return load_u64_be(head);
}

// Key order; of one key, the newest first.
static int compare(const void *a, const void *b, void *context)
{
    const struct item *x = a, *y = b;
    if (x->head != y->head)
        return x->head < y->head ? -1 : 1;
    int order = bytes_compare(entry_at(context, x->at).key, entry_at(context, y->at).key);
    return order ? order : (x->at < y->at) - (x->at > y->at);
}

static void collect(struct items *items, size_t begin, size_t end)
{
    size_t capacity = 0;
    struct bytes first = {0};
    for (size_t at = begin, size; at < end; at += size) {
        struct bytes key = memtable_entry_at(items->memtable, at, &size).key;
        if (items->count == capacity) {
            capacity = capacity ? 2 * capacity : 256;
            items->items = xrealloc(items->items, capacity * sizeof *items->items);
        }
        items->items[items->count++] = (struct item){.at = (uint32_t)(at / 8)};
        if (items->count == 1) {
            first = key;
            items->depth = key.size;
        }
        if (items->depth > key.size)
            items->depth = key.size;
        while (items->depth && memcmp(first.data, key.data, items->depth))
            items->depth--;
    }
    for (size_t i = 0; i < items->count; i++)
        items->items[i].head =
            head_of(entry_at(items->memtable, items->items[i].at).key, items->depth);
}

// Sorts by the heads, least significant byte first; stable.
static void radix_sort(struct items *items)
{
    size_t(*counts)[256] = xcalloc(8, sizeof *counts);
    struct item *from = items->items;
    struct item *to = xmalloc(items->count * sizeof *to);
    for (size_t i = 0; i < items->count; i++) {
        for (unsigned byte = 0; byte < 8; byte++)
            counts[byte][from[i].head >> (8 * byte) & 255]++;
    }
    for (unsigned byte = 0; byte < 8; byte++) {
        if (counts[byte][from[0].head >> (8 * byte) & 255] == items->count)
            continue; // all the same
        size_t sum = 0;
        for (unsigned value = 0; value < 256; value++) {
            size_t count = counts[byte][value];
            counts[byte][value] = sum;
            sum += count;
        }
        for (size_t i = 0; i < items->count; i++)
            to[counts[byte][from[i].head >> (8 * byte) & 255]++] = from[i];
        struct item *swap = from;
        from = to;
        to = swap;
    }
    items->items = from;
    free(to);
    free(counts);
}

static void sort(struct items *items)
{
    void *memtable = (void *)(uintptr_t)items->memtable;
    if (items->count < RADIX_COUNT_MIN) {
        if (items->count)
            qsort_r(items->items, items->count, sizeof *items->items, compare, memtable);
        return;
    }
    radix_sort(items);
    for (size_t begin = 0, end; begin < items->count; begin = end) {
        end = begin + 1;
        while (end < items->count && items->items[end].head == items->items[begin].head)
            end++;
        if (end - begin > 1)
            qsort_r(items->items + begin, end - begin, sizeof *items->items, compare, memtable);
    }
}

static struct order *new_order(size_t capacity)
{
    struct order *order = xmalloc(sizeof *order + capacity * sizeof order->at[0]);
    order->ref_count = 1;
    order->count = 0;
    return order;
}

struct order *order_new(const struct memtable *memtable, size_t begin, size_t end)
{
    struct items items = {.memtable = memtable};
    collect(&items, begin, end);
    sort(&items);
    struct order *order = new_order(items.count);
    for (size_t i = 0; i < items.count; i++) {
        // The newest of a key comes first; the ones behind it are overwritten.
        if (i && items.items[i].head == items.items[i - 1].head &&
            bytes_equal(entry_at(memtable, items.items[i].at).key,
                        entry_at(memtable, items.items[i - 1].at).key))
            continue;
        order->at[order->count++] = items.items[i].at;
    }
    free(items.items);
    return order;
}

struct order *order_retain(struct order *order)
{
    order->ref_count++;
    return order;
}

void order_release(struct order *order)
{
    if (order && !--order->ref_count)
        free(order);
}

struct entry order_entry(const struct order *order, const struct memtable *memtable, size_t index)
{
    return entry_at(memtable, order->at[index]);
}

size_t order_find(const struct order *order, const struct memtable *memtable, struct bytes key)
{
    size_t low = 0, high = order->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (bytes_compare(entry_at(memtable, order->at[middle]).key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct order *merge(const struct order *older, const struct order *newer,
                           const struct memtable *memtable)
{
    struct order *order = new_order(older->count + newer->count);
    size_t i = 0, j = 0;
    while (i < older->count && j < newer->count) {
        int compared = bytes_compare(entry_at(memtable, older->at[i]).key,
                                     entry_at(memtable, newer->at[j]).key);
        i += compared == 0; // overwritten
        order->at[order->count++] = compared < 0 ? older->at[i++] : newer->at[j++];
    }
    while (i < older->count)
        order->at[order->count++] = older->at[i++];
    while (j < newer->count)
        order->at[order->count++] = newer->at[j++];
    return order;
}

void orders_update(struct orders *orders, const struct memtable *memtable)
{
    if (!orders->end)
        orders->end = MEMTABLE_START;
    if (orders->end == memtable->used)
        return;
    struct order *newest = order_new(memtable, orders->end, memtable->used);
    orders->end = memtable->used;
    while (orders->count && orders->orders[orders->count - 1]->count <= 2 * newest->count) {
        struct order *older = orders->orders[--orders->count];
        struct order *merged = merge(older, newest, memtable);
        order_release(older);
        order_release(newest);
        newest = merged;
    }
    orders->orders[orders->count++] = newest;
}

void orders_release(struct orders *orders)
{
    for (size_t i = 0; i < orders->count; i++)
        order_release(orders->orders[i]);
    *orders = (struct orders){0};
}
