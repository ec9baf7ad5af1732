#include "lsm/lsm.h"

#include "base/xalloc.h"
#include "lsm/log/log_recovery.h"
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
    buf_release(&lsm->sealed_snapshot);
    buf_release(&lsm->garbage);
    buf_release(&lsm->packed);
    buf_release(&lsm->parts.bytes);
    buf_release(&lsm->merge_failed);
    if (lsm->lock)
        lsm->vfs->close(lsm->vfs, lsm->lock);
    free(lsm->dir);
    free(lsm);
}
