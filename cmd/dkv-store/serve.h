// serve.h - messages to a store, and the end of a turn.
//
// Each operation of a message is served at once (operation.h), unless it would have to wait for
// the disk: then it is parked (turn/parked.h), and the end of some turn serves it.
#pragma once

#include "dkv-store/store.h"

void serve_on_message(struct store *store, const struct arrival *arrival, struct bytes message,
                      struct moment now, struct outbox *outbox);

void serve_on_tick(struct store *store, struct moment now, struct outbox *outbox);

// Serves parked operations and completes the headers of this turn's messages.
void serve_on_turn_end(struct store *store, struct moment now, struct outbox *outbox);

// Nothing was written since the last tick, and nothing goes on: the next one may come later.
bool serve_is_quiet(const struct store *store);

// Serves a parked operation, parked_next(), or puts it off. The end of a turn does it for all.
void serve_parked_op(struct store *store, struct parked_op *op, struct moment now,
                     struct outbox *outbox);
