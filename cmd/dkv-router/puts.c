#include "dkv-router/puts.h"

#include "dkv-router/settling.h"

enum { LINGER_MS = 10 }; // between the client's deadline and ours, so that ours comes first

static uint32_t budget(const struct flight *flight, struct moment now)
{
    uint64_t left = flight->deadline_ms > now.mono_ms ? flight->deadline_ms - now.mono_ms : 1;
    return (uint32_t)left;
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
        .acked = mask_count(flight->put.acked),
        .keyspace = flight->keyspace,
        .epoch = router->ring->epoch,
        .dot = flight->dot,
        .context = status ? (struct bytes){0} : buf_bytes(&flight->replies[0]),
        .text = text,
    };
    op_encode_put_done(&done, outbox_add(outbox, flight->client, MESSAGE_PUT_DONE, 0));
}

static void send_update(struct router *router, struct flight *flight, unsigned owner,
                        struct moment now, struct outbox *outbox)
{
    bool keeps = flight->has_context || (flight->flags & PUT_KEEP_SIBLINGS);
    struct op_update update = {
        .id = flight_id(flight),
        .request = flight->request,
        .flags = (uint8_t)((flight->flags & PUT_DELETE ? UPDATE_DELETE : 0) |
                           (keeps ? UPDATE_KEEP_SIBLINGS : UPDATE_BLIND)),
        .keyspace = flight->keyspace,
        // What is known of a coordinator's knowledge is known of this life of it.
        .actor = keeps ? 0 : router->links.links[flight->owners[owner]].actor,
        .hlc_floor = flight->hlc_floor,
        .expires_ms = flight->expires_ms,
        .key = buf_bytes(&flight->key),
        .value = buf_bytes(&flight->value),
    };
    if (flight->context.count) {
        buf_clear(&router->encoded);
        clock_encode(&flight->context, &router->encoded);
        update.context = buf_bytes(&router->encoded);
    }
    op_encode_update(&update, outbox_add_timed(outbox, owner_link(router, flight, owner),
                                               MESSAGE_UPDATE, budget(flight, now)));
}

static void send_find(struct router *router, struct flight *flight, unsigned owner,
                      struct moment now, struct outbox *outbox)
{
    struct op_find find = {.id = flight_id(flight),
                           .request = flight->request,
                           .keyspace = flight->keyspace,
                           .key = buf_bytes(&flight->key)};
    op_encode_find(&find, outbox_add_timed(outbox, owner_link(router, flight, owner), MESSAGE_FIND,
                                           budget(flight, now)));
}

static void send_read(struct router *router, struct flight *flight, unsigned owner,
                      struct moment now, struct outbox *outbox)
{
    struct op_fetch fetch = {.id = flight_id(flight),
                             .head = 1,
                             .keyspace = flight->keyspace,
                             .key = buf_bytes(&flight->key)};
    op_encode_fetch(&fetch, outbox_add_timed(outbox, owner_link(router, flight, owner),
                                             MESSAGE_FETCH, budget(flight, now)));
}

// MERGE carries no budget: it is welcome at any time.
static void send_merge(struct router *router, struct flight *flight, unsigned owner,
                       struct bytes record, struct outbox *outbox)
{
    struct op_merge merge = {.id = flight_id(flight),
                             .keyspace = flight->keyspace,
                             .key = buf_bytes(&flight->key),
                             .record = record};
    op_encode_merge(&merge,
                    outbox_add(outbox, owner_link(router, flight, owner), MESSAGE_MERGE, 0));
}

// Limits of a record that the settings have.
#define RECORD_LIMITS                                                                              \
    "larger than limits/record_max, or than a quarter of store/memtable or store/log_segment"

static struct bytes explain(struct router *router, const struct flight *flight, enum status status)
{
    struct placing placing = {.n = flight->n};
    memcpy(placing.owners, flight->owners, sizeof placing.owners);
    switch (status) {
    case STATUS_UNAVAILABLE:
    case STATUS_INDETERMINATE:
    case STATUS_DISK_FULL:
        return placing_explain(router, &placing, 'W', flight->put.w);
    case STATUS_TOO_LARGE:
        return bytes_of_text("the record, with its siblings, is " RECORD_LIMITS);
    default:
        return bytes_of_text(status_text(status));
    }
}

