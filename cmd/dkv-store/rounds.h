// rounds.h - serves dkv-repair: the store's part in a round (wire/repair.h).
//
// What a round may change and when is convergence.h's; here are its messages, hash trees
// and pages of heads. They come in at the background door, so that they stand before no request.
#pragma once

#include "dkv-store/store.h"

// Serves the next operation of a message; the contract of operation_serve().
enum status rounds_serve(struct store *store, const struct arrival *arrival,
                         const struct message_header *header, struct reader *body,
                         struct moment now, struct outbox *outbox) MUST_USE;

// Reads on for trees that are wanted, a little in each turn.
void rounds_on_turn_end(struct store *store, struct moment now);
