// hlc.h - the hybrid logical clock (Kulkarni et al. 2014).
//
// 48 bits of wall clock milliseconds and 16 bits of logical counter in one number
// that only grows. A write's hlc is greater than that of everything it supersedes,
// whatever the clocks of the nodes say.
#pragma once

#include <stdint.h>

// The next stamp: greater than *last and at least `floor`, near `wall_ms` if possible.
// Updates *last.
static inline uint64_t hlc_next(uint64_t *last, uint64_t wall_ms, uint64_t floor)
{
    uint64_t stamp = wall_ms << 16;
    if (stamp <= *last)
        stamp = *last + 1;
    if (stamp < floor)
        stamp = floor;
    *last = stamp;
    return stamp;
}

static inline uint64_t hlc_wall_ms(uint64_t hlc)
{
    return hlc >> 16;
}
