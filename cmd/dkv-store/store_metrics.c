#include "dkv-store/store_metrics.h"

#include "dkv-store/dropping.h"
#include "dkv-store/trash.h"

static void add_store(const struct store *store, struct moment now, uint64_t *values)
{
    const struct store_counts *counts = &store->counts;
    uint64_t since = store->unsynced_since_ms;
    values[METRIC_KEYS] = store->ledger.entries - trash_count(&store->ledger);
    values[METRIC_UNSYNCED_MS] = since && now.mono_ms > since ? now.mono_ms - since : 0;
    values[METRIC_REQUESTS] = store->ledger.requests.count;
    values[METRIC_REQUESTS_BYTES] = requests_bytes(&store->ledger.requests);
    values[METRIC_REQUESTS_OLDEST_MS] = requests_oldest_ms(&store->ledger.requests, now.mono_ms);
    values[METRIC_REQUESTS_DROPPED] = store->ledger.requests.dropped_count;
    values[METRIC_UPDATES] = counts->updates;
    values[METRIC_MERGES] = counts->merges;
    values[METRIC_FETCHES] = counts->fetches;
    values[METRIC_FINDS] = counts->finds;
    values[METRIC_SCANS] = counts->scans;
    values[METRIC_REPEATED] = counts->repeated;
    values[METRIC_LWW_DROPPED] = counts->lww_dropped;
    values[METRIC_LOST_AGAIN] = counts->lost_again;
    values[METRIC_EXPIRED] = counts->expired;
    values[METRIC_REFUSED] = counts->refused;
    values[METRIC_STALLED] = counts->stalled;
    values[METRIC_PACED_MS] = store->brake.held_ms;
    values[METRIC_DAMAGED_READS] = counts->damaged_reads;
    values[METRIC_DAMAGED_MERGES] = counts->damaged_merges;
    values[METRIC_PARKED] = counts->parked;
    values[METRIC_PARKED_NOW] = store->parked.count;
    values[METRIC_BEHIND] = counts->behind;
    values[METRIC_LATE] = counts->late;
    values[METRIC_TOLD] = counts->told;
    values[METRIC_FORGED] = counts->forged;
    values[METRIC_LOST_COPIES] = ledger_lost_count(&store->ledger);
    values[METRIC_LOSSES] = counts->losses;
    values[METRIC_SEEN] = ledger_seen_count(&store->ledger);
    values[METRIC_ZOMBIES] = counts->zombies;
    values[METRIC_STRIPPED] = counts->stripped;
    values[METRIC_RETURNED] = counts->returned;
    values[METRIC_RING_EPOCH] = store->ring->epoch; // what goes with it is of this epoch
    values[METRIC_JOINING] = store->joining.left;
    values[METRIC_FORMER] = dropping_count(store);
    values[METRIC_DELAY_US] = delay_now_us(&store->delay, now);
}

static void add_engine(const struct lsm_stats *stats, uint64_t *values)
{
    values[METRIC_DISK_FULL] = stats->disk_full;
    values[METRIC_MEMTABLE_BYTES] = stats->memtable_bytes;
    values[METRIC_MEMTABLE_ENTRIES] = stats->memtable_entries;
    values[METRIC_LOG_BYTES] = stats->log_bytes;
    values[METRIC_TABLES] = stats->table_count;
    values[METRIC_TABLE_BYTES] = stats->table_bytes;
    values[METRIC_TABLE_ENTRIES] = stats->table_entries;
    values[METRIC_WRITTEN_BYTES] = stats->written_bytes;
    values[METRIC_DISK_WRITTEN_BYTES] = stats->disk_written_bytes;
    values[METRIC_FLUSHES] = stats->flush_count;
    values[METRIC_ENGINE_MERGES] = stats->merge_count;
    values[METRIC_MERGE_WRITTEN_BYTES] = stats->merge_written_bytes;
    values[METRIC_VALUE_FILES] = stats->value_file_count;
    values[METRIC_VALUE_BYTES] = stats->value_bytes;
    values[METRIC_VALUE_LIVE_BYTES] = stats->value_live_bytes;
    values[METRIC_RANGES] = stats->range_count;
    values[METRIC_SLICES_MAX] = stats->slice_count_max;
    values[METRIC_DEBT_PERMILLE] = stats->debt_permille;
    values[METRIC_LOG_SYNCS] = stats->log_sync_count;
    values[METRIC_FILTER_MISSES] = stats->filter_miss_count;
    values[METRIC_CACHE_HITS] = stats->cache_hit_count;
    values[METRIC_CACHE_MISSES] = stats->cache_miss_count;
    values[METRIC_GETS] = stats->get_count;
    values[METRIC_TABLE_LOOKS] = stats->table_look_count;
    values[METRIC_DISK_BYTES] = stats->disk_bytes;
    values[METRIC_UNFLUSHED] = stats->unflushed_count;
    values[METRIC_MERGING] = stats->merging_count;
    values[METRIC_COLD_READS] = stats->cold_read_count;
}

void store_metrics(const struct store *store, struct moment now, struct metrics *metrics)
{
    struct lsm_stats stats;
    lsm_stats(store->lsm, &stats);
    *metrics = (struct metrics){0};
    add_store(store, now, metrics->values);
    add_engine(&stats, metrics->values);
}
