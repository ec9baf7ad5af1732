#include "dkv-store/serve.h"

#include "base/hash.h"
#include "dkv-store/replica.h"
#include "dkv-store/store_metrics.h"
#include "ring/engine_key.h"
#include "wire/age.h"

// Keys looked at for one page of a scan, whether or not they match.
enum { SCAN_STEPS_MAX = 8192, SCAN_SIZE_MAX = 1 << 20 };

enum { UNREAD_MAX = 16 << 20 }; // bytes that one router has not taken, about

// Everything that has been written so far: what an answer that depends on it must wait for.
static uint64_t gate(const struct store *store)
{
    return lsm_written(store->lsm);
}

static bool is_same_ring(const struct store *store, const struct message_header *header)
{
    return header->epoch == store->ring->epoch &&
           header->ring_hash == (uint32_t)store->snapshot->hash;
}

// Whether the sender and this store mean the same owners of a shard. They do if they have the same
// ring document; else if the shard is where it is since an epoch that both know (ring_successor.h).
static bool is_placed_alike(const struct store *store, const struct message_header *header,
                            uint32_t keyspace_id, uint32_t partition)
{
    const struct ring *ring = store->ring;
    if (header->epoch == ring->epoch)
        return is_same_ring(store, header);
    if (header->epoch > ring->epoch)
        return header->since <= ring->epoch;
    const struct ring_keyspace *keyspace = ring_keyspace(ring, keyspace_id);
    return partition < ring->partition_count && keyspace &&
           ring_since(ring, partition, keyspace) <= header->epoch;
}

// The place of a key. STALE: the sender has another ring, in which it may be elsewhere.
static enum status locate(struct store *store, const struct message_header *header,
                          uint32_t keyspace, struct bytes key, struct place *place)
{
    enum status status = replica_locate(store, keyspace, key, place);
    if (status)
        return is_same_ring(store, header) ? status : STATUS_STALE;
    return is_placed_alike(store, header, keyspace, place->partition) ? STATUS_OK : STATUS_STALE;
}

// A read that has to wait, or that found no descriptor, met no damage.
static void note_read(struct store *store, enum status status, const struct fault *fault)
{
    if (status && status != STATUS_BUSY && status != STATUS_EXHAUSTED)
        store_note_damage(store, &store->counts.damaged_reads, fault);
}

// Finds the place of a key and reads its record into store->local. BUSY: the operation has to
// wait for the disk, or for one on the same key that does.
static enum status locate_and_read(struct store *store, const struct message_header *header,
                                   uint32_t keyspace, struct bytes key, struct place *place)
{
    enum status status = locate(store, header, keyspace, key, place);
    if (status)
        return status;
    struct fault fault = {0};
    store->wait.key = place->hash;
    if (!store->wait.is_first &&
        parked_find(&store->parked, store->wait.key, &store->wait.position))
        return STATUS_BUSY;
    status = replica_read(store, place, &fault);
    note_read(store, status, &fault);
    return status;
}

static enum status serve_hello(struct store *store, const struct arrival *arrival,
                               struct reader *body, struct outbox *outbox)
{
    struct op_hello hello;
    if (op_decode_hello(&hello, body))
        return STATUS_INVALID;
    struct op_welcome welcome = {
        .id = hello.id,
        .version = MESSAGE_VERSION,
        .version_min = MESSAGE_VERSION,
        .version_max = MESSAGE_VERSION,
        .cluster = store->ring->cluster,
        .node = store->options.node,
        .actor = store->ledger.actor,
        .value_size_max = (uint32_t)store->options.value_size_max,
        .role = (uint8_t)arrival->role,
        .software = store->options.software,
    };
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
    buf_clear(&store->items);
    metrics_encode(&metrics, &store->items);
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
        .metrics = buf_bytes(&store->items),
    };
    op_encode_pong(&pong, outbox_add(outbox, arrival->link, MESSAGE_PONG, 0));
    return STATUS_OK;
}

static enum status serve_update(struct store *store, const struct arrival *arrival,
                                const struct message_header *header, struct reader *body,
                                struct moment now, struct outbox *outbox)
{
    struct op_update update;
    if (op_decode_update(&update, body))
        return STATUS_INVALID;
    struct place place;
    struct op_updated updated = {.id = update.id};
    enum status status = locate_and_read(store, header, update.keyspace, update.key, &place);
    if (status == STATUS_BUSY)
        return STATUS_BUSY;
    store->counts.updates++;
    uint64_t age_ms = message_age_ms(header, store->options.boot, now.mono_ms);
    if (!status)
        status = replica_update(store, &place, &update, age_ms, now, &updated);
    updated.status = (uint8_t)status;
    op_encode_updated(&updated, outbox_add(outbox, arrival->link, MESSAGE_UPDATED, 0));
    if (!status) {
        struct op_done durable = {.id = update.id, .status = STATUS_OK};
        op_encode_done(&durable, outbox_add(outbox, arrival->link, MESSAGE_DURABLE, gate(store)));
    }
    return STATUS_OK;
}

