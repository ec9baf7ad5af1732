// serve.h - one operation of one request to a store.
#pragma once

#include "dkv-store/store.h"

// Decodes the next operation of the message from `body`, applies it, and puts the answer
// into the outbox.
//   INVALID  the bytes are not an operation of the header's type; nothing was done
//   BUSY     it has to wait, for what store->wait says; nothing was done
enum status serve(struct store *store, const struct arrival *arrival,
                  const struct message_header *header, struct reader *body, struct moment now,
                  struct outbox *outbox) MUST_USE;
