// mint.h - a write gets its dot.
//
// The process that coordinates a write puts it on top of the record that it holds. A write with a
// context supersedes the values that the context covers; a blind one supersedes all that are held,
// and its router has that validated by the other owners (join.h). A write that is neither stands
// beside them.
//
// A conditional write is checked against what this process holds, and nothing else: it excludes
// others only while one process coordinates the writes of the key. It is not validated.
//
// A request is minted once: it is found again, whatever became of it. AGAIN asks for a second dot:
// the first one met others, which the context of the second one covers.
#pragma once

#include "replica/change.h"

struct mint {
    struct request_id request;
    bool is_delete;
    bool is_blind;       // supersedes all that is held
    bool is_again;       // the request has a dot, which met others: give it one that covers them
    bool is_fresh;       // again, and this very try made that dot: nobody has meant to supersede it
    bool is_conditional; // only if nothing is held that the context has not seen; without a
                         // context, if no value is
    bool is_late;        // not to be obeyed any more unless it is known
    uint64_t hlc_floor;  // greater than any hlc in the context
    uint64_t ttl_ms;     // 0: it never expires
    struct bytes context; // an encoded clock; empty: none
    struct bytes seen;    // request ids that the context has seen, one behind the other
    struct bytes value;
};

// Makes the change.
//   LATE       `is_late`, and the request is not known
//   NOT_KEPT   it was minted before, and purged since: it is written
//   PRECONDITION  `is_conditional`, and the key is not as it says
//   INVALID    the context is no clock, or a forged one
//   TOO_LARGE, SIBLING_CAP
enum status mint_write(const struct replica *replica, const struct mint *mint,
                       struct change *change) MUST_USE;
