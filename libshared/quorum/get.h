// get.h - one read in flight, as a pure state machine.
//
// Asks R owners, one for the record and the others for its clock and dots (a head).
//
//     ASKING   R replies: all the same version ──► answer
//        │                some differ           ──► FETCHING what the heads name
//        ▼                                             │
//     an owner fails or is slow (hedge): the next one is asked
//                                                      ▼
//     answer the join, then REPAIRING: every owner that answered with less gets it
//
// The caller keeps the records: it joins what arrives and says how each reply compares.
// Owners are numbered in order of preference; sets are bit masks.
//
// Answers: OK (R owners replied), UNAVAILABLE (too few can be reached, known before
// asking or when one fails), TIMEOUT.
#pragma once

#include "quorum/needs.h"
#include "ring/ring.h"

enum get_phase {
    GET_ASKING,
    GET_FETCHING,
    GET_ENDED,
};

struct get {
    uint8_t n;
    struct needs r;
    uint8_t phase; // enum get_phase
    target_set live;
    target_set asked;    // reply outstanding
    target_set fetching; // full record outstanding
    target_set replied;  // with a head or a record
    target_set full;     // with a full record
};

struct get_step {
    target_set fetch; // send FETCH (record)
    target_set head;  // send FETCH (head)
    bool compare;     // R replied: the caller must say what differs with get_on_compared()
    bool answer;      // answer with `status`: the join of what arrived; then repair
    enum status status;
    bool ended;
};

// `order` lists the owners from the nearest to the farthest, n of them.
struct get_step get_start(struct get *get, uint8_t n, const struct needs *r, target_set live,
                          const uint8_t *order);
// A reply (also "nothing known") with the full record, or with a head.
struct get_step get_on_reply(struct get *get, uint8_t owner, bool full);
// After `compare`: the owners whose head holds something that no full record has.
struct get_step get_on_compared(struct get *get, target_set differing);
struct get_step get_on_failed(struct get *get, uint8_t owner);
// It takes longer than usual: one more owner is asked for the full record.
struct get_step get_on_hedge(struct get *get);
struct get_step get_on_deadline(struct get *get);
