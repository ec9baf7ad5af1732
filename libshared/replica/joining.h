// joining.h - change->incoming joins the record that is held: what join and reconcile have in
// common.
//
// For those two alone: they have decoded it, and dropped what is not to come back (zombie.h).
#pragma once

#include "replica/change.h"
#include "replica/zombie.h"

struct joining {
    struct bytes record;               // encoded, as it came; it may be a head
    const struct superseded *requests; // superseded by the write that it is of
    uint32_t request_count;
    bool is_cut; // something was dropped: `record` is not all of it
};

// Adds the dots of its siblings that the seen-clock does not have; even those of writes that are
// superseded already.
void joining_add_dots(const struct replica *replica, struct change *change);

// change->must_fetch, and no other change, if some of a head would be needed with its value.
//   TOO_LARGE  both together are
enum status joining_run(const struct replica *replica, const struct joining *joining,
                        struct change *change) MUST_USE;
