#include "dkv-store/operation.h"

#include "base/hash.h"
#include "dkv-store/epoch.h"
#include "dkv-store/inspect.h"
#include "dkv-store/question.h"
#include "dkv-store/reading.h"
#include "dkv-store/store_metrics.h"
#include "replica/join.h"
#include "replica/mint.h"
#include "wire/age.h"
#include "wire/hello.h"
#include "wire/replica.h"

enum { UNREAD_MAX = 16 << 20 }; // bytes that one router has not taken, about

static enum status serve_hello(struct store *store, const struct arrival *arrival,
                               struct reader *body, struct outbox *outbox)
{
    struct op_hello hello;
    if (op_decode_hello(&hello, body))
        return STATUS_INVALID;
    struct op_welcome welcome = op_welcome_to(&hello);
    welcome.cluster = store->ring->cluster;
    welcome.node = store->options.node;
    welcome.actor = store->ledger.actor;
    welcome.value_size_max = (uint32_t)store->options.value_size_max;
    welcome.role = (uint8_t)arrival->role;
    welcome.software = store->options.software;
    op_encode_welcome(&welcome, outbox_add(outbox, arrival->link, MESSAGE_WELCOME, 0));
    return STATUS_OK;
}

static enum status serve_ping(struct store *store, const struct arrival *arrival,
                              struct reader *body, struct moment now, struct outbox *outbox)
{
    struct op_ping ping;
    if (op_decode_ping(&ping, body))
        return STATUS_INVALID;
    struct metrics metrics;
    store_metrics(store, now, &metrics);
    buf_clear(&store->part);
    metrics_encode(&metrics, &store->part);
    const uint64_t *values = metrics.values;
    struct op_pong pong = {
        .id = ping.id,
        .actor = store->ledger.actor,
        .unsynced_age_ms = (uint32_t)values[METRIC_UNSYNCED_MS],
        .entry_count = values[METRIC_KEYS],
        .data_size = values[METRIC_MEMTABLE_BYTES] + values[METRIC_TABLE_BYTES] +
                     values[METRIC_VALUE_LIVE_BYTES],
        .disk_full = (uint8_t)values[METRIC_DISK_FULL],
        .wall_ms = now.wall_ms,
        .metrics = buf_bytes(&store->part),
    };
    op_encode_pong(&pong, outbox_add(outbox, arrival->link, MESSAGE_PONG, 0));
    return STATUS_OK;
}

// ---- Changes -----------------------------------------------------------------------------

static void note_forged(struct store *store, const struct holding *holding, uint64_t counter)
{
    store->counts.forged++;
    fault_set(&store->forged, STATUS_INVALID,
              "a clock of keyspace %u, key %016llx, names the write %llu of this store, which made "
              "%llu there",
              holding->keyspace, (unsigned long long)holding->token, (unsigned long long)counter,
              (unsigned long long)holding->shard->counter);
}

// Follows and counts a change that a mint or a join made, even if it was refused.
static void note_change(struct store *store, const struct holding *holding,
                        const struct change *change)
{
    store->hlc_last = change->hlc_last;
    store->counts.lww_dropped += change->lww_dropped;
    store->counts.lost_again += change->lost_again;
    store->counts.repeated += change->is_repeated;
    store->counts.told += change->told != NULL;
    if (change->forged)
        note_forged(store, holding, change->forged);
}

static enum status write_change(struct store *store, struct holding *holding,
                                const struct change *change, struct moment now)
{
    enum status status = holding_write(holding, store->lsm, &store->ledger, change, now.mono_ms);
    store->counts.stalled += status == STATUS_BUSY;
    return status;
}

// True if it is older than it may be, or of a try that is fenced.
static bool came_late(const struct store *store, const struct message_header *header,
                      const struct holding *holding, const struct op_update *op, struct moment now)
{
    struct request_id bound = recall_bind(&op->request, holding->hash);
    return message_age_ms(header, store->options.boot, now.mono_ms) > op->young_ms ||
           !fences_allow(&store->fences, &bound, op->try);
}

