// proposer.h - tries to make a value the one that is chosen for an epoch.
//
//           majority promised          majority accepted
//     PREPARE ──────────────► ACCEPT ────────────────────► CHOSEN
//        ▲                       │
//        └──── proposer_again() ─┘   a voter promised a later ballot: after a pause
//
// If a voter that promised has accepted a value before, the one of the latest ballot is proposed
// instead of our own: it may have been chosen. So what is chosen need not be what was wanted.
//
// Votes may be lost, repeated, late and in any order; those of ballots that are over count for
// nothing. What the caller is told to say may be said again at any time.
#pragma once

#include "base/buf.h"
#include "consensus/ballot.h"

enum { PROPOSER_VOTERS_MAX = 31 };

enum proposer_state {
    PROPOSER_IDLE,
    PROPOSER_PREPARE, // PREPARE with the ballot is to reach the voters
    PROPOSER_ACCEPT,  // ACCEPT with ballot and value is
    PROPOSER_CHOSEN,  // the value is chosen, for ever
};

struct proposer {
    uint64_t name; // of this life, random; ballots carry it
    enum proposer_state state;
    uint64_t epoch;
    unsigned voter_count;
    struct ballot ballot;
    struct ballot latest; // of all that was heard of
    struct ballot found;  // in which a voter that promised had accepted the value
    uint32_t promised;    // sets of voters
    uint32_t accepted;
    bool is_beaten;  // a voter promised a later ballot
    bool is_offered; // our own value was sent to be accepted: it may be chosen, now or later
    struct buf own, value;
};

void proposer_init(struct proposer *proposer, uint64_t name);
void proposer_release(struct proposer *proposer);

// Begins with `value` for an epoch whose voters are numbered from 0.
void proposer_begin(struct proposer *proposer, uint64_t epoch, unsigned voter_count,
                    struct bytes value);
// Begins again, in a later ballot than all that was heard of.
void proposer_again(struct proposer *proposer);
void proposer_end(struct proposer *proposer); // IDLE

// A voter promised `ballot`, having accepted `value` in the ballot `accepted` (round 0: nothing).
void proposer_on_promised(struct proposer *proposer, unsigned voter, struct ballot ballot,
                          struct ballot accepted, struct bytes value);
void proposer_on_accepted(struct proposer *proposer, unsigned voter, struct ballot ballot);
// A voter refused `ballot`, since it has promised another.
void proposer_on_refused(struct proposer *proposer, struct ballot ballot, struct ballot promised);

// Whether the voter has answered what is asked now.
bool proposer_has_heard(const struct proposer *proposer, unsigned voter);

static inline unsigned proposer_majority(const struct proposer *proposer)
{
    return proposer->voter_count / 2 + 1;
}

// Whether the value that is proposed, or chosen, is the one that was wanted.
static inline bool proposer_is_own(const struct proposer *proposer)
{
    return bytes_equal(buf_bytes(&proposer->value), buf_bytes(&proposer->own));
}
