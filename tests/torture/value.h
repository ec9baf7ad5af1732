// value.h - values that say whose they are, so that every byte of one can be verified.
//
//     u32 key, u32 version, u64 seed, filler
//
// The filler is a function of the three: of every second value random bytes, of the others
// bytes that compress well. The seed is that of the database: a value of an earlier life of
// the same disk is a wrong one.
#pragma once

#include "base/buf.h"

enum { VALUE_SIZE_MIN = 16 };

// Appends to `out`. size: at least VALUE_SIZE_MIN.
void value_make(uint64_t seed, uint32_t key, uint32_t version, uint32_t size, struct buf *out);

// The version that the value claims; 0 if it is not a value of this key and seed.
uint32_t value_version(uint64_t seed, uint32_t key, struct bytes value);
