// replica_inside.h - what update.c and merge.c do alike. For the files of replica.h alone.
#pragma once

#include "dkv-store/replica.h"

// Begins a change: finds the shard, or makes it.
void replica_begin(struct store *store, struct place *place);

// Has this request been applied to the record in store->local? Then *dot is what it became. 0:
// nothing is known of it.
enum find_state replica_find(const struct store *store, const struct place *place,
                             const struct request_id *request, struct dot *dot);

// Nobody but this actor gives out its dots: a clock that names later ones is forged, and would
// swallow writes that are still to come. It is counted.
bool replica_is_forged(struct store *store, const struct place *place, const struct clock *clock);

// Follows a stamp, of others or of a single key, as far as it is believed.
void replica_learn_hlc(struct store *store, uint64_t hlc, struct moment now);

// Writes `encoded` as the record of the place (nothing if it is empty), with the ledger entry in
// the same batch. The entry has counts and dots; of what was superseded it gets what is to be
// remembered.
enum status replica_write(struct store *store, const struct place *place, struct bytes encoded,
                          struct ledger_entry *entry) MUST_USE;
