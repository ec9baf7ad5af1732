// p99.h - an estimate of what one in a hundred samples exceeds.
#pragma once

#include <stdint.h>

// Lets the estimate follow one sample: up by much when it is above, down by little when it is
// below. Both are of the same unit.
static inline void p99_follow(uint64_t *p99, uint64_t sample)
{
    uint64_t step = *p99 / 64 + 1;
    if (sample > *p99)
        *p99 += step * 99 / 10;
    else if (*p99 > step / 10 + 1)
        *p99 -= step / 10 + 1;
}
