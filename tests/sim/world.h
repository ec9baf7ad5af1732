// world.h - time, chance and the diary of one simulated run.
//
// Everything random in a run is drawn from the world's generator, in the order of events,
// so that the seed decides all of it. The trace is a hash of everything that happened: two
// runs of a seed must end with the same.
#pragma once

#include "base/moment.h"
#include "base/random.h"
#include "sim/events.h"
#include "sim/sometimes.h"

enum { WORLD_MS = 1000, WORLD_S = 1000 * 1000 }; // in microseconds

struct world {
    struct events events;
    struct random random;
    uint64_t now_us;
    uint64_t event_count;
    uint64_t trace;
    bool verbose; // print the diary
    bool failed;
    char reason[512];
    uint64_t sometimes[SOMETIMES_COUNT];
};

void world_init(struct world *world, uint64_t seed, bool verbose);
void world_release(struct world *world);

// Fires events until none is due before `until_us` or the run failed; then it is until_us.
void world_run(struct world *world, uint64_t until_us);

// Something happens in `delay_us`.
void world_plan(struct world *world, uint64_t delay_us, void (*fire)(void *, struct event *),
                void *self, uint64_t a, uint64_t b);

uint64_t world_below(struct world *world, uint64_t limit);
uint64_t world_between(struct world *world, uint64_t low, uint64_t high); // both inclusive
bool world_chance(struct world *world, uint64_t per_mille);

// Mixes a number or bytes into the trace.
void world_trace(struct world *world, uint64_t number);
void world_trace_bytes(struct world *world, struct bytes bytes);

static inline void world_sometimes(struct world *world, enum sometimes point, bool happened)
{
    world->sometimes[point] += happened;
}

// A line of the diary, printed if the run is verbose.
void world_note(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));

// A promise was broken. Only the first one is kept.
void world_fail(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));
