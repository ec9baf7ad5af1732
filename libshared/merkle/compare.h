// compare.h - finds the leaves in which two hash trees differ, by asking for few of their hashes.
//
// Both trees lie elsewhere. Each is asked for the hashes of the children of some nodes, first of
// the root, then of those that differ, until the leaves:
//
//     compare_begin()                          ask for the children of the root
//     compare_on_hashes(ours), (theirs)        both are here: one step down
//     ...                                      until compare_is_done()
//     compare_begin_again()                    asks once more, for the leaves that differ alone
//
// What is written while the trees are asked looks like a difference. So both are asked again, after
// a while, and only what differs twice counts.
//
// The work grows with the number of differing leaves, not with that of records.
#pragma once

#include "base/status.h"
#include "merkle/tree.h"

enum compare_side { COMPARE_OURS, COMPARE_THEIRS, COMPARE_SIDES };

struct compare {
    unsigned level;  // of the nodes below
    uint32_t count;  // of them
    uint16_t *nodes; // owned, ascending: they differ; their children are asked for unless the
                     // comparison is done

    // Private.
    bool is_done;
    bool is_again;
    bool has[COMPARE_SIDES];
    unsigned leaf_level;             // the least of both
    uint64_t *hashes[COMPARE_SIDES]; // owned; of the children
    uint16_t *kept;                  // owned; begun again: what differed before
    uint32_t kept_count;
};

void compare_release(struct compare *compare);

void compare_begin(struct compare *compare);
void compare_begin_again(struct compare *compare); // when it is done
void compare_skip(struct compare *compare);        // the roots are equal: it is done

static inline bool compare_is_done(const struct compare *compare)
{
    return compare->is_done;
}

// Takes an answer of one side: the level of its leaves, and for each node TREE_CHILDREN hashes of 8
// bytes, little-endian. INVALID: that is no answer to what was asked.
enum status compare_on_hashes(struct compare *compare, enum compare_side side, unsigned leaf_level,
                              struct bytes hashes) MUST_USE;

// True if this side has answered the current question.
static inline bool compare_has(const struct compare *compare, enum compare_side side)
{
    return compare->has[side];
}
