// waiting.h - requests that wait for their replies.
//
// A message may come twice, and a reply counts once: one that was counted again would speak for an
// owner that said nothing, or answer what was asked next.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { WAITING_MAX = 32 }; // of one round, or one step of a closing

// Zero-filled: none waits.
struct waiting {
    uint64_t numbers[WAITING_MAX]; // 0: free
};

// Notes a request by its number, which no other one has. If that is one too many, the oldest is
// forgotten.
void waiting_add(struct waiting *waiting, uint64_t number);

// A reply came. False: nobody waits for it.
bool waiting_take(struct waiting *waiting, uint64_t number);
