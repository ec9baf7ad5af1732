#include "dkv-router/puts.h"

#include "dkv-router/answers.h"
#include "dkv-router/keyring.h"

enum {
    BUDGET_MS_MAX = 30000, // that a try may take to mint, whatever its client says
    YOUNG_MS_MAX = 10000,
};

// The id of what is sent for the dot that is at work: answers about the first one are late
// when there is a second.
static uint64_t round_id(const struct flight *flight)
{
    return flight_id(flight) | (flight->put.again ? FLIGHT_SECOND_ROUND : 0);
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
                              .acked = done->acked};
    buf_clear(&router->receipt);
    receipt_encode(&receipt, router->keyring.seals, &router->receipt);
    return buf_bytes(&router->receipt);
}

static void answer(struct router *router, const struct flight *flight, enum status status,
                   struct bytes text, struct outbox *outbox)
{
    if (status == STATUS_UNAVAILABLE)
        router->counts.unavailable++;
    if (status == STATUS_INDETERMINATE)
        router->counts.indeterminate++;
    struct op_put_done done = {
        .id = flight->client_id,
        .status = (uint8_t)status,
        .acked = target_count(flight->put.acked),
        .is_void = !flight->put.sent,
        .keyspace = flight->route.keyspace->id,
        .epoch = flight->ring->ring.epoch,
        .dot = flight->dot,
        .text = text,
    };
    if (!status && (flight->flags & PUT_WANT_CONTEXT) && flight->dot.counter)
        done.context = encode_context(router, flight);
    if ((!status || status == STATUS_INDETERMINATE) && (flight->flags & PUT_WANT_RECEIPT))
        done.receipt = encode_receipt(router, flight, &done);
    answer_put_done(router, flight->client, &done, outbox);
}

static uint8_t update_flags(const struct flight *flight)
{
    bool keeps = flight->has_context || (flight->flags & PUT_KEEP_SIBLINGS);
    uint8_t what = flight->flags & PUT_DELETE ? UPDATE_DELETE : 0;
    uint8_t again = UPDATE_AGAIN | (flight->put.was_found ? 0 : UPDATE_FRESH);
    return flight->put.again ? what | again : what | (keeps ? UPDATE_KEEP_SIBLINGS : UPDATE_BLIND);
}

