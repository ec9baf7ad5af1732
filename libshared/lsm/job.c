#include "lsm/engine.h"

#include "base/xalloc.h"

#include <assert.h>
#include <stdlib.h>

enum {
    MERGE_STEP_SIZE = 4 << 20,
    TABLE_SIZE_MAX = 64 << 20,
    FILTER_BITS = 10,       // a key in the oldest run
    FILTER_BITS_UPPER = 14, // above it, where most look-ups find nothing
    RETRY_MS = 1000,        // after a full disk
    MERGE_RETRY_MS = 10000,
};

// ---- What to do next -------------------------------------------------------------------

static void init_writer(struct lsm *lsm, struct run_writer *writer, uint64_t run, bool is_oldest)
{
    *writer = (struct run_writer){
        .vfs = lsm->vfs,
        .dir = lsm->dir,
        .database = lsm->database,
        .block_size = lsm->options.block_size,
        .filter_bits = is_oldest ? FILTER_BITS : FILTER_BITS_UPPER,
        .table_size_max = TABLE_SIZE_MAX,
        .next_file = lsm->next_file,
        .run = run,
    };
}

static enum job_kind next_prepare(struct lsm *lsm, struct lsm_job *job)
{
    job->segment = (struct segment){.size = lsm->log.segment_size};
    if (!log_needs_segment(&lsm->log, &job->segment.number, &job->recycled))
        return JOB_NONE;
    return JOB_PREPARE;
}

// A manifest that says what is true now, without the history.
static enum job_kind next_rewrite(struct lsm *lsm, struct lsm_job *job)
{
    if (!manifest_is_long(&lsm->manifest))
        return JOB_NONE;
    job->manifest = (struct manifest){.number = lsm->next_file++};
    edit_encode_flushed(&job->edit, lsm->flushed, lsm->has_snapshot ? &lsm->snapshot : NULL);
    edit_encode_next_file(&job->edit, lsm->next_file);
    for (size_t i = 0; i < lsm->version.table_count; i++)
        edit_encode_add(&job->edit, &lsm->version.tables[i]->info);
    return JOB_REWRITE;
}

static enum job_kind next_flush(struct lsm *lsm, struct lsm_job *job)
{
    if (!lsm->sealed)
        return JOB_NONE;
    job->flush = (struct flush){
        .memtable = lsm->sealed,
        .is_oldest = !lsm->version.run_count,
    };
    // A run is numbered by its first file, so that a newer one has a greater number.
    init_writer(lsm, &job->flush.writer, lsm->next_file, job->flush.is_oldest);
    job->flushed = lsm->sealed_end;
    edit_encode_flushed(&job->edit, lsm->sealed_end,
                        lsm->options.owner.snapshot ? &lsm->sealed_snapshot : NULL);
    return JOB_FLUSH;
}

static enum job_kind next_remove(struct lsm *lsm, struct lsm_job *job)
{
    uint64_t number;
    while (log_next_obsolete(&lsm->log, &number))
        engine_add_garbage(lsm, FILE_LOG, number);
    if (!lsm->garbage.size)
        return JOB_NONE;
    buf_release(&job->paths);
    job->paths = lsm->garbage;
    lsm->garbage = (struct buf){0};
    return JOB_REMOVE;
}

static enum job_kind next_merge(struct lsm *lsm, struct lsm_job *job)
{
    struct merge *merge = &lsm->merge;
    if (lsm->is_merge_stopped || lsm->now_ms < lsm->merge_retry_ms)
        return JOB_NONE;
    if (!merge->table_count) {
        size_t run_count = merge_choose(&lsm->version, lsm->options.merge_run_count);
        if (!run_count)
            return JOB_NONE;
        if (merge_init(merge, &lsm->version, run_count, NULL)) {
            lsm->is_merge_stopped = true;
            return JOB_NONE;
        }
        init_writer(lsm, &merge->writer, lsm->version.runs[0].number, merge->is_oldest);
    }
    merge->writer.next_file = lsm->next_file; // flushes may have come between
    job->size_before = run_writer_size(&merge->writer);
    for (size_t i = 0; i < merge->table_count; i++)
        edit_encode_remove(&job->edit, merge->tables[i]->info.number);
    return JOB_MERGE;
}

