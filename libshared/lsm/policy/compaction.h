// compaction.h - what to merge next.
//
// Lazy leveling, range by range. Above the bottom of a range, slices of similar size are
// merged with one another, so that few of them are left; when they have grown to a good
// part of the bottom, all become a new bottom. A byte is so written once by the flush, about
// once for each doubling of the slices above the bottom, and two to three times at the bottom;
// in each range by itself, the slices that a read meets, and the dead entries, stay within bounds.
// (Dayan and Idreos: Dostoevsky, 2018; ranges as in Tarantool's vinyl.)
//
// A range asks to be merged by its
//   count      more slices than a reader should look into
//   share      the slices above have grown to a share of the bottom
//   garbage    superseded entries, estimated from the samples of the tables
//   deletions  many of the entries are tombstones
//   age        tombstones have been there for long
//   values     much of the files with large values is dead; ranges that point there take turns
//   wish       somebody wants everything merged that was written before
// Each is a quotient of what is and what may be; the range with the largest above 1 is next. When
// nobody writes, the limits are lower and neighbours that became small are joined.
//
// Where a merge met damage the range keeps what it has, and only what is newer than that is
// merged, by its count.
//
// Pure: reads a version, changes nothing but surveys (range_survey).
#pragma once

#include "lsm/version/version.h"

struct compaction_limits {
    unsigned slice_count; // of a range
    uint64_t range_size;  // bytes of a bottom, between a half and one and a half of it
    uint64_t purge_run;   // tombstones in runs before this one are old
    uint64_t
        value_round; // ranges that point to large values since before this file merge; see below
    uint64_t wish_before;  // ranges with tables before this number get new bottoms; 0: no wish
    unsigned survey_count; // surveys that one choice may make; the next one goes on
    bool is_idle;
};

// Keys that a merge works on.
struct compaction_span {
    struct buf begin, end;
};

struct compaction_choice {
    size_t first_range, range_count; // neighbours; several only for a bottom
    size_t slice_count;              // the newest so many; of no account for a bottom: all
    bool is_bottom;
};

// False if there is nothing to do outside of the spans.
bool compaction_choose(struct compaction_choice *choice, const struct version *version,
                       const struct compaction_limits *limits, const struct compaction_span *spans,
                       size_t span_count);

bool compaction_span_meets(const struct compaction_span *span, struct bytes begin,
                           struct bytes end);

// The number of the oldest bottom with pointers to large values; UINT64_MAX if there is none.
// When much of the files with large values is dead a round begins: each range that points
// there merges once, and copies what is left in them.
uint64_t compaction_pointing_since(const struct version *version);

// Whether a range that can be merged has a table before this number.
bool compaction_has_before(const struct version *version, uint64_t number);

// How far merges are behind, in permille: 0 all is well, 1000 writers must wait. Grows
// gradually while they fall behind.
unsigned compaction_debt(const struct version *version, unsigned slice_count);
