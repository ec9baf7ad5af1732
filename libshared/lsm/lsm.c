#include "lsm/lsm.h"

#include "base/hash.h"
#include "base/reader.h"
#include "base/xalloc.h"
#include "lsm/frame.h"
#include "lsm/log_op.h"
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
    (*lsm)->jobs[LSM_WORKER_LOG].lsm = (*lsm)->jobs[LSM_WORKER_BACKGROUND].lsm = *lsm;
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
    for (size_t i = 0; i < 2; i++) {
        engine_release_job(&lsm->jobs[i]);
        log_write_release(&lsm->jobs[i].write);
        buf_release(&lsm->jobs[i].edit);
    }
    merge_release(&lsm->merge);
    version_release(&lsm->version);
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
    if (lsm->lock)
        lsm->vfs->close(lsm->vfs, lsm->lock);
    free(lsm->dir);
    free(lsm);
}

// ---- Writing -------------------------------------------------------------------

void lsm_batch_release(struct lsm_batch *batch)
{
    buf_release(&batch->ops);
    batch->count = 0;
}

void lsm_batch_clear(struct lsm_batch *batch)
{
    buf_clear(&batch->ops);
    batch->count = 0;
}

void lsm_batch_put(struct lsm_batch *batch, struct bytes key, struct bytes value)
{
    log_op_encode_put(&batch->ops, key, value);
    batch->count++;
}

void lsm_batch_delete(struct lsm_batch *batch, struct bytes key)
{
    log_op_encode_delete(&batch->ops, key);
    batch->count++;
}

void lsm_batch_note(struct lsm_batch *batch, struct bytes note)
{
    log_op_encode_note(&batch->ops, note);
    batch->count++;
}

void engine_seal(struct lsm *lsm)
{
    assert(!lsm->sealed);
    lsm->sealed = lsm->active;
    lsm->sealed_orders = lsm->active_orders;
    lsm->sealed_end = log_cut(&lsm->log);
    buf_clear(&lsm->sealed_snapshot);
    const struct lsm_owner *owner = &lsm->options.owner;
    if (owner->snapshot)
        owner->snapshot(owner->context, &lsm->sealed_snapshot);
    lsm->active = lsm->spare ? lsm->spare : memtable_new(lsm->options.memtable_size, lsm->database);
    lsm->spare = NULL;
    lsm->active_orders = (struct orders){0};
    lsm->active_begin = lsm->sealed_end;
    lsm->is_flush_wanted = false;
}

// Checks the operations and says how much of the memtable they take.
static enum status measure(const struct lsm *lsm, const struct lsm_batch *batch, size_t *size)
{
    struct reader reader = reader_of(buf_bytes(&batch->ops));
    struct log_op op;
    *size = 0;
    while (log_op_decode(&reader, &op)) {
        if (op.kind == OP_REFUSED)
            return op.refusal;
        if (op.kind != OP_NOTE)
            *size += memtable_entry_size(op.key.size, op.value.size);
    }
    assert(!reader.bad);
    return *size > lsm->options.memtable_size / 2 ? STATUS_TOO_LARGE : STATUS_OK;
}

// Whether what was written since the last seal is enough for a flush: memory is full, or
// notes alone have made the log long.
static bool is_full(const struct lsm *lsm, size_t more)
{
    uint64_t segment_size = lsm->options.log_segment_size;
    uint64_t segments = frame_number(lsm->written) - frame_number(lsm->active_begin);
    return memtable_free_size(lsm->active) < more ||
           segments * segment_size > 2 * (lsm->options.memtable_size + segment_size);
}

static void apply(struct lsm *lsm, const struct lsm_batch *batch)
{
    struct reader reader = reader_of(buf_bytes(&batch->ops));
    struct log_op op;
    while (log_op_decode(&reader, &op)) {
        if (op.kind == OP_NOTE)
            continue;
        memtable_add(lsm->active, hash64_seeded(op.key, lsm->database), op.key, op.value,
                     op.kind == OP_DELETE);
        lsm->stats.written_bytes += op.key.size + op.value.size;
    }
}

enum status lsm_write(struct lsm *lsm, const struct lsm_batch *batch, uint64_t *position)
{
    size_t size;
    if (lsm->is_failed)
        return STATUS_IO;
    enum status status = measure(lsm, batch, &size);
    if (status)
        return status;
    if (is_full(lsm, size)) {
        if (lsm->sealed)
            return lsm->is_disk_full ? STATUS_DISK_FULL : STATUS_BUSY;
        engine_seal(lsm);
    }
    if (batch->ops.size)
        status = log_append(&lsm->log, buf_bytes(&batch->ops), &lsm->written);
    if (status)
        return status == STATUS_BUSY && lsm->is_disk_full ? STATUS_DISK_FULL : status;
    apply(lsm, batch);
    *position = lsm->written;
    return STATUS_OK;
}

