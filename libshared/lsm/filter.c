#include "lsm/filter.h"

enum {
    PROBE_COUNT = 6,
    LINE_BITS_SHIFT = 32 - 9, // of a 32-bit product, 9 bits choose one of 512
};

static size_t line_of(uint64_t hash, size_t line_count)
{
    return (size_t)((hash >> 32) * line_count >> 32) * FILTER_LINE_SIZE;
}

static uint32_t next_probe(uint32_t probe)
{
    return probe * 0x9e3779b9u;
}

void filter_build(struct buf *out, const uint64_t *hashes, size_t count, unsigned bits_per_key)
{
    size_t line_count = (count * bits_per_key + FILTER_LINE_SIZE * 8 - 1) / (FILTER_LINE_SIZE * 8);
    if (line_count > UINT32_MAX)
        line_count = UINT32_MAX;
    uint8_t *lines = buf_grow(out, line_count * FILTER_LINE_SIZE);
    if (!line_count)
        return;
    memset(lines, 0, line_count * FILTER_LINE_SIZE);
    for (size_t i = 0; i < count; i++) {
        uint8_t *line = lines + line_of(hashes[i], line_count);
        uint32_t probe = (uint32_t)hashes[i];
        for (unsigned p = 0; p < PROBE_COUNT; p++, probe = next_probe(probe)) {
            uint32_t bit = probe >> LINE_BITS_SHIFT;
            line[bit / 8] = (uint8_t)(line[bit / 8] | 1u << bit % 8);
        }
    }
}

bool filter_may_have(struct bytes filter, uint64_t hash)
{
    if (!filter.size)
        return true;
    const uint8_t *line = filter.data + line_of(hash, filter.size / FILTER_LINE_SIZE);
    uint32_t probe = (uint32_t)hash;
    for (unsigned p = 0; p < PROBE_COUNT; p++, probe = next_probe(probe)) {
        uint32_t bit = probe >> LINE_BITS_SHIFT;
        if (!(line[bit / 8] >> bit % 8 & 1))
            return false;
    }
    return true;
}
