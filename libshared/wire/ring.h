// ring.h - how routers agree on the next ring document, and how it reaches the other processes.
//
// Routers of voters are asked for their votes (consensus/acceptor.h). What is chosen is pulled by
// whoever hears of its epoch, with ASK "ring", and each router hands it to the processes of its
// own node that have an older one.
#pragma once

#include "wire/message.h"

struct op_prepare { // hear no ballot before this one
    uint64_t id;
    uint64_t epoch;  // that is to be decided
    uint64_t parent; // hash of the document of the epoch before
    uint64_t round, proposer;
};

struct op_promised {
    uint64_t id;
    uint8_t status; // OK; REFUSED: a later ballot was promised; RING_CHANGED: the epoch is decided;
                    // STALE: the epoch before has not come here, or was another one
    uint64_t epoch;
    uint64_t round, proposer;                   // that were asked for
    uint64_t promised_round, promised_proposer; // the latest
    uint64_t accepted_round, accepted_proposer; // round 0: nothing was accepted
    struct bytes document;                      // sized: what was accepted
};

struct op_accept {
    uint64_t id;
    uint64_t epoch;
    uint64_t parent;
    uint64_t round, proposer;
    struct bytes document; // sized
};

struct op_accepted {
    uint64_t id;
    uint8_t status; // as of PROMISED; INVALID: no document that can follow
    uint64_t epoch;
    uint64_t round, proposer;
    uint64_t promised_round, promised_proposer;
};

struct op_ring { // a router to the processes of its node: this document counts from now on
    uint64_t id;
    struct bytes document; // sized
};

struct op_ring_taken {
    uint64_t id;
    uint8_t status;
    struct bytes text; // short, why not
};

OP_FUNCTIONS(prepare)
OP_FUNCTIONS(promised)
OP_FUNCTIONS(accept)
OP_FUNCTIONS(accepted)
OP_FUNCTIONS(ring)
OP_FUNCTIONS(ring_taken)