// The further merges are behind, the more steps they get between two flushes: the writers
// slow down gradually instead of stopping.
static bool is_merge_first(const struct lsm *lsm)
{
    size_t run_count = lsm->version.run_count, limit = lsm->options.merge_run_count;
    if (run_count <= limit)
        return false;
    size_t steps = (run_count - limit) * (1 + lsm->options.memtable_size / MERGE_STEP_SIZE);
    return lsm->merge_step_count < steps;
}

static enum job_kind next_background(struct lsm *lsm, struct lsm_job *job)
{
    enum job_kind kind = JOB_NONE;
    if (lsm->is_waiting)
        return next_remove(lsm, job);
    if (!kind)
        kind = next_prepare(lsm, job);
    if (!kind)
        kind = next_rewrite(lsm, job);
    if (!kind && is_merge_first(lsm))
        kind = next_merge(lsm, job);
    if (!kind)
        kind = next_flush(lsm, job);
    if (!kind)
        kind = next_remove(lsm, job);
    if (!kind)
        kind = next_merge(lsm, job);
    return kind;
}

static enum job_kind next_log(struct lsm *lsm, struct lsm_job *job)
{
    if (lsm->is_log_retry)
        return lsm->is_waiting ? JOB_NONE : JOB_LOG;
    return log_take(&lsm->log, &job->write) ? JOB_LOG : JOB_NONE;
}

struct lsm_job *lsm_next_job(struct lsm *lsm, enum lsm_worker worker)
{
    struct lsm_job *job = &lsm->jobs[worker];
    if (lsm->is_failed || job->kind)
        return NULL;
    job->lsm = lsm;
    job->status = STATUS_OK;
    job->is_final = job->is_committing = false;
    buf_clear(&job->edit);
    job->kind = worker == LSM_WORKER_LOG ? next_log(lsm, job) : next_background(lsm, job);
    return job->kind ? job : NULL;
}

// ---- On the worker ---------------------------------------------------------------------

static void release_opened(struct lsm_job *job)
{
    for (size_t i = 0; i < job->opened_count; i++)
        sstable_release(job->opened[i]);
    free(job->opened);
    job->opened = NULL;
    job->opened_count = 0;
}

// Opens the tables of a finished run, so that nothing can fail once they count.
static enum status open_run(struct lsm_job *job, const struct run_writer *writer)
{
    struct lsm *lsm = job->lsm;
    enum status status = STATUS_OK;
    job->opened = xmalloc((writer->count + 1) * sizeof(struct sstable *));
    for (size_t i = 0; i < writer->count && !status; i++) {
        status = sstable_open(&job->opened[i], lsm->vfs, lsm->dir, lsm->database, &writer->infos[i],
                              &job->fault);
        job->opened_count += !status;
    }
    if (status)
        release_opened(job);
    return status;
}

// Puts a finished run in force: appends its tables to the edit, and that to the manifest.
static enum status commit(struct lsm_job *job, struct run_writer *writer)
{
    enum status status = open_run(job, writer);
    if (status) {
        run_writer_abort(writer);
        return status;
    }
    edit_encode_next_file(&job->edit, writer->next_file);
    for (size_t i = 0; i < writer->count; i++)
        edit_encode_add(&job->edit, &writer->infos[i]);
    job->is_committing = true;
    status = manifest_append(&job->lsm->manifest, buf_bytes(&job->edit), &job->fault);
    job->is_final = status && status != STATUS_DISK_FULL;
    return status;
}

static enum status run_flush(struct lsm_job *job)
{
    enum status status = flush_run(&job->flush, &job->fault);
    if (!status)
        status = commit(job, &job->flush.writer);
    job->is_final = status && status != STATUS_DISK_FULL;
    return status;
}

// A merge must leave the room that flushes and the log need.
static enum status check_space(struct lsm *lsm, struct fault *fault)
{
    uint64_t free_bytes = 0;
    enum status status = lsm->vfs->space(lsm->vfs, lsm->dir, &free_bytes, fault);
    uint64_t needed =
        lsm->merge.size + lsm->options.memtable_size + 2 * (uint64_t)lsm->options.log_segment_size;
    if (!status && free_bytes < needed)
        return fault_set(fault, STATUS_DISK_FULL, "%s: no room for a merge", lsm->dir);
    return status;
}

