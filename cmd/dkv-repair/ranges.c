#include "dkv-repair/ranges.h"

#include "base/xalloc.h"
#include "ring/ring.h"
#include "wire/repair.h"

#include <stdlib.h>

enum { RANGES_MAX = 1024 };

static int by_first(const void *a, const void *b)
{
    const struct token_range *one = a, *other = b;
    return one->first < other->first ? -1 : one->first > other->first;
}

// Of places of the partition. Returns how many.
static uint32_t collect(const struct compare compares[], struct token_range *ranges)
{
    uint32_t count = 0;
    for (unsigned kind = 0; kind < TREE_KINDS; kind++) {
        const struct compare *compare = &compares[kind];
        for (uint32_t i = 0; i < compare->count; i++)
            ranges[count++] = (struct token_range){tree_first(compare->level, compare->nodes[i]),
                                                   tree_last(compare->level, compare->nodes[i])};
    }
    qsort(ranges, count, sizeof *ranges, by_first);
    return count;
}

static uint32_t unite(struct token_range *ranges, uint32_t count)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct token_range *last = kept ? &ranges[kept - 1] : NULL;
        if (last && (ranges[i].first <= last->last || ranges[i].first - 1 == last->last))
            last->last = ranges[i].last > last->last ? ranges[i].last : last->last;
        else
            ranges[kept++] = ranges[i];
    }
    if (kept <= RANGES_MAX)
        return kept;
    ranges[0] = (struct token_range){0, UINT64_MAX};
    return 1;
}

void ranges_of_leaves(const struct compare compares[], uint32_t partition_count, uint32_t partition,
                      struct buf *out)
{
    uint64_t begin = ring_partition_begin(partition_count, partition);
    unsigned bits = (unsigned)__builtin_ctz(partition_count);
    struct token_range *ranges = xmalloc(TREE_KINDS * TREE_NODES_MAX * sizeof *ranges);
    uint32_t count = unite(ranges, collect(compares, ranges));
    for (uint32_t i = 0; i < count; i++)
        token_range_append((struct token_range){begin + (ranges[i].first >> bits),
                                                begin + (ranges[i].last >> bits)},
                           out);
    free(ranges);
}
