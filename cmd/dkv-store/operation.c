#include "dkv-store/operation.h"

#include "base/hash.h"
#include "dkv-store/access.h"
#include "dkv-store/asking.h"
#include "dkv-store/changes.h"
#include "dkv-store/convergence.h"
#include "dkv-store/epoch.h"
#include "dkv-store/inspect.h"
#include "dkv-store/question.h"
#include "dkv-store/reading.h"
#include "dkv-store/rounds.h"
#include "dkv-store/store_metrics.h"
#include "wire/hello.h"
#include "wire/replica.h"

// Of hintds a store hears only here. They keep no log that could be put back: what counts is that
// an earlier start has ended. What cannot be written now is heard with the next link.
// Returns the latest start of it that was ever heard of.
static uint32_t hear_hintd(struct store *store, const struct arrival *arrival,
                           const struct op_hello *hello, struct moment now)
{
    if (arrival->role != ROLE_PEER || actor_parse(hello->actor).kind != ACTOR_HINTD)
        return 0;
    (void)!convergence_hear(store, hello->actor, 1, 0, 0, now);
    const struct heard *heard = lives_heard(&store->ledger.lives, actor_process(hello->actor));
    return heard ? heard->start : 0;
}

static enum status serve_hello(struct store *store, const struct arrival *arrival,
                               struct reader *body, struct moment now, struct outbox *outbox)
{
    struct op_hello hello;
    if (op_decode_hello(&hello, body))
        return STATUS_INVALID;
    struct op_welcome welcome = op_welcome_to(&hello);
    welcome.capabilities = store->twin.text[0] ? CAPABILITY_TWIN : 0;
    welcome.heard_start = hear_hintd(store, arrival, &hello, now);
    welcome.cluster = store->ring->cluster;
    welcome.node = store->options.node;
    welcome.actor = store->ledger.actor;
    welcome.value_size_max = (uint32_t)store->options.value_size_max;
    welcome.role = (uint8_t)arrival->role;
    welcome.software = store->options.software;
    welcome.is_asking = store->is_asking;
    op_encode_welcome(&welcome, outbox_add(outbox, arrival->link, MESSAGE_WELCOME, 0));
    return STATUS_OK;
}

// The last start of this process of the asker's node. 0: none, or it is our own node's, whose
// processes do not prove which it is.
static uint32_t start_of(const struct store *store, const struct arrival *arrival,
                         enum actor_kind kind)
{
    int index = arrival->node ? ring_find_node(store->ring, arrival->node) : -1;
    if (index < 0)
        return 0;
    struct actor any = {.node = store->ring->nodes[index].number, .kind = kind, .start = 1};
    const struct heard *heard = lives_heard(&store->ledger.lives, actor_process(actor_make(any)));
    return heard ? heard->start : 0;
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
        .store_start = start_of(store, arrival, ACTOR_STORE),
        .hintd_start = start_of(store, arrival, ACTOR_HINTD),
    };
    op_encode_pong(&pong, outbox_add(outbox, arrival->link, MESSAGE_PONG, 0));
    return STATUS_OK;
}

// ---- Reads -------------------------------------------------------------------------------

static enum status serve_fetch(struct store *store, const struct arrival *arrival,
                               const struct message_header *header, struct reader *body,
                               struct outbox *outbox)
{
    struct op_fetch fetch;
    if (op_decode_fetch(&fetch, body))
        return STATUS_INVALID;
    const struct holding *holding = &store->holding;
    struct op_fetched fetched = {.id = fetch.id, .status = STATUS_BUSY};
    if (!fetch.head && meters_are_behind(&store->meters, arrival->link, outbox)) {
        store->counts.behind++;
        op_encode_fetched(&fetched, outbox_add(outbox, arrival->link, MESSAGE_FETCHED, 0));
        return STATUS_OK;
    }
    enum status status = reading_read(store, header, fetch.keyspace, fetch.key, &store->holding);
    if (status == STATUS_BUSY)
        return STATUS_BUSY;
    store->counts.fetches++;
    bool is_here = !status || status == STATUS_CORRUPT;
    if (is_here && access_may_lack(store, fetch.keyspace, holding->partition))
        status = STATUS_LOST;
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
        [FATE_PURGED] = FIND_PURGED,
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

// A write of this life, since then, would be known: requests are remembered whatever becomes of
// their records. What a life before had not made durable is forgotten, and may be under way still.
static uint32_t remembers_ms(const struct store *store, struct moment now)
{
    const struct requests *requests = &store->ledger.requests;
    uint64_t ms = now.mono_ms - store->remembers_from_ms;
    uint64_t most_ms = requests->dropped_count ? requests_oldest_ms(requests, now.mono_ms)
                                               : store->options.request_memory_ms;
    ms = ms < most_ms ? ms : most_ms;
    return ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
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
    if (!status && access_may_lack(store, op.keyspace, store->holding.partition))
        status = STATUS_LOST;
    if (!status)
        status = find_or_fence(store, &store->holding, &op, now, &found);
    found.status = (uint8_t)status;
    if (status == STATUS_NOT_FOUND)
        found.remembers_ms = remembers_ms(store, now);
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
    reading_note(store, status, op->partition, &fault);
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
    if (meters_are_behind(&store->meters, arrival->link, outbox)) {
        store->counts.behind++;
        reply_scan(store, arrival, &op, STATUS_BUSY, outbox);
        return STATUS_OK;
    }
    enum status status = STATUS_OK;
    if (!epoch_agrees(store->snapshot, header, op.keyspace, op.partition))
        status = STATUS_STALE;
    else if (op.partition >= store->ring->partition_count)
        status = STATUS_INVALID;
    if (!status && access_may_lack(store, op.keyspace, op.partition))
        status = STATUS_LOST;
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
        return serve_hello(store, arrival, body, now, outbox);
    case MESSAGE_PING:
        return serve_ping(store, arrival, body, now, outbox);
    case MESSAGE_UPDATE:
        return changes_update(store, arrival, header, body, now, outbox);
    case MESSAGE_MERGE:
        return changes_merge(store, arrival, header, body, now, outbox);
    case MESSAGE_FETCH:
        return serve_fetch(store, arrival, header, body, outbox);
    case MESSAGE_FIND:
        return serve_find(store, arrival, header, body, now, outbox);
    case MESSAGE_SCAN_LOCAL:
        return serve_scan(store, arrival, header, body, outbox);
    case MESSAGE_HEAR:
        return asking_serve(store, arrival, body, now, outbox);
    case MESSAGE_ASK:
        return question_serve(store, arrival, body, now, outbox);
    case MESSAGE_INSPECT:
        return inspect_serve(store, arrival, header, body, now, outbox);
    default:
        return rounds_serve(store, arrival, header, body, now, outbox);
    }
}
