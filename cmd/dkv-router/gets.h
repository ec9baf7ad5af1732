// gets.h - gets in flight: quorum/get.h with messages on both sides.
#pragma once

#include "dkv-router/placing.h"
#include "wire/replica.h"

enum status gets_on_get(struct router *router, const struct arrival *arrival,
                        const struct message_header *header, struct reader *body, struct moment now,
                        struct outbox *outbox) MUST_USE;

// A record or a head that was asked for with the flight's id.
enum status gets_on_fetched(struct router *router, uint32_t number, struct reader *body,
                            struct moment now, struct outbox *outbox) MUST_USE;
// What an owner replied to the answer of a monotonic read. False if it belongs to none.
bool gets_on_merged(struct router *router, uint32_t number, const struct op_merged *merged,
                    struct moment now, struct outbox *outbox);
// Sends repairs again that stores were too busy for.
void gets_repeat_repairs(struct router *router, struct moment now, struct outbox *outbox);
void gets_on_failed(struct router *router, struct flight *flight, unsigned target,
                    struct moment now, struct outbox *outbox);
// The hedge or the deadline.
void gets_on_wake(struct router *router, struct flight *flight, struct moment now,
                  struct outbox *outbox);
