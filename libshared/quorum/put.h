// put.h - one write in flight, as a pure state machine.
//
//              retry                       not settled, blind
//     start ──────────► FINDING ─┐   ┌────────────► READING ─┐
//       │                 │      └───┤                       │
//       │            found│          └──────────► UPDATING ◄─┘
//       │                 ▼                          │ UPDATED
//       │              MERGING ◄─────────────────────┘
//       │                 │ W durable: answer OK     │ refused by every owner: answer that
//       └─► ENDED ◄───────┴──────────────────────────┘
//
// FINDING   a repeated request: an owner may have the first try. Its record is merged
//           everywhere instead of minting anew.
// READING   a blind write whose coordinator may not have seen everything: asks R owners
//           for their clocks and uses the join as the context.
// UPDATING  the coordinator mints the dot. From the moment this was sent the write may
//           exist, and only an explicit refusal takes that back.
// MERGING   the other owners join the record. W durable acknowledgements from distinct
//           owners make it written; the coordinator's own is not special.
//
// Owners are numbered 0 .. n-1 in order of preference; sets of owners are bit masks.
// Each event returns a step: what to send now and whether to answer. The caller sends,
// and reports failures to send as events (put_on_failed).
//
// Answers: OK; UNAVAILABLE and refusals when nothing was written anywhere;
// INDETERMINATE when it may have been.
#pragma once

#include "causal/token.h"
#include "ring/ring.h"

typedef uint16_t owner_mask;

enum put_phase {
    PUT_FINDING,
    PUT_READING,
    PUT_UPDATING,
    PUT_MERGING,
    PUT_ENDED,
};

struct put_start {
    uint8_t n;                // owners
    uint8_t w;                // acknowledgements asked for, 1..n
    uint8_t r;                // clocks asked for when READING, 1..n
    owner_mask live;          // owners that can be reached now
    bool retry;               // FINDING first
    bool must_read;           // READING before UPDATING
    bool must_read_elsewhere; // READING if the coordinator is not owner 0
};

struct put {
    uint8_t n, w, r;
    uint8_t phase;      // enum put_phase
    int8_t coordinator; // -1 = none yet
    bool must_read, must_read_elsewhere;
    bool sent;         // an UPDATE or MERGE may have left: never again "not written"
    bool maybe_before; // a retry whose first try not every owner has denied: the same holds
    bool answered;
    uint8_t refusal;    // enum status of the last owner that refused, OK = none
    owner_mask live;    // still worth asking
    owner_mask refused; // refused to coordinate
    owner_mask asked;   // in this phase (FIND, READ), reply outstanding
    owner_mask replied; // in this phase
    owner_mask merging; // MERGE or DURABLE outstanding
    owner_mask acked;   // durable
    owner_mask early;   // DURABLE overtook UPDATED
    owner_mask denied;  // answered FIND: nothing known of this request
    owner_mask failed;  // will not acknowledge any more
};

struct put_step {
    owner_mask find;  // send FIND to these
    owner_mask read;  // send FETCH (head) to these
    int8_t update;    // send UPDATE to this one; -1 = none
    owner_mask merge; // send MERGE of the record to these
    bool answer;      // answer the client with `status`
    enum status status;
    bool ended; // nothing is outstanding: forget this put
};

struct put_step put_start(struct put *put, const struct put_start *start);

// A record that exists already (restored from a dump): goes to every owner at once.
struct put_step put_start_merging(struct put *put, const struct put_start *start);

// FOUND: OK if the owner knew the request; its record is then the one to merge. NOT_FOUND if
// it did not. Anything else is no answer.
struct put_step put_on_found(struct put *put, uint8_t owner, enum status status);
// FETCHED (head), already joined into the context by the caller.
struct put_step put_on_read(struct put *put, uint8_t owner);
// UPDATED with its status. OK: the record is the one to merge.
struct put_step put_on_updated(struct put *put, uint8_t owner, enum status status);
// DURABLE or MERGED with its status.
struct put_step put_on_acked(struct put *put, uint8_t owner, enum status status);
// The owner cannot be reached any more (link lost, could not be sent).
struct put_step put_on_failed(struct put *put, uint8_t owner);
// The deadline: answers if it has not.
struct put_step put_on_deadline(struct put *put);

static inline uint8_t mask_count(owner_mask mask)
{
    return (uint8_t)__builtin_popcount(mask);
}
