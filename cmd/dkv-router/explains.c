#include "dkv-router/explains.h"

#include "dkv-router/answers.h"
#include "peer/link_text.h"
#include "wire/replica.h"

// ---- The answer --------------------------------------------------------------------------

static void append_replica(const struct router *router, const struct flight *flight,
                           unsigned target, struct buf *out)
{
    const struct ring_node *node = &flight->ring->ring.nodes[flight->route.nodes[target]];
    const struct peer *peer = peers_at(&router->peers, flight->links[target]);
    const struct link_text *state = link_text(link_state(&peer->links[SERVICE_STORE]));
    const struct reply *reply = flight->replies[target];
    struct explained_replica replica = {
        .role = REPLICA_OWNER,
        .status = flight->explain.statuses[target],
        .has_write = !!(flight->explain.has_write & target_bit(target)),
        .node = bytes_of_text(node->name),
        .dc = bytes_of_text(node->dc),
        .rack = bytes_of_text(node->rack),
        .state = bytes_of_text(state->word),
        .problem = bytes_of_text(state->sentence),
        .purge = flight->explain.purges[target],
        .purge_ms = flight->explain.purges_ms[target],
        .behind = flight->explain.behind[target],
    };
    if (reply) {
        replica.head = reply_record(reply);
        replica.seen = reply_seen(reply);
    }
    explained_append(&replica, out);
}

// What a read of the level that was asked for needs; nothing if it cannot be had.
static uint8_t append_needs(const struct router *router, const struct flight *flight,
                            struct buf *out)
{
    struct needs needs = {.count = 0};
    if (!needs_add_level(&needs, &flight->ring->ring, &flight->route,
                         targets_below(flight->route.reader_count), flight->level,
                         router->ring->nodes[router->self].dc))
        return 0;
    for (uint8_t i = 0; i < needs.count; i++)
        explained_append_need((struct explained_need){needs.items[i].of, needs.items[i].count},
                              out);
    return needs.count;
}

static void refuse(struct router *router, link_id client, uint64_t id, struct bytes key,
                   enum status status, const char *why, struct outbox *outbox)
{
    struct op_explained explained = {
        .id = id, .status = (uint8_t)status, .key = key, .text = bytes_of_text(why)};
    answer_explained(router, client, &explained, outbox);
}

static void finish(struct router *router, struct flight *flight, struct outbox *outbox)
{
    const struct ring_keyspace *keyspace = flight->route.keyspace;
    struct op_explained explained = {
        .id = flight->client_id,
        .keyspace = keyspace->id,
        .partition = flight->route.partition,
        .token = ring_token(keyspace->id, buf_bytes(&flight->key)),
        .epoch = flight->ring->ring.epoch,
        .level = flight->level,
        .replica_count = flight->route.count,
        .key = buf_bytes(&flight->key),
        .name = bytes_of_text(keyspace->name),
    };
    buf_clear(&router->encoded);
    buf_clear(&router->text);
    for (unsigned target = 0; target < flight->route.count; target++)
        append_replica(router, flight, target, &router->encoded);
    explained.need_count = append_needs(router, flight, &router->text);
    explained.replicas = buf_bytes(&router->encoded);
    explained.needs = buf_bytes(&router->text);
    if (answers_fit(router, flight->client, explained.replicas.size)) {
        answer_explained(router, flight->client, &explained, outbox);
    } else {
        router->counts.busy++;
        refuse(router, flight->client, explained.id, explained.key, STATUS_BUSY,
               "read the answers that wait", outbox);
    }
    flights_remove(&router->flights, flight);
}

// ---- Replies -----------------------------------------------------------------------------

static void set_status(struct router *router, struct flight *flight, unsigned target,
                       enum status status, struct outbox *outbox)
{
    flight->explain.statuses[target] = (uint8_t)status;
    flight->explain.asked &= ~target_bit(target);
    if (!flight->explain.asked)
        finish(router, flight, outbox);
}

// Owners that are none any more, by the ring of the flight, are left out.
static target_set targets_of(const struct flight *flight, struct bytes numbers)
{
    struct reader list = reader_of(numbers);
    target_set set = 0;
    while (reader_left(&list) >= sizeof(uint16_t)) {
        uint16_t number = reader_u16(&list);
        for (unsigned target = 0; target < flight->route.count; target++) {
            if (flight->ring->ring.nodes[flight->route.nodes[target]].number == number)
                set |= target_bit(target);
        }
    }
    return set;
}

// The head of the record, if there is one, and what the shard has seen. Returns the status of that
// owner.
static enum status keep(struct router *router, struct flight *flight, unsigned target,
                        const struct op_inspected *inspected)
{
    struct reply *reply = flight_reply(&router->flights, flight, target);
    bool is_there = inspected->status != STATUS_NOT_FOUND;
    struct bytes head = is_there ? inspected->head : (struct bytes){0};
    struct bytes seen = inspected->seen;
    if (seen.size > INSPECTED_SEEN_SIZE_MAX)
        seen = (struct bytes){0};
    enum status status = (enum status)inspected->status;
    if (reply_keep_inspected(reply, buf_bytes(&flight->key), head, seen))
        status = STATUS_CORRUPT;
    if (!flights_hold(&router->flights, flight, head.size + seen.size))
        status = STATUS_BUSY;
    if (status != (enum status)inspected->status)
        reply_forget(reply);
    return status;
}

