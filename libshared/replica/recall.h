// recall.h - asks a process which requests it remembers.
//
// A record shows the request ids of its siblings. Those of writes that went from it are remembered
// beside the records, each with a dot: so a request that comes again is still known. Mint and join
// ask for them here; how and for how long they are kept is the business of the process.
//
// A request id names one write of one key: it is remembered bound to the key, and the same id on
// another key is another request.
//
// A write that lost to a greater hlc was not superseded by anybody's will: as long as the winner
// is there, a router that asks whether the write met others must hear of it. The dot of the winner
// is remembered instead of its own, marked as one that has beaten it.
#pragma once

#include "causal/record.h"

enum fate { // of a request
    FATE_UNKNOWN,
    FATE_LIVE,       // a sibling of the record is of this request
    FATE_SUPERSEDED, // the record covers it, and does not have it
    FATE_BEATEN,     // lww: it lost to a greater hlc that is there
    FATE_PURGED,     // every owner has known it, and nothing of the key is left here
};

// Zero-filled remembers nothing.
struct recall {
    const void *context;
    // Finds the dot of a bound id, to be looked at at once. NULL: it is not remembered.
    const struct dot *(*find)(const void *context, const struct request_id *bound);
};

// Gives the id as it is remembered. `key_hash` is that of the engine key.
struct request_id recall_bind(const struct request_id *request, uint64_t key_hash);

// Marks the dot of a winner, to be remembered with the id of a write that lost to it.
struct dot recall_beaten_by(struct dot winner);

bool recall_has(const struct recall *recall, const struct request_id *bound);

// Finds a request of which `held` shows nothing. *dot is the one it became; counter 0: not known.
enum fate recall_find(const struct recall *recall, const struct request_id *bound,
                      const struct record *held, struct dot *dot);
