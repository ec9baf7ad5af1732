// pair.h - a key and a value of the engine, read as a record that a store had put there.
#pragma once

#include "causal/record.h"
#include "dkv-store/ledger.h"
#include "lsm/lsm.h"
#include "ring/engine_key.h"

// The record and the parts of its key, borrowed from the pair. CORRUPT if it is none.
enum status pair_decode(struct record *record, struct bytes engine_key, struct bytes value,
                        struct engine_key *parts, struct fault *fault) MUST_USE;

// Reads every record there is and lets the ledger count them anew.
//   CORRUPT, IO: all before was counted
enum status pair_recount(struct lsm *lsm, struct ledger *ledger, uint64_t *count,
                         struct fault *fault) MUST_USE;
