// leaf_delta.h - by how much a change of records moves the counts and hash trees of a shard.
//
// A shard counts its keys and sums the leaf hashes of their records, in one tree for values and in
// one for deletions. A record that is replaced is taken out, and the new one put in.
#pragma once

#include "causal/record.h"

struct leaf_delta {
    int64_t live_count;    // keys that have a value: more or less
    int64_t gone_count;    // keys with a record that has none
    uint64_t live_root;    // to be added, modulo 2^64
    uint64_t deleted_root; // the same
};

// A record that is there now, and one that is there no more. Empty ones count for nothing.
// `key_hash` is that of the engine key.
void leaf_delta_add(struct leaf_delta *delta, const struct record *record, uint64_t key_hash);
void leaf_delta_remove(struct leaf_delta *delta, const struct record *record, uint64_t key_hash);
