#include "lsm/lsm.h"

#include "base/xalloc.h"
#include "lsm/log_recovery.h"
#include "lsm/opening.h"

#include <assert.h>
#include <stdlib.h>

enum {
    LOG_SEGMENT_SIZE_MIN = 64 << 10,
    MEMTABLE_SIZE_MIN = 4 << 10,
};

struct lsm_options lsm_options_default(void)
{
    return (struct lsm_options){
        .memtable_size = 64 << 20,
        .log_segment_size = 64 << 20,
        .block_size = 8 << 10,
        .cache_size = 64 << 20,
        .table_count_max = 256,
        .merge_run_count = 8,
        .range_size = 64 << 20,
        .separate_size = 4 << 10,
        .durability = LSM_DURABILITY_GROUP,
        .interval_ms = 1000,
    };
}

enum status lsm_open(struct lsm **lsm, const struct lsm_options *options, struct fault *fault)
{
    assert(options->log_segment_size >= LOG_SEGMENT_SIZE_MIN);
    assert((options->log_segment_size & (options->log_segment_size - 1)) == 0);
    assert(options->log_segment_size <= (size_t)1 << 31);
    assert(options->memtable_size >= MEMTABLE_SIZE_MIN);
    *lsm = xcalloc(1, sizeof **lsm);
    (*lsm)->options = *options;
    (*lsm)->vfs = options->vfs;
    (*lsm)->dir = xstrdup(options->dir);
    (*lsm)->options.dir = (*lsm)->dir;
    for (size_t i = 0; i < LSM_WORKER_COUNT; i++)
        (*lsm)->jobs[i].lsm = *lsm;
    (*lsm)->files = (struct sstable_files){
        .count_max = options->table_count_max ? options->table_count_max : 1,
    };
    cache_init(&(*lsm)->cache, options->cache_size);
    enum status status = opening_run(*lsm, fault);
    if (status) {
        lsm_close(*lsm);
        *lsm = NULL;
        return status;
    }
    // A log that many short lives made long is not replayed for ever.
    if (log_size(&(*lsm)->log, (*lsm)->flushed) >
        2 * (options->memtable_size + options->log_segment_size))
        lsm_flush(*lsm);
    return STATUS_OK;
}

void lsm_close(struct lsm *lsm)
{
    for (size_t i = 0; i < LSM_WORKER_COUNT; i++) {
        engine_release_job(&lsm->jobs[i]);
        log_write_release(&lsm->jobs[i].write, lsm->vfs);
        buf_release(&lsm->jobs[i].edit);
    }
    flush_release(&lsm->flush);
    for (size_t i = 0; i < MERGE_COUNT; i++)
        engine_drop_version(lsm, merge_release(&lsm->merges[i]));
    engine_drop_version(lsm, lsm->commit.draft);
    engine_drop_version(lsm, lsm->version);
    engine_drop_version(lsm, lsm->checkpoint.version);
    buf_release(&lsm->checkpoint.dir);
    if (lsm->ingest)
        ingest_release(lsm->ingest);
    commit_release_values(lsm);
    value_reader_release(&lsm->values);
    free(lsm->value_files);
    buf_release(&lsm->drop.begin);
    buf_release(&lsm->drop.end);
    cache_release(&lsm->cache);
    sstable_files_release(&lsm->files);
    orders_release(&lsm->active_orders);
    orders_release(&lsm->sealed_orders);
    memtable_release(lsm->active);
    memtable_release(lsm->sealed);
    memtable_release(lsm->spare);
    log_release(&lsm->log);
    manifest_close(&lsm->manifest);
    buf_release(&lsm->snapshot);
    buf_release(&lsm->sealed_snapshot);
    buf_release(&lsm->garbage);
    buf_release(&lsm->packed);
    if (lsm->lock)
        lsm->vfs->close(lsm->vfs, lsm->lock);
    free(lsm->dir);
    free(lsm);
}

// ---- Looking after it ------------------------------------------------------------

void engine_add_garbage(struct lsm *lsm, enum file_kind kind, uint64_t number)
{
    struct buf path = {0};
    file_path(&path, lsm->dir, kind, number);
    buf_append(&lsm->garbage, bytes_of(path.data, path.size + 1));
    buf_release(&path);
}

void engine_drop_table(void *context, struct sstable *table)
{
    struct lsm *lsm = context;
    uint64_t number = table->info.number;
    if (table->ref_count == 1)
        cache_forget(&lsm->cache, table);
    if (sstable_release(table))
        engine_add_garbage(lsm, FILE_TABLE, number);
}

struct value_file *engine_add_value_file(struct lsm *lsm, uint64_t id, uint64_t size)
{
    for (size_t i = 0; i < lsm->value_file_count; i++) {
        if (lsm->value_files[i]->id == id) { // a segment from which all had gone
            lsm->value_files[i]->ref_count++;
            return lsm->value_files[i];
        }
    }
    struct value_file *file = xmalloc(sizeof *file);
    *file = (struct value_file){.ref_count = 1, .id = id, .size = size};
    lsm->value_files =
        xrealloc(lsm->value_files, (lsm->value_file_count + 1) * sizeof(struct value_file *));
    lsm->value_files[lsm->value_file_count++] = file;
    return file;
}

