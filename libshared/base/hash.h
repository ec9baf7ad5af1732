// hash.h - the one hash of dkv: XXH3, 64 bits.
//
// It places keys on the ring, sums hash trees and guards every stored and sent
// byte. It is no cryptography: a checksum can be forged by anybody who can write files.
#pragma once

#include "base/bytes.h"

uint64_t hash64(struct bytes bytes);
uint64_t hash64_seeded(struct bytes bytes, uint64_t seed);

// A 64-bit mix of two numbers, for tables of our own.
static inline uint64_t hash_mix(uint64_t a, uint64_t b)
{
    uint64_t x = (a ^ (b * 0x9e3779b97f4a7c15u)) * 0xff51afd7ed558ccdu;
    x ^= x >> 32;
    return x * 0xc4ceb9fe1a85ec53u ^ (x >> 29);
}
