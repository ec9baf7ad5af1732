// joining.h - what a move of the ring (ring/ring_move.h) wants of this store.
//
// A copy that is to be here after the move and was not before begins as a lost one (loss.h): it
// takes what is written, answers no reads, and becomes whole by rounds with all other owners. The
// marker is written before anything is joined by the new document.
//
// And of every shard that stays here while another owner leaves, a round with that one has to
// complete, begun after this store came to work by the document: what it alone has, a write of
// fewer owners than leave, is here then. Copies that a move took away are dropped (dropping.h).
//
// All that, but for nodes that are not to come back (RING_NODE_DEAD). If this is one, others have
// gone on without it: its copies are lost ones, and where it owns nothing any more it keeps them.
#pragma once

#include "dkv-store/store.h"

// Looks at the ring if it is another one than the last time: call it before anything is served.
void joining_follow(struct store *store);

// Counts what is left to do.
void joining_on_tick(struct store *store);

// Whether this node is not to come back.
bool joining_is_dead(const struct store *store);

// Whether a shard has owners that leave, or come, and this store is one that lasts.
bool joining_has(const struct store *store, uint32_t keyspace, uint32_t partition);
