// dispatch.h - what happens to a router, handed to the part that it concerns.
//
//     a client's message   is let in or turned away; its type names puts, gets, scans or asks
//     a peer's message     is a sign of life of its link, and a reply to one of those
//     a lost link          ends all that its peer was asked
//     a tick               wakes flights, links, and puts that wait for a key
#pragma once

#include "dkv-router/router.h"

// Works by this document from now on, which ring_check_successor() has accepted and this node is
// in. What is in flight goes on by the one that it began with. The caller connects the new links
// of `peers`, and disconnects those that exist no more.
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
// The job of epochs_next_job() was run.
void dispatch_on_job_done(struct router *router, struct moment now, struct outbox *outbox);
// Completes what the headers of this turn's messages say.
void dispatch_on_turn_end(const struct router *router, struct moment now, struct outbox *outbox);
