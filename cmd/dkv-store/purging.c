#include "dkv-store/purging.h"

#include "dkv-store/access.h"
#include "dkv-store/frame.h"
#include "dkv-store/loss.h"
#include "dkv-store/reading.h"
#include "dkv-store/trash.h"
#include "replica/strip.h"

// ---- Horizons ----------------------------------------------------------------------------

enum status purging_raise(struct store *store, struct ledger_shard *shard,
                          const struct seen *horizon, struct moment now)
{
    if (seen_includes(&shard->horizon, horizon))
        return STATUS_OK;
    frame_begin(store);
    ledger_notes_horizon((struct ledger_place){shard->keyspace, shard->partition}, horizon,
                         &store->frame.note);
    return frame_write(store, now);
}

void purging_look_at(struct store *store, struct ledger_shard *shard, struct moment now)
{
    struct stability *stability = &shard->stability;
    uint64_t age_ms = store->options.purge_age_ms;
    if (shard->is_lost)
        return;
    const struct seen *ripe = stability_ripe(stability, now.mono_ms, age_ms);
    // What could not be written is found again.
    if (ripe && purging_raise(store, shard, ripe, now))
        return;
    stability_note(stability, &shard->seen, &shard->horizon, now.mono_ms, age_ms);
}

static void look_at_some(struct store *store, struct moment now)
{
    struct purge *purge = &store->purge;
    struct ledger_shard *shard = NULL;
    uint64_t ticks = (now.mono_ms - purge->looked_ms) / PURGING_TICK_MS;
    unsigned most =
        PURGING_SHARDS * (ticks < PURGING_TICKS_MAX ? (unsigned)ticks + 1 : PURGING_TICKS_MAX);
    purge->looked_ms = now.mono_ms;
    for (unsigned i = 0; i < most; i++) {
        shard = ledger_next(&store->ledger, &purge->shard_at);
        if (!shard)
            break;
        if (frame_shard(store, shard->keyspace, shard->partition))
            purging_look_at(store, shard, now);
    }
    if (!shard)
        purge->shard_at = 0;
}

// What is left of a tick's work.
struct allowance {
    unsigned keys, partitions;
    size_t size;
};

// ---- Passes ------------------------------------------------------------------------------

static bool has_horizon(const struct ledger_shard *shard)
{
    return shard && !shard->is_lost && (shard->horizon.dots.count || shard->horizon.closed_count);
}

static bool is_due(const struct ledger_shard *shard, struct moment now)
{
    if (!has_horizon(shard))
        return false;
    bool has_deletions = shard->gone_count || shard->deleted_root;
    bool has_expired = shard->expires_ms && shard->expires_ms <= now.wall_ms;
    return (shard->must_strip && (has_deletions || has_expired)) ||
           (shard->strip_at_ms && shard->strip_at_ms <= now.wall_ms) ||
           (shard->must_strip && now.mono_ms - shard->stripped_ms >= PURGING_TRIM_MS);
}

static struct ledger_shard *shard_of(struct store *store, uint32_t keyspace, uint32_t partition)
{
    return ledger_find(&store->ledger, keyspace, partition)
               ? ledger_shard(&store->ledger, keyspace, partition)
               : NULL;
}

// What is in the trash says when it expires; what a life before this one left there, when it is
// read.
static bool is_trash_due(const struct ledger_shard *trash, struct moment now)
{
    return trash && trash->live_count + trash->gone_count &&
           (!trash->stripped_ms || (trash->strip_at_ms && trash->strip_at_ms <= now.wall_ms));
}

// Begins to look through the partition if one of its shards is due.
static bool begin_pass(struct store *store, struct moment now)
{
    struct purge *purge = &store->purge;
    const struct ring *ring = store->ring;
    struct ledger_shard *trash = shard_of(store, TRASH_KEYSPACE, purge->partition);
    bool is_any = is_trash_due(trash, now);
    if (is_any) {
        trash->stripped_ms = now.mono_ms;
        trash->strip_at_ms = 0;
    }
    for (uint32_t i = 0; i < ring->keyspace_count && !is_any; i++)
        is_any = is_due(shard_of(store, ring->keyspaces[i].id, purge->partition), now);
    for (uint32_t i = 0; i < ring->keyspace_count && is_any; i++) {
        struct ledger_shard *shard = shard_of(store, ring->keyspaces[i].id, purge->partition);
        if (!has_horizon(shard))
            continue;
        shard->must_strip = false;
        shard->strip_at_ms = shard->expires_ms = 0;
        shard->stripped_ms = now.mono_ms;
    }
    if (is_any)
        engine_key_range(ring->partition_count, purge->partition, &purge->from, &purge->to);
    return is_any;
}

