// epochs.h - which ring document counts, and how the next one comes to count.
//
//     asked for     "ring/propose", or a document that the operator handed in: put to the vote of
//                   the voters of this epoch (proposal.h)
//     missed        a peer's message told of a later epoch: its document is pulled from a router
//                   that has it (ASK "ring")
//
//     chosen or pulled ──► durable (a job) ──► adopted ──► told to other routers with a PING,
//                                                          handed to processes of this node (RING)
//
// Nothing counts before it is durable; a vote leaves when it is (votes.h). The jobs of both run on
// a worker; main.c writes their files.
//
// What comes is checked once more: a document must follow ours (ring_successor.h), leave the data
// where it is and this node who it is. Else it is refused, and `told` says why.
#pragma once

#include "dkv-router/proposal.h"
#include "dkv-router/votes.h"
#include "wire/client.h"
#include "wire/role.h"

enum { EPOCHS_ASK = 1 }; // the id of our ASK "ring"; the ids of others are 0

// What a worker is to make durable, in this order.
struct epochs_job {
    struct ring_snapshot *document; // held; NULL: none
    struct buf votes;               // empty: none
    uint64_t mark;                  // of votes.written
    enum status status;             // set by who ran it
    struct fault fault;
};

struct epochs {
    struct peers *peers;
    struct ring_snapshot *current; // borrowed from the router
    struct votes votes;
    struct proposal proposal;
    struct buf own_vote; // a reply to ourselves that waits for its gate
    uint8_t own_type;
    uint64_t own_gate;          // 0: there is none
    struct ring_snapshot *next; // to be made durable and adopted, held
    // By the operator, or by a move that goes on (moves.h); held, until something became its epoch.
    struct ring_snapshot *handed;
    uint64_t handed_again_ms; // when it is proposed again
    uint64_t step_again_ms;   // of a move
    bool is_handed_told;      // why it is not chosen
    struct epochs_job job;
    bool is_job_running;
    uint64_t save_again_ms; // a job failed: not before; 0 = at once
    uint64_t now_ms;        // of the last tick
    uint64_t pull_again_ms;
    uint64_t refused_hash; // of the document that was refused last
    // By service: when its process of this node is handed ours again, and how long after that.
    uint64_t pass_ms[SERVICE_COUNT], pass_pause_ms[SERVICE_COUNT];
    // What the log is to say; cleared by who said it.
    struct fault told;
};

// `durable`: the votes of former lives (votes.h); damaged or lost ones are told. `name` is random
// in each life.
void epochs_init(struct epochs *epochs, struct peers *peers, struct ring_snapshot *current,
                 struct bytes durable, uint64_t name);
void epochs_release(struct epochs *epochs);

// The router works by this document from now on.
void epochs_adopt(struct epochs *epochs, struct ring_snapshot *current, struct moment now,
                  struct outbox *outbox);

// A message with this epoch in its header came from a router or store of a node.
void epochs_on_heard(struct epochs *epochs, uint64_t node, uint64_t epoch, struct moment now,
                     struct outbox *outbox);

// Whether it may count here. INVALID; REFUSED: data would move.
enum status epochs_check(const struct epochs *epochs, const struct ring_snapshot *document,
                         struct fault *fault) MUST_USE;
// Adopts a document that was chosen, or that another router has, as soon as it is durable. It may
// have come before.
void epochs_learn(struct epochs *epochs, struct bytes text);

// Finds the link to the router of a node. False: it does not answer.
bool epochs_find_router(const struct epochs *epochs, uint64_t node, uint32_t *number);

void epochs_on_tick(struct epochs *epochs, struct moment now, struct outbox *outbox);

struct epochs_job *epochs_next_job(struct epochs *epochs); // NULL: none now
// Returns the document to be adopted now, held; or NULL.
struct ring_snapshot *epochs_on_job_done(struct epochs *epochs, struct moment now);

// Nobody that answers has a later document.
bool epochs_is_newest(const struct epochs *epochs);
