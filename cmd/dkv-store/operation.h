// operation.h - one operation of one message to a store.
//
// A write takes this way:
//
//     UPDATE, MERGE ──► locate, read ──► mint or join ──► write ──► UPDATED, MERGED
//                       holding.h        replica/         holding.h
#pragma once

#include "dkv-store/store.h"

// Decodes the next operation of the message from `body`, carries it out, and puts the reply into
// the outbox.
//   INVALID  the bytes are not an operation of the header's type; nothing was done
//   BUSY     it has to wait, store->wait says for what; nothing was done
enum status operation_serve(struct store *store, const struct arrival *arrival,
                            const struct message_header *header, struct reader *body,
                            struct moment now, struct outbox *outbox) MUST_USE;
