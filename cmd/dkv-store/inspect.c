#include "dkv-store/inspect.h"

#include "dkv-store/frame.h"
#include "dkv-store/hindrance.h"
#include "dkv-store/reading.h"
#include "wire/replica.h"

static bool has_dot(const struct store *store, const struct holding *holding, struct dot dot)
{
    if (!dot.counter)
        return false;
    const struct ledger_shard *shard =
        ledger_find(&store->ledger, holding->keyspace, holding->partition);
    return clock_covers(&holding->record.clock, dot) || (shard && seen_has(&shard->seen, dot));
}

// Of a key that was purged it is all that is left.
static void tell_seen(struct store *store, const struct ledger_shard *shard,
                      struct op_inspected *inspected)
{
    if (!shard)
        return;
    buf_clear(&store->seen);
    seen_encode(&shard->seen, &store->seen);
    if (store->seen.size <= INSPECTED_SEEN_SIZE_MAX)
        inspected->seen = buf_bytes(&store->seen);
}

static void tell_purge(struct store *store, struct moment now, struct op_inspected *inspected)
{
    const struct holding *holding = &store->holding;
    const struct ledger_shard *shard = frame_shard(store, holding->keyspace, holding->partition);
    if (!shard)
        return;
    struct hindrance hindrance = hindrance_of(store, shard, &holding->record.clock, now);
    buf_clear(&store->head);
    for (uint32_t i = 0; i < hindrance.behind_count; i++)
        buf_append_u16(&store->head, hindrance.behind[i]);
    inspected->purge = (uint8_t)hindrance.state;
    inspected->purge_ms = hindrance.wait_ms;
    inspected->behind = buf_bytes(&store->head);
}

static void inspect(struct store *store, const struct op_inspect *op, struct moment now,
                    struct op_inspected *inspected)
{
    static const uint8_t states[] = {
        [FATE_LIVE] = FIND_LIVE,
        [FATE_SUPERSEDED] = FIND_SUPERSEDED,
        [FATE_BEATEN] = FIND_BEATEN,
        [FATE_PURGED] = FIND_PURGED,
    };
    const struct holding *holding = &store->holding;
    struct replica replica = reading_replica(store, holding, now);
    struct dot dot;
    if (!request_id_is_none(&op->request))
        inspected->state = states[replica_find(&replica, &op->request, &dot)];
    inspected->has_write = inspected->state || has_dot(store, holding, op->dot);
    const struct ledger_shard *shard =
        ledger_find(&store->ledger, holding->keyspace, holding->partition);
    tell_seen(store, shard, inspected);
    if (record_is_empty(&holding->record)) {
        inspected->status = STATUS_NOT_FOUND;
        if (shard && shard->is_lost)
            inspected->purge = PURGE_LOST;
        return;
    }
    buf_clear(&store->part);
    record_encode_head(&holding->record, op->key, &store->part);
    inspected->head = buf_bytes(&store->part);
    tell_purge(store, now, inspected);
}

enum status inspect_serve(struct store *store, const struct arrival *arrival,
                          const struct message_header *header, struct reader *body,
                          struct moment now, struct outbox *outbox)
{
    struct op_inspect op;
    if (op_decode_inspect(&op, body))
        return STATUS_INVALID;
    struct op_inspected inspected = {.id = op.id};
    enum status status = reading_read(store, header, op.keyspace, op.key, &store->holding);
    if (status == STATUS_BUSY)
        return STATUS_BUSY;
    store->counts.fetches++;
    inspected.status = (uint8_t)status;
    if (!status)
        inspect(store, &op, now, &inspected);
    op_encode_inspected(&inspected, outbox_add(outbox, arrival->link, MESSAGE_INSPECTED,
                                               status ? 0 : reading_gate(store)));
    return STATUS_OK;
}
