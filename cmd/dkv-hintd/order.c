#include "dkv-hintd/order.h"

#include "dkv-hintd/inquiry.h"
#include "dkv-hintd/taking.h"
#include "wire/age.h"
#include "wire/hello.h"
#include "wire/hint.h"

// Everything that has been written so far: a reply that depends on it must wait for that.
static uint64_t gate(const struct hintd *hintd)
{
    return lsm_written(hintd->lsm);
}

// What the sender means may be in a document that only one of us has.
static enum status judge(const struct hintd *hintd, const struct message_header *header,
                         enum status status)
{
    return status == STATUS_INVALID && !taking_is_same_ring(hintd, header) ? STATUS_STALE : status;
}

static enum status serve_hello(struct hintd *hintd, const struct arrival *arrival,
                               struct reader *body, struct outbox *outbox)
{
    struct op_hello hello;
    if (op_decode_hello(&hello, body))
        return STATUS_INVALID;
    struct op_welcome welcome = op_welcome_to(&hello);
    welcome.capabilities = hintd->twin.text[0] ? CAPABILITY_TWIN : 0;
    welcome.cluster = hintd->ring->cluster;
    welcome.node = hintd->options.node;
    welcome.actor = hintd->tally.actor;
    welcome.value_size_max = (uint32_t)hintd->options.value_size_max;
    welcome.role = (uint8_t)arrival->role;
    welcome.software = hintd->options.software;
    op_encode_welcome(&welcome, outbox_add(outbox, arrival->link, MESSAGE_WELCOME, 0));
    return STATUS_OK;
}

// ---- hints -------------------------------------------------------------------------------

// What the write has not seen of the hint for its target, and of those for others: an owner that is
// back may have been written to before it was given what is kept for it.
static void tell(struct hintd *hintd, struct op_hinted *hinted)
{
    const struct change *change = &hintd->change;
    struct clock *told = &hintd->told.clock;
    hinted->hlc_told = told->count ? hintd->told.hlc : 0;
    if (change->told) {
        clock_join(told, change->told);
        if (change->hlc_told > hinted->hlc_told)
            hinted->hlc_told = change->hlc_told;
    }
    if (!told->count)
        return;
    buf_clear(&hintd->part);
    clock_encode(told, &hintd->part);
    hinted->told = buf_bytes(&hintd->part);
}

static void reply_hint(struct hintd *hintd, const struct arrival *arrival, const struct op_hint *op,
                       enum status status, bool has_change, struct outbox *outbox)
{
    const struct change *change = &hintd->change;
    struct op_hinted hinted = {.id = op->id, .target = op->target, .status = (uint8_t)status};
    if (has_change && change->was_superseded)
        hinted.flags = MERGED_SUPERSEDED;
    else if (has_change)
        tell(hintd, &hinted);
    op_encode_hinted(&hinted,
                     outbox_add(outbox, arrival->link, MESSAGE_HINTED, status ? 0 : gate(hintd)));
}

static enum status serve_hint(struct hintd *hintd, const struct arrival *arrival,
                              const struct message_header *header, struct reader *body,
                              struct moment now, struct outbox *outbox)
{
    struct op_hint op;
    if (op_decode_hint(&op, body))
        return STATUS_INVALID;
    bool has_change = false;
    hintd->wait.key = 0;
    enum status status = taking_check(hintd, header, op.target);
    if (!status)
        status = taking_hear_others(hintd, &op);
    if (!status)
        status = judge(hintd, header, taking_read(hintd, op.keyspace, op.key, op.target));
    if (status == STATUS_BUSY)
        return STATUS_BUSY;
    hintd->counts.hints++;
    if (!status)
        status = taking_hint(hintd, &op, now, &has_change);
    reply_hint(hintd, arrival, &op, status, has_change, outbox);
    return STATUS_OK;
}

static void reply_update(struct hintd *hintd, const struct arrival *arrival, uint64_t id,
                         enum status status, struct outbox *outbox)
{
    const struct change *change = &hintd->change;
    struct op_updated updated = {.id = id, .status = (uint8_t)status};
    if (!status) {
        updated.dot = change->dot;
        updated.hlc = change->hlc;
        updated.record = buf_bytes(&hintd->encoded);
        updated.requests = superseded_encode(&change->superseded, &hintd->part);
    }
    op_encode_updated(&updated, outbox_add(outbox, arrival->link, MESSAGE_UPDATED, 0));
    if (!status) {
        struct op_durable durable = {.id = id, .status = STATUS_OK};
        op_encode_durable(&durable,
                          outbox_add(outbox, arrival->link, MESSAGE_DURABLE, gate(hintd)));
    }
}

static enum status serve_hint_update(struct hintd *hintd, const struct arrival *arrival,
                                     const struct message_header *header, struct reader *body,
                                     struct moment now, struct outbox *outbox)
{
    struct op_hint_update op;
    if (op_decode_hint_update(&op, body))
        return STATUS_INVALID;
    enum status status = taking_check_all(hintd, header, op.targets);
    if (!status)
        status = judge(hintd, header, taking_read_all(hintd, op.update.keyspace, op.update.key));
    if (status == STATUS_BUSY)
        return STATUS_BUSY;
    hintd->counts.updates++;
    if (!status)
        status = taking_update(hintd, header, &op, now);
    if (status == STATUS_BUSY && hintd->wait.position)
        return STATUS_BUSY;
    reply_update(hintd, arrival, op.update.id, status, outbox);
    return STATUS_OK;
}

