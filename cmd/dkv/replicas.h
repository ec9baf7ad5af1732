// replicas.h - what each owner of a key has of it, as a router found out.
//
// For the verbs that look behind the join: explain, wait, and get --after. Sets of replicas are
// bits, in the order of the list.
#pragma once

#include "causal/record.h"
#include "causal/seen.h"
#include "client/net/client.h"
#include "dkv/dkv.h"

enum { REPLICAS_MAX = 32, REPLICAS_NEEDS_MAX = 64 };

struct replica_copy {
    struct explained_replica replica;
    struct record head; // empty: it has none, or did not say
    struct seen seen;   // of its shard
    bool is_seen_told;  // else `seen` is empty
};

struct replicas {
    enum status status;
    struct op_explained op;
    struct buf bytes; // what `op` and the items borrow from
    struct buf text;  // why the status is not OK
    struct replica_copy items[REPLICAS_MAX];
    uint32_t count;
    struct explained_need needs[REPLICAS_NEEDS_MAX]; // of a read
    uint32_t need_count;
    uint32_t replied; // the set of those that said what they have
    uint32_t lost;    // of which these may lack what they had known, and answer no reads
};

void replicas_release(struct replicas *replicas);

// Asks, and waits for the answer. If it is not OK, replicas->text says why, and all else is as it
// was.
enum status replicas_ask(struct replicas *replicas, struct client *client,
                         const struct op_explain *op, uint64_t deadline_ms) MUST_USE;

// Asks again and again until they are enough, or it is `until_ms` (UINT64_MAX: never). OK: *is_met
// says how it ended, and the last answer is there.
struct replicas_wait {
    const struct globals *globals;
    uint64_t until_ms;
    bool (*are_enough)(void *context, const struct replicas *replicas);
    void *context;
};
enum status replicas_wait(struct replicas *replicas, struct client *client,
                          const struct op_explain *op, const struct replicas_wait *wait,
                          bool *is_met) MUST_USE;

// The set of those that have the write that was asked for.
uint32_t replicas_having(const struct replicas *replicas);

// Whether a read can be answered by this set alone; false too if nobody knows what it needs.
bool replicas_can_answer(const struct replicas *replicas, uint32_t set);

// Whether every read asks one of this set, whichever owners reply.
bool replicas_are_met(const struct replicas *replicas, uint32_t set);

// Appends "n2 (does not answer), n3" for those that are not in `set`. One that replied stands
// there with `otherwise`.
void replicas_name_others(const struct replicas *replicas, uint32_t set, const char *otherwise,
                          struct buf *out);

// What is wrong with one that did not say what it has: "does not answer"; "" if it did.
const char *replicas_problem(const struct replicas *replicas, uint32_t index, char problem[128]);
