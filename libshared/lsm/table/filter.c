#include "lsm/table/filter.h"

#include "base/xalloc.h"

#include <stdlib.h>

enum {
    LINE_BITS_SHIFT = 32 - 9, // of a 32-bit product, 9 bits choose one of 512
};

// As many as make the fewest mistakes, a few less for speed.
static unsigned probe_count_of(unsigned bits_per_key)
{
    unsigned count = (bits_per_key * 6 + 4) / 10;
    if (count < 1)
        return 1;
    return count < FILTER_PROBE_COUNT_MAX ? count : FILTER_PROBE_COUNT_MAX;
}

static uint32_t next_probe(uint32_t probe)
{
    return probe * 0x9e3779b9u;
}

void filter_build(struct buf *out, const uint64_t *hashes, size_t count, unsigned bits_per_key)
{
    struct filter filter = {.probe_count = probe_count_of(bits_per_key)};
    filter.line_count = (count * bits_per_key + FILTER_LINE_SIZE * 8 - 1) / (FILTER_LINE_SIZE * 8);
    if (filter.line_count > UINT32_MAX)
        filter.line_count = UINT32_MAX;
    if (!filter.line_count)
        return;
    size_t size = filter.line_count * FILTER_LINE_SIZE;
    filter.lines = buf_grow(out, size + 1);
    memset(filter.lines, 0, size);
    filter.lines[size] = (uint8_t)filter.probe_count;
    for (size_t i = 0; i < count; i++) {
        uint8_t *line = filter.lines + (filter_line(&filter, hashes[i]) - filter.lines);
        uint32_t probe = (uint32_t)hashes[i];
        for (unsigned p = 0; p < filter.probe_count; p++, probe = next_probe(probe)) {
            uint32_t bit = probe >> LINE_BITS_SHIFT;
            line[bit / 8] = (uint8_t)(line[bit / 8] | 1u << bit % 8);
        }
    }
}

bool filter_init(struct filter *filter, struct bytes bytes)
{
    *filter = (struct filter){0};
    if (!bytes.size)
        return true;
    size_t size = bytes.size - 1;
    unsigned probe_count = bytes.data[size];
    if (!size || size % FILTER_LINE_SIZE || !probe_count || probe_count > FILTER_PROBE_COUNT_MAX)
        return false;
    filter->memory = xmalloc(size + FILTER_LINE_SIZE - 1);
    size_t rest = (uintptr_t)filter->memory % FILTER_LINE_SIZE;
    filter->lines = filter->memory + (rest ? FILTER_LINE_SIZE - rest : 0);
    memcpy(filter->lines, bytes.data, size);
    filter->line_count = size / FILTER_LINE_SIZE;
    filter->probe_count = probe_count;
    return true;
}

void filter_release(struct filter *filter)
{
    free(filter->memory);
    *filter = (struct filter){0};
}

bool filter_may_have(const struct filter *filter, uint64_t hash)
{
    if (!filter->line_count)
        return true;
    const uint8_t *line = filter_line(filter, hash);
    uint32_t probe = (uint32_t)hash;
    // To stop at the first bit that is missing would be a branch that nobody can predict.
    unsigned all = 1;
    for (unsigned p = 0; p < filter->probe_count; p++, probe = next_probe(probe)) {
        uint32_t bit = probe >> LINE_BITS_SHIFT;
        all &= (unsigned)line[bit / 8] >> bit % 8;
    }
    return all & 1;
}
