// random.h - a small seeded generator (xoshiro256**, Blackman and Vigna 2018).
//
// Deterministic: brains and tests draw from one that was seeded for them. The
// seed of a running daemon comes from the operating system (os/entropy.h).
#pragma once

#include <stdint.h>

struct random {
    uint64_t state[4];
};

void random_init(struct random *random, uint64_t seed);
uint64_t random_u64(struct random *random);
uint64_t random_below(struct random *random, uint64_t limit); // 0 ≤ result < limit; limit > 0
