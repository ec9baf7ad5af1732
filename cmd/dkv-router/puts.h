// puts.h - puts in flight: quorum/put.h with messages on both sides.
#pragma once

#include "dkv-router/placing.h"

// Each takes its operation from the body of a message; INVALID if it is malformed.
enum status puts_on_put(struct router *router, const struct arrival *arrival,
                        const struct message_header *header, struct reader *body, struct moment now,
                        struct outbox *outbox) MUST_USE;
// One that was decoded and counted already; its level is set if it is the default.
void puts_begin(struct router *router, const struct arrival *arrival,
                const struct message_header *header, struct op_put *put, struct moment now,
                struct outbox *outbox);
enum status puts_on_updated(struct router *router, uint32_t link, struct reader *body,
                            struct moment now, struct outbox *outbox) MUST_USE;
enum status puts_on_durable(struct router *router, uint32_t link, struct reader *body,
                            struct moment now, struct outbox *outbox) MUST_USE;
enum status puts_on_merged(struct router *router, uint32_t link, struct reader *body,
                           struct moment now, struct outbox *outbox) MUST_USE;
enum status puts_on_found(struct router *router, uint32_t link, struct reader *body,
                          struct moment now, struct outbox *outbox) MUST_USE;

void puts_on_failed(struct router *router, struct flight *flight, unsigned owner, struct moment now,
                    struct outbox *outbox);
// The time that the flight was to be woken at: the try before it is over, or its deadline.
void puts_on_wake(struct router *router, struct flight *flight, struct moment now,
                  struct outbox *outbox);
