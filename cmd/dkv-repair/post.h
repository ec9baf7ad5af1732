// post.h - messages that reach dkv-repair: replies of stores, and questions of routers.
#pragma once

#include "dkv-repair/repair.h"

void post_on_message(struct repair *repair, const struct arrival *arrival, struct bytes message,
                     struct moment now, struct outbox *outbox);
// The connection of a link was lost, or a message could not be queued.
void post_on_lost(struct repair *repair, link_id link, struct moment now);
// Works by this document from now on; links to nodes that left go down.
void post_adopt(struct repair *repair, struct ring_snapshot *ring, struct moment now);

// Ends a turn: sends what rounds, closings and debts ask for.
void post_on_turn_end(struct repair *repair, struct moment now, struct outbox *outbox);
