// tree.h - a hash tree over the records of one shard.
//
// A place is where a record lies in its partition: the token without the bits that all tokens of
// the partition share, so places fill all 64 bits. Level l of a tree cuts them into 2^l equal
// nodes; level 0 is the root:
//
//     level 0   │                all                │
//     level 4   │ 0 │ 1 │ 2 │       ...        │ 15 │
//     level 8   │16 a node │        ...             │      and so on, up to the leaves
//
// The hash of a node is the sum, modulo 2^64, of the hashes of the records in it. So a record that
// changes moves one leaf, the hash of every node is the sum of those below it, and two
// trees with leaves at different levels can be compared at the higher of these: only the
// leaves are stored.
#pragma once

#include "base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    TREE_STEP = 4,                  // levels between a node and those that are compared for it
    TREE_CHILDREN = 1 << TREE_STEP, // these
    TREE_LEVEL_MIN = TREE_STEP,     // of leaves; a multiple of TREE_STEP
    TREE_LEVEL_MAX = 3 * TREE_STEP, // 4096 leaves, 32 KiB
    TREE_NODES_MAX = 1 << TREE_LEVEL_MAX,
    TREE_PARENTS_MAX = TREE_NODES_MAX / TREE_CHILDREN,
};

struct tree {
    uint64_t *leaves; // owned
    unsigned level;   // of them
};

// Empty, with its leaves at this level.
void tree_init(struct tree *tree, unsigned level);
void tree_release(struct tree *tree);

// Adds to the hash of the leaf at this place; a negative number takes away.
void tree_add(struct tree *tree, uint64_t place, uint64_t hash);

// The hash of a node, at most as deep as the leaves.
uint64_t tree_sum(const struct tree *tree, unsigned level, uint32_t index);

// The level of leaves for so many records, so that few share a leaf, where the leaves of all trees
// together may be `leaves_max`, and there are `tree_count`.
unsigned tree_level_for(uint64_t record_count, uint64_t tree_count, uint64_t leaves_max);

// The node of a level that a place lies in, and the first and the last place of one.
static inline uint32_t tree_index(unsigned level, uint64_t place)
{
    return level ? (uint32_t)(place >> (64 - level)) : 0;
}

static inline uint64_t tree_first(unsigned level, uint32_t index)
{
    return level ? (uint64_t)index << (64 - level) : 0;
}

static inline uint64_t tree_last(unsigned level, uint32_t index)
{
    return level ? tree_first(level, index) + (UINT64_MAX >> level) : UINT64_MAX;
}