// A segment that the log still has is the log's to remove.
void engine_drop_values(void *context, struct value_file *file)
{
    struct lsm *lsm = context;
    if (--file->ref_count)
        return;
    size_t i = 0;
    while (lsm->value_files[i] != file)
        i++;
    lsm->value_files[i] = lsm->value_files[--lsm->value_file_count];
    value_reader_forget(&lsm->values, file->id);
    uint64_t number = file->id & ~VALUE_IN_LOG;
    if (number == file->id)
        engine_add_garbage(lsm, FILE_VALUES, number);
    else if (!log_segment_size(&lsm->log, number))
        engine_add_garbage(lsm, FILE_LOG, number);
    free(file);
}

bool engine_keeps_segment(const void *context, uint64_t number)
{
    const struct lsm *lsm = context;
    size_t i = 0;
    while (i < lsm->value_file_count && lsm->value_files[i]->id != (number | VALUE_IN_LOG))
        i++;
    return i < lsm->value_file_count;
}

enum status engine_read_value(struct lsm *lsm, const struct entry *entry, struct buf *value,
                              struct fault *fault)
{
    struct value_pointer pointer;
    if (entry->is_pointer && value_pointer_decode(&pointer, entry->value))
        return value_read(&lsm->values, &pointer, value, fault);
    if (entry->is_pointer)
        return fault_set(fault, STATUS_CORRUPT, "%s: a pointer that makes no sense", lsm->dir);
    if (entry->is_packed && !value_unpack(value, entry->value))
        return fault_set(fault, STATUS_CORRUPT, "%s: a packed value that makes no sense in the log",
                         lsm->dir);
    if (!entry->is_packed)
        buf_set(value, entry->value);
    return STATUS_OK;
}

void engine_begin_try(struct lsm *lsm, uint64_t ahead_size)
{
    lsm->reads.found = 0;
    lsm->reads.ahead_size = ahead_size;
    lsm->cache.reads = lsm->values.reads = &lsm->reads;
}

uint64_t engine_end_try(struct lsm *lsm)
{
    lsm->cache.reads = lsm->values.reads = NULL;
    return lsm->reads.found;
}

void engine_drop_version(struct lsm *lsm, struct version *version)
{
    version_release(version, &(struct version_drop){
                                 .context = lsm,
                                 .table = engine_drop_table,
                                 .values = engine_drop_values,
                             });
}

enum status lsm_drop_range(struct lsm *lsm, struct bytes from, struct bytes to)
{
    if (lsm->drop.is_wanted)
        return STATUS_BUSY;
    lsm->drop = (struct drop){.is_wanted = true, .address = lsm->written};
    buf_set(&lsm->drop.begin, from);
    buf_set(&lsm->drop.end, to);
    lsm_flush(lsm);
    return STATUS_OK;
}

bool lsm_is_dropping(const struct lsm *lsm)
{
    return lsm->drop.is_wanted;
}

enum status lsm_drop_status(const struct lsm *lsm, struct fault *fault)
{
    if (lsm->drop.is_wanted)
        return STATUS_BUSY;
    return lsm->drop.status ? fault_set(fault, lsm->drop.status, "%s", lsm->drop.fault.text)
                            : STATUS_OK;
}

void engine_end_drop(struct lsm *lsm, enum status status, const struct fault *fault)
{
    buf_release(&lsm->drop.begin);
    buf_release(&lsm->drop.end);
    lsm->drop = (struct drop){.status = status};
    if (fault)
        lsm->drop.fault = *fault;
}

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
    const struct memtable *memtables[] = {lsm->active, lsm->sealed};
    for (size_t i = 0; i < 2 && memtables[i]; i++) {
        stats->memtable_bytes += memtables[i]->used;
        stats->memtable_entries += memtables[i]->key_count;
    }
    stats->log_bytes = log_size(&lsm->log, lsm->flushed);
    count_tables(lsm, stats);
    stats->disk_bytes = stats->table_bytes + log_disk_size(&lsm->log);
    for (size_t i = 0; i < lsm->value_file_count; i++) {
        uint64_t id = lsm->value_files[i]->id;
        if (!(id & VALUE_IN_LOG) || !log_segment_size(&lsm->log, id & ~VALUE_IN_LOG))
            stats->disk_bytes += lsm->value_files[i]->size;
    }
    stats->unflushed_count = lsm->sealed != NULL;
    for (size_t i = 0; i < MERGE_COUNT; i++)
        stats->merging_count += lsm->merges[i].version != NULL;
    stats->disk_written_bytes += lsm->log.mapped_size;
    stats->cache_hit_count = lsm->cache.hit_count;
    stats->cache_miss_count = lsm->cache.miss_count;
    stats->cold_read_count = lsm->reads.done + lsm->reads.count;
    stats->disk_full = lsm->is_disk_full;
}
