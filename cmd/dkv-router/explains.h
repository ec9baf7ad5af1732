// explains.h - EXPLAIN: what every owner of a key has of it, and of one write of it.
//
// Asks all owners that can be asked (INSPECT), and answers when each has replied, failed, or kept
// silent to the end: with the heads of their records as they are, not with their join.
#pragma once

#include "dkv-router/placing.h"

enum status explains_on_explain(struct router *router, const struct arrival *arrival,
                                const struct message_header *header, struct reader *body,
                                struct moment now, struct outbox *outbox) MUST_USE;
enum status explains_on_inspected(struct router *router, uint32_t number, struct reader *body,
                                  struct outbox *outbox) MUST_USE;
void explains_on_failed(struct router *router, struct flight *flight, unsigned target,
                        struct outbox *outbox);
void explains_on_deadline(struct router *router, struct flight *flight, struct outbox *outbox);
