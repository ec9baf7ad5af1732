#include "lsm/value/value_counts.h"

#include "base/search.h"
#include "base/xalloc.h"

#include <stdlib.h>
#include <string.h>

static size_t find_count(const struct value_counts *counts, uint64_t id)
{
    return search_number(counts->counts, counts->count, sizeof *counts->counts, id);
}

void value_counts_add(struct value_counts *counts, uint64_t id, uint64_t size)
{
    size_t at = find_count(counts, id);
    if (at == counts->count || counts->counts[at].id != id) {
        counts->counts = xrealloc(counts->counts, (counts->count + 1) * sizeof *counts->counts);
        memmove(counts->counts + at + 1, counts->counts + at,
                (counts->count - at) * sizeof *counts->counts);
        counts->counts[at] = (struct value_count){.id = id};
        counts->count++;
    }
    counts->counts[at].size += size;
}

uint64_t value_counts_find(const struct value_counts *counts, uint64_t id)
{
    size_t at = find_count(counts, id);
    return at < counts->count && counts->counts[at].id == id ? counts->counts[at].size : 0;
}

void value_counts_release(struct value_counts *counts)
{
    free(counts->counts);
    *counts = (struct value_counts){0};
}
