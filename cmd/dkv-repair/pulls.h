// pulls.h - what this node's store has to pull, from whom, and when it last did.
//
// A pull is a shard that we own and another owner of it. Each is due again an interval after
// it was done; at once when the other node came back; and after a pause that doubles when
// it failed.
#pragma once

#include "base/moment.h"
#include "ring/ring.h"

enum { PULLS_PAUSE_FIRST_MS = 1000, PULLS_LOST_MS = 10 * 1000 };

struct pull {
    uint32_t keyspace, partition;
    uint64_t node;   // the other owner
    uint64_t due_ms; // monotonic
    // Monotonic: when the last round that adopted began, or when one was first wanted if none did.
    // Below 0: before this machine started.
    int64_t since_ms;
    bool has_agreed;
    uint64_t agreed_sequence; // of that round
    uint64_t wanted_sequence; // one with a greater one is wanted at once
    uint64_t missing;         // dots that they knew and we did not, when the last round failed
    uint64_t keys, bytes;     // that differed, and were exchanged, since the start of this process
    uint32_t failures;        // since then
    uint8_t status;           // of the last round
    bool is_running;
    bool is_first; // goes before all that are not
    bool is_lost;  // our copy, as it said last
};

struct pulls {
    struct pull *items; // by keyspace, partition, node
    uint32_t count;
    uint32_t next; // where to look on
    uint32_t first_count;
    uint64_t idle_ms;  // nothing is due before
    uint64_t sequence; // counts the beginnings of rounds
    uint64_t agreed;   // counts those that ended well, and new lists: ages have changed
    uint64_t interval_ms;
};

// What some of them have in common. Zero-filled: nothing, so it is all of them.
struct scope {
    uint32_t keyspace; // 0: any
    bool has_partition;
    uint32_t partition;
    uint64_t node; // 0: any
};

void pulls_init(struct pulls *pulls, uint64_t interval_ms);
void pulls_release(struct pulls *pulls);

// Whether a move of the ring waits for this pull: our copy is to be filled, or that owner leaves.
bool pulls_is_awaited(const struct ring *ring, uint32_t self, const struct pull *pull);

// From now on the owners are those of this ring. No round may run. What is new is due at once, what
// a move waits for before all others.
void pulls_adopt(struct pulls *pulls, const struct ring *ring, uint32_t self, struct moment now);

struct pull *pulls_find(const struct pulls *pulls, uint32_t keyspace, uint32_t partition,
                        uint64_t node); // NULL: there is none

// For how long its two replicas may differ.
static inline uint64_t pull_age_ms(const struct pull *pull, struct moment now)
{
    return (uint64_t)((int64_t)now.mono_ms - pull->since_ms);
}

bool scope_has(const struct scope *scope, const struct pull *pull);

// Makes those of a scope due at once.
void pulls_hurry(struct pulls *pulls, const struct scope *scope, struct moment now);

// ... and before all others.
void pulls_put_first(struct pulls *pulls, const struct scope *scope, struct moment now);

// Finds one that is due and whose node `can` be asked. NULL: none is.
struct pull *pulls_next_due(struct pulls *pulls, struct moment now,
                            bool (*can)(void *context, uint64_t node), void *context);

// Our store said whether its copy of the shard is lost. One that has become so needs a new round
// with every other owner, at once; one that still is when a round has ended, soon.
void pulls_set_lost(struct pulls *pulls, struct pull *pull, bool is_lost, struct moment now);

// A round of it begins, and ends: OK, our store knows all that theirs knew when it began.
void pulls_begin(struct pulls *pulls, struct pull *pull);
void pulls_end(struct pulls *pulls, struct pull *pull, enum status status, uint64_t begin_ms,
               uint64_t sequence, struct moment now);
