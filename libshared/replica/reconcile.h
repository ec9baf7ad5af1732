// reconcile.h - this process, B, and another owner, A, differ in a key: who is right?
//
// Decides what B takes of A's record, in a round in which B pulls from A. Of A it knows what A told
// when the round began: its seen-clock, its horizon, and whether it is lost. A's record was read
// later, so it may be older than B's horizon, which rises meanwhile: what that leaves in doubt is
// left out, and the round adopts nothing.
#pragma once

#include "replica/change.h"

struct reconcile {
    struct bytes record; // A's, or the head of it; empty: it has none
    const struct seen *seen, *horizon;
    bool is_lost;
};

struct resolution {
    bool is_left_out;    // some of A's record, until another round
    uint32_t returned;   // siblings of ours that A has purged, if we are lost ...
    struct dot *zombies; // ... and their dots; owned
    uint32_t zombie_capacity;
};

void resolution_release(struct resolution *resolution);

// Makes the change; change->must_fetch: again, with the whole record.
//   CORRUPT    the record is none of this key
//   INVALID    its clock is forged
//   TOO_LARGE  both together are
enum status reconcile_record(const struct replica *replica, const struct reconcile *theirs,
                             struct change *change, struct resolution *resolution) MUST_USE;
