// acceptor.h - one voter of the epoch register: what it promised, and what it accepted.
//
// What an epoch is to be is decided by single-decree Paxos (Lamport, "Paxos Made Simple", 2001): a
// value is chosen once a majority of the voters has accepted it in one ballot, and from then on
// no other ever is.
//
//     PREPARE ballot         promises to hear no ballot before it, and tells what it accepted last
//     ACCEPT ballot, value   accepts, unless it promised a later ballot
//
// An acceptor votes on one epoch at a time, the one behind the last that it knows to be decided;
// votes on those before are over. What it says counts for ever, so what it has in memory must be
// durable (acceptor_encode()) before a vote leaves, and must be there again after a restart.
#pragma once

#include "base/buf.h"
#include "base/fault.h"
#include "consensus/ballot.h"

struct acceptor {
    uint64_t epoch;     // that is voted on
    uint64_t abstained; // does not vote on epochs up to this one; 0 = votes on all
    struct ballot promised;
    struct ballot accepted; // round 0: nothing
    struct buf value;       // that was accepted
};

struct vote {
    // OK; REFUSED: a later ballot was promised; RING_CHANGED: the epoch is decided; STALE: this
    // one has not come so far, or abstains.
    enum status status;
    struct ballot promised; // the latest
    struct ballot accepted; // answers PREPARE
    struct bytes value;     // the same; of the acceptor, valid until its next vote
};

void acceptor_init(struct acceptor *acceptor, uint64_t epoch);
void acceptor_release(struct acceptor *acceptor);

struct vote acceptor_prepare(struct acceptor *acceptor, uint64_t epoch, struct ballot ballot);
struct vote acceptor_accept(struct acceptor *acceptor, uint64_t epoch, struct ballot ballot,
                            struct bytes value);

// The epoch is decided: the next one is voted on, if that was not so already.
void acceptor_decide(struct acceptor *acceptor, uint64_t epoch);

// What must be durable, and back; dkv-ring(5) has the format. CORRUPT: these are not the bytes that
// were encoded. Whoever begins with an acceptor that may have forgotten something lets it abstain.
void acceptor_encode(const struct acceptor *acceptor, struct buf *out);
enum status acceptor_decode(struct acceptor *acceptor, struct bytes bytes,
                            struct fault *fault) MUST_USE;

// Votes neither on this epoch nor on the next one: whoever forgot what it said may have known of
// one epoch more than it knows now, and have promised something about the one behind that. Where
// there are one or two voters it can vote at once: every majority has the other one, who remembers.
void acceptor_abstain(struct acceptor *acceptor);
