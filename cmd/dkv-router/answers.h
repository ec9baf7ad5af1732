// answers.h - what a router says to its clients, and how much may wait to be read.
//
// Answers pile up here if their client does not read them. So every answer is counted, every
// request says what its sender has taken (wire/meter.h), and a client has a bound:
//
//     unread below it     requests are begun, answers sent
//     at it               ERROR with BUSY to what asks for more; an answer that is ready and
//                         does not fit any more is BUSY instead
//     at it for long      silence: even refusals pile up
//
// One answer, however large, may always be on its way; the contexts of an answer are not counted
// beforehand. Together clients have a bound too; where it is reached, each is left with an equal
// part. Nobody reports a client that is gone: when room is short, the ones that were silent for
// longest are sent a PONG, one at a tick; one that cannot be sent to is forgotten.
#pragma once

#include "dkv-router/router.h"

enum {
    ANSWERS_UNREAD_MAX = 8 << 20,            // bytes, of one client
    ANSWERS_UNREAD_ALL_MAX = 64 << 20,       // of all
    ANSWERS_REFUSED_MAX = FLIGHTS_SHARE_MAX, // all that a client may have in flight
};

#define ANSWER_FUNCTION(name)                                                                      \
    void answer_##name(struct router *router, link_id client, const struct op_##name *op,          \
                       struct outbox *outbox);
ANSWER_FUNCTION(error)
ANSWER_FUNCTION(welcome)
ANSWER_FUNCTION(pong)
ANSWER_FUNCTION(answer)
ANSWER_FUNCTION(put_done)
ANSWER_FUNCTION(got)
ANSWER_FUNCTION(scanned)
ANSWER_FUNCTION(explained)
#undef ANSWER_FUNCTION

// Whether the client may have an answer of this size sent now.
bool answers_fit(const struct router *router, link_id client, size_t size);
// Whether an operation with an answer of this size may begin, besides those whose answers the
// client still waits for; their sizes are guessed.
bool answers_will_fit(const struct router *router, link_id client, size_t size);

// Decides about a request. OK; BUSY: refuse it; LATE: it is not even worth a refusal.
enum status answers_admit(struct router *router, link_id client) MUST_USE;

void answers_on_tick(struct router *router, struct outbox *outbox);
// An answer was not queued; UNREACHABLE: the client is gone.
void answers_on_unsent(struct router *router, link_id client, struct bytes message,
                       enum status why);
