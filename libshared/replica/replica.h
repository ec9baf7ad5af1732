// replica.h - one key as one process has it, before a change.
//
// A change is computed from this and one of two operations:
//
//     mint.h   a write gets its dot, on top of the record that is held
//     join.h   a record that another process minted joins the one that is held
//
// Out comes a struct change (change.h), or a status that refuses it. Neither knows of files, logs
// and messages, and the replica stays as it is: its process writes the change, then replies. A
// process that holds no records mints and joins as well: `held` is empty then.
#pragma once

#include "causal/seen.h"
#include "replica/recall.h"

struct replica_limits {
    uint64_t value_size_max;
    uint64_t record_size_max;
    uint64_t clock_refuse_ms; // stamps count for no more than this ahead of our clock
};

struct replica {
    struct bytes key;
    uint64_t key_hash; // of the engine key
    bool is_lww;       // the last write wins: of concurrent values the greatest is kept

    const struct record *held; // empty: nothing is known of the key
    struct bytes encoded;      // the same, as it is stored
    bool is_partial; // `held` may lack writes to the key that this actor gave dots to: a new dot
                     // stands alone in its interval

    uint64_t actor;             // this life of the process
    uint64_t counter;           // of the last dot that it gave out in the key's shard
    const struct seen *seen;    // of that shard; NULL: none is kept, every dot is new
    const struct seen *horizon; // of that shard: what every owner has known; NULL: nothing
    bool is_lost;               // this process may lack what it had known of the shard
    const struct seen *told;    // while it is: the horizons of owners that are not; NULL: none
    struct recall recall;

    uint64_t hlc_last; // the largest stamp that it gave out or believed
    uint64_t wall_ms;  // now
    struct replica_limits limits;
};

// Finds out what became of a request of this key: *dot, as recall_find() says.
enum fate replica_find(const struct replica *replica, const struct request_id *request,
                       struct dot *dot);
// The same of one that `held` does not show.
enum fate replica_recall(const struct replica *replica, const struct request_id *request,
                         struct dot *dot);

// Nobody but this actor gives out its dots: a clock that names later ones is forged, and would
// swallow writes that are still to come. Returns the counter that it names; 0: it is not forged.
uint64_t replica_forged(const struct replica *replica, const struct clock *clock);

// Returns hlc_last after meeting the stamp `hlc`, which counts for no more than clock_refuse_ms
// ahead of us.
uint64_t replica_follow(const struct replica *replica, uint64_t hlc);