static void send_update(struct router *router, struct flight *flight, unsigned owner,
                        struct moment now, struct outbox *outbox)
{
    struct op_update update = {
        .id = round_id(flight) | (uint64_t)flight->put.attempt << FLIGHT_ATTEMPT_SHIFT,
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
    op_encode_update(&update, placing_ask(router, flight, owner, MESSAGE_UPDATE,
                                          flight_budget_ms(flight, now), outbox));
}

static void send_find(struct router *router, struct flight *flight, unsigned owner,
                      struct moment now, struct outbox *outbox)
{
    struct op_find find = {.id = flight_id(flight),
                           .request = flight->request,
                           .try = flight->try,
                           .keyspace = flight->route.keyspace->id,
                           .key = buf_bytes(&flight->key)};
    op_encode_find(&find, placing_ask(router, flight, owner, MESSAGE_FIND,
                                      flight_budget_ms(flight, now), outbox));
}

// What the other owners get.
struct minted {
    struct bytes record;
    struct bytes requests; // that the write superseded
};

// MERGE carries no budget: it is welcome at any time.
static void send_merge(struct router *router, struct flight *flight, unsigned owner,
                       const struct minted *minted, struct outbox *outbox)
{
    struct op_merge merge = {.id = round_id(flight),
                             .keyspace = flight->route.keyspace->id,
                             .dot = put_is_validating(&flight->put) ? flight->dot : (struct dot){0},
                             .key = buf_bytes(&flight->key),
                             .requests = minted->requests,
                             .record = minted->record};
    op_encode_merge(&merge, placing_ask(router, flight, owner, MESSAGE_MERGE, 0, outbox));
}

// Limits of a record that the settings have.
#define RECORD_LIMITS                                                                              \
    "larger than limits/record_max, or than a quarter of store/memtable or store/log_segment"

static struct bytes explain(struct router *router, const struct flight *flight, enum status status)
{
    switch (status) {
    case STATUS_UNAVAILABLE:
    case STATUS_INDETERMINATE:
    case STATUS_DISK_FULL:
        return placing_explain(router, flight, 'W');
    case STATUS_TOO_LARGE:
        return bytes_of_text("the record, with its siblings, is " RECORD_LIMITS);
    default:
        return bytes_of_text(status_text(status));
    }
}

// Does what a step asks for. `minted` is what MERGE carries.
static void take_step(struct router *router, struct flight *flight, struct put_step step,
                      struct minted minted, struct moment now, struct outbox *outbox)
{
    for (unsigned owner = 0; owner < flight->route.count; owner++) {
        target_set bit = target_bit(owner);
        if (step.find & bit)
            send_find(router, flight, owner, now, outbox);
        if (step.merge & bit)
            send_merge(router, flight, owner, &minted, outbox);
    }
    if (step.update >= 0) {
        router->counts.again += flight->put.again && !flight->put.attempt;
        send_update(router, flight, (unsigned)step.update, now, outbox);
    }
    if (step.wait && flight->wait_until_ms <= now.mono_ms) {
        take_step(router, flight, put_on_waited(&flight->put), minted, now, outbox);
        return;
    }
    if (step.wait && flight->wait_until_ms < flight->wake_ms)
        flights_wake_at(&router->flights, flight, flight->wait_until_ms);
    if (step.answer)
        answer(router, flight, step.status,
               step.status ? explain(router, flight, step.status) : (struct bytes){0}, outbox);
    if (step.ended)
        flights_remove(&router->flights, flight);
}

static void refuse_with(struct router *router, const struct arrival *arrival,
                        const struct op_put *put, enum status status, struct bytes why,
                        struct outbox *outbox)
{
    struct op_put_done done = {
        .id = put->id, .status = (uint8_t)status, .is_void = true, .text = why};
    answer_put_done(router, arrival->link, &done, outbox);
}

static void refuse(struct router *router, const struct arrival *arrival, const struct op_put *put,
                   enum status status, const char *why, struct outbox *outbox)
{
    refuse_with(router, arrival, put, status, bytes_of_text(why), outbox);
}

// Limits and roles, before anything is kept. NULL if the put may go on.
static const char *check(const struct router *router, const struct arrival *arrival,
                         const struct op_put *put, enum status *status)
{
    *status = STATUS_INVALID;
    if (put->key.size == 0)
        return "the key is empty";
    *status = STATUS_TOO_LARGE;
    if (put->key.size > RECORD_KEY_SIZE_MAX)
        return "the key is longer than 4096 bytes";
    if ((put->flags & PUT_RECORD) && put->value.size > router->options.record_size_max)
        return "the record is " RECORD_LIMITS;
    if (!(put->flags & PUT_RECORD) && put->value.size > router->options.value_size_max)
        return "the value is larger than limits/value_max";
    *status = STATUS_NOT_AUTHORISED;
    if ((put->flags & PUT_RECORD) && arrival->role < ROLE_ADMIN)
        return "restoring records needs the role admin";
    *status = STATUS_INVALID;
    if ((put->flags & PUT_DELETE) && put->value.size)
        return "a delete has no value";
    if (!(put->flags & PUT_RECORD) && request_id_is_none(&put->request))
        return "a write needs a request id, and 0 is none";
    *status = STATUS_OK;
    return NULL;
}

// The client's context: what the write supersedes.
static enum status take_context(struct router *router, struct flight *flight,
                                const struct op_put *put)
{
    if (!put->context.size)
        return STATUS_OK;
    enum status status = context_decode(&router->context, router->keyring.seals,
                                        flight->route.keyspace->id, put->key, put->context);
    if (!status && router->context.hlc_max >= UINT64_MAX / 2)
        status = STATUS_INVALID;
    if (status)
        return status;
    flight->has_context = true;
    buf_set(&flight->seen, buf_bytes(&router->context.requests));
    clock_copy(&flight->context, &router->context.clock);
    clock_copy(&flight->covers, &router->context.clock);
    flight->hlc = router->context.hlc_max;
    flight->hlc_floor = router->context.hlc_max + 1;
    return STATUS_OK;
}

// A record from a dump is merged as it is; it must be one of this key.
static bool is_record_of(struct router *router, const struct op_put *put)
{
    return !record_decode(&router->record, put->key, put->value) && !router->record.head;
}

static struct flight *add_flight(struct router *router, const struct arrival *arrival,
                                 const struct placing *placing, const struct op_put *put,
                                 uint64_t deadline_ms, struct moment now)
{
    size_t size = put->key.size + put->value.size + 512;
    struct flight *flight = flights_add(&router->flights, FLIGHT_PUT, arrival->link, size,
                                        deadline_ms - FLIGHT_LINGER_MS);
    if (!flight)
        return NULL;
    placing_fill(router, placing, flight, deadline_ms, now);
    flight->client_id = put->id;
    flight->flags = put->flags;
    flight->level = put->level;
    flight->request = put->request;
    flight->try = put->try;
    flight->mint_until_ms = flight->wait_until_ms = 0;
    flight->young_ms = (uint32_t)least_ms(put->young_ms, YOUNG_MS_MAX);
    flight->ttl_ms = put->ttl_ms ? put->ttl_ms : placing->route.keyspace->ttl_s * 1000;
    if (put->flags & PUT_DELETE)
        flight->ttl_ms = 0;
    buf_set(&flight->key, put->key);
    buf_set(&flight->value, put->value);
    return flight;
}

// When this try may mint, by our clock. False if it may not any more, or nobody can say.
static bool set_budget(const struct router *router, struct flight *flight,
                       const struct message_header *header, const struct op_put *put,
                       struct moment now)
{
    uint64_t age_ms = message_age_ms(header, router->options.boot, now.mono_ms);
    uint64_t budget_ms = least_ms(put->budget_ms, BUDGET_MS_MAX);
    if (age_ms >= budget_ms) // which AGE_UNKNOWN is
        return false;
    flight->mint_until_ms = now.mono_ms - age_ms + budget_ms;
    flight->wait_until_ms = now.mono_ms - age_ms + put->wait_ms;
    return true;
}

// What take_context() refused. A context that another router made a moment ago may be sealed
// with a key that this one has to learn first.
static void refuse_context(struct router *router, const struct arrival *arrival,
                           const struct message_header *header, const struct op_put *put,
                           enum status status, struct moment now, struct outbox *outbox)
{
    if (status == STATUS_REFUSED)
        refuse(router, arrival, put, STATUS_INVALID, "the context is of another key", outbox);
    else if (status == STATUS_INVALID)
        refuse(router, arrival, put, STATUS_INVALID,
               "the context is damaged, or was not made by this cluster; " NEW_CONTEXT, outbox);
    else if (!keyring_hold(router, arrival, header, put, now, outbox)) {
        struct bytes why = keyring_explain(router, &status);
        refuse_with(router, arrival, put, status, why, outbox);
    }
}

static void start(struct router *router, const struct arrival *arrival,
                  const struct message_header *header, const struct op_put *put,
                  const struct placing *placing, const struct needs *w, struct moment now,
                  struct outbox *outbox)
{
    struct flight *flight =
        add_flight(router, arrival, placing, put, placing_deadline(router, header, now), now);
    if (!flight) {
        router->counts.busy++;
        refuse(router, arrival, put, STATUS_BUSY, "too many operations in flight", outbox);
        return;
    }
    enum status status = take_context(router, flight, put);
    if (status) {
        flights_remove(&router->flights, flight);
        refuse_context(router, arrival, header, put, status, now, outbox);
        return;
    }
    bool is_record = put->flags & PUT_RECORD;
    if (!is_record && !set_budget(router, flight, header, put, now)) {
        router->counts.expired++;
        flights_remove(&router->flights, flight);
        refuse(router, arrival, put, STATUS_LATE, status_text(STATUS_LATE), outbox);
        return;
    }
    struct put_start start = {
        .n = placing->route.owner_count,
        .w = *w,
        .live = placing->live,
        .retry = put->flags & PUT_RETRY,
        .validate = !is_record && !flight->has_context && !(put->flags & PUT_KEEP_SIBLINGS),
        .strict = put->flags & PUT_STRICT,
    };
    uint8_t level = placing->route.keyspace->r;
    if (!placing_needs(router, placing, &level, level, &start.r))
        start.r = needs_of(placing->route.owner_count, placing->route.owner_count);
    struct put_step step =
        is_record ? put_start_merging(&flight->put, &start) : put_start(&flight->put, &start);
    take_step(router, flight, step, (struct minted){.record = put->value}, now, outbox);
}

void puts_begin(struct router *router, const struct arrival *arrival,
                const struct message_header *header, struct op_put *put, struct moment now,
                struct outbox *outbox)
{
    enum status status;
    const char *why = check(router, arrival, put, &status);
    struct placing placing;
    if (!why && placing_find(router, put->keyspace, put->key, &placing)) {
        status = STATUS_INVALID;
        why = "no such keyspace";
    }
    struct needs w;
    if (!why && !placing_needs(router, &placing, &put->level, placing.route.keyspace->w, &w)) {
        status = STATUS_INVALID;
        why = "W is greater than the number of owners";
    }
    if (!why && (put->flags & PUT_RECORD) && !is_record_of(router, put)) {
        status = STATUS_INVALID;
        why = "not a record of this key";
    }
    if (why)
        refuse(router, arrival, put, status, why, outbox);
    else
        start(router, arrival, header, put, &placing, &w, now, outbox);
}

enum status puts_on_put(struct router *router, const struct arrival *arrival,
                        const struct message_header *header, struct reader *body, struct moment now,
                        struct outbox *outbox)
{
    struct op_put put;
    if (op_decode_put(&put, body))
        return STATUS_INVALID;
    router->counts.puts++;
    puts_begin(router, arrival, header, &put, now, outbox);
    return STATUS_OK;
}

// The flight and the owner that an answer from a node belongs to, with what time it is.
static struct flight *find(struct router *router, uint64_t id, uint32_t link, unsigned *owner,
                           struct moment now)
{
    struct flight *flight = flights_find_of(&router->flights, id, FLIGHT_PUT, link, owner);
    if (!flight || flight->put.again != !!(id & FLIGHT_SECOND_ROUND)) {
        router->counts.late++;
        return NULL;
    }
    flight->put.is_over = now.mono_ms >= flight->mint_until_ms;
    return flight;
}

static void raise(uint64_t *floor, uint64_t hlc)
{
    if (*floor < hlc)
        *floor = hlc;
}

static void add_dot(struct clock *clock, struct dot dot)
{
    clock_add(clock, (struct interval){dot.actor, dot.counter, dot.counter});
}

// Looks into the record that has, or had, the write as `dot`, and keeps what AGAIN would need
// and what the client's next context covers: what it gave, or else what the write superseded,
// and the write. Not what the record holds besides: the client never saw that.
// False if it is no record.
static bool look_into(struct router *router, struct flight *flight, struct dot dot,
                      struct bytes encoded, enum put_conflict *conflict)
{
    struct record *record = &router->record;
    bool is_second = flight->put.again && !dot_equal(flight->dot, dot);
    if (is_second) // else the first one had been superseded, and there was nothing to do
        clock_join(&flight->covers, &flight->context);
    bool is_first = put_is_validating(&flight->put);
    flight->dot = dot;
    if (is_first) {
        if (record_decode(record, buf_bytes(&flight->key), encoded) || record->head)
            return false;
        bool is_there = record_find_dot(record, dot);
        *conflict = !is_there ? PUT_SUPERSEDED : record->count > 1 ? PUT_MET_OTHERS : PUT_ALONE;
        clock_copy(&flight->context, &record->clock);
        raise(&flight->hlc_floor, record_hlc_max(record) + 1);
        if (*conflict == PUT_ALONE)
            clock_copy(&flight->covers, &record->clock);
    } else if (dot.counter) {
        add_dot(&flight->covers, dot);
    }
    return true;
}

// Joins a clock of an answer into one of the flight's. False if it is none.
static bool join_clock(struct router *router, struct bytes encoded, struct clock *into)
{
    struct reader reader = reader_of(encoded);
    if (!encoded.size)
        return true;
    if (clock_decode(&router->context.clock, &reader) || !reader_done(&reader))
        return false;
    clock_join(into, &router->context.clock);
    return true;
}

static struct put_step take_updated(struct router *router, struct flight *flight, uint8_t owner,
                                    const struct op_updated *updated)
{
    enum put_conflict conflict = PUT_ALONE;
    if (updated->status)
        return put_on_refused(&flight->put, owner,
                              (updated->id & FLIGHT_ATTEMPT) >> FLIGHT_ATTEMPT_SHIFT,
                              (enum status)updated->status);
    raise(&flight->hlc, updated->hlc);
    if (!look_into(router, flight, updated->dot, updated->record, &conflict))
        return put_on_failed(&flight->put, owner); // it exists
    return put_on_updated(&flight->put, owner, conflict);
}

enum status puts_on_updated(struct router *router, uint32_t link, struct reader *body,
                            struct moment now, struct outbox *outbox)
{
    struct op_updated updated;
    if (op_decode_updated(&updated, body))
        return STATUS_INVALID;
    unsigned owner;
    struct flight *flight = find(router, updated.id, link, &owner, now);
    if (!flight)
        return STATUS_OK;
    if (!put_awaits_updated(&flight->put, (uint8_t)owner)) {
        router->counts.late++;
        return STATUS_OK;
    }
    struct put_step step = take_updated(router, flight, (uint8_t)owner, &updated);
    take_step(router, flight, step, (struct minted){updated.record, updated.requests}, now, outbox);
    return STATUS_OK;
}

enum status puts_on_durable(struct router *router, uint32_t link, struct reader *body,
                            struct moment now, struct outbox *outbox)
{
    struct op_done done;
    if (op_decode_done(&done, body))
        return STATUS_INVALID;
    unsigned owner;
    struct flight *flight = find(router, done.id, link, &owner, now);
    if (!flight)
        return STATUS_OK;
    struct put_step step = put_on_durable(&flight->put, (uint8_t)owner, (enum status)done.status);
    take_step(router, flight, step, (struct minted){0}, now, outbox);
    return STATUS_OK;
}

enum status puts_on_merged(struct router *router, uint32_t link, struct reader *body,
                           struct moment now, struct outbox *outbox)
{
    struct op_merged merged;
    if (op_decode_merged(&merged, body))
        return STATUS_INVALID;
    if (!merged.id) { // of a read repair
        router->counts.repairs_refused += merged.status != STATUS_OK;
        return STATUS_OK;
    }
    unsigned owner;
    struct flight *flight = find(router, merged.id, link, &owner, now);
    if (!flight)
        return STATUS_OK;
    if (put_is_validating(&flight->put) && merged.told.size) {
        if (!join_clock(router, merged.told, &flight->context))
            return STATUS_INVALID;
        raise(&flight->hlc_floor, merged.hlc_told + 1);
    }
    struct put_step step = put_on_merged(&flight->put, (uint8_t)owner, (enum status)merged.status,
                                         merged.flags & MERGED_SUPERSEDED ? PUT_SUPERSEDED
                                         : merged.told.size               ? PUT_MET_OTHERS
                                                                          : PUT_ALONE);
    take_step(router, flight, step, (struct minted){0}, now, outbox);
    return STATUS_OK;
}

enum status puts_on_found(struct router *router, uint32_t link, struct reader *body,
                          struct moment now, struct outbox *outbox)
{
    struct op_found found;
    if (op_decode_found(&found, body))
        return STATUS_INVALID;
    unsigned owner;
    struct flight *flight = find(router, found.id, link, &owner, now);
    if (!flight || flight->put.phase > PUT_WAITING)
        return STATUS_OK;
    enum put_conflict conflict = PUT_ALONE;
    if (!found.status && (record_decode(&router->record, buf_bytes(&flight->key), found.record) ||
                          !look_into(router, flight, found.dot, found.record, &conflict)))
        found.status = STATUS_CORRUPT;
    if (!found.status)
        raise(&flight->hlc, record_hlc_max(&router->record));
    if (found.state == FIND_BEATEN)
        conflict = PUT_MET_OTHERS;
    struct put_step step =
        put_on_found(&flight->put, (uint8_t)owner, (enum status)found.status, conflict);
    take_step(router, flight, step, (struct minted){.record = found.record}, now, outbox);
    return STATUS_OK;
}

void puts_on_failed(struct router *router, struct flight *flight, unsigned owner, struct moment now,
                    struct outbox *outbox)
{
    flight->put.is_over = now.mono_ms >= flight->mint_until_ms;
    struct put_step step = put_on_failed(&flight->put, (uint8_t)owner);
    take_step(router, flight, step, (struct minted){0}, now, outbox);
}

void puts_on_wake(struct router *router, struct flight *flight, struct moment now,
                  struct outbox *outbox)
{
    uint64_t end_ms = flight->deadline_ms - FLIGHT_LINGER_MS;
    flight->put.is_over = now.mono_ms >= flight->mint_until_ms;
    if (now.mono_ms < end_ms)
        flights_wake_at(&router->flights, flight, end_ms);
    struct put_step step =
        now.mono_ms < end_ms ? put_on_waited(&flight->put) : put_on_deadline(&flight->put);
    take_step(router, flight, step, (struct minted){0}, now, outbox);
}
