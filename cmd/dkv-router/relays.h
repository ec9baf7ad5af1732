// relays.h - questions of clients that another service of some node answers.
//
// A client asks routers alone. ASK with a topic such as "hintd/list" is passed on to the hintd of
// the node whose name is the first line of the argument, or of this node if that line is empty;
// what it answers goes back to the client. The service gets the topic behind the stroke, and the
// rest of the argument.
//
// Nothing is kept of a question but who asked it: one whose service is lost, or silent until the
// deadline, is answered with that.
#pragma once

#include "dkv-router/router.h"
#include "wire/client.h"

// True if the topic is one to be relayed: it was, or it was refused.
bool relays_on_ask(struct router *router, const struct arrival *arrival,
                   const struct message_header *header, const struct op_ask *ask, struct moment now,
                   struct outbox *outbox);

// ANSWER of a hintd or a repair.
enum status relays_on_answer(struct router *router, uint32_t number, struct reader *body,
                             struct outbox *outbox);

// The link went down.
void relays_on_failed(struct router *router, uint32_t number, struct outbox *outbox);
void relays_on_tick(struct router *router, struct moment now, struct outbox *outbox);
