// engine_key.h - the key of a record in the storage engine.
//
//     token u64 · keyspace u32 · key       both numbers big endian
//
// So engine keys are in the order of the tokens: a partition is one range of them.
#pragma once

#include "ring/ring.h"

enum { ENGINE_KEY_PREFIX_SIZE = 12 }; // of the numbers

struct engine_key {
    uint64_t token;
    uint32_t keyspace;
    struct bytes key; // not empty
};

// Gives the key its token.
struct engine_key engine_key_of(uint32_t keyspace, struct bytes key);

void engine_key_encode(const struct engine_key *engine_key, struct buf *out); // appends it
// Borrows from `encoded`. False if that is none.
bool engine_key_decode(struct engine_key *engine_key, struct bytes encoded) MUST_USE;

// Compares its bytes, which are not made, with those of another engine key, or of none.
int engine_key_compare(const struct engine_key *engine_key, struct bytes encoded);

// Gives the range of a partition of `count`: from `from` on and before `to`, if that is not empty.
void engine_key_range(uint32_t count, uint32_t partition, struct buf *from, struct buf *to);
