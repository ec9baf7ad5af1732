// inspect.h - INSPECT: what a store has of a key, and whether it has one write of it.
//
// An owner has a write if its dot is in the seen-clock of the shard, if the record covers it, or
// if its request is remembered. So it has one also that was superseded, or deleted and purged.
// Nothing is changed, and nobody is fenced.
#pragma once

#include "dkv-store/store.h"

// As operation_serve().
enum status inspect_serve(struct store *store, const struct arrival *arrival,
                          const struct message_header *header, struct reader *body,
                          struct moment now, struct outbox *outbox) MUST_USE;