static enum status serve_merge(struct store *store, const struct arrival *arrival,
                               const struct message_header *header, struct reader *body,
                               struct moment now, struct outbox *outbox)
{
    struct op_merge merge;
    if (op_decode_merge(&merge, body))
        return STATUS_INVALID;
    struct place place;
    enum status status = locate_and_read(store, header, merge.keyspace, merge.key, &place);
    if (status == STATUS_BUSY)
        return STATUS_BUSY;
    store->counts.merges++;
    if (!status && record_decode(&store->incoming, merge.key, merge.record))
        status = STATUS_CORRUPT;
    if (!status && store->incoming.head)
        status = STATUS_INVALID;
    struct op_merged merged = {.id = merge.id};
    if (!status)
        status = replica_merge(store, &place, &merge, now, &merged);
    merged.status = (uint8_t)status;
    op_encode_merged(&merged,
                     outbox_add(outbox, arrival->link, MESSAGE_MERGED, status ? 0 : gate(store)));
    return STATUS_OK;
}

// What a router asks for piles up here if it, or the network, takes it more slowly than it asks;
// and PONG stands behind it. One answer, however large, may always be on its way. A router
// says in each message what it has taken (wire/meter.h).
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
    struct place place;
    struct op_fetched fetched = {.id = fetch.id, .status = STATUS_BUSY};
    if (!fetch.head && is_behind(store, arrival, outbox)) {
        store->counts.behind++;
        op_encode_fetched(&fetched, outbox_add(outbox, arrival->link, MESSAGE_FETCHED, 0));
        return STATUS_OK;
    }
    enum status status = locate_and_read(store, header, fetch.keyspace, fetch.key, &place);
    if (status == STATUS_BUSY)
        return STATUS_BUSY;
    store->counts.fetches++;
    if (!status && record_is_empty(&store->local))
        status = STATUS_NOT_FOUND;
    if (!status && fetch.head) {
        buf_clear(&store->encoded);
        record_encode_head(&store->local, fetch.key, &store->encoded);
        fetched.record = buf_bytes(&store->encoded);
    } else if (!status) {
        fetched.record = buf_bytes(&store->local_bytes);
    }
    fetched.status = (uint8_t)status;
    op_encode_fetched(&fetched, outbox_add(outbox, arrival->link, MESSAGE_FETCHED, 0));
    return STATUS_OK;
}

static enum status serve_find(struct store *store, const struct arrival *arrival,
                              const struct message_header *header, struct reader *body,
                              struct moment now, struct outbox *outbox)
{
    struct op_find find;
    if (op_decode_find(&find, body))
        return STATUS_INVALID;
    struct place place;
    struct op_found found = {.id = find.id};
    enum status status = locate_and_read(store, header, find.keyspace, find.key, &place);
    if (status == STATUS_BUSY)
        return STATUS_BUSY;
    store->counts.finds++;
    if (!status)
        status = replica_find_or_fence(store, &place, &find, now, &found);
    if (!status)
        found.record = buf_bytes(&store->local_bytes);
    found.status = (uint8_t)status;
    op_encode_found(&found, outbox_add(outbox, arrival->link, MESSAGE_FOUND, 0));
    return STATUS_OK;
}

static enum status add_item(struct store *store, const struct op_scan_local *scan, struct bytes key,
                            struct bytes value, struct fault *fault)
{
    if (!scan->heads) {
        buf_append_short(&store->items, key);
        buf_append_sized(&store->items, value);
        return STATUS_OK;
    }
    if (record_decode(&store->local, key, value))
        return fault_set(fault, STATUS_CORRUPT, "%s: a record fails its checksum",
                         store->options.lsm.dir);
    buf_clear(&store->encoded);
    record_encode_head(&store->local, key, &store->encoded);
    buf_append_short(&store->items, key);
    buf_append_sized(&store->items, buf_bytes(&store->encoded));
    return STATUS_OK;
}

