// node_ring.h - new ring documents reach the nodes, each in its own time.
//
// Placement stays: what is checked is that nothing fails, whatever mixture of documents routers
// and stores have.
#pragma once

#include "sim/node.h"

// A document that follows `before`: a node weighs more, or one that owns nothing, and answers
// nobody, joins or leaves. Held by the caller.
struct ring_snapshot *node_ring_next(struct world *world, const struct ring_snapshot *before);

// Tells the network how the node's router numbers its links.
void node_ring_number(struct node *node);

// The node's daemons read it, if it is newer than what they have.
void node_ring_hand(struct node *node, struct ring_snapshot *ring);