static enum status run_merge(struct lsm_job *job)
{
    struct merge *merge = &job->lsm->merge;
    enum status status = STATUS_OK;
    if (!merge->is_started)
        status = check_space(job->lsm, &job->fault);
    if (!status)
        status = merge_step(merge, MERGE_STEP_SIZE, &job->fault);
    return status || !merge->is_done ? status : commit(job, &merge->writer);
}

static enum status run_rewrite(struct lsm_job *job)
{
    struct lsm *lsm = job->lsm;
    enum status status = manifest_create(&job->manifest, lsm->vfs, lsm->dir, lsm->database,
                                         job->manifest.number, buf_bytes(&job->edit), &job->fault);
    if (!status) {
        status = manifest_switch(&job->manifest, &job->fault);
        if (status)
            manifest_close(&job->manifest); // the file stays until the next open
    }
    job->is_final = status && status != STATUS_DISK_FULL;
    return status;
}

static void run_remove(struct lsm_job *job)
{
    struct vfs *vfs = job->lsm->vfs;
    const char *end = (const char *)job->paths.data + job->paths.size;
    for (const char *path = (const char *)job->paths.data; path < end; path += strlen(path) + 1)
        vfs->remove(vfs, path, NULL); // what stays goes at the next open
}

void lsm_job_run(struct lsm_job *job)
{
    struct lsm *lsm = job->lsm;
    assert(job->kind); // not handed back yet
    switch (job->kind) {
    case JOB_LOG:
        job->status = log_write_run(&job->write, lsm->vfs, lsm->database, &job->fault);
        break;
    case JOB_PREPARE:
        job->status = segment_prepare(&job->segment, lsm->vfs, lsm->dir, lsm->database,
                                      job->recycled, &job->fault);
        job->is_final = job->status && job->status != STATUS_DISK_FULL;
        break;
    case JOB_FLUSH:
        job->status = run_flush(job);
        break;
    case JOB_MERGE:
        job->status = run_merge(job);
        break;
    case JOB_REWRITE:
        job->status = run_rewrite(job);
        break;
    case JOB_REMOVE:
        run_remove(job);
        break;
    case JOB_NONE:
        return;
    }
}

// ---- Taking the result in --------------------------------------------------------------

static void wait_for_space(struct lsm *lsm)
{
    lsm->is_disk_full = true;
    lsm->is_waiting = true;
    lsm->retry_ms = lsm->now_ms + RETRY_MS;
}

// Lets the version have the tables that the job made.
static void add_tables(struct lsm *lsm, struct lsm_job *job)
{
    for (size_t i = 0; i < job->opened_count; i++) {
        sstable_adopt(job->opened[i], &lsm->files);
        version_add_take(&lsm->version, job->opened[i]);
    }
    job->opened_count = 0;
    version_update(&lsm->version);
}

static void on_flush(struct lsm *lsm, struct lsm_job *job)
{
    add_tables(lsm, job);
    lsm->stats.flush_count++;
    lsm->stats.disk_written_bytes += job->flush.writer.size;
    lsm->merge_step_count = 0;
    orders_release(&lsm->sealed_orders); // they refer to the memtable
    if (!lsm->spare && memtable_reuse(lsm->sealed, lsm->options.memtable_size))
        lsm->spare = lsm->sealed;
    else
        memtable_release(lsm->sealed);
    lsm->sealed = NULL;
    lsm->flushed = job->flushed;
    lsm->has_snapshot = lsm->options.owner.snapshot;
    struct buf snapshot = lsm->snapshot;
    lsm->snapshot = lsm->sealed_snapshot;
    lsm->sealed_snapshot = snapshot;
    log_drop(&lsm->log, lsm->flushed);
    if (lsm->is_flush_wanted)
        engine_seal(lsm);
}

