// ring_move.h - how shards come to have other owners, document by document.
//
//     NONE ──► READ_OLD ──► READ_NEW ──► NONE with the lists after
//      ▲          │            ▼
//      └──────────┴────────── BACK       the lists before
//
// As long as there is a move, all owners of both lists are owners, and a write needs W of each. So
// whichever of them is read, a write that was answered is found:
//
// READ_OLD  Those before are read and coordinate. Those after that are new begin as lost copies:
//           they take writes, and pull everything else from all others (dkv-repair).
// READ_NEW  Those after are read. Nobody goes there before every owner has the document of READ_OLD
//           and every new copy is whole: then it has what was written by older documents, too,
//           since their owners refuse requests by these (epoch in every message).
// BACK      An abort of READ_NEW: those before are read again.
//
// Nobody goes on from any of them before the stores of all owners work by it: only then is nothing
// on its way that counts by the one before. All shards move at once, so a document says for all of
// them how far.
//
// A node that is not to come back (RING_NODE_DEAD) is waited for in none of that, and others purge
// deletions without it. So its own copies are lost ones from the moment it hears of that, and its
// documents from before are refused.
#pragma once

#include "base/fault.h"
#include "ring/ring.h"

// Begins a move: `ring`, a copy of the document that is to be followed, gets the lists that the
// planner finds for its nodes, but for those that leave or are dead, and for the copies that are
// wanted of keyspaces. EXISTS: there is one already; NOT_FOUND: everything is where it should be;
// INVALID: there are not nodes enough.
enum status ring_begin_move(struct ring *ring, struct fault *fault) MUST_USE;

// The step that ends this one well.
void ring_go_on(struct ring *ring);

// The step that leads back. It needs nobody to work by the one before. REFUSED: there is no move,
// or it goes back already.
enum status ring_go_back(struct ring *ring, struct fault *fault) MUST_USE;

// Whether `next` is at most one step from `before`. REFUSED: data would be left behind; the fault
// names the shard.
enum status ring_check_step(const struct ring *before, const struct ring *next,
                            struct fault *fault) MUST_USE;

// How many shards have owners after that they have not before, and how many such copies there are;
// and how many shards nobody has but nodes that do not come back.
struct ring_move_size {
    uint64_t shards, copies, orphans;
};
struct ring_move_size ring_move_size(const struct ring *ring);
