// proposal.h - one change of the ring that this router was asked for, on its way.
//
//     RUNS      its document is put to the vote (consensus/proposer.h), until it or another one is
//               chosen and counts here, or time is over
//     SPREADS   it counts here: who asked is answered when all that can be reached have it, too
//     DONE      the answer is ready
//
// Without a majority of voters nothing is offered, and it ends as UNAVAILABLE: nothing has changed.
// Once our document was offered it may be chosen later, too: INDETERMINATE then.
#pragma once

#include "base/moment.h"
#include "base/random.h"
#include "consensus/proposer.h"
#include "peer/peers.h"
#include "ring/ring_voters.h"
#include "wire/ring.h"

enum proposal_state {
    PROPOSAL_NONE,
    PROPOSAL_RUNS,
    PROPOSAL_SPREADS,
    PROPOSAL_DONE,
};

struct proposal {
    enum proposal_state state;
    const struct peers *peers;
    struct random random;
    struct proposer proposer;
    struct ring_snapshot *document; // held
    uint64_t parent;
    uint64_t voters[RING_VOTERS_MAX]; // ids of nodes
    char names[RING_VOTERS_MAX][RING_NAME_SIZE_MAX + 1];
    uint32_t voter_count;
    uint32_t declined; // bits of voters: they are behind, or abstain
    uint64_t deadline_ms;
    uint64_t said_ms;    // when voters were asked last
    uint64_t again_ms;   // when a ballot that was beaten is followed by another; 0 = it was not
    uint64_t reached_ms; // when a majority could be asked last
    uint64_t spread_until_ms;
    // Who asked, and what is answered.
    bool has_client; // else the operator handed it in
    link_id client;
    uint64_t client_id;
    enum status status;
    struct buf text;
};

void proposal_init(struct proposal *proposal, const struct peers *peers, uint64_t name);
void proposal_release(struct proposal *proposal);

// Begins with a document that may follow `current`; holds it. None runs now.
void proposal_begin(struct proposal *proposal, const struct ring_snapshot *current,
                    struct ring_snapshot *document, uint64_t deadline_ms, struct moment now);

// Which voter the router at the end of this link is, or this node; -1: none.
int proposal_voter(const struct proposal *proposal, uint64_t node);

void proposal_on_promised(struct proposal *proposal, unsigned voter, const struct op_promised *op,
                          struct moment now);
void proposal_on_accepted(struct proposal *proposal, unsigned voter, const struct op_accepted *op,
                          struct moment now);

// True if voters are to be asked now (again); say it with proposal_ask() to each of them that
// proposal_is_asked(). Ends what has no prospects.
bool proposal_on_tick(struct proposal *proposal, struct moment now);
bool proposal_is_asked(const struct proposal *proposal, unsigned voter);

// The question: PREPARE or ACCEPT.
struct op_prepare proposal_prepare(const struct proposal *proposal);
struct op_accept proposal_accept(const struct proposal *proposal);

// This document counts here from now on.
void proposal_on_adopted(struct proposal *proposal, const struct ring_snapshot *current,
                         struct moment now);

// Answers if all that are up have the document, or time is over.
void proposal_spread(struct proposal *proposal, const struct ring_snapshot *current,
                     struct moment now);

// It is answered.
void proposal_end(struct proposal *proposal);
