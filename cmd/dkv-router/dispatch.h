// dispatch.h - what happens to a router, handed to the part that it concerns.
//
//     a client's message   is let in, or turned away, and goes by its type to puts, gets, scans,
//     asks a peer's message     is a sign of life of its link, and an answer to one of those a link
//     that is lost  ends what its peer was asked a tick               wakes flights, links and
//     whoever waits for a key
#pragma once

#include "dkv-router/router.h"

// Works by this document from now on, which ring_check_successor() has accepted and this node is
// in. What is in flight goes on by the one that it began with. New links of `peers` are the
// caller's to make, and those that are no more to close.
void dispatch_adopt(struct router *router, struct ring_snapshot *ring, struct moment now,
                    struct outbox *outbox);

void dispatch_on_message(struct router *router, const struct arrival *arrival, struct bytes message,
                         struct moment now, struct outbox *outbox);
// The connection of a link was lost.
void dispatch_on_lost(struct router *router, link_id link, struct moment now,
                      struct outbox *outbox);
// A message was not queued. UNREACHABLE: nobody is there; BUSY: too many wait.
void dispatch_on_unsent(struct router *router, link_id link, struct bytes message, enum status why,
                        struct moment now, struct outbox *outbox);
void dispatch_on_tick(struct router *router, struct moment now, struct outbox *outbox);
// Completes what the headers of this turn's messages say.
void dispatch_on_turn_end(const struct router *router, struct moment now, struct outbox *outbox);
