// moment.h - what time it is, as an argument.
//
// Pure code never asks for the time; it is told.
#pragma once

#include <stdint.h>

struct moment {
    uint64_t mono_ms; // monotonic, for deadlines
    uint64_t wall_ms; // wall clock since 1970, for hybrid clocks and expiry
};

// Returns what comes first.
static inline uint64_t least_ms(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}
