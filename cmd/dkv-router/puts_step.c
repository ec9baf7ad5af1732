#include "dkv-router/puts_step.h"

#include "dkv-router/answers.h"
#include "wire/replica.h"

// The id of what is sent for the dot that is at work: replies about the first one are late
// when there is a second.
static uint64_t message_id(const struct flight *flight)
{
    return flight_id(flight) | (flight->put.again ? FLIGHT_AGAIN : 0);
}

// What the client may supersede next: what this write superseded, and the write itself. Not
// what its record holds besides: the client never saw that.
static struct bytes encode_context(struct router *router, const struct flight *flight)
{
    enum { SEEN_MAX = 8 * sizeof(struct request_id) }; // the last ones: a script may go on for ever
    clock_copy(&router->context.clock, &flight->covers);
    router->context.hlc_max = flight->hlc;
    struct bytes seen = buf_bytes(&flight->seen);
    if (seen.size > SEEN_MAX - sizeof flight->request)
        seen.size = SEEN_MAX - sizeof flight->request;
    buf_set(&router->context.requests, bytes_of(&flight->request, sizeof flight->request));
    buf_append(&router->context.requests, seen);
    buf_clear(&router->encoded);
    context_encode(&router->context, router->keyring.seals, flight->route.keyspace->id,
                   buf_bytes(&flight->key), &router->encoded);
    return buf_bytes(&router->encoded);
}

static struct bytes encode_receipt(struct router *router, const struct flight *flight,
                                   const struct op_put_done *done)
{
    struct receipt receipt = {.keyspace = flight->route.keyspace->id,
                              .key = buf_bytes(&flight->key),
                              .request = flight->request,
                              .dot = done->dot,
                              .epoch = done->epoch,
                              .acked = done->acked,
                              .hinted = done->hinted};
    buf_clear(&router->receipt);
    receipt_encode(&receipt, router->keyring.seals, &router->receipt);
    return buf_bytes(&router->receipt);
}

static void answer(struct router *router, const struct flight *flight, enum status status,
                   struct bytes text, struct outbox *outbox)
{
    struct put_tally tally = put_tally(&flight->put);
    if (status == STATUS_UNAVAILABLE)
        router->counts.unavailable++;
    if (status == STATUS_INDETERMINATE)
        router->counts.indeterminate++;
    struct op_put_done done = {
        .id = flight->client_id,
        .status = (uint8_t)status,
        .acked = tally.acked,
        .hinted = tally.hinted,
        .is_void = !flight->put.sent,
        .is_final = flight->put.is_final,
        .keyspace = flight->route.keyspace->id,
        .epoch = flight->ring->ring.epoch,
        .dot = flight->dot,
        .text = text,
    };
    if (!status && (flight->flags & PUT_WANT_CONTEXT) && clock_covers(&flight->covers, flight->dot))
        done.context = encode_context(router, flight);
    if ((!status || status == STATUS_INDETERMINATE) && (flight->flags & PUT_WANT_RECEIPT))
        done.receipt = encode_receipt(router, flight, &done);
    answer_put_done(router, flight->client, &done, outbox);
}

static uint8_t update_flags(const struct flight *flight)
{
    bool keeps = flight->has_context || (flight->flags & PUT_KEEP_SIBLINGS);
    uint8_t what = UPDATE_TAKES_HEAD | (flight->flags & PUT_DELETE ? UPDATE_DELETE : 0) |
                   (flight->flags & PUT_CONDITIONAL ? UPDATE_CONDITIONAL : 0);
    uint8_t again = UPDATE_AGAIN | (flight->put.was_found ? 0 : UPDATE_FRESH);
    return flight->put.again ? what | again : what | (keeps ? UPDATE_KEEP_SIBLINGS : UPDATE_BLIND);
}

