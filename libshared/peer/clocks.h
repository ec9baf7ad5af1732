// clocks.h - whose wall clock is off, as a majority of all nodes sees it.
//
// Where the last write wins, the clock of the store that gives a write its dot decides which one
// is the last. A clock is off if more than half of all nodes agree with each other, each within
// `refuse_ms` of the others, and it lies further than that from all of them. Without a majority
// that agrees, nobody can say who is right, and no clock is off.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct clock_offset {
    bool is_known;
    bool is_off;      // found by clocks_judge()
    int64_t ahead_ms; // of our clock
    int64_t off_ms;   // ahead of the nearest of the majority; below 0: behind it
};

// Judges the clocks of all nodes. `sorted` has room for `count` numbers.
void clocks_judge(struct clock_offset *offsets, uint32_t count, uint64_t refuse_ms,
                  int64_t *sorted);