// ---- reads -------------------------------------------------------------------------------

static enum status serve_fetch(struct hintd *hintd, const struct arrival *arrival,
                               const struct message_header *header, struct reader *body,
                               struct outbox *outbox)
{
    struct op_fetch fetch;
    if (op_decode_fetch(&fetch, body))
        return STATUS_INVALID;
    struct op_fetched fetched = {.id = fetch.id, .status = STATUS_BUSY};
    if (!fetch.head && meters_are_behind(&hintd->meters, arrival->link, outbox)) {
        hintd->counts.behind++;
        op_encode_fetched(&fetched, outbox_add(outbox, arrival->link, MESSAGE_FETCHED, 0));
        return STATUS_OK;
    }
    enum status status = judge(hintd, header, taking_read_all(hintd, fetch.keyspace, fetch.key));
    if (status == STATUS_BUSY)
        return STATUS_BUSY;
    hintd->counts.fetches++;
    if (!status && record_is_empty(&hintd->joined))
        status = STATUS_NOT_FOUND;
    buf_clear(&hintd->part);
    if (!status && fetch.head)
        record_encode_head(&hintd->joined, fetch.key, &hintd->part);
    else if (!status)
        record_encode(&hintd->joined, fetch.key, &hintd->part);
    fetched.record = buf_bytes(&hintd->part);
    fetched.status = (uint8_t)status;
    op_encode_fetched(&fetched, outbox_add(outbox, arrival->link, MESSAGE_FETCHED,
                                           fetch.is_gated ? gate(hintd) : 0));
    return STATUS_OK;
}

// Looks for a request. If it is not known, only UPDATEs of this try are obeyed from now on.
//   NOT_FOUND; BUSY: too many fences, ask later
static enum status find_or_fence(struct hintd *hintd, const struct op_find *op, struct moment now,
                                 struct op_found *found)
{
    static const uint8_t states[] = {
        [FATE_LIVE] = FIND_LIVE,
        [FATE_SUPERSEDED] = FIND_SUPERSEDED,
        [FATE_BEATEN] = FIND_BEATEN,
        [FATE_PURGED] = FIND_PURGED,
    };
    struct replica replica = taking_replica(hintd, &hintd->joined, now);
    found->state = states[replica_find(&replica, &op->request, &found->dot)];
    buf_clear(&hintd->part);
    if (found->state) {
        record_encode(&hintd->joined, op->key, &hintd->part);
        found->record = buf_bytes(&hintd->part);
        return STATUS_OK;
    }
    struct request_id bound = recall_bind(&op->request, replica.key_hash);
    return fences_put(&hintd->fences, &bound, op->try, now.mono_ms) ? STATUS_NOT_FOUND
                                                                    : STATUS_BUSY;
}

static enum status serve_find(struct hintd *hintd, const struct arrival *arrival,
                              const struct message_header *header, struct reader *body,
                              struct moment now, struct outbox *outbox)
{
    struct op_find op;
    if (op_decode_find(&op, body))
        return STATUS_INVALID;
    struct op_found found = {.id = op.id};
    enum status status = judge(hintd, header, taking_read_all(hintd, op.keyspace, op.key));
    if (status == STATUS_BUSY)
        return STATUS_BUSY;
    hintd->counts.finds++;
    if (!status)
        status = find_or_fence(hintd, &op, now, &found);
    found.status = (uint8_t)status;
    op_encode_found(&found, outbox_add(outbox, arrival->link, MESSAGE_FOUND, 0));
    return STATUS_OK;
}

static enum status serve_held(const struct hintd *hintd, const struct arrival *arrival,
                              struct reader *body, struct outbox *outbox)
{
    struct op_held op;
    if (op_decode_held(&op, body))
        return STATUS_INVALID;
    const struct tally *tally = &hintd->tally;
    struct op_held_told told = {
        .id = op.id,
        .is_held = tally_holds(tally, op.keyspace, op.partition, op.process, op.start),
        .hint_count = tally_shard_count(tally, op.keyspace, op.partition),
    };
    op_encode_held_told(&told, outbox_add(outbox, arrival->link, MESSAGE_HELD_TOLD, 0));
    return STATUS_OK;
}

enum status order_serve(struct hintd *hintd, const struct arrival *arrival,
                        const struct message_header *header, struct reader *body, struct moment now,
                        struct outbox *outbox)
{
    switch (header->type) {
    case MESSAGE_HELLO:
        return serve_hello(hintd, arrival, body, outbox);
    case MESSAGE_PING:
        return inquiry_on_ping(hintd, arrival, body, now, outbox);
    case MESSAGE_ASK:
        return inquiry_on_ask(hintd, arrival, body, now, outbox);
    case MESSAGE_HINT:
        return serve_hint(hintd, arrival, header, body, now, outbox);
    case MESSAGE_HINT_UPDATE:
        return serve_hint_update(hintd, arrival, header, body, now, outbox);
    case MESSAGE_FETCH:
        return serve_fetch(hintd, arrival, header, body, outbox);
    case MESSAGE_FIND:
        return serve_find(hintd, arrival, header, body, now, outbox);
    case MESSAGE_HELD:
        return serve_held(hintd, arrival, body, outbox);
    default:
        return STATUS_INVALID;
    }
}
