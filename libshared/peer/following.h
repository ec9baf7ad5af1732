// following.h - a process takes the ring document that the router of its node hands to it (RING).
//
// The router decides which document counts; all others follow. They begin with what it keeps on
// the disk, so they keep nothing.
#pragma once

#include "ring/ring_snapshot.h"
#include "wire/role.h"

// Replies RING_TAKEN. Returns the document to be adopted, held by the caller; NULL: it is the one
// that counts here, an older one, or one that is refused. INVALID: the operation is none.
enum status following_on_ring(const struct ring_snapshot *current, uint64_t self,
                              const struct arrival *arrival, struct reader *body,
                              struct outbox *outbox, struct ring_snapshot **next) MUST_USE;