static enum status mint(struct store *store, struct holding *holding, const struct op_update *op,
                        bool is_late, struct moment now, struct change *change)
{
    holding_begin(holding, &store->ledger);
    struct replica replica = reading_replica(store, holding, now);
    struct mint mint = {
        .request = op->request,
        .is_delete = op->flags & UPDATE_DELETE,
        .is_blind = op->flags & UPDATE_BLIND,
        .is_again = op->flags & UPDATE_AGAIN,
        .is_fresh = op->flags & UPDATE_FRESH,
        .is_conditional = op->flags & UPDATE_CONDITIONAL,
        .is_late = is_late,
        .hlc_floor = op->hlc_floor,
        .ttl_ms = op->ttl_ms,
        .context = op->context,
        .seen = op->seen,
        .value = op->value,
    };
    enum status status = mint_write(&replica, &mint, change);
    note_change(store, holding, change);
    store->counts.late += status == STATUS_LATE;
    return status ? status : write_change(store, holding, change, now);
}

static struct bytes encode_superseded(const struct superseded_list *list, struct buf *out)
{
    buf_clear(out);
    for (uint32_t i = 0; i < list->count; i++) {
        if (!request_id_is_none(&list->items[i].request))
            superseded_append(&list->items[i], out);
    }
    return buf_bytes(out);
}

// The router has the value that it sent, and needs none besides.
static bool is_known_to_router(const struct change *change)
{
    const struct record *result = &change->result;
    return !change->is_repeated && result->count == 1 &&
           dot_equal(result->siblings[0].dot, change->dot) &&
           result->siblings[0].value_size >= UPDATED_HEAD_VALUE_MIN;
}

static void reply_update(struct store *store, const struct arrival *arrival,
                         const struct op_update *op, enum status status,
                         const struct holding *holding, const struct change *change,
                         struct outbox *outbox)
{
    bool takes_head = op->flags & UPDATE_TAKES_HEAD;
    struct op_updated updated = {.id = op->id, .status = (uint8_t)status};
    if (!status) {
        updated.dot = change->dot;
        updated.hlc = change->hlc;
        updated.requests = encode_superseded(&change->superseded, &store->part);
        updated.record = change->is_repeated ? buf_bytes(&holding->encoded) : change->record;
        updated.is_head = takes_head && is_known_to_router(change);
    }
    if (updated.is_head) {
        buf_clear(&store->head);
        record_encode_head(&change->result, holding->key, &store->head);
        updated.record = buf_bytes(&store->head);
    }
    op_encode_updated(&updated, outbox_add(outbox, arrival->link, MESSAGE_UPDATED, 0));
    if (!status) {
        struct op_durable durable = {.id = op->id, .status = STATUS_OK};
        op_encode_durable(&durable,
                          outbox_add(outbox, arrival->link, MESSAGE_DURABLE, reading_gate(store)));
    }
}

static enum status serve_update(struct store *store, const struct arrival *arrival,
                                const struct message_header *header, struct reader *body,
                                struct moment now, struct outbox *outbox)
{
    struct holding *holding = &store->holding;
    struct change *change = &store->change;
    struct op_update op;
    if (op_decode_update(&op, body))
        return STATUS_INVALID;
    enum status status = reading_read(store, header, op.keyspace, op.key, holding);
    if (status == STATUS_BUSY)
        return STATUS_BUSY;
    store->counts.updates++;
    if (!status)
        status =
            mint(store, holding, &op, came_late(store, header, holding, &op, now), now, change);
    reply_update(store, arrival, &op, status, holding, change, outbox);
    return STATUS_OK;
}

static void decode_superseded(struct bytes encoded, struct superseded_list *list)
{
    struct reader reader = reader_of(encoded);
    struct superseded one;
    list->count = 0;
    while (superseded_next(&reader, &one))
        superseded_list_add(list, one);
}

static enum status join(struct store *store, struct holding *holding, const struct op_merge *op,
                        struct moment now, struct change *change)
{
    holding_begin(holding, &store->ledger);
    struct replica replica = reading_replica(store, holding, now);
    decode_superseded(op->requests, &store->requests);
    struct join join = {
        .record = op->record,
        .dot = op->dot,
        .requests = store->requests.items,
        .request_count = store->requests.count,
    };
    enum status status = join_record(&replica, &join, change);
    note_change(store, holding, change);
    return status ? status : write_change(store, holding, change, now);
}

