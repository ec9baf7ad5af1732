// offline.h - looking into the database of a store that does not run.
//
// Opening it does what a start of the store does before it serves: it takes the lock, repairs
// the end of the log and removes files that nobody needs. It does not start an actor, and
// flushes and merges nothing. A directory without a database is left as it is.
#pragma once

#include "lsm/lsm.h"

struct offline {
    struct vfs *vfs;
    const char *dir; // of the engine: DIR/data/store
    uint64_t seed;   // randomness
    bool is_raw;     // dump: keys and values of the engine in hex, with a tab between
    bool (*print)(void *context, struct bytes text); // false: no more is wanted
    void *context;
};

// Prints all records in the order of tokens, each a line that `dkv load --format json` takes:
//     {"v":1,"keyspace":1,"key":...,"values":1,"tombstone":false,"record":{"b64":"..."}}
//   LOCKED, CORRUPT (what came before it was printed), IO; INVALID: no database is there
enum status offline_dump(const struct offline *offline, struct fault *fault) MUST_USE;

// Reads everything, prints what there is as "name TAB number" and, if all is well, "OK".
enum status offline_verify(const struct offline *offline, struct fault *fault) MUST_USE;
