#include "dkv-store/reading.h"

#include "dkv-store/epoch.h"
#include "dkv-store/loss.h"

// Locates a key. STALE: the sender has another ring, in which it may be elsewhere.
static enum status locate(const struct store *store, const struct message_header *header,
                          uint32_t keyspace, struct bytes key, struct holding *holding)
{
    enum status status = holding_locate(holding, store->ring, store->node_index, keyspace, key);
    if (status)
        return epoch_is_same(store->snapshot, header) ? status : STATUS_STALE;
    bool agrees = epoch_agrees(store->snapshot, header, keyspace, holding->partition);
    return agrees ? STATUS_OK : STATUS_STALE;
}

void reading_note(struct store *store, enum status status, uint32_t partition,
                  const struct fault *fault)
{
    if (status == STATUS_CORRUPT)
        loss_found(store, partition, fault->text);
    if (status && status != STATUS_BUSY && status != STATUS_EXHAUSTED)
        store_note_damage(store, &store->counts.damaged_reads, fault);
}

enum status reading_read(struct store *store, const struct message_header *header,
                         uint32_t keyspace, struct bytes key, struct holding *holding)
{
    enum status status = locate(store, header, keyspace, key, holding);
    if (status)
        return status;
    struct fault fault; // large, and every operation comes this way: not cleared
    fault.text[0] = '\0';
    store->wait.key = holding->hash;
    if (!store->wait.is_first &&
        parked_find(&store->parked, store->wait.key, &store->wait.position))
        return STATUS_BUSY;
    status = holding_read(holding, store->lsm, &store->wait, store->options.lsm.dir, &fault);
    reading_note(store, status, holding->partition, &fault);
    return status;
}

struct replica reading_replica(const struct store *store, const struct holding *holding,
                               struct moment now)
{
    const struct ledger_shard *shard = holding->shard;
    if (!shard) // the key is only asked about
        shard = ledger_find(&store->ledger, holding->keyspace, holding->partition);
    return (struct replica){
        .key = holding->key,
        .key_hash = holding->hash,
        .is_lww = holding->conflict == RING_CONFLICT_LWW,
        .held = &holding->record,
        .encoded = buf_bytes(&holding->encoded),
        .actor = store->ledger.actor,
        .counter = shard ? shard->counter : 0,
        .seen = shard ? &shard->seen : NULL,
        .horizon = shard ? &shard->horizon : NULL,
        .is_lost = shard && shard->is_lost,
        .told = shard && shard->is_lost ? &shard->stability.told : NULL,
        .recall = requests_recall(&store->ledger.requests),
        .hlc_last = store->hlc_last,
        .wall_ms = now.wall_ms,
        .limits = {.value_size_max = store->options.value_size_max,
                   .record_size_max = store->options.record_size_max,
                   .clock_refuse_ms = store->options.clock_refuse_ms},
    };
}
