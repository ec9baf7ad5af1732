// brake.h - acknowledgements wait while the engine beneath falls behind.
//
// An engine says after writes how long their writer should wait (lsm_delay_us). Those who write to
// a daemon wait for its acknowledgements, so those are held back: for whole milliseconds, one after
// the other. Meanwhile the log counts as durable no further than it was when that began.
#pragma once

#include <stdint.h>

struct brake {         // zero-filled: nothing is held back
    uint64_t until_ms; // 0: nothing is
    uint64_t durable;  // when that began
    uint64_t written;  // when the engine was asked for its delay
    uint64_t delay_us; // asked for and not waited yet
    uint64_t held_ms;  // in all
};

// Ends a turn. The engine is asked for its delay only when something was written since.
void brake_on_turn_end(struct brake *brake, uint64_t now_ms, uint64_t written, uint64_t durable,
                       uint64_t (*delay_us)(void *context), void *context);

// What gates are compared with.
static inline uint64_t brake_durable(const struct brake *brake, uint64_t durable)
{
    return brake->until_ms ? brake->durable : durable;
}

// How long the next turn may wait, after a turn's end; `most_ms` if nothing is held back.
static inline uint64_t brake_within_ms(const struct brake *brake, uint64_t now_ms, uint64_t most_ms)
{
    uint64_t within_ms = brake->until_ms > now_ms ? brake->until_ms - now_ms : 0;
    return brake->until_ms && within_ms < most_ms ? within_ms : most_ms;
}
