#include "lsm/engine.h"

#include <stdlib.h>

static void count_tables(const struct lsm *lsm, struct lsm_stats *stats)
{
    struct sstable **tables = version_tables(lsm->version, &stats->table_count);
    for (size_t i = 0; i < stats->table_count; i++) {
        stats->table_bytes += tables[i]->info.size;
        stats->table_entries += tables[i]->info.entry_count;
    }
    free(tables);
    stats->range_count = lsm->version->count;
    stats->value_file_count = lsm->version->value_count;
    for (size_t i = 0; i < lsm->version->value_count; i++) {
        stats->value_bytes += lsm->version->values[i].file->size;
        stats->value_live_bytes += lsm->version->values[i].size;
    }
    for (size_t i = 0; i < lsm->version->count; i++) {
        uint64_t count = lsm->version->ranges[i].count;
        if (stats->slice_count_max < count)
            stats->slice_count_max = count;
    }
    stats->debt_permille = compaction_debt(lsm->version, lsm->options.merge_run_count);
}

void lsm_stats(const struct lsm *lsm, struct lsm_stats *stats)
{
    *stats = lsm->stats;
    const struct memtable *memtables[] = {lsm->active.memtable, lsm->sealed.memtable};
    for (size_t i = 0; i < 2 && memtables[i]; i++) {
        stats->memtable_bytes += memtables[i]->used;
        stats->memtable_entries += memtables[i]->key_count;
    }
    stats->log_bytes = log_size(&lsm->log, lsm->flushed);
    count_tables(lsm, stats);
    stats->disk_bytes = stats->table_bytes + log_disk_size(&lsm->log) +
                        (lsm->snapshot.number ? FRAME_FILE_HEADER_SIZE + lsm->snapshot.size : 0);
    for (size_t i = 0; i < lsm->files.value_count; i++) {
        if (!files_is_of_log(&lsm->files, lsm->files.values[i]->id))
            stats->disk_bytes += lsm->files.values[i]->size;
    }
    stats->unflushed_count = lsm->sealed.memtable != NULL;
    for (size_t i = 0; i < MERGE_COUNT; i++)
        stats->merging_count += lsm->merges[i].version != NULL;
    stats->disk_written_bytes += lsm->log.mapped_size;
    stats->cache_hit_count = lsm->cache.hit_count;
    stats->cache_miss_count = lsm->cache.miss_count;
    stats->cold_read_count = lsm->reads.done + lsm->reads.count;
    stats->disk_full = lsm->space.is_full;
}
