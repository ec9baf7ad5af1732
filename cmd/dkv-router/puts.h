// puts.h - puts in flight: quorum/put.h with messages on both sides.
#pragma once

#include "dkv-router/placing.h"

// Each takes its operation from the body of a message; INVALID if it is malformed.
enum status puts_on_put(struct router *router, const struct arrival *arrival,
                        const struct message_header *header, struct reader *body, struct moment now,
                        struct outbox *outbox) MUST_USE;
enum status puts_on_updated(struct router *router, uint32_t node, struct reader *body,
                            struct moment now, struct outbox *outbox) MUST_USE;
enum status puts_on_acked(struct router *router, uint32_t node, struct reader *body,
                          struct moment now, struct outbox *outbox) MUST_USE;
enum status puts_on_found(struct router *router, uint32_t node, struct reader *body,
                          struct moment now, struct outbox *outbox) MUST_USE;

// A head that was asked for with the flight's id.
void puts_on_head(struct router *router, struct flight *flight, unsigned owner,
                  const struct op_fetched *fetched, struct moment now, struct outbox *outbox);
void puts_on_failed(struct router *router, struct flight *flight, unsigned owner, struct moment now,
                    struct outbox *outbox);
void puts_on_deadline(struct router *router, struct flight *flight, struct moment now,
                      struct outbox *outbox);
