// puts.h - puts in flight: quorum/put.h with messages on both sides.
//
//     puts_begin.c   a request is checked and becomes a flight
//     puts.c         what stores reply becomes an event of the put
//     puts_step.c    what the put wants then: messages to stores, the client's answer
//     puts_hint.c    and messages to fallbacks
#pragma once

#include "dkv-router/placing.h"

// Each takes its operation from the body of a message; INVALID if it is malformed.
enum status puts_on_put(struct router *router, const struct arrival *arrival,
                        const struct message_header *header, struct reader *body, struct moment now,
                        struct outbox *outbox) MUST_USE;
// Those that waited for the key of their context, as far as they need not any more.
void puts_begin_held(struct router *router, struct moment now, struct outbox *outbox);

enum status puts_on_updated(struct router *router, uint32_t number, struct reader *body,
                            struct moment now, struct outbox *outbox) MUST_USE;
enum status puts_on_durable(struct router *router, uint32_t number, struct reader *body,
                            struct moment now, struct outbox *outbox) MUST_USE;
enum status puts_on_merged(struct router *router, uint32_t number, struct reader *body,
                           struct moment now, struct outbox *outbox) MUST_USE;
enum status puts_on_hinted(struct router *router, uint32_t number, struct reader *body,
                           struct moment now, struct outbox *outbox) MUST_USE;
enum status puts_on_found(struct router *router, uint32_t number, struct reader *body,
                          struct moment now, struct outbox *outbox) MUST_USE;

void puts_on_failed(struct router *router, struct flight *flight, unsigned target,
                    struct moment now, struct outbox *outbox);
// The time that the flight was to be woken at: the try before it is over, owners are late, or its
// deadline.
void puts_on_wake(struct router *router, struct flight *flight, struct moment now,
                  struct outbox *outbox);
