// votes.h - this node's vote on the next ring document, and what of it is durable.
//
// Every vote is a change of what the acceptor remembers, and leaves when that is durable: it
// carries a gate, which counts changes. A disk that does not keep up, or fails, lets a few of
// them wait and then none.
#pragma once

#include "consensus/acceptor.h"
#include "ring/ring_snapshot.h"
#include "wire/ring.h"

enum { VOTES_WAITING_MAX = 64 };

struct votes {
    struct acceptor acceptor;
    const struct ring_snapshot *current; // borrowed: what a document must follow
    uint64_t written;                    // changes so far
    uint64_t durable;                    // of which are durable
};

// Begins with what was durable. CORRUPT: it is damaged or, empty, lost, so that this node abstains
// for two epochs if there are more than two voters; that is to be made durable like a vote.
enum status votes_init(struct votes *votes, const struct ring_snapshot *current,
                       struct bytes durable, struct fault *fault);

// Appends what is durable where nothing was ever voted: of the first start of a node.
void votes_encode_none(struct buf *out);

// Until when this node abstains: the epoch; 0 = it votes.
uint64_t votes_abstained(const struct votes *votes);
void votes_release(struct votes *votes);

// The document counts from now on: the epoch behind it is voted on.
void votes_adopt(struct votes *votes, const struct ring_snapshot *current);

// The reply, and the gate that it must wait for; 0: it promises nothing. What it borrows is valid
// until the next vote.
uint64_t votes_on_prepare(struct votes *votes, const struct op_prepare *op,
                          struct op_promised *reply);
uint64_t votes_on_accept(struct votes *votes, const struct op_accept *op,
                         struct op_accepted *reply);
