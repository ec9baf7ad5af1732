#include "dkv-router/answers.h"
#include "dkv-router/keyring.h"
#include "dkv-router/puts.h"
#include "dkv-router/puts_step.h"
#include "wire/client.h"

#include <assert.h>

enum {
    BUDGET_MS_MAX = 30000, // that a try may take to mint, whatever its client says
    YOUNG_MS_MAX = 10000,
};

// A client's request, with the message that it came in.
struct asked {
    const struct arrival *arrival;
    const struct message_header *header;
    struct op_put *put;
    bool has_waited; // for the key of its context; there is nobody else to ask
};

static void refuse_with(struct router *router, const struct asked *asked, enum status status,
                        struct bytes why, struct outbox *outbox)
{
    struct op_put_done done = {
        .id = asked->put->id, .status = (uint8_t)status, .is_void = true, .text = why};
    answer_put_done(router, asked->arrival->link, &done, outbox);
}

static void refuse(struct router *router, const struct asked *asked, enum status status,
                   const char *why, struct outbox *outbox)
{
    refuse_with(router, asked, status, bytes_of_text(why), outbox);
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
    uint64_t late_after_ms = puts_late_after_ms(router, deadline_ms - now.mono_ms);
    struct flight *flight =
        flights_add(&router->flights, FLIGHT_PUT, arrival->link, size, now.mono_ms + late_after_ms);
    if (!flight)
        return NULL;
    placing_fill(router, placing, flight, deadline_ms, now);
    flight->client_id = put->id;
    flight->flags = put->flags;
    flight->level = put->level;
    flight->request = put->request;
    flight->try = put->try;
    flight->mint_until_ms = flight->wait_until_ms = flight->first_ms = 0;
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
    uint64_t first_ago_ms = put->first_ms ? age_ms + put->first_ms : now.mono_ms;
    flight->first_ms = now.mono_ms > first_ago_ms ? now.mono_ms - first_ago_ms : 0;
    return true;
}

// Refuses what take_context() did. A context that another router made a moment ago may be sealed
// with a key that this one has to learn first.
static void refuse_context(struct router *router, const struct asked *asked, enum status status,
                           struct moment now, struct outbox *outbox)
{
    if (status == STATUS_REFUSED)
        refuse(router, asked, STATUS_INVALID, "the context is of another key", outbox);
    else if (status == STATUS_INVALID)
        refuse(router, asked, STATUS_INVALID,
               "the context is damaged, or was not made by this cluster; " NEW_CONTEXT, outbox);
    else if (asked->has_waited ||
             !keyring_hold(&router->keyring, asked->arrival, asked->header, asked->put,
                           placing_deadline(router, asked->header, now), now, outbox)) {
        struct bytes why = keyring_explain(&router->keyring, asked->has_waited, &status);
        router->counts.busy += status == STATUS_BUSY;
        refuse_with(router, asked, status, why, outbox);
    }
}

static struct put_step start_put(struct router *router, struct flight *flight,
                                 const struct placing *placing, const struct needs *w)
{
    bool is_record = flight->flags & PUT_RECORD;
    uint8_t level = placing->route.keyspace->r;
    struct needs r;
    if (!placing_read_needs(router, placing, &level, level, &r))
        r = needs_of(placing->route.reader_count, placing->route.reader_count);
    bool is_all_live = placing->live == targets_below(placing->route.owner_count);
    bool may_be_hinted = (flight->flags & PUT_RETRY) && !(flight->flags & PUT_STRICT);
    flight->put.phase = PUT_UPDATING; // nothing was minted yet
    if (!is_all_live || may_be_hinted)
        puts_know_fallbacks(router, flight);
    struct put_start start = {
        .n = placing->route.owner_count,
        .w = w,
        .r = &r,
        .live = placing->live,
        .unable = placing_unable(router, placing),
        .filling =
            targets_below(placing->route.owner_count) & ~targets_below(placing->route.reader_count),
        .retry = flight->flags & PUT_RETRY,
        .validate = !is_record && !flight->has_context &&
                    !(flight->flags & (PUT_KEEP_SIBLINGS | PUT_CONDITIONAL)),
        .strict = flight->flags & PUT_STRICT,
        .conditional = flight->flags & PUT_CONDITIONAL,
        .hints = flight->hints,
    };
    if (is_record)
        puts_keep_minted(router, flight, &(struct minted){.record = buf_bytes(&flight->value)},
                         false);
    return is_record ? put_start_merging(&flight->put, &start) : put_start(&flight->put, &start);
}

static void start(struct router *router, const struct asked *asked, const struct placing *placing,
                  const struct needs *w, struct moment now, struct outbox *outbox)
{
    const struct op_put *put = asked->put;
    uint64_t deadline_ms = placing_deadline(router, asked->header, now);
    struct flight *flight = add_flight(router, asked->arrival, placing, put, deadline_ms, now);
    if (!flight) {
        router->counts.busy++;
        refuse(router, asked, STATUS_BUSY, "too many operations in flight", outbox);
        return;
    }
    enum status status = take_context(router, flight, put);
    if (status) {
        flights_remove(&router->flights, flight);
        refuse_context(router, asked, status, now, outbox);
        return;
    }
    if (!(put->flags & PUT_RECORD) && !set_budget(router, flight, asked->header, put, now)) {
        router->counts.expired++;
        flights_remove(&router->flights, flight);
        refuse(router, asked, STATUS_LATE, status_text(STATUS_LATE), outbox);
        return;
    }
    struct put_step step = start_put(router, flight, placing, w);
    puts_take_step(router, flight, step, (struct minted){.record = put->value}, now, outbox);
}

static void begin(struct router *router, const struct asked *asked, struct moment now,
                  struct outbox *outbox)
{
    enum status status;
    struct op_put *put = asked->put;
    const char *why = check(router, asked->arrival, put, &status);
    struct placing placing;
    if (!why && placing_find(router, put->keyspace, put->key, &placing)) {
        status = STATUS_INVALID;
        why = "no such keyspace";
    }
    struct needs w;
    if (!why &&
        !placing_write_needs(router, &placing, &put->level, placing.route.keyspace->w, &w)) {
        status = STATUS_INVALID;
        why = "W is greater than the number of owners";
    }
    if (!why && (put->flags & PUT_RECORD) && !is_record_of(router, put)) {
        status = STATUS_INVALID;
        why = "not a record of this key";
    }
    if (why)
        refuse(router, asked, status, why, outbox);
    else
        start(router, asked, &placing, &w, now, outbox);
}

enum status puts_on_put(struct router *router, const struct arrival *arrival,
                        const struct message_header *header, struct reader *body, struct moment now,
                        struct outbox *outbox)
{
    struct op_put put;
    if (op_decode_put(&put, body))
        return STATUS_INVALID;
    router->counts.puts++;
    begin(router, &(struct asked){arrival, header, &put, false}, now, outbox);
    return STATUS_OK;
}

void puts_begin_held(struct router *router, struct moment now, struct outbox *outbox)
{
    struct held_put held;
    while (keyring_next(&router->keyring, now, &held)) {
        struct op_put put;
        struct reader body = reader_of(buf_bytes(&held.op));
        enum status status = op_decode_put(&put, &body);
        assert(!status); // it was read before
        (void)status;
        begin(router, &(struct asked){&held.arrival, &held.header, &put, true}, now, outbox);
        buf_release(&held.op);
    }
}