uint64_t lsm_written(const struct lsm *lsm)
{
    return lsm->written;
}

uint64_t lsm_durable(const struct lsm *lsm)
{
    uint64_t durable = log_durable(&lsm->log); // where the last frame ends, padding included
    return durable < lsm->written ? durable : lsm->written;
}

bool lsm_failed(const struct lsm *lsm)
{
    return lsm->is_failed;
}

void lsm_flush(struct lsm *lsm)
{
    if (lsm->written <= lsm->active_begin)
        return;
    lsm->is_flush_wanted = true;
    if (!lsm->sealed)
        engine_seal(lsm);
}

// ---- Reading -------------------------------------------------------------------

static enum status get_from_table(struct lsm *lsm, struct sstable *table, struct bytes key,
                                  struct buf *value, struct fault *fault)
{
    struct block *block = NULL;
    enum status status =
        cache_read(&lsm->cache, table, sstable_find_block(table, key), true, &block, fault);
    if (status)
        return status;
    bool is_equal;
    uint32_t index = block_find(block, key, &is_equal);
    if (!is_equal) {
        lsm->stats.filter_miss_count++;
        status = STATUS_END; // look further
    } else if (block_is_deleted(block, index)) {
        status = STATUS_NOT_FOUND;
    } else {
        buf_set(value, block_value(block, index));
    }
    block_release(block);
    return status;
}

enum status lsm_get(struct lsm *lsm, struct bytes key, struct buf *value, struct fault *fault)
{
    if (!key.size)
        return STATUS_NOT_FOUND;
    uint64_t hash = hash64_seeded(key, lsm->database);
    const struct memtable *memtables[] = {lsm->active, lsm->sealed};
    for (size_t i = 0; i < 2 && memtables[i]; i++) {
        struct bytes found;
        enum memtable_result result = memtable_find(memtables[i], hash, key, &found);
        if (result == MEMTABLE_FOUND)
            buf_set(value, found);
        if (result != MEMTABLE_ABSENT)
            return result == MEMTABLE_FOUND ? STATUS_OK : STATUS_NOT_FOUND;
    }
    for (size_t i = 0; i < lsm->version.run_count; i++) {
        struct sstable *table = run_find(&lsm->version.runs[i], key);
        if (!table || !filter_may_have(buf_bytes(&table->filter), hash))
            continue;
        enum status status = get_from_table(lsm, table, key, value, fault);
        if (status != STATUS_END)
            return status;
    }
    return STATUS_NOT_FOUND;
}

// ---- Looking after it ------------------------------------------------------------

void engine_add_garbage(struct lsm *lsm, enum file_kind kind, uint64_t number)
{
    struct buf path = {0};
    file_path(&path, lsm->dir, kind, number);
    buf_append(&lsm->garbage, bytes_of(path.data, path.size + 1));
    buf_release(&path);
}

void engine_drop_table(struct lsm *lsm, struct sstable *table)
{
    uint64_t number = table->info.number;
    if (sstable_release(table))
        engine_add_garbage(lsm, FILE_TABLE, number);
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
    for (size_t i = 0; i < lsm->version.table_count; i++) {
        const struct sstable_info *info = &lsm->version.tables[i]->info;
        stats->table_bytes += info->size;
        stats->table_entries += info->entry_count;
    }
    stats->table_count = lsm->version.table_count;
    stats->cache_hit_count = lsm->cache.hit_count;
    stats->cache_miss_count = lsm->cache.miss_count;
    stats->disk_full = lsm->is_disk_full;
}

enum status lsm_verify(struct lsm *lsm, struct fault *fault)
{
    enum status status = STATUS_OK;
    if (!lsm->jobs[LSM_WORKER_BACKGROUND].kind) // which may be writing it
        status = manifest_verify(&lsm->manifest, fault);
    for (size_t i = 0; i < lsm->version.table_count && !status; i++) {
        struct sstable *table = lsm->version.tables[i];
        status = sstable_use(table, fault);
        if (!status)
            status = sstable_verify(table, fault);
    }
    if (!status && lsm->log.stored > lsm->flushed)
        status = log_verify(&lsm->log, lsm->flushed, lsm->log.stored, fault);
    return status;
}