static bool find_pass(struct store *store, struct moment now, struct allowance *left)
{
    struct purge *purge = &store->purge;
    while (left->partitions && !purge->is_passing) {
        left->partitions--;
        purge->partition = (purge->partition + 1) % store->ring->partition_count;
        purge->is_passing = begin_pass(store, now);
    }
    return purge->is_passing;
}

static enum status strip(struct store *store, struct holding *holding, struct moment now)
{
    struct ledger_shard *shard = holding->shard;
    struct replica replica = reading_replica(store, holding, now);
    uint64_t expires_ms = UINT64_MAX;
    bool is_changed = strip_record(&replica, &store->change, &expires_ms);
    if (expires_ms < UINT64_MAX)
        ledger_first_ms(&shard->strip_at_ms, expires_ms);
    else if (!is_changed)
        access_note_expiry(store, shard, &holding->record);
    if (!is_changed)
        return STATUS_OK;
    enum status status = access_write(store, holding, &store->change, now);
    store->counts.stripped += !status;
    return status;
}

static enum status strip_pair(struct store *store, struct bytes engine_key, struct bytes value,
                              struct moment now)
{
    struct holding *holding = &store->purge.holding;
    struct engine_key parts;
    if (!engine_key_decode(&parts, engine_key))
        return STATUS_OK;
    if (parts.keyspace == TRASH_KEYSPACE)
        return trash_expire(store, parts.token, engine_key, parts.key, value, now);
    if (holding_locate(holding, store->ring, store->node_index, parts.keyspace, parts.key))
        return STATUS_OK;
    holding_begin(holding, &store->ledger);
    if (!has_horizon(holding->shard))
        return STATUS_OK;
    buf_set(&holding->encoded, value);
    if (record_decode(&holding->record, holding->key, buf_bytes(&holding->encoded)))
        return STATUS_CORRUPT;
    return strip(store, holding, now);
}

// BUSY: the disk is slow, or memory is full.
static enum status pass(struct store *store, struct lsm_scan *scan, struct moment now,
                        struct allowance *left, struct fault *fault)
{
    struct purge *purge = &store->purge;
    for (bool is_first = true; left->keys && left->size; is_first = false) {
        struct bytes key, value;
        enum status status =
            is_first && parked_must_read(&purge->wait)
                ? lsm_scan_next(scan, &key, &value, fault)
                : lsm_scan_try_next(scan, &key, &value, &purge->wait.position, fault);
        if (!status)
            status = strip_pair(store, key, value, now);
        if (status == STATUS_BUSY && purge->wait.miss_count < PARKED_MISSES_MAX)
            purge->wait.miss_count++;
        if (status)
            return status;
        purge->wait.miss_count = 0;
        buf_set(&purge->from, key);
        buf_append_u8(&purge->from, 0);
        size_t size = key.size + value.size;
        left->keys--;
        left->size -= size < left->size ? size : left->size;
    }
    return STATUS_OK;
}

// Goes on with the pass. False: enough for this tick.
static bool pass_on(struct store *store, struct moment now, struct allowance *left)
{
    struct purge *purge = &store->purge;
    struct fault fault = {0};
    if (lsm_loaded(store->lsm) < purge->wait.position && !parked_must_read(&purge->wait))
        return false;
    struct lsm_scan *scan =
        lsm_scan_open(store->lsm, buf_bytes(&purge->from), buf_bytes(&purge->to));
    enum status status = pass(store, scan, now, left, &fault);
    lsm_scan_close(scan);
    reading_note(store, status == STATUS_END ? STATUS_OK : status, purge->partition, &fault);
    if (status == STATUS_BUSY || status == STATUS_DISK_FULL)
        return false;
    purge->is_passing = !status;
    return status;
}

void purging_on_tick(struct store *store, struct moment now)
{
    struct allowance left = {PURGING_KEYS, PURGING_PARTITIONS, PURGING_SIZE};
    if (loss_settle(store, now)) // not yet
        return;
    look_at_some(store, now);
    while ((store->purge.is_passing || find_pass(store, now, &left)) && pass_on(store, now, &left))
        ;
}
