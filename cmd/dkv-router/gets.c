#include "dkv-router/gets.h"

#include "dkv-router/answers.h"

enum {
    HEDGE_MS_MIN = 8,
    HEDGE_MS_MAX = 1000,
};

static void send_fetch(struct router *router, const struct flight *flight, unsigned owner,
                       bool head, struct moment now, struct outbox *outbox)
{
    struct op_fetch fetch = {.id = flight_id(flight),
                             .head = head,
                             .keyspace = flight->route.keyspace->id,
                             .key = buf_bytes(&flight->key)};
    op_encode_fetch(&fetch, placing_ask(router, flight, owner, MESSAGE_FETCH,
                                        flight_budget_ms(flight, now), outbox));
}

static void answer(struct router *router, const struct flight *flight, enum status status,
                   uint8_t replied, struct bytes text, struct outbox *outbox)
{
    struct op_got got = {.id = flight->client_id,
                         .status = (uint8_t)status,
                         .replied = replied,
                         .keyspace = flight->route.keyspace->id,
                         .text = text};
    answer_got(router, flight->client, &got, outbox);
}

// The reply of an owner, decoded into `record`; an empty reply is an empty record.
static bool decode_reply(const struct flight *flight, unsigned owner, struct record *record)
{
    record_clear(record);
    struct bytes reply = buf_bytes(&flight->replies[owner]);
    return !reply.size || !record_decode(record, buf_bytes(&flight->key), reply);
}

// The join of all full replies, into router->joined, as a store of the keyspace would keep
// it. Replies were checked on arrival.
static void join_full(struct router *router, const struct flight *flight)
{
    record_clear(&router->joined);
    for (unsigned owner = 0; owner < flight->route.count; owner++) {
        if ((flight->get.full & target_bit(owner)) && decode_reply(flight, owner, &router->record))
            record_join(&router->joined, &router->record);
    }
    if (flight->route.keyspace->conflict == RING_CONFLICT_LWW)
        record_keep_greatest(&router->joined);
}

static target_set find_differing(struct router *router, const struct flight *flight)
{
    target_set differing = 0;
    join_full(router, flight);
    for (unsigned owner = 0; owner < flight->route.count; owner++) {
        target_set bit = target_bit(owner);
        if (!(flight->get.replied & bit) || (flight->get.full & bit))
            continue;
        if (decode_reply(flight, owner, &router->record) &&
            !record_includes(&router->joined, &router->record))
            differing |= bit;
    }
    return differing;
}

// Sends the joined record to every owner that answered with less.
static void repair(struct router *router, const struct flight *flight, struct bytes encoded,
                   struct outbox *outbox)
{
    for (unsigned owner = 0; owner < flight->route.count; owner++) {
        if (!(flight->get.replied & target_bit(owner)) ||
            !decode_reply(flight, owner, &router->record) ||
            record_includes(&router->record, &router->joined))
            continue;
        if (encoded.size > record_joined_size_max(router->options.record_size_max)) {
            router->counts.repairs_too_large++; // it would be refused each time
            continue;
        }
        router->counts.repairs++;
        struct op_merge merge = {.keyspace = flight->route.keyspace->id,
                                 .key = buf_bytes(&flight->key),
                                 .record = encoded};
        op_encode_merge(&merge, placing_ask(router, flight, owner, MESSAGE_MERGE, 0, outbox));
    }
}

// Of the joined record, behind its encoding in router->encoded.
static void append_context(struct router *router, const struct flight *flight)
{
    context_of_record(&router->context, &router->joined);
    context_encode(&router->context, router->keyring.seals, flight->route.keyspace->id,
                   buf_bytes(&flight->key), &router->encoded);
}

static void answer_joined(struct router *router, const struct flight *flight, struct outbox *outbox)
{
    uint8_t replied = target_count(flight->get.replied);
    join_full(router, flight);
    if (record_is_empty(&router->joined)) {
        answer(router, flight, STATUS_NOT_FOUND, replied, (struct bytes){0}, outbox);
        return;
    }
    buf_clear(&router->encoded);
    record_encode(&router->joined, buf_bytes(&flight->key), &router->encoded);
    size_t size = router->encoded.size;
    meters_learn(&router->meters, flight->client, size);
    if (!answers_fit(router, flight->client, size)) {
        router->counts.busy++;
        answer(router, flight, STATUS_BUSY, replied, bytes_of_text("read the answers that wait"),
               outbox);
        return;
    }
    if (flight->flags & GET_WANT_CONTEXT)
        append_context(router, flight);
    struct bytes encoded = bytes_of(router->encoded.data, size);
    struct op_got got = {
        .id = flight->client_id,
        .replied = replied,
        .keyspace = flight->route.keyspace->id,
        .record = encoded,
        .context = bytes_of(router->encoded.data + size, router->encoded.size - size),
    };
    answer_got(router, flight->client, &got, outbox);
    if (!(flight->flags & GET_LOCAL))
        repair(router, flight, encoded, outbox);
}

