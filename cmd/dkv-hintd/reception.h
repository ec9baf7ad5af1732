// reception.h - messages to a hintd, from routers and from the stores that it delivers to, and the
// end of a turn.
//
// Each operation of a router is served at once (order.h), unless it would have to wait for the
// disk: then it is parked (turn/parked.h), and the end of some turn serves it.
#pragma once

#include "dkv-hintd/hintd.h"

void reception_on_message(struct hintd *hintd, const struct arrival *arrival, struct bytes message,
                          struct moment now, struct outbox *outbox);

// A link was lost, or a message was not queued.
void reception_on_lost(struct hintd *hintd, link_id link, struct moment now);
void reception_on_unsent(struct hintd *hintd, link_id link, struct bytes message,
                         struct moment now);

void reception_on_tick(struct hintd *hintd, struct moment now, struct outbox *outbox);

// Works by this document from now on; links to nodes that left go down.
void reception_adopt(struct hintd *hintd, struct ring_snapshot *ring, struct moment now);

// Serves parked operations, delivers, and completes the headers of this turn's messages.
void reception_on_turn_end(struct hintd *hintd, struct moment now, struct outbox *outbox);

// How long the next tick may wait.
unsigned reception_tick_within_ms(const struct hintd *hintd);
