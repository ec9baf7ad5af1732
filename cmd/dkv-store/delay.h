// delay.h - how long operations of clients wait in this store now: what work that may wait has to
// heed (peer/throttle.h).
//
// A sample is the time from the turn that served an UPDATE until that is durable, or to the end of
// the turn that served a FETCH: whoever comes then waits for all the others of the turn. In
// milliseconds, since no clock here is finer.
#pragma once

#include "base/moment.h"

enum { DELAY_SILENCE_MS = 2000 }; // without an operation of a client nobody waits

struct delay {
    uint64_t p99_us;
    uint64_t turn_ms;  // monotonic: when the first operation of this turn was served; 0: none was
    uint64_t since_ms; // ... of the turn whose writes are not durable yet; 0: there is none
    uint64_t mark;     // log position that they wait for
    uint64_t last_ms;  // of the last operation
};

// An operation of a client is served.
void delay_on_operation(struct delay *delay, struct moment now);

// `written` and `durable` are positions of the log.
void delay_on_turn_end(struct delay *delay, uint64_t written, uint64_t durable, struct moment now);

uint64_t delay_now_us(const struct delay *delay, struct moment now);
