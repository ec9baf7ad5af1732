// checksum.h - what guards every byte on disk.
//
// XXH3 salted with the place the bytes belong to: database, file number, offset. A
// block of another database, of another file, from an earlier life of a recycled
// file or written to the wrong place is as invalid as a flipped bit.
#pragma once

#include "base/hash.h"

static inline uint64_t checksum_at(struct bytes bytes, uint64_t database, uint64_t number,
                                   uint64_t offset)
{
    return hash64_seeded(bytes, hash_mix(database, hash_mix(number, offset)));
}