// Tells even if the change was refused; none was made: NULL.
static void reply_merge(struct store *store, const struct arrival *arrival, uint64_t id,
                        enum status status, const struct change *change, struct outbox *outbox)
{
    struct op_merged merged = {.id = id, .status = (uint8_t)status};
    if (change && change->was_superseded)
        merged.flags = MERGED_SUPERSEDED;
    if (change && change->told) {
        buf_clear(&store->part);
        clock_encode(change->told, &store->part);
        merged.told = buf_bytes(&store->part);
        merged.hlc_told = change->hlc_told;
    }
    op_encode_merged(&merged, outbox_add(outbox, arrival->link, MESSAGE_MERGED,
                                         status ? 0 : reading_gate(store)));
}

static enum status serve_merge(struct store *store, const struct arrival *arrival,
                               const struct message_header *header, struct reader *body,
                               struct moment now, struct outbox *outbox)
{
    struct holding *holding = &store->holding;
    struct op_merge op;
    if (op_decode_merge(&op, body))
        return STATUS_INVALID;
    enum status status = reading_read(store, header, op.keyspace, op.key, holding);
    if (status == STATUS_BUSY)
        return STATUS_BUSY;
    store->counts.merges++;
    struct change *change = status ? NULL : &store->change;
    if (change)
        status = join(store, holding, &op, now, change);
    reply_merge(store, arrival, op.id, status, change, outbox);
    return STATUS_OK;
}

// ---- Reads -------------------------------------------------------------------------------

// Replies pile up here if a router, or the network, takes them more slowly than it asks; and PONG
// stands behind them. One reply, however large, may always be on its way. A router says in each
// message how much it has taken (wire/meter.h).
static bool is_behind(const struct store *store, const struct arrival *arrival,
                      const struct outbox *outbox)
{
    uint64_t unread = meters_unread(&store->meters, arrival->link);
    for (uint32_t i = 0; i < outbox->count; i++) { // of this turn, which counts at its end
        if (outbox->messages[i].link == arrival->link)
            unread += outbox->messages[i].bytes.size;
    }
    return unread > UNREAD_MAX;
}

static enum status serve_fetch(struct store *store, const struct arrival *arrival,
                               const struct message_header *header, struct reader *body,
                               struct outbox *outbox)
{
    struct op_fetch fetch;
    if (op_decode_fetch(&fetch, body))
        return STATUS_INVALID;
    const struct holding *holding = &store->holding;
    struct op_fetched fetched = {.id = fetch.id, .status = STATUS_BUSY};
    if (!fetch.head && is_behind(store, arrival, outbox)) {
        store->counts.behind++;
        op_encode_fetched(&fetched, outbox_add(outbox, arrival->link, MESSAGE_FETCHED, 0));
        return STATUS_OK;
    }
    enum status status = reading_read(store, header, fetch.keyspace, fetch.key, &store->holding);
    if (status == STATUS_BUSY)
        return STATUS_BUSY;
    store->counts.fetches++;
    if (!status && record_is_empty(&holding->record))
        status = STATUS_NOT_FOUND;
    if (!status && fetch.head) {
        buf_clear(&store->part);
        record_encode_head(&holding->record, fetch.key, &store->part);
        fetched.record = buf_bytes(&store->part);
    } else if (!status) {
        fetched.record = buf_bytes(&holding->encoded);
    }
    fetched.status = (uint8_t)status;
    op_encode_fetched(&fetched, outbox_add(outbox, arrival->link, MESSAGE_FETCHED,
                                           fetch.is_gated ? reading_gate(store) : 0));
    return STATUS_OK;
}

// Looks for a request. If it is not known, only UPDATEs of this try are obeyed from now on.
//   NOT_FOUND; BUSY: too many fences, ask later
static enum status find_or_fence(struct store *store, const struct holding *holding,
                                 const struct op_find *op, struct moment now,
                                 struct op_found *found)
{
    static const uint8_t states[] = {
        [FATE_LIVE] = FIND_LIVE,
        [FATE_SUPERSEDED] = FIND_SUPERSEDED,
        [FATE_BEATEN] = FIND_BEATEN,
    };
    struct replica replica = reading_replica(store, holding, now);
    found->state = states[replica_find(&replica, &op->request, &found->dot)];
    if (found->state) {
        found->record = replica.encoded;
        return STATUS_OK;
    }
    struct request_id bound = recall_bind(&op->request, replica.key_hash);
    return fences_put(&store->fences, &bound, op->try, now.mono_ms) ? STATUS_NOT_FOUND
                                                                    : STATUS_BUSY;
}

