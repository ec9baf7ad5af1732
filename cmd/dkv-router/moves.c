#include "dkv-router/moves.h"

#include "dkv-router/polls.h"
#include "dkv-router/settled.h"
#include "ring/ring_move.h"
#include "ring/ring_successor.h"
#include "ring/ring_text.h"

enum { STEP_PAUSE_MS = 500 };

// The first node whose router works by our document: if that is another one, it goes on.
static bool is_driver(const struct epochs *epochs)
{
    const struct ring *ring = &epochs->current->ring;
    uint32_t first = 0;
    while (settled_router_epoch(epochs, first) != ring->epoch) // ours is
        first++;
    return ring->nodes[first].id == epochs->peers->terms.self;
}

static struct ring_snapshot *next_step(const struct epochs *epochs)
{
    struct ring next = ring_copy(&epochs->current->ring);
    struct buf text = {0};
    ring_go_on(&next);
    ring_succeed(&next, &epochs->current->ring);
    ring_text_format(&next, &text);
    return ring_snapshot_new_take(&next, &text);
}

void moves_on_tick(struct epochs *epochs, struct moment now)
{
    struct fault fault;
    bool is_handed =
        epochs->handed && epochs->handed->ring.epoch <= epochs->current->ring.epoch + 1;
    if (!epochs->current->ring.move || is_handed || epochs->next ||
        epochs->proposal.state != PROPOSAL_NONE || now.mono_ms < epochs->step_again_ms ||
        !is_driver(epochs) || settled_check(epochs, NULL, &fault))
        return;
    epochs->step_again_ms = now.mono_ms + STEP_PAUSE_MS;
    struct ring_snapshot *next = next_step(epochs);
    if (polls_hand(epochs, next, &fault))
        fault_set(&epochs->told, STATUS_INVALID, "the next step of the move: %.300s", fault.text);
    ring_snapshot_drop(next);
}
