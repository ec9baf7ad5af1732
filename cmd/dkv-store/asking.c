#include "dkv-store/asking.h"

#include "dkv-store/convergence.h"
#include "dkv-store/reading.h"
#include "wire/hello.h"

void asking_on_tick(struct store *store, struct moment now)
{
    if (now.mono_ms - store->opened_ms >= store->options.ask_ms)
        store->is_asking = false;
}

unsigned asking_within_ms(const struct store *store, unsigned most_ms)
{
    uint64_t end_ms = store->opened_ms + store->options.ask_ms;
    uint64_t within_ms = end_ms > store->turn_ms ? end_ms - store->turn_ms : 0;
    return store->is_asking && within_ms < most_ms ? (unsigned)within_ms : most_ms;
}

// What was heard of a store is told as it was before this message: of a later start of it nothing
// can be seen that it lacks.
enum status asking_serve(struct store *store, const struct arrival *arrival, struct reader *body,
                         struct moment now, struct outbox *outbox)
{
    struct op_hear op;
    if (op_decode_hear(&op, body))
        return STATUS_INVALID;
    struct op_heard heard = {.id = op.id};
    struct actor of = {.node = (uint16_t)op.number, .kind = ACTOR_STORE, .start = 1};
    convergence_heard(store, actor_process(actor_make(of)), &heard.heard_start,
                      &heard.heard_position);
    if (op.actor)
        heard.status = (uint8_t)convergence_hear(store, op.actor, op.position, op.heard_start,
                                                 op.heard_position, now);
    store->has_asked_all |= op.is_last && store->is_asking;
    store->is_asking &= !op.is_last;
    heard.actor = store->ledger.actor;
    heard.position = store->ledger.lives.position;
    heard.is_asking = store->is_asking;
    op_encode_heard(&heard, outbox_add(outbox, arrival->link, MESSAGE_HEARD, reading_gate(store)));
    return STATUS_OK;
}