// Does what a step asks for. `record` is what MERGE carries.
static void take_step(struct router *router, struct flight *flight, struct put_step step,
                      struct bytes record, struct moment now, struct outbox *outbox)
{
    for (unsigned owner = 0; owner < flight->n; owner++) {
        owner_mask bit = (owner_mask)(1u << owner);
        if (step.find & bit)
            send_find(router, flight, owner, now, outbox);
        if (step.read & bit)
            send_read(router, flight, owner, now, outbox);
        if (step.merge & bit)
            send_merge(router, flight, owner, record, outbox);
    }
    if (step.read && flight->put.phase == PUT_READING)
        router->counts.read_first++;
    if (step.update >= 0)
        send_update(router, flight, (unsigned)step.update, now, outbox);
    if (step.answer)
        answer(router, flight, step.status,
               step.status ? explain(router, flight, step.status) : (struct bytes){0}, outbox);
    if (!step.ended)
        return;
    if (flight->put.sent && mask_count(flight->put.acked) < flight->n)
        settling_unsettle(router, flight->partition);
    flights_remove(&router->flights, flight);
}

static void refuse(const struct arrival *arrival, const struct op_put *put, enum status status,
                   const char *why, struct outbox *outbox)
{
    struct op_put_done done = {
        .id = put->id, .status = (uint8_t)status, .text = bytes_of_text(why)};
    op_encode_put_done(&done, outbox_add(outbox, arrival->link, MESSAGE_PUT_DONE, 0));
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
    *status = STATUS_OK;
    return NULL;
}

// The client's context: what the write supersedes. False if it is not of this key.
static bool take_context(struct router *router, struct flight *flight, const struct op_put *put)
{
    if (!put->context.size)
        return true;
    if (context_decode(&router->context, flight->keyspace, put->key, put->context) ||
        router->context.hlc_max >= UINT64_MAX / 2)
        return false;
    flight->has_context = true;
    clock_copy(&flight->context, &router->context.clock);
    flight->hlc_floor = router->context.hlc_max + 1;
    return true;
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
    struct flight *flight =
        flights_add(&router->flights, FLIGHT_PUT, size, deadline_ms - LINGER_MS);
    if (!flight)
        return NULL;
    flight->n = placing->n;
    memcpy(flight->owners, placing->owners, sizeof flight->owners);
    flight->client = arrival->link;
    flight->client_id = put->id;
    flight->keyspace = placing->keyspace->id;
    flight->partition = placing->partition;
    flight->flags = put->flags;
    flight->started_ms = now.mono_ms;
    flight->deadline_ms = deadline_ms;
    flight->request = put->request;
    flight->expires_ms = put->expires_ms;
    buf_set(&flight->key, put->key);
    buf_set(&flight->value, put->value);
    return flight;
}

static void start(struct router *router, const struct arrival *arrival,
                  const struct message_header *header, const struct op_put *put,
                  const struct placing *placing, uint8_t w, struct moment now,
                  struct outbox *outbox)
{
    struct flight *flight =
        add_flight(router, arrival, placing, put, placing_deadline(router, header, now), now);
    if (!flight) {
        router->counts.busy++;
        refuse(arrival, put, STATUS_BUSY, "too many operations in flight", outbox);
        return;
    }
    if (!take_context(router, flight, put)) {
        flights_remove(&router->flights, flight);
        refuse(arrival, put, STATUS_INVALID, "the context is damaged or of another key", outbox);
        return;
    }
    bool blind = !flight->has_context && !(put->flags & PUT_KEEP_SIBLINGS);
    struct put_start start = {
        .n = placing->n,
        .w = w,
        .r = (uint8_t)ring_level_count(RING_LEVEL_QUORUM, placing->n),
        .live = placing->live,
        .retry = put->flags & PUT_RETRY,
        .must_read = blind && !router->settled[placing->partition],
        .must_read_elsewhere = blind,
    };
    struct put_step step = put->flags & PUT_RECORD ? put_start_merging(&flight->put, &start)
                                                   : put_start(&flight->put, &start);
    take_step(router, flight, step, put->value, now, outbox);
}

enum status puts_on_put(struct router *router, const struct arrival *arrival,
                        const struct message_header *header, struct reader *body, struct moment now,
                        struct outbox *outbox)
{
    struct op_put put;
    if (op_decode_put(&put, body))
        return STATUS_INVALID;
    router->counts.puts++;
    enum status status;
    const char *why = check(router, arrival, &put, &status);
    struct placing placing;
    if (!why && placing_find(router, put.keyspace, put.key, &placing)) {
        status = STATUS_INVALID;
        why = "no such keyspace";
    }
    uint8_t w = why ? 0 : placing_count(&placing, put.level, placing.keyspace->w);
    if (!why && !w) {
        status = STATUS_INVALID;
        why = "W is greater than the number of owners";
    }
    if (!why && (put.flags & PUT_RECORD) && !is_record_of(router, &put)) {
        status = STATUS_INVALID;
        why = "not a record of this key";
    }
    if (why)
        refuse(arrival, &put, status, why, outbox);
    else
        start(router, arrival, header, &put, &placing, w, now, outbox);
    return STATUS_OK;
}

