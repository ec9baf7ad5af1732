// order.h - one operation of one message of a router, or of a dkv-repair.
#pragma once

#include "dkv-hintd/hintd.h"

// Decodes the next operation of the message from `body`, carries it out, and puts the reply into
// the outbox.
//   INVALID  the bytes are not an operation of the header's type; nothing was done
//   BUSY     it has to wait, hintd->wait says for what; nothing was done
enum status order_serve(struct hintd *hintd, const struct arrival *arrival,
                        const struct message_header *header, struct reader *body, struct moment now,
                        struct outbox *outbox) MUST_USE;
