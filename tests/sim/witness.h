// witness.h - sees what the brains of a node are told and say, and tells the history.
//
// Everything is looked at from outside: messages, and the records that a store would give to a
// reader.
#pragma once

#include "sim/node.h"
#include "wire/replica.h"

// The last UPDATED of this turn for the link. False if there is none.
bool witness_last_updated(const struct outbox *outbox, link_id link, struct op_updated *updated);
// A store has obeyed an UPDATE, or refused it; `held` is the clock of its record before.
void witness_minted(struct node *node, const struct op_update *update, const struct clock *held,
                    const struct op_updated *updated);
// A message of MERGEs, or of FINDs, has been served.
void witness_reconciles(struct node *node, const struct message_header *header,
                        struct reader *body);
void witness_merges(struct node *node, const struct message_header *header, struct reader *body);
void witness_finds(struct node *node, const struct arrival *arrival,
                   const struct message_header *header, struct reader *body,
                   const struct outbox *outbox);
void witness_refusals(struct node *node, const struct outbox_message *message);

// A router is asked for a put, answers one, is told of an earlier try.
void witness_put(struct node *node, const struct arrival *arrival, const struct op_put *put);
void witness_put_done(const struct node *node, link_id link, const struct op_put_done *done);
void witness_found(struct node *node, link_id link, const struct message_header *header,
                   struct reader *body);