// The flight and the owner that an answer from a node belongs to.
static struct flight *find(struct router *router, uint64_t id, uint32_t node, unsigned *owner)
{
    struct flight *flight = flights_find(&router->flights, id);
    int index = flight && flight->kind == FLIGHT_PUT ? flight_owner(flight, node) : -1;
    if (index < 0) {
        router->counts.late++;
        return NULL;
    }
    *owner = (unsigned)index;
    return flight;
}

// Remembers the context that the client asked for. False if the record is not one.
static bool keep_context(struct router *router, struct flight *flight, struct bytes encoded)
{
    if (!(flight->flags & PUT_WANT_CONTEXT))
        return true;
    struct bytes key = buf_bytes(&flight->key);
    if (record_decode(&router->record, key, encoded))
        return false;
    context_of_record(&router->context, &router->record);
    buf_clear(&flight->replies[0]);
    context_encode(&router->context, flight->keyspace, key, &flight->replies[0]);
    return true;
}

enum status puts_on_updated(struct router *router, uint32_t node, struct reader *body,
                            struct moment now, struct outbox *outbox)
{
    struct op_updated updated;
    if (op_decode_updated(&updated, body))
        return STATUS_INVALID;
    unsigned owner;
    struct flight *flight = find(router, updated.id, node, &owner);
    if (!flight)
        return STATUS_OK;
    flight->dot = updated.dot;
    bool is_damaged = !updated.status && !keep_context(router, flight, updated.record);
    struct put_step step =
        is_damaged ? put_on_failed(&flight->put, (uint8_t)owner) // it exists, we cannot go on
                   : put_on_updated(&flight->put, (uint8_t)owner, (enum status)updated.status);
    take_step(router, flight, step, updated.record, now, outbox);
    return STATUS_OK;
}

enum status puts_on_acked(struct router *router, uint32_t node, struct reader *body,
                          struct moment now, struct outbox *outbox)
{
    struct op_done done;
    if (op_decode_done(&done, body))
        return STATUS_INVALID;
    if (!done.id) { // of a read repair
        router->counts.repairs_refused += done.status != STATUS_OK;
        return STATUS_OK;
    }
    unsigned owner;
    struct flight *flight = find(router, done.id, node, &owner);
    if (!flight)
        return STATUS_OK;
    struct put_step step = put_on_acked(&flight->put, (uint8_t)owner, (enum status)done.status);
    take_step(router, flight, step, (struct bytes){0}, now, outbox);
    return STATUS_OK;
}

enum status puts_on_found(struct router *router, uint32_t node, struct reader *body,
                          struct moment now, struct outbox *outbox)
{
    struct op_fetched found;
    if (op_decode_fetched(&found, body))
        return STATUS_INVALID;
    unsigned owner;
    struct flight *flight = find(router, found.id, node, &owner);
    if (!flight || flight->put.phase != PUT_FINDING)
        return STATUS_OK;
    if (!found.status && !keep_context(router, flight, found.record))
        found.status = STATUS_CORRUPT;
    struct put_step step = put_on_found(&flight->put, (uint8_t)owner, (enum status)found.status);
    take_step(router, flight, step, found.record, now, outbox);
    return STATUS_OK;
}

void puts_on_head(struct router *router, struct flight *flight, unsigned owner,
                  const struct op_fetched *fetched, struct moment now, struct outbox *outbox)
{
    if (flight->put.phase != PUT_READING || !(flight->put.asked & (1u << owner)))
        return; // late
    if (fetched->status && fetched->status != STATUS_NOT_FOUND) {
        puts_on_failed(router, flight, owner, now, outbox);
        return;
    }
    if (!fetched->status) {
        if (record_decode(&router->record, buf_bytes(&flight->key), fetched->record)) {
            puts_on_failed(router, flight, owner, now, outbox);
            return;
        }
        clock_join(&flight->context, &router->record.clock);
        uint64_t floor = record_hlc_max(&router->record) + 1;
        if (flight->hlc_floor < floor)
            flight->hlc_floor = floor;
    }
    struct put_step step = put_on_read(&flight->put, (uint8_t)owner);
    take_step(router, flight, step, (struct bytes){0}, now, outbox);
}

void puts_on_failed(struct router *router, struct flight *flight, unsigned owner, struct moment now,
                    struct outbox *outbox)
{
    struct put_step step = put_on_failed(&flight->put, (uint8_t)owner);
    take_step(router, flight, step, (struct bytes){0}, now, outbox);
}

void puts_on_deadline(struct router *router, struct flight *flight, struct moment now,
                      struct outbox *outbox)
{
    take_step(router, flight, put_on_deadline(&flight->put), (struct bytes){0}, now, outbox);
}
