// polls.h - puts the next ring document to the vote, and answers who asked for it.
//
// The router of a voter answers PREPARE and ACCEPT (votes.h). A router that is asked for a change
// sends them to all voters, itself included, and counts what they reply (proposal.h); one change at
// a time. What is chosen goes to epochs.h.
#pragma once

#include "dkv-router/epochs.h"

// PREPARE and ACCEPT of other routers.
enum status polls_on_request(struct epochs *epochs, link_id link, enum message_type type,
                             struct reader *body, struct outbox *outbox) MUST_USE;
// PROMISED, ACCEPTED; RING_TAKEN of processes of this node; ANSWER with a document.
enum status polls_on_reply(struct epochs *epochs, uint32_t number, enum message_type type,
                           struct reader *body, struct moment now, struct outbox *outbox) MUST_USE;

// "ring/propose" of a client, with the document as argument. OK: the answer comes later. Else it is
// refused: RING_CHANGED, it does not follow our document; BUSY; STALE, we miss documents before
// it; INVALID, REFUSED, it cannot follow.
enum status polls_on_propose(struct epochs *epochs, link_id client, const struct op_ask *ask,
                             uint64_t deadline_ms, struct moment now, struct outbox *outbox,
                             struct fault *fault) MUST_USE;
// The operator handed in a document: it is proposed until something became its epoch. Not OK: it
// cannot follow.
enum status polls_hand(struct epochs *epochs, struct ring_snapshot *document,
                       struct fault *fault) MUST_USE;

// An answer to a client; false: none is ready. Its text is valid until the next proposal.
bool polls_next_answer(struct epochs *epochs, link_id *client, struct op_answer *answer);

void polls_on_job_done(struct epochs *epochs, struct moment now, struct outbox *outbox);
void polls_on_tick(struct epochs *epochs, struct moment now, struct outbox *outbox);
