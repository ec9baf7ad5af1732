// filter.h - a Bloom filter that touches one cache line.
//
// The upper half of a key's hash chooses a line of 64 bytes, the lower half the bits
// in it (Putze, Sanders, Singler: Cache-, Hash- and Space-Efficient Bloom Filters, 2007).
// With ten bits a key about one absent key in a hundred seems to be there.
#pragma once

#include "base/buf.h"

enum {
    FILTER_LINE_SIZE = 64,
};

// Appends the filter of these hashes.
void filter_build(struct buf *out, const uint64_t *hashes, size_t count, unsigned bits_per_key);

// False only if no key with this hash was there. `filter` is a multiple of a line; an
// empty one excludes nothing.
bool filter_may_have(struct bytes filter, uint64_t hash);