static void send_update(struct router *router, struct flight *flight, unsigned target,
                        struct moment now, struct outbox *outbox)
{
    struct op_update update = {
        .id = message_id(flight) | (uint64_t)flight->put.attempt << FLIGHT_ATTEMPT_SHIFT,
        .request = flight->request,
        .flags = update_flags(flight),
        .keyspace = flight->route.keyspace->id,
        .try = flight->try,
        .young_ms = flight->young_ms,
        .hlc_floor = flight->hlc_floor,
        .ttl_ms = flight->ttl_ms,
        .key = buf_bytes(&flight->key),
        .seen = buf_bytes(&flight->seen),
        .value = buf_bytes(&flight->value),
    };
    if (flight->context.count && (flight->has_context || flight->put.again)) {
        buf_clear(&router->encoded);
        clock_encode(&flight->context, &router->encoded);
        update.context = buf_bytes(&router->encoded);
    }
    if (target >= flight->route.owner_count)
        puts_send_hint_update(router, flight, target, &update, now, outbox);
    else
        op_encode_update(&update, placing_ask(router, flight, target, MESSAGE_UPDATE,
                                              flight_budget_ms(flight, now), outbox));
}

static void send_find(struct router *router, struct flight *flight, unsigned target,
                      struct moment now, struct outbox *outbox)
{
    struct op_find find = {.id = flight_id(flight),
                           .request = flight->request,
                           .try = flight->try,
                           .keyspace = flight->route.keyspace->id,
                           .key = buf_bytes(&flight->key)};
    op_encode_find(&find, placing_ask(router, flight, target, MESSAGE_FIND,
                                      flight_budget_ms(flight, now), outbox));
}

// MERGE carries no budget: it is welcome at any time.
static void send_merge(struct router *router, struct flight *flight, unsigned target,
                       const struct minted *minted, struct outbox *outbox)
{
    struct op_merge merge = {.id = message_id(flight),
                             .keyspace = flight->route.keyspace->id,
                             .dot = put_is_validating(&flight->put) ? flight->dot : (struct dot){0},
                             .key = buf_bytes(&flight->key),
                             .requests = minted->requests,
                             .record = minted->record};
    op_encode_merge(&merge, placing_ask(router, flight, target, MESSAGE_MERGE, 0, outbox));
}

static struct bytes explain(struct router *router, const struct flight *flight, enum status status)
{
    switch (status) {
    case STATUS_UNAVAILABLE:
    case STATUS_INDETERMINATE:
    case STATUS_DISK_FULL:
        return placing_explain(router, flight, 'W');
    case STATUS_REFUSED:
        return placing_explain_clocks(router, flight);
    case STATUS_TOO_LARGE:
        return bytes_of_text("the record, with its siblings, is " RECORD_LIMITS);
    case STATUS_PRECONDITION:
        return bytes_of_text(flight->has_context
                                 ? "the key has changed since its context was read; read it again"
                                 : "the key has a value");
    default:
        return bytes_of_text(status_text(status));
    }
}

// Sends UPDATE, and looks after a while whether owners are late.
static void take_update(struct router *router, struct flight *flight, unsigned target,
                        struct moment now, struct outbox *outbox)
{
    uint64_t lasts_ms = flight->deadline_ms - flight->started_ms;
    uint64_t late_ms = now.mono_ms + puts_late_after_ms(router, lasts_ms);
    router->counts.again += flight->put.again && !flight->put.attempt;
    if (flight->put.again && late_ms < flight->wake_ms)
        flights_wake_at(&router->flights, flight, late_ms);
    send_update(router, flight, target, now, outbox);
}

void puts_take_step(struct router *router, struct flight *flight, struct put_step step,
                    struct minted minted, struct moment now, struct outbox *outbox)
{
    for (unsigned target = 0; target < flight->route.count; target++) {
        target_set bit = target_bit(target);
        if (step.find & bit)
            send_find(router, flight, target, now, outbox);
        if (step.merge & bit)
            send_merge(router, flight, target, &minted, outbox);
    }
    if (step.merge)
        flight->merged_ms = now.mono_ms;
    if (step.hint)
        puts_send_hints(router, flight, now, outbox);
    if (step.update >= 0)
        take_update(router, flight, (unsigned)step.update, now, outbox);
    if (step.wait && flight->wait_until_ms <= now.mono_ms) {
        puts_take_step(router, flight, put_on_waited(&flight->put), minted, now, outbox);
        return;
    }
    if (step.wait && flight->wait_until_ms < flight->wake_ms)
        flights_wake_at(&router->flights, flight, flight->wait_until_ms);
    if (step.answer && !step.status)
        router_observe(&router->put_p99_us, now.mono_ms - flight->started_ms);
    if (step.answer)
        answer(router, flight, step.status,
               step.status ? explain(router, flight, step.status) : (struct bytes){0}, outbox);
    if (step.ended)
        flights_remove(&router->flights, flight);
}
