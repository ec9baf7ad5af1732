// node_ring.h - new ring documents are handed to nodes, several at once, and agreed on.
//
// What is checked here is that nothing fails, whatever mixture of documents routers and stores
// have, and that one document counts for an epoch; while data moves the history has to come true as
// ever.
#pragma once

#include "sim/node.h"

// A document that follows `before`: a node weighs more, or one that owns nothing, and answers
// nobody, joins or leaves; or data begins to move, or goes back. Held by the caller.
struct ring_snapshot *node_ring_next(struct world *world, const struct ring_snapshot *before);

// The one by which all that a node owns begins to move away. Held by the caller; NULL: there are
// not nodes enough, or datacenters.
struct ring_snapshot *node_ring_move_off(struct world *world, const struct ring_snapshot *before,
                                         uint64_t node);

// Tells the network how a process of the node numbers its links.
void node_ring_number(struct node *node, const struct process *process, const struct peers *peers);

// The router of the node proposes it, if it may follow.
void node_ring_hand(struct node *node, struct ring_snapshot *ring);

// The latest document that counts at one of them.
const struct ring_snapshot *node_ring_newest(const struct node *nodes, uint32_t count);

// A job of the router makes its document and votes durable; then it hears so.
void node_ring_keep(struct node *node, struct epochs_job *job);
void node_ring_on_kept(struct node *node, struct outbox *outbox);
void node_ring_look(struct node *node); // after a turn of the router, for its log
