// puts_step.h - what a step of a put (quorum/put.h) comes to: messages to stores, and the answer.
//
// For the files of puts.h alone.
#pragma once

#include "dkv-router/puts_hint.h"

// Limits of a record that the settings have.
#define RECORD_LIMITS                                                                              \
    "larger than limits/record_max, or than a quarter of store/memtable or store/log_segment"

// Does what a step asks for. MERGE carries `minted`.
void puts_take_step(struct router *router, struct flight *flight, struct put_step step,
                    struct minted minted, struct moment now, struct outbox *outbox);