enum status explains_on_inspected(struct router *router, uint32_t number, struct reader *body,
                                  struct outbox *outbox)
{
    struct op_inspected inspected;
    if (op_decode_inspected(&inspected, body))
        return STATUS_INVALID;
    unsigned target;
    struct flight *flight =
        flights_find_of(&router->flights, inspected.id, FLIGHT_EXPLAIN, number, &target);
    if (!flight || !(flight->explain.asked & target_bit(target))) {
        router->counts.late++;
        return STATUS_OK;
    }
    enum status status = (enum status)inspected.status;
    if (!status || status == STATUS_NOT_FOUND)
        status = keep(router, flight, target, &inspected);
    if (inspected.has_write)
        flight->explain.has_write |= target_bit(target);
    flight->explain.purges[target] = inspected.purge;
    flight->explain.purges_ms[target] = inspected.purge_ms;
    flight->explain.behind[target] = targets_of(flight, inspected.behind);
    set_status(router, flight, target, status, outbox);
    return STATUS_OK;
}

void explains_on_failed(struct router *router, struct flight *flight, unsigned target,
                        struct outbox *outbox)
{
    if (flight->explain.asked & target_bit(target))
        set_status(router, flight, target, STATUS_UNREACHABLE, outbox);
}

void explains_on_deadline(struct router *router, struct flight *flight, struct outbox *outbox)
{
    for (unsigned target = 0; target < flight->route.count; target++) {
        if (flight->explain.asked & target_bit(target))
            flight->explain.statuses[target] = STATUS_TIMEOUT;
    }
    finish(router, flight, outbox);
}

// ---- The question ------------------------------------------------------------------------

// Takes key and keyspace from the receipt, unless they are given. NULL if that is well.
static const char *take_receipt(const struct router *router, struct op_explain *op,
                                struct receipt *receipt, enum status *status)
{
    *receipt = (struct receipt){0};
    *status = STATUS_INVALID;
    if (!op->receipt.size)
        return NULL;
    switch (receipt_decode(receipt, router->keyring.seals, op->receipt)) {
    case STATUS_OK:
        break;
    case STATUS_NOT_FOUND:
        if (keyring_is_complete(&router->keyring))
            return "the receipt was not made by this cluster";
        *status = STATUS_UNAVAILABLE; // another router may know its seal
        return "the receipt may be of a router that does not answer";
    default:
        return "the receipt is damaged, or was not made by this cluster";
    }
    if (op->key.size && !bytes_equal(op->key, receipt->key))
        return "the receipt is of another key";
    op->key = receipt->key;
    const struct ring_keyspace *keyspace =
        receipt->keyspace ? ring_keyspace(router->ring, receipt->keyspace) : NULL;
    if (receipt->keyspace && !keyspace)
        return "the receipt is of a keyspace that there is no more";
    if (keyspace)
        op->keyspace = bytes_of_text(keyspace->name);
    return NULL;
}

static void ask_owners(struct router *router, struct flight *flight, const struct receipt *receipt,
                       target_set live, struct moment now, struct outbox *outbox)
{
    struct op_inspect inspect = {.id = flight_id(flight),
                                 .request = receipt->request,
                                 .dot = receipt->dot,
                                 .keyspace = flight->route.keyspace->id,
                                 .key = buf_bytes(&flight->key)};
    flight->explain = (struct explain){.asked = live};
    for (unsigned target = 0; target < flight->route.count; target++) {
        flight->explain.statuses[target] = STATUS_UNREACHABLE;
        if (live & target_bit(target))
            op_encode_inspect(&inspect, placing_ask(router, flight, target, MESSAGE_INSPECT,
                                                    flight_budget_ms(flight, now), outbox));
    }
    if (!live)
        finish(router, flight, outbox);
}

static void start(struct router *router, const struct arrival *arrival,
                  const struct message_header *header, const struct op_explain *op,
                  const struct placing *placing, const struct receipt *receipt, struct moment now,
                  struct outbox *outbox)
{
    uint64_t deadline_ms = placing_deadline(router, header, now);
    struct flight *flight = NULL;
    if (answers_will_fit(router, arrival->link, 0))
        flight = flights_add(&router->flights, FLIGHT_EXPLAIN, arrival->link, op->key.size + 512,
                             deadline_ms - FLIGHT_LINGER_MS);
    if (!flight) {
        router->counts.busy++;
        refuse(router, arrival->link, op->id, op->key, STATUS_BUSY, "too many operations in flight",
               outbox);
        return;
    }
    placing_fill(router, placing, flight, deadline_ms, now);
    flight_expect(flight, 0);
    flight->client_id = op->id;
    flight->level = op->level;
    buf_set(&flight->key, op->key);
    ask_owners(router, flight, receipt, placing->live, now, outbox);
}

enum status explains_on_explain(struct router *router, const struct arrival *arrival,
                                const struct message_header *header, struct reader *body,
                                struct moment now, struct outbox *outbox)
{
    struct op_explain op;
    if (op_decode_explain(&op, body))
        return STATUS_INVALID;
    struct receipt receipt;
    enum status status;
    struct placing placing;
    struct needs needs;
    const char *why = take_receipt(router, &op, &receipt, &status);
    if (!why && !op.key.size)
        why = "the key is empty";
    if (!why && op.key.size > RECORD_KEY_SIZE_MAX)
        why = "the key is longer than 4096 bytes";
    if (!why && placing_find(router, op.keyspace, op.key, &placing))
        why = "no such keyspace";
    if (!why && !placing_read_needs(router, &placing, &op.level, placing.route.keyspace->r, &needs))
        why = "R is greater than the number of owners";
    if (why)
        refuse(router, arrival->link, op.id, op.key, status, why, outbox);
    else
        start(router, arrival, header, &op, &placing, &receipt, now, outbox);
    return STATUS_OK;
}
