// trees.h - the hash trees of the shards of a store.
//
// A shard has two, of its values and of its deletions (merkle/tree.h). They live in memory and are
// made by reading a partition from its first token to its last, piece by piece, when somebody wants
// to compare them (growth.h). Meanwhile and from then on every change of a record moves them:
//
//     nobody has asked ──► growing: tokens before next_token are in ──► whole
//
// Roots are known at any time: the ledger has them, as a function of the log. So replicas that are
// equal are found to be so without trees, and a tree that was made is checked against
// its root.
#pragma once

#include "merkle/tree.h"
#include "replica/leaf_delta.h"

enum { TREES_VALUES, TREES_DELETIONS, TREES_KINDS }; // as enum tree_kind of the wire

struct trees_shard {
    uint32_t keyspace;
    int64_t live_count, gone_count; // as the ledger counts
    struct tree of[TREES_KINDS];
};

struct trees_partition {
    bool is_whole;
    uint64_t next_token;        // while it is not: records before it are in
    struct trees_shard *shards; // owned
    uint32_t shard_count;
};

struct trees {
    uint32_t partition_count;
    struct trees_partition **partitions; // by number; NULL: nobody has asked
};

void trees_release(struct trees *trees);

// Begins to grow those of a partition, of `count`, empty and anew.
struct trees_partition *trees_begin(struct trees *trees, uint32_t count, uint32_t partition);
void trees_forget(struct trees *trees, uint32_t partition);

// Returns those of a partition; NULL: nobody has asked.
struct trees_partition *trees_find(const struct trees *trees, uint32_t partition);

// Adds a keyspace, whose trees have leaves at these levels; or finds it, with those it has.
struct trees_shard *trees_add(struct trees_partition *partition, uint32_t keyspace,
                              const unsigned levels[TREES_KINDS]);
const struct trees_shard *trees_shard(const struct trees_partition *partition, uint32_t keyspace);

// Adds what a record is to the leaves, while a partition grows.
void trees_count(const struct trees *trees, struct trees_partition *partition, uint32_t keyspace,
                 uint64_t token, const struct leaf_delta *delta);

// Learns from a change of a record, if it is in.
void trees_apply(struct trees *trees, uint32_t keyspace, uint64_t token,
                 const struct leaf_delta *delta);
