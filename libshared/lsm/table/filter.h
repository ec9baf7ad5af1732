// filter.h - a Bloom filter that touches one cache line.
//
// The upper half of a key's hash chooses a line of 64 bytes, the lower half the bits
// in it (Putze, Sanders, Singler: Cache-, Hash- and Space-Efficient Bloom Filters, 2007).
// With 10 bits a key about one absent key in a hundred seems to be there, with 14 one
// in five hundred.
//
// Every byte: dkv-store(5), Filter.
#pragma once

#include "base/buf.h"

enum {
    FILTER_LINE_SIZE = 64,
    FILTER_PROBE_COUNT_MAX = 16,
};

// Zero-filled excludes nothing.
struct filter {
    uint8_t *memory;
    uint8_t *lines; // in it, each in a cache line
    size_t line_count;
    unsigned probe_count;
};

// Appends the filter of these hashes.
void filter_build(struct buf *out, const uint64_t *hashes, size_t count, unsigned bits_per_key);

// Copies what filter_build() made. False if it did not.
bool filter_init(struct filter *filter, struct bytes bytes);
void filter_release(struct filter *filter); // may be repeated

// Begins to load what filter_may_have() will need.
static inline const uint8_t *filter_line(const struct filter *filter, uint64_t hash)
{
    return filter->lines + ((hash >> 32) * filter->line_count >> 32) * FILTER_LINE_SIZE;
}

static inline void filter_prefetch(const struct filter *filter, uint64_t hash)
{
    __builtin_prefetch(filter_line(filter, hash));
}

// False only if no key with this hash was there.
bool filter_may_have(const struct filter *filter, uint64_t hash);
