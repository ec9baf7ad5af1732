#include "dkv-router/gets.h"

#include "dkv-router/answers.h"
#include "wire/replica.h"

enum {
    HEDGE_MS_MIN = 8,
    HEDGE_MS_MAX = 1000,
};

static void send_fetch(struct router *router, const struct flight *flight, unsigned target,
                       bool head, struct moment now, struct outbox *outbox)
{
    struct op_fetch fetch = {.id = flight_id(flight),
                             .head = head,
                             .keyspace = flight->route.keyspace->id,
                             .key = buf_bytes(&flight->key),
                             .is_gated = !!(flight->flags & GET_MONOTONIC)};
    op_encode_fetch(&fetch, placing_ask(router, flight, target, MESSAGE_FETCH,
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

// The join of the full replies, as a store of the keyspace would keep it.
struct whole {
    const struct record *record;
    struct bytes encoded; // if it is what one of them sent; else empty
};

static struct whole find_whole(struct router *router, const struct flight *flight)
{
    bool is_lww = flight->route.keyspace->conflict == RING_CONFLICT_LWW;
    const struct reply *first = flight->replies[target_first(flight->get.full)];
    bool is_alone = target_count(flight->get.full) == 1;
    if (is_alone && (!is_lww || first->record.count < 2))
        return (struct whole){&first->record, buf_bytes(&first->bytes)};
    record_clear(&router->joined);
    for (unsigned target = 0; target < flight->route.count; target++) {
        if (flight->get.full & target_bit(target))
            record_join(&router->joined, &flight->replies[target]->record);
    }
    if (is_lww)
        record_keep_greatest(&router->joined);
    return (struct whole){.record = &router->joined};
}

static void encode_whole(struct router *router, const struct flight *flight, struct whole *whole)
{
    if (whole->encoded.size)
        return;
    buf_clear(&router->encoded);
    record_encode(whole->record, buf_bytes(&flight->key), &router->encoded);
    whole->encoded = buf_bytes(&router->encoded);
}

static struct get_comparison compare(const struct flight *flight, const struct record *whole)
{
    struct get_comparison comparison = {0};
    for (unsigned target = 0; target < flight->route.count; target++) {
        target_set bit = target_bit(target);
        if (!(flight->get.replied & bit))
            continue;
        const struct record *record = &flight->replies[target]->record;
        if (record == whole)
            continue;
        if (!(flight->get.full & bit) && !record_includes(whole, record))
            comparison.ahead |= bit;
        if (!record_includes(record, whole))
            comparison.behind |= bit;
    }
    return comparison;
}

// What a deletion leaves: nobody can return anything older than that where it was purged.
static bool shows_nothing(const struct record *record)
{
    uint32_t i = 0;
    while (i < record->count && (record->siblings[i].flags & SIBLING_TOMBSTONE))
        i++;
    return i == record->count;
}

// Sends the join to those that replied with less. With `holds` the get waits for their replies,
// else the list of repairs does.
static void repair(struct router *router, const struct flight *flight, target_set behind,
                   bool holds, struct bytes encoded, struct moment now, struct outbox *outbox)
{
    struct ring_stamp stamp = placing_stamp(flight);
    struct op_merge merge = {
        .keyspace = flight->route.keyspace->id, .key = buf_bytes(&flight->key), .record = encoded};
    bool is_too_large = encoded.size > record_joined_size_max(router->options.record_size_max);
    for (unsigned target = 0; target < flight->route.count; target++) {
        if (!(behind & target_bit(target)))
            continue;
        if (is_too_large) { // it would be refused each time
            router->counts.repairs_too_large++;
            continue;
        }
        router->counts.repairs++;
        merge.id = holds
                       ? flight_id(flight)
                       : repairs_add(&router->repairs, flight->links[target], &stamp, &merge, now);
        op_encode_merge(&merge, placing_ask(router, flight, target, MESSAGE_MERGE, 0, outbox));
    }
}

static struct bytes encode_context(struct router *router, const struct flight *flight,
                                   const struct record *record)
{
    buf_clear(&router->text);
    context_of_record(&router->context, record);
    context_encode(&router->context, router->keyring.seals, flight->route.keyspace->id,
                   buf_bytes(&flight->key), &router->text);
    return buf_bytes(&router->text);
}

static void answer_whole(struct router *router, const struct flight *flight, struct whole whole,
                         target_set behind, struct moment now, struct outbox *outbox)
{
    uint8_t replied = get_count(&flight->get);
    if (record_is_empty(whole.record)) {
        answer(router, flight, STATUS_NOT_FOUND, replied, (struct bytes){0}, outbox);
        return;
    }
    encode_whole(router, flight, &whole);
    meters_learn(&router->meters, flight->client, whole.encoded.size);
    if (!answers_fit(router, flight->client, whole.encoded.size)) {
        router->counts.busy++;
        answer(router, flight, STATUS_BUSY, replied, bytes_of_text("read the answers that wait"),
               outbox);
        return;
    }
    struct op_got got = {.id = flight->client_id,
                         .replied = replied,
                         .keyspace = flight->route.keyspace->id,
                         .record = whole.encoded};
    if (flight->flags & GET_WANT_CONTEXT)
        got.context = encode_context(router, flight, whole.record);
    answer_got(router, flight->client, &got, outbox);
    if (!(flight->flags & GET_LOCAL))
        repair(router, flight, behind, false, whole.encoded, now, outbox);
}

static struct bytes explain_failure(struct router *router, const struct flight *flight)
{
    struct bytes text = placing_explain(router, flight, 'R');
    if (!flight->get.monotonic || !flight->get.holding)
        return text;
    buf_append_text(&router->text, "; what was read is not held by enough of them for --monotonic");
    return buf_bytes(&router->text);
}

static void take_step(struct router *router, struct flight *flight, struct get_step step,
                      struct moment now, struct outbox *outbox)
{
    struct whole whole = {0};
    if (step.compare) {
        whole = find_whole(router, flight);
        flight->get.monotonic &= !record_is_empty(whole.record); // everybody holds nothing
        step = get_on_compared(&flight->get, compare(flight, whole.record));
    }
    for (unsigned target = 0; target < flight->route.count; target++) {
        if (step.fetch & target_bit(target))
            send_fetch(router, flight, target, false, now, outbox);
        if (step.head & target_bit(target))
            send_fetch(router, flight, target, true, now, outbox);
    }
    if (step.answer && step.status == STATUS_OK && !whole.record)
        whole = find_whole(router, flight);
    if (step.holds) {
        router->counts.held++;
        flight->shows_nothing = shows_nothing(whole.record);
        encode_whole(router, flight, &whole);
        repair(router, flight, step.repair, true, whole.encoded, now, outbox);
    } else if (step.answer && step.status == STATUS_OK) {
        router_observe(&router->get_p99_us, now.mono_ms - flight->started_ms);
        answer_whole(router, flight, whole, step.repair, now, outbox);
    } else if (step.answer) {
        enum status status = placing_failure(flight, step.status);
        router->counts.unavailable += status == STATUS_UNAVAILABLE;
        router->counts.timeouts += status == STATUS_TIMEOUT;
        answer(router, flight, status, get_count(&flight->get), explain_failure(router, flight),
               outbox);
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

// Fallbacks that may be asked.
static target_set find_holders(const struct router *router, struct flight *flight)
{
    bool is_of_owners = flight->flags & (GET_STRICT | GET_LOCAL);
    return is_of_owners ? 0 : placing_add_fallbacks(router, flight);
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
    target_set holders = needs_met(r, placing->live) ? 0 : find_holders(router, flight);
    struct get_step step =
        get_start(&flight->get, placing->route.owner_count, r, placing->live, holders, order);
    flight->get.monotonic = get->flags & GET_MONOTONIC;
    if (flight->get.monotonic)
        placing_add_later_needs(router, placing, get->level, &flight->get.later);
    flight->shows_nothing = false;
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
        if (!(get.flags & GET_MONOTONIC))
            placing_narrow_to_readers(&placing);
        if (placing_read_needs(router, &placing, &get.level, placing.route.keyspace->r, &r))
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

static void take_fetched(struct router *router, struct flight *flight, unsigned target,
                         const struct op_fetched *fetched, struct moment now, struct outbox *outbox)
{
    if (fetched->status == STATUS_BUSY) { // the store waits for us; the client may come again
        router->counts.busy++;
        answer(router, flight, STATUS_BUSY, 0, bytes_of_text("too much in flight"), outbox);
        flights_remove(&router->flights, flight);
        return;
    }
    flight->was_stale |= fetched->status == STATUS_STALE;
    if (fetched->status && fetched->status != STATUS_NOT_FOUND) {
        if (flight->flags & GET_LOCAL) { // there is nobody else to ask
            enum status status = (enum status)fetched->status;
            answer(router, flight, status, 0, explain_local(router, status), outbox);
            flights_remove(&router->flights, flight);
            return;
        }
        gets_on_failed(router, flight, target, now, outbox);
        return;
    }
    struct reply *reply = flight_reply(&router->flights, flight, target);
    struct bytes record = fetched->status ? (struct bytes){0} : fetched->record;
    if (reply_keep_record(reply, buf_bytes(&flight->key), record)) {
        gets_on_failed(router, flight, target, now, outbox);
        return;
    }
    if (!flights_hold(&router->flights, flight, record.size)) {
        router->counts.busy++;
        answer(router, flight, STATUS_BUSY, 0, bytes_of_text("too much in flight"), outbox);
        flights_remove(&router->flights, flight);
        return;
    }
    bool is_full = !reply->record.head;
    take_step(router, flight, get_on_reply(&flight->get, target, is_full), now, outbox);
}

enum status gets_on_fetched(struct router *router, uint32_t number, struct reader *body,
                            struct moment now, struct outbox *outbox)
{
    struct op_fetched fetched;
    if (op_decode_fetched(&fetched, body))
        return STATUS_INVALID;
    unsigned target;
    struct flight *flight =
        flights_find_of(&router->flights, fetched.id, FLIGHT_GET, number, &target);
    // A head that comes again must not replace the record that came since.
    if (flight && ((flight->get.asked | flight->get.fetching) & target_bit(target)))
        take_fetched(router, flight, target, &fetched, now, outbox);
    else
        router->counts.late++;
    return STATUS_OK;
}

bool gets_on_merged(struct router *router, uint32_t number, const struct op_merged *merged,
                    struct moment now, struct outbox *outbox)
{
    if (merged->id & REPAIRS_ID) {
        enum status status = repairs_on_merged(&router->repairs, number, merged, now);
        router->counts.late += status == STATUS_NOT_FOUND;
        router->counts.repairs_refused +=
            status && status != STATUS_NOT_FOUND && status != STATUS_BUSY;
        return true;
    }
    struct flight *flight = flights_find(&router->flights, merged->id);
    if (!flight || flight->kind != FLIGHT_GET)
        return false;
    int target = flight_target(flight, number);
    if (target < 0 || !(flight->get.repaired & target_bit((unsigned)target))) {
        router->counts.late++;
        return true;
    }
    if (merged->status == STATUS_BUSY) { // the client may come again
        router->counts.busy++;
        answer(router, flight, STATUS_BUSY, 0, bytes_of_text("an owner is busy"), outbox);
        flights_remove(&router->flights, flight);
        return true;
    }
    router->counts.repairs_refused += merged->status != STATUS_OK;
    bool is_purged = merged->status == STATUS_NOT_KEPT && flight->shows_nothing;
    struct get_step step =
        get_on_held(&flight->get, (unsigned)target, !merged->status || is_purged);
    take_step(router, flight, step, now, outbox);
    return true;
}

void gets_repeat_repairs(struct router *router, struct moment now, struct outbox *outbox)
{
    struct op_merge merge;
    struct ring_stamp stamp;
    uint32_t number;
    while (repairs_next(&router->repairs, now, &merge, &number, &stamp)) {
        router->counts.repairs_repeated++;
        op_encode_merge(&merge, outbox_add_stamped(outbox, router->peers.link_of(number),
                                                   MESSAGE_MERGE, 0, stamp));
    }
}

void gets_on_failed(struct router *router, struct flight *flight, unsigned target,
                    struct moment now, struct outbox *outbox)
{
    target_set holders = find_holders(router, flight);
    take_step(router, flight, get_on_failed(&flight->get, target, holders), now, outbox);
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
    router_observe(&router->get_p99_us, now.mono_ms - flight->started_ms);
    take_step(router, flight, step, now, outbox);
}