// A p99 that follows the samples: up by much when one is above, down by little when below.
static void observe(struct router *router, uint64_t elapsed_ms)
{
    uint64_t elapsed_us = elapsed_ms * 1000;
    uint64_t step = router->get_p99_us / 64 + 1;
    if (elapsed_us > router->get_p99_us)
        router->get_p99_us += step * 99 / 10;
    else if (router->get_p99_us > step / 10 + 1)
        router->get_p99_us -= step / 10 + 1;
}

static void take_step(struct router *router, struct flight *flight, struct get_step step,
                      struct moment now, struct outbox *outbox)
{
    if (step.compare)
        step = get_on_compared(&flight->get, find_differing(router, flight));
    for (unsigned owner = 0; owner < flight->route.count; owner++) {
        if (step.fetch & target_bit(owner))
            send_fetch(router, flight, owner, false, now, outbox);
        if (step.head & target_bit(owner))
            send_fetch(router, flight, owner, true, now, outbox);
    }
    if (step.answer && step.status == STATUS_OK) {
        observe(router, now.mono_ms - flight->started_ms);
        answer_joined(router, flight, outbox);
    } else if (step.answer) {
        router->counts.unavailable += step.status == STATUS_UNAVAILABLE;
        router->counts.timeouts += step.status == STATUS_TIMEOUT;
        answer(router, flight, step.status, target_count(flight->get.replied),
               placing_explain(router, flight, 'R'), outbox);
    }
    if (step.ended)
        flights_remove(&router->flights, flight);
}

static void refuse(struct router *router, const struct arrival *arrival, const struct op_get *get,
                   enum status status, const char *why, struct outbox *outbox)
{
    struct op_got got = {.id = get->id, .status = (uint8_t)status, .text = bytes_of_text(why)};
    answer_got(router, arrival->link, &got, outbox);
}

static uint64_t hedge_ms(const struct router *router)
{
    uint64_t after = router->get_p99_us / 1000 + 1;
    return after < HEDGE_MS_MIN ? HEDGE_MS_MIN : after > HEDGE_MS_MAX ? HEDGE_MS_MAX : after;
}

static void start(struct router *router, const struct arrival *arrival,
                  const struct message_header *header, const struct op_get *get,
                  const struct placing *placing, const struct needs *r, struct moment now,
                  struct outbox *outbox)
{
    uint64_t deadline_ms = placing_deadline(router, header, now);
    uint64_t wake_ms = now.mono_ms + hedge_ms(router);
    if (wake_ms > deadline_ms - FLIGHT_LINGER_MS)
        wake_ms = deadline_ms - FLIGHT_LINGER_MS;
    size_t guess = meters_guess(&router->meters, arrival->link);
    struct flight *flight = NULL;
    if (answers_will_fit(router, arrival->link, guess))
        flight =
            flights_add(&router->flights, FLIGHT_GET, arrival->link, get->key.size + 512, wake_ms);
    if (!flight) {
        router->counts.busy++;
        refuse(router, arrival, get, STATUS_BUSY, "too many operations in flight", outbox);
        return;
    }
    placing_fill(router, placing, flight, deadline_ms, now);
    flight_expect(flight, guess);
    flight->client_id = get->id;
    flight->flags = get->flags;
    flight->level = get->level;
    buf_set(&flight->key, get->key);
    uint8_t order[RING_OWNERS_MAX];
    placing_order(router, placing, order);
    struct get_step step =
        get_start(&flight->get, placing->route.owner_count, r, placing->live, order);
    take_step(router, flight, step, now, outbox);
}

