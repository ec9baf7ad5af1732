// runs.h - the rounds that are under way, and the messages of each.
#pragma once

#include "base/moment.h"
#include "dkv-repair/dry.h"
#include "dkv-repair/round.h"
#include "dkv-repair/waiting.h"
#include "wire/outbox.h"

enum {
    RUNS_MAX = 256,
    RUNS_BUSY_MAX = 16,          // of them; the others wait to compare once more
    RUNS_SILENCE_MS = 30 * 1000, // without any reply a round is over
};

struct run {
    bool is_used;
    struct waiting waiting;
    struct round round;
    struct pull *pull;             // NULL: dry
    uint32_t dry;                  // which dry run it belongs to
    struct dry_again attempt;      // at what, then
    uint32_t links[COMPARE_SIDES]; // numbers
    uint64_t begin_ms, sequence;
    uint64_t heard_ms;
};

struct runs {
    struct run items[RUNS_MAX];
    uint32_t count;
    uint64_t asked; // requests, ever
};

void runs_release(struct runs *runs);

// Whether one more may begin.
bool runs_has_room(const struct runs *runs);
struct run *runs_add(struct runs *runs); // NULL: all are used
void runs_remove(struct runs *runs, struct run *run);

// The id of a new request, and the run that waits for a reply with it: NULL if that run is over, or
// had the reply.
uint64_t runs_ask(struct runs *runs, struct run *run, uint8_t part);
struct run *runs_take(struct runs *runs, uint64_t id, uint8_t *part);
