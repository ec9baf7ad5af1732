// trash.h - values that a copy had and every owner had purged.
//
// A copy that was lost may have been an older state: it shows values that were deleted everywhere.
// When it is whole again they are moved to the trash, where they stay for purge/trash; nobody but
// 'dkv-store --dump' shows it. In the engine it is a keyspace of its own, which no ring has: the
// token of the key, keyspace TRASH_KEYSPACE, and as the key the number of its keyspace, u32, and
// the wall clock, u64, both big endian, and the key.
#pragma once

#include "dkv-store/store.h"

// Begins a frame that takes the zombies of a shard out of their records and puts them into the
// trash; the caller adds its note and writes it. If there are too many for one frame, it writes
// some before.
//   CORRUPT, IO: a record could not be read; the log's
enum status trash_zombies(struct store *store, struct ledger_shard *shard,
                          struct moment now) MUST_USE;

uint64_t trash_count(const struct ledger *ledger);

// What is in the trash for long enough goes; `engine_key` and `value` are of a pair there.
enum status trash_expire(struct store *store, uint64_t token, struct bytes engine_key,
                         struct bytes key, struct bytes value, struct moment now) MUST_USE;
