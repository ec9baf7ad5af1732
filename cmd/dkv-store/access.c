#include "dkv-store/access.h"

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

// A read that has to wait, or that found no descriptor, met no damage.
void access_note_read(struct store *store, enum status status, uint32_t partition,
                      const struct fault *fault)
{
    if (status && status != STATUS_BUSY && status != STATUS_EXHAUSTED)
        store_note_damage(store, &store->counts.damaged_reads, fault);
    if (status == STATUS_CORRUPT)
        loss_found(store, partition, fault->text);
}

enum status access_read(struct store *store, const struct message_header *header, uint32_t keyspace,
                        struct bytes key, struct holding *holding)
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
    access_note_read(store, status, holding->partition, &fault);
    return status;
}

enum status access_read_to_change(struct store *store, const struct message_header *header,
                                  uint32_t keyspace, struct bytes key, struct holding *holding,
                                  struct moment now)
{
    enum status status = access_read(store, header, keyspace, key, holding);
    bool is_damaged = status == STATUS_CORRUPT;
    if (status && !is_damaged)
        return status;
    status = loss_settle(store, now);
    if (status)
        return status == STATUS_BUSY ? STATUS_DISK_FULL : status;
    if (is_damaged && !access_is_lost(store, keyspace, holding->partition))
        return STATUS_CORRUPT; // nobody has another copy
    if (is_damaged) {
        record_clear(&holding->record);
        buf_clear(&holding->encoded);
    }
    holding_begin(holding, &store->ledger);
    return STATUS_OK;
}

bool access_is_lost(const struct store *store, uint32_t keyspace, uint32_t partition)
{
    const struct ledger_shard *shard = ledger_find(&store->ledger, keyspace, partition);
    return shard && shard->is_lost;
}

struct replica access_replica(const struct store *store, const struct holding *holding,
                              struct moment now)
{
    const struct ledger_shard *shard = holding->shard;
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
void access_note_change(struct store *store, const struct holding *holding,
                        const struct change *change)
{
    store->hlc_last = change->hlc_last;
    store->counts.lww_dropped += change->lww_dropped;
    store->counts.lost_again += change->lost_again;
    store->counts.zombies += change->zombies;
    store->counts.repeated += change->is_repeated;
    store->counts.told += change->told != NULL;
    if (change->forged)
        note_forged(store, holding, change->forged);
}

enum status access_write(struct store *store, struct holding *holding, const struct change *change,
                         struct moment now)
{
    enum status status = holding_write(holding, store->lsm, &store->ledger, change, now.mono_ms);
    store->counts.stalled += status == STATUS_BUSY;
    return status;
}