static void on_merge(struct lsm *lsm, struct lsm_job *job)
{
    struct merge *merge = &lsm->merge;
    lsm->merge_step_count++;
    lsm->stats.disk_written_bytes += run_writer_size(&merge->writer) - job->size_before;
    if (!merge->is_done)
        return;
    for (size_t i = 0; i < merge->table_count; i++) {
        version_remove(&lsm->version, merge->tables[i]);
        sstable_unpin(merge->tables[i]);
        engine_drop_table(lsm, merge->tables[i]); // the version's reference
        engine_drop_table(lsm, merge->tables[i]); // the merge's
    }
    merge->table_count = 0;
    merge_release(merge);
    add_tables(lsm, job);
    lsm->stats.merge_count++;
}

static void on_rewrite(struct lsm *lsm, struct lsm_job *job)
{
    manifest_close(&lsm->manifest);
    engine_add_garbage(lsm, FILE_MANIFEST, lsm->manifest.number);
    lsm->manifest = job->manifest;
    job->manifest = (struct manifest){0};
}

static void on_success(struct lsm *lsm, struct lsm_job *job)
{
    switch (job->kind) {
    case JOB_LOG:
        lsm->is_log_retry = false;
        lsm->stats.disk_written_bytes += job->write.size_written;
        lsm->stats.log_sync_count += job->write.sync_count;
        log_on_written(&lsm->log, &job->write);
        log_drop(&lsm->log, lsm->flushed);
        break;
    case JOB_PREPARE:
        log_add_segment(&lsm->log, &job->segment);
        job->segment.file = NULL;
        lsm->is_disk_full = lsm->is_disk_full && lsm->sealed;
        break;
    case JOB_FLUSH:
        lsm->is_disk_full = false;
        on_flush(lsm, job);
        break;
    case JOB_MERGE:
        on_merge(lsm, job);
        break;
    case JOB_REWRITE:
        on_rewrite(lsm, job);
        break;
    default:
        break;
    }
}

static void on_failure(struct lsm *lsm, struct lsm_job *job)
{
    bool is_full = job->status == STATUS_DISK_FULL;
    if (job->kind == JOB_LOG) {
        lsm->is_log_retry = is_full;
        job->is_final = !is_full;
    }
    if (job->kind == JOB_MERGE) {
        // Its output is gone, or, if the edit may have been written, waits for the next
        // open. Reading and writing go on without it.
        merge_release(&lsm->merge);
        lsm->merge_retry_ms = lsm->now_ms + MERGE_RETRY_MS;
        lsm->is_merge_stopped = !is_full;
        is_full = is_full && job->is_committing;
    }
    if (is_full)
        wait_for_space(lsm);
    lsm->is_failed |= job->is_final;
}

enum status lsm_on_done(struct lsm *lsm, struct lsm_job *job, struct fault *fault)
{
    assert(job->kind && job->lsm == lsm);
    if (job->kind == JOB_FLUSH)
        lsm->next_file = job->flush.writer.next_file;
    if (job->kind == JOB_MERGE)
        lsm->next_file = lsm->merge.writer.next_file;
    enum status status = job->status;
    if (status)
        on_failure(lsm, job);
    else
        on_success(lsm, job);
    if (status)
        fault_set(fault, status, "%s", job->fault.text);
    if (!lsm->is_log_retry || job->kind != JOB_LOG)
        engine_release_job(job);
    job->kind = JOB_NONE;
    return status;
}

void engine_release_job(struct lsm_job *job)
{
    struct lsm *lsm = job->lsm;
    switch (job->kind) {
    case JOB_PREPARE:
        segment_close(&job->segment, lsm->vfs);
        break;
    case JOB_FLUSH:
        run_writer_release(&job->flush.writer);
        break;
    case JOB_REWRITE:
        manifest_close(&job->manifest);
        break;
    default:
        break; // a log_write is used again, a merge belongs to the engine
    }
    release_opened(job);
    buf_release(&job->paths);
    if (job->edit.capacity > MERGE_STEP_SIZE)
        buf_release(&job->edit);
}

void lsm_tick(struct lsm *lsm, uint64_t now_ms)
{
    lsm->now_ms = now_ms;
    if (lsm->is_waiting && now_ms >= lsm->retry_ms)
        lsm->is_waiting = false;
    if (lsm->options.durability == LSM_DURABILITY_INTERVAL &&
        now_ms - lsm->sync_ms >= lsm->options.interval_ms) {
        lsm->log.is_sync_due = true;
        lsm->sync_ms = now_ms;
    }
}