static enum status serve_find(struct store *store, const struct arrival *arrival,
                              const struct message_header *header, struct reader *body,
                              struct moment now, struct outbox *outbox)
{
    struct op_find op;
    if (op_decode_find(&op, body))
        return STATUS_INVALID;
    struct op_found found = {.id = op.id};
    enum status status = reading_read(store, header, op.keyspace, op.key, &store->holding);
    if (status == STATUS_BUSY)
        return STATUS_BUSY;
    store->counts.finds++;
    if (!status)
        status = find_or_fence(store, &store->holding, &op, now, &found);
    found.status = (uint8_t)status;
    op_encode_found(&found, outbox_add(outbox, arrival->link, MESSAGE_FOUND, 0));
    return STATUS_OK;
}

// Without items if there is a status.
static void reply_scan(const struct store *store, const struct arrival *arrival,
                       const struct op_scan_local *op, enum status status, struct outbox *outbox)
{
    const struct scan_local *scan = &store->scan;
    struct op_scanned scanned = {
        .id = op->id,
        .status = (uint8_t)status,
        .done = scan->is_done,
        .replied = 1,
        .keyspace = op->keyspace,
        .item_count = status ? 0 : scan->item_count,
        .last = buf_bytes(&scan->last),
        .items = status ? (struct bytes){0} : buf_bytes(&scan->items),
    };
    op_encode_scanned(&scanned, outbox_add(outbox, arrival->link, MESSAGE_SCANNED_LOCAL, 0));
}

static enum status scan_page(struct store *store, const struct op_scan_local *op)
{
    struct fault fault = {0};
    enum status status = scan_local_page(&store->scan, op, store->ring->partition_count, store->lsm,
                                         &store->wait, store->options.lsm.dir, &fault);
    reading_note(store, status, &fault);
    return status;
}

static enum status serve_scan(struct store *store, const struct arrival *arrival,
                              const struct message_header *header, struct reader *body,
                              struct outbox *outbox)
{
    struct op_scan_local op;
    if (op_decode_scan_local(&op, body))
        return STATUS_INVALID;
    store->wait.key = hash_mix(op.id, arrival->link); // it waits for no other operation
    scan_local_clear(&store->scan);
    if (is_behind(store, arrival, outbox)) {
        store->counts.behind++;
        reply_scan(store, arrival, &op, STATUS_BUSY, outbox);
        return STATUS_OK;
    }
    enum status status = STATUS_OK;
    if (!epoch_agrees(store->snapshot, header, op.keyspace, op.partition))
        status = STATUS_STALE;
    else if (op.partition >= store->ring->partition_count)
        status = STATUS_INVALID;
    if (!status)
        status = scan_page(store, &op);
    if (status == STATUS_BUSY)
        return STATUS_BUSY;
    store->counts.scans++;
    reply_scan(store, arrival, &op, status, outbox);
    return STATUS_OK;
}

enum status operation_serve(struct store *store, const struct arrival *arrival,
                            const struct message_header *header, struct reader *body,
                            struct moment now, struct outbox *outbox)
{
    switch (header->type) {
    case MESSAGE_HELLO:
        return serve_hello(store, arrival, body, outbox);
    case MESSAGE_PING:
        return serve_ping(store, arrival, body, now, outbox);
    case MESSAGE_UPDATE:
        return serve_update(store, arrival, header, body, now, outbox);
    case MESSAGE_MERGE:
        return serve_merge(store, arrival, header, body, now, outbox);
    case MESSAGE_FETCH:
        return serve_fetch(store, arrival, header, body, outbox);
    case MESSAGE_FIND:
        return serve_find(store, arrival, header, body, now, outbox);
    case MESSAGE_SCAN_LOCAL:
        return serve_scan(store, arrival, header, body, outbox);
    case MESSAGE_ASK:
        return question_serve(store, arrival, body, outbox);
    case MESSAGE_INSPECT:
        return inspect_serve(store, arrival, header, body, now, outbox);
    default:
        return STATUS_INVALID;
    }
}
