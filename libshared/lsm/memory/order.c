#include "lsm/memory/order.h"

#include "base/xalloc.h"
#include "lsm/entry/key.h"

#include <assert.h>
#include <stdlib.h>

enum {
    ENTRY_SIZE_MIN = MEMTABLE_HEADER_SIZE + MEMTABLE_ALIGN, // of a key of one byte
    RADIX_COUNT_MIN = 96,                                   // fewer are faster compared
    GROUP_COUNT_MAX = 16,                                   // more are not sorted by insertion
    DIGIT_BITS = 11,
    DIGIT_COUNT = 1 << DIGIT_BITS,
    SPARE_BITS = 2, // sorted on beyond what would tell evenly spread keys apart
};

struct item {
    uint64_t head; // of the key, see heads_compress()
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

static int compare(const void *a, const void *b, void *context)
{
    const struct item *x = a, *y = b;
    if (x->head != y->head)
        return x->head < y->head ? -1 : 1;
    return bytes_compare(entry_at(context, x->at).key, entry_at(context, y->at).key);
}

// The entries that are not overwritten, with the heads behind the prefix that all share. The
// prefix is soon as short as it will be; entries taken with a longer one are looked at again.
static void collect(struct items *items, size_t begin, size_t end)
{
    const struct memtable *memtable = items->memtable;
    size_t count_max = (end - begin) / ENTRY_SIZE_MIN;
    if (count_max > memtable->key_count)
        count_max = memtable->key_count;
    items->items = xmalloc((count_max + 1) * sizeof *items->items);
    struct bytes first = {0};
    size_t stale = 0;
    for (size_t at = begin, size; at < end; at += size) {
        struct bytes key = memtable_entry_at(memtable, at, &size).key;
        if (memtable_is_overwritten(memtable, at))
            continue;
        if (!items->count) {
            first = key;
            items->depth = key.size;
        }
        size_t depth = key_common_size(bytes_of(first.data, items->depth), key);
        if (depth < items->depth)
            stale = items->count;
        items->depth = depth;
        items->items[items->count++] = (struct item){key_head(key, depth), (uint32_t)(at / 8)};
    }
    for (size_t i = 0; i < stale; i++)
        items->items[i].head = key_head(entry_at(memtable, items->items[i].at).key, items->depth);
}

static bool is_sorted(const struct items *items)
{
    void *memtable = (void *)(uintptr_t)items->memtable;
    for (size_t i = 1; i < items->count; i++) {
        if (compare(&items->items[i - 1], &items->items[i], memtable) > 0)
            return false;
    }
    return true;
}

// Leaves out the upper bits of each byte that are the same in all heads, which keeps their order:
// a decimal digit has four bits then. Returns how many bits are left.
static unsigned heads_compress(struct items *items)
{
    uint64_t differing = 0;
    for (size_t i = 1; i < items->count; i++)
        differing |= items->items[i].head ^ items->items[0].head;
    unsigned bits[8], sum = 0;
    for (unsigned byte = 0; byte < 8; byte++) {
        unsigned part = differing >> (56 - 8 * byte) & 255;
        bits[byte] = part ? 32 - (unsigned)__builtin_clz(part) : 0;
        sum += bits[byte];
    }
    if (sum == 64)
        return sum;
    for (size_t i = 0; i < items->count; i++) {
        uint64_t head = items->items[i].head, compressed = 0;
        for (unsigned byte = 0; byte < 8; byte++) {
            uint64_t part = head >> (56 - 8 * byte) & ((1u << bits[byte]) - 1);
            compressed = compressed << bits[byte] | part;
        }
        items->items[i].head = compressed;
    }
    return sum;
}

// One pass of a radix sort; stable.
static void sort_by_digit(struct items *items, struct item *to, unsigned shift)
{
    size_t begins[DIGIT_COUNT] = {0}, sum = 0;
    for (size_t i = 0; i < items->count; i++)
        begins[items->items[i].head >> shift & (DIGIT_COUNT - 1)]++;
    for (size_t digit = 0; digit < DIGIT_COUNT; digit++) {
        size_t count = begins[digit];
        begins[digit] = sum;
        sum += count;
    }
    for (size_t i = 0; i < items->count; i++)
        to[begins[items->items[i].head >> shift & (DIGIT_COUNT - 1)]++] = items->items[i];
}

// Sorts what the upper `shift` bits did not tell apart.
static void sort_group(struct items *items, size_t begin, size_t end)
{
    void *memtable = (void *)(uintptr_t)items->memtable;
    struct item *at = items->items + begin;
    size_t count = end - begin;
    if (count > GROUP_COUNT_MAX) {
        qsort_r(at, count, sizeof *at, compare, memtable);
        return;
    }
    for (size_t i = 1; i < count; i++) {
        struct item item = at[i];
        size_t j = i;
        for (; j && compare(&at[j - 1], &item, memtable) > 0; j--)
            at[j] = at[j - 1];
        at[j] = item;
    }
}

static void radix_sort(struct items *items)
{
    unsigned bits = heads_compress(items), needed = bits < SPARE_BITS ? bits : SPARE_BITS;
    while (needed < bits && items->count >> (needed - SPARE_BITS))
        needed++;
    unsigned shift = bits - needed;
    struct item *to = xmalloc(items->count * sizeof *to);
    for (unsigned done = 0; done < needed; done += DIGIT_BITS) {
        sort_by_digit(items, to, shift + done);
        struct item *swap = items->items;
        items->items = to;
        to = swap;
    }
    free(to);
    for (size_t begin = 0, end; begin < items->count; begin = end) {
        uint64_t upper = items->items[begin].head >> shift;
        for (end = begin + 1; end < items->count && items->items[end].head >> shift == upper;)
            end++;
        sort_group(items, begin, end);
    }
}

static void sort(struct items *items)
{
    if (is_sorted(items))
        return;
    if (items->count < RADIX_COUNT_MIN)
        qsort_r(items->items, items->count, sizeof *items->items, compare,
                (void *)(uintptr_t)items->memtable);
    else
        radix_sort(items);
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
    assert(end == memtable->used);
    struct items items = {.memtable = memtable};
    collect(&items, begin, end);
    sort(&items);
    struct order *order = new_order(items.count);
    while (order->count < items.count) {
        order->at[order->count] = items.items[order->count].at;
        order->count++;
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
