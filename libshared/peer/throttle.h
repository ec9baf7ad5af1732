// throttle.h - how fast work that may wait goes, so that clients do not feel it.
//
//     rate
//     most ┤   ╱│        a step up as long as clients do not wait longer than usual,
//          │  ╱ │   ╱    half of what was used when they do
//     least┤ ╱  │__╱
//
// Each store tells in its PONG how long clients' operations wait there now (METRIC_DELAY_US). What
// is usual is learned from that: no more than was ever told, and what is told while next to nothing
// is sent, since that is not our doing. The rate never falls below a 64th of the most: repair and
// hints must get through some day.
//
// Pure: numbers and the time go in, a rate comes out.
#pragma once

#include "base/moment.h"

#include <stdbool.h>

enum {
    THROTTLE_STEPS = 16,         // from the least rate to the most
    THROTTLE_LEAST_PART = 64,    // of the most
    THROTTLE_PAUSE_MS = 400,     // between two looks: what the last one did must show first
    THROTTLE_PATIENCE = 3,       // times what is usual
    THROTTLE_FREE_US = 10 * 1000 // a delay that nobody minds
};

struct throttle {
    uint64_t most, rate; // bytes a second
    uint64_t usual_us;
    bool is_usual_known;
    uint64_t used; // bytes since the last look
    uint64_t looked_ms;
};

void throttle_init(struct throttle *throttle, uint64_t most);

// So many bytes were sent, or came.
void throttle_use(struct throttle *throttle, uint64_t size);

// The longest delay of the stores that are worked with. May be called as often as one is told.
void throttle_tell(struct throttle *throttle, uint64_t delay_us, struct moment now);
