#include "dkv-store/access.h"

#include "dkv-store/loss.h"
#include "dkv-store/reading.h"

enum status access_read_to_change(struct store *store, const struct message_header *header,
                                  uint32_t keyspace, struct bytes key, struct holding *holding,
                                  struct moment now)
{
    enum status status = reading_read(store, header, keyspace, key, holding);
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

bool access_may_lack(const struct store *store, uint32_t keyspace, uint32_t partition)
{
    return store->is_asking || access_is_lost(store, keyspace, partition);
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

void access_note_expiry(const struct store *store, struct ledger_shard *shard,
                        const struct record *record)
{
    for (uint32_t i = 0; i < record->count; i++) {
        uint64_t expires_ms = record->siblings[i].expires_ms;
        if (expires_ms)
            ledger_first_ms(&shard->expires_ms, expires_ms + store->options.clock_refuse_ms);
    }
}

enum status access_write(struct store *store, struct holding *holding, const struct change *change,
                         struct moment now)
{
    enum status status = holding_write(holding, store->lsm, &store->ledger, change, now.mono_ms);
    store->counts.stalled += status == STATUS_BUSY;
    if (!status && change->record.size)
        access_note_expiry(store, holding->shard, &change->result);
    return status;
}