enum status gets_on_get(struct router *router, const struct arrival *arrival,
                        const struct message_header *header, struct reader *body, struct moment now,
                        struct outbox *outbox)
{
    struct op_get get;
    if (op_decode_get(&get, body))
        return STATUS_INVALID;
    router->counts.gets++;
    struct placing placing;
    if (get.key.size == 0)
        refuse(router, arrival, &get, STATUS_INVALID, "the key is empty", outbox);
    else if (get.key.size > RECORD_KEY_SIZE_MAX)
        refuse(router, arrival, &get, STATUS_TOO_LARGE, "the key is longer than 4096 bytes",
               outbox);
    else if (placing_find(router, get.keyspace, get.key, &placing))
        refuse(router, arrival, &get, STATUS_INVALID, "no such keyspace", outbox);
    else {
        struct needs r;
        if (get.flags & GET_LOCAL) {
            placing_narrow(router, &placing);
            get.level = 1;
        }
        if (placing_needs(router, &placing, &get.level, placing.route.keyspace->r, &r))
            start(router, arrival, header, &get, &placing, &r, now, outbox);
        else
            refuse(router, arrival, &get, STATUS_INVALID, "R is greater than the number of owners",
                   outbox);
    }
    return STATUS_OK;
}

// Why this node's replica alone could not answer.
static struct bytes explain_local(struct router *router, enum status status)
{
    const char *name = router->ring->nodes[router->self].name;
    buf_clear(&router->text);
    buf_printf(&router->text,
               status == STATUS_CORRUPT ? "what %s has of it; the log of its store names the place"
                                        : "%s",
               name);
    return buf_bytes(&router->text);
}

static void take_fetched(struct router *router, struct flight *flight, unsigned owner,
                         const struct op_fetched *fetched, struct moment now, struct outbox *outbox)
{
    if (fetched->status == STATUS_BUSY) { // the store waits for us; the client may come again
        router->counts.busy++;
        answer(router, flight, STATUS_BUSY, 0, bytes_of_text("too much in flight"), outbox);
        flights_remove(&router->flights, flight);
        return;
    }
    if (fetched->status && fetched->status != STATUS_NOT_FOUND) {
        if (flight->flags & GET_LOCAL) { // there is nobody else to ask
            enum status status = (enum status)fetched->status;
            answer(router, flight, status, 0, explain_local(router, status), outbox);
            flights_remove(&router->flights, flight);
            return;
        }
        gets_on_failed(router, flight, owner, now, outbox);
        return;
    }
    bool full = true;
    struct bytes record = {0}; // with NOT_FOUND there is none
    if (!fetched->status) {
        record = fetched->record;
        if (record_decode(&router->record, buf_bytes(&flight->key), record)) {
            gets_on_failed(router, flight, owner, now, outbox);
            return;
        }
        full = !router->record.head;
    }
    if (!flights_hold(&router->flights, flight, record.size)) {
        router->counts.busy++;
        answer(router, flight, STATUS_BUSY, 0, bytes_of_text("too much in flight"), outbox);
        flights_remove(&router->flights, flight);
        return;
    }
    buf_set(&flight->replies[owner], record);
    take_step(router, flight, get_on_reply(&flight->get, (uint8_t)owner, full), now, outbox);
}

enum status gets_on_fetched(struct router *router, uint32_t link, struct reader *body,
                            struct moment now, struct outbox *outbox)
{
    struct op_fetched fetched;
    if (op_decode_fetched(&fetched, body))
        return STATUS_INVALID;
    unsigned owner;
    struct flight *flight = flights_find_of(&router->flights, fetched.id, FLIGHT_GET, link, &owner);
    // A head that comes again must not replace the record that came since.
    if (flight && ((flight->get.asked | flight->get.fetching) & target_bit(owner)))
        take_fetched(router, flight, owner, &fetched, now, outbox);
    else
        router->counts.late++;
    return STATUS_OK;
}

void gets_on_failed(struct router *router, struct flight *flight, unsigned owner, struct moment now,
                    struct outbox *outbox)
{
    take_step(router, flight, get_on_failed(&flight->get, (uint8_t)owner), now, outbox);
}

void gets_on_wake(struct router *router, struct flight *flight, struct moment now,
                  struct outbox *outbox)
{
    uint64_t end_ms = flight->deadline_ms - FLIGHT_LINGER_MS;
    if (now.mono_ms >= end_ms) {
        take_step(router, flight, get_on_deadline(&flight->get), now, outbox);
        return;
    }
    flights_wake_at(&router->flights, flight, end_ms);
    struct get_step step = get_on_hedge(&flight->get);
    router->counts.hedges += step.fetch != 0;
    observe(router, now.mono_ms - flight->started_ms);
    take_step(router, flight, step, now, outbox);
}
