#include "causal/actor.h"

static const uint64_t epoch_s = 1577836800; // the first second of 2020

uint32_t actor_start_after(uint64_t wall_ms, uint32_t last)
{
    uint64_t now_s = wall_ms / 1000;
    uint64_t start = now_s > epoch_s ? now_s - epoch_s : 0;
    if (start > ACTOR_START_MAX)
        start = ACTOR_START_MAX;
    if (start <= last)
        start = (uint64_t)last + 1;
    return start <= ACTOR_START_MAX ? (uint32_t)start : 0;
}
