// join.h - a record that another process minted joins the one that is held.
//
// Records may come repeated, reordered and late: one that is joined again changes nothing, and what
// was purged since does not come back (zombie.h). A router
// that has a write validated is told of everything here that the write has not seen, so that it can
// give it a second dot, which covers that.
#pragma once

#include "replica/change.h"

struct join {
    struct bytes record;               // encoded
    struct dot dot;                    // of the write that is to be validated; counter 0: none is
    const struct superseded *requests; // superseded by that write
    uint32_t request_count;
    const struct clock *dots; // that the record stands for besides its siblings; NULL: none
};

enum { JOIN_DOTS_MAX = 1 << 16 }; // of them

// Makes the change.
//   CORRUPT    the record is none of this key
//   INVALID    it is a head, or its clock is forged, or too many dots are listed
//   TOO_LARGE  both together are; the held record is told, so that the next write can supersede it
enum status join_record(const struct replica *replica, const struct join *join,
                        struct change *change) MUST_USE;