// Who was put off too often waits for the disk, but for the first pair of a page alone.
static enum status next_pair(struct store *store, struct lsm_scan *walk, bool is_first,
                             struct bytes *engine_key, struct bytes *value, struct fault *fault)
{
    if (is_first && parked_must_read(&store->wait))
        return lsm_scan_next(walk, engine_key, value, fault);
    return lsm_scan_try_next(walk, engine_key, value, &store->wait.position, fault);
}

// Collects one page into store->items. BUSY: it has to be begun again; but a page that was
// begun before may be short.
static enum status collect_page(struct store *store, const struct op_scan_local *scan,
                                struct lsm_scan *walk, struct op_scanned *scanned, struct buf *last,
                                struct fault *fault)
{
    uint32_t size_max = scan->size_max < SCAN_SIZE_MAX ? scan->size_max : SCAN_SIZE_MAX;
    buf_clear(&store->items);
    for (unsigned step = 0; step < SCAN_STEPS_MAX && store->items.size < size_max; step++) {
        struct bytes engine_key, value;
        enum status status = next_pair(store, walk, !step, &engine_key, &value, fault);
        scanned->done = status == STATUS_END;
        if (scanned->done || (status == STATUS_BUSY && step && store->wait.miss_count))
            return STATUS_OK;
        if (status)
            return status;
        buf_set(last, engine_key);
        struct engine_key parts;
        if (!engine_key_decode(&parts, engine_key))
            return fault_set(fault, STATUS_CORRUPT, "%s: a key that is none of ours",
                             store->options.lsm.dir);
        if (parts.keyspace != scan->keyspace || !bytes_has_prefix(parts.key, scan->prefix))
            continue;
        status = add_item(store, scan, parts.key, value, fault);
        if (status)
            return status;
        scanned->item_count++;
    }
    return STATUS_OK;
}

static enum status scan_page(struct store *store, const struct op_scan_local *scan,
                             struct op_scanned *scanned, struct buf *last)
{
    struct buf from = {0}, to = {0};
    engine_key_range(store->ring->partition_count, scan->partition, &from, &to);
    buf_set(last, scan->after);
    if (scan->after.size) { // the smallest key greater than `after`
        buf_set(&from, scan->after);
        buf_append_u8(&from, 0);
    }
    struct lsm_scan *walk = lsm_scan_open(store->lsm, buf_bytes(&from), buf_bytes(&to));
    struct fault fault = {0};
    enum status status = collect_page(store, scan, walk, scanned, last, &fault);
    store->wait.miss_count += status == STATUS_BUSY;
    note_read(store, status, &fault);
    lsm_scan_close(walk);
    buf_release(&from);
    buf_release(&to);
    return status;
}

static void answer_scan(struct store *store, const struct arrival *arrival, enum status status,
                        struct op_scanned *scanned, struct bytes last, struct outbox *outbox)
{
    scanned->status = (uint8_t)status;
    if (status) {
        scanned->item_count = 0;
        buf_clear(&store->items);
    }
    scanned->last = last;
    scanned->items = buf_bytes(&store->items);
    op_encode_scanned(scanned, outbox_add(outbox, arrival->link, MESSAGE_SCANNED_LOCAL, 0));
}

static enum status serve_scan(struct store *store, const struct arrival *arrival,
                              const struct message_header *header, struct reader *body,
                              struct outbox *outbox)
{
    struct op_scan_local scan;
    if (op_decode_scan_local(&scan, body))
        return STATUS_INVALID;
    store->wait.key = hash_mix(scan.id, arrival->link); // it waits for no other operation
    struct op_scanned scanned = {.id = scan.id, .keyspace = scan.keyspace, .replied = 1};
    struct buf last = {0};
    if (is_behind(store, arrival, outbox)) {
        store->counts.behind++;
        buf_clear(&store->items);
        answer_scan(store, arrival, STATUS_BUSY, &scanned, (struct bytes){0}, outbox);
        return STATUS_OK;
    }
    enum status status = STATUS_OK;
    if (!is_placed_alike(store, header, scan.keyspace, scan.partition))
        status = STATUS_STALE;
    else if (scan.partition >= store->ring->partition_count)
        status = STATUS_INVALID;
    if (!status)
        status = scan_page(store, &scan, &scanned, &last);
    if (status != STATUS_BUSY) {
        store->counts.scans++;
        answer_scan(store, arrival, status, &scanned, buf_bytes(&last), outbox);
    }
    buf_release(&last);
    return status == STATUS_BUSY ? STATUS_BUSY : STATUS_OK;
}

enum status serve(struct store *store, const struct arrival *arrival,
                  const struct message_header *header, struct reader *body, struct moment now,
                  struct outbox *outbox)
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
    default:
        return STATUS_INVALID;
    }
}
