#include "lsm/job.h"

#include "lsm/checkpoint.h"
#include "lsm/commit.h"
#include "lsm/flushing.h"
#include "lsm/merging.h"

#include <assert.h>

enum {
    IDLE_SHARE = 8, // of a memtable, from which on it is flushed when nobody writes
    BUFFER_SIZE_KEPT = 4 << 20,
};

// ---- What to do next -------------------------------------------------------------------

static enum job_kind next_prepare(struct lsm *lsm, struct lsm_job *job)
{
    if (!log_plan_segment(&lsm->log, &job->segment, &job->recycled))
        return JOB_NONE;
    return JOB_PREPARE;
}

// A manifest that says what is true now, without the history.
static enum job_kind next_rewrite(struct lsm *lsm, struct lsm_job *job)
{
    if (!manifest_wants_rewrite(&lsm->manifest))
        return JOB_NONE;
    job->manifest = (struct manifest){.number = lsm->next_file++};
    engine_encode_state(lsm, lsm->flushed, &job->edit);
    return JOB_REWRITE;
}

static enum job_kind next_remove(struct lsm *lsm, struct lsm_job *job)
{
    uint64_t number;
    while (log_take_obsolete(&lsm->log, &number))
        files_add_garbage(&lsm->files, FILE_LOG, number);
    if (!lsm->files.garbage.size)
        return JOB_NONE;
    buf_release(&job->paths);
    job->paths = lsm->files.garbage;
    lsm->files.garbage = (struct buf){0};
    return JOB_REMOVE;
}

// Writers come first: they need a segment, but on a full disk all that can free one.
// Two places in the order are needed for more than speed. A manifest that is to be rewritten is
// before any edit to it is made: a rewrite that failed late may have put the new one in its place.
// Finished tables come into force before a flush begins: that looks whether there are tables which
// its deletions must hide.
static enum job_kind next_background(struct lsm *lsm, struct lsm_job *job)
{
    static enum job_kind (*const kinds[])(struct lsm *, struct lsm_job *) = {
        next_prepare,    next_rewrite, commit_next,  flushing_next,
        checkpoint_next, next_remove,  merging_next, next_prepare,
    };
    if (lsm->space.is_waiting)
        return next_remove(lsm, job);
    enum job_kind kind = JOB_NONE;
    size_t first = lsm->space.is_full ? 1 : 0; // next_prepare comes last then
    for (size_t i = first; i < sizeof kinds / sizeof kinds[0] && !kind; i++)
        kind = kinds[i](lsm, job);
    return kind;
}

static enum job_kind next_log(struct lsm *lsm, struct lsm_job *job)
{
    if (lsm->is_log_retry)
        return lsm->space.is_waiting ? JOB_NONE : JOB_LOG;
    return log_take(&lsm->log, &job->write) ? JOB_LOG : JOB_NONE;
}

struct lsm_job *lsm_next_job(struct lsm *lsm, enum lsm_worker worker)
{
    struct lsm_job *job = &lsm->jobs[worker];
    if (lsm->is_failed || job->kind)
        return NULL;
    job->lsm = lsm;
    job->worker = worker;
    job->status = STATUS_OK;
    job->is_final = false;
    buf_clear(&job->edit);
    switch (worker) {
    case LSM_WORKER_LOG:
        job->kind = next_log(lsm, job);
        break;
    case LSM_WORKER_BACKGROUND:
        job->kind = next_background(lsm, job);
        break;
    case LSM_WORKER_READ:
        job->kind = reads_take(&lsm->reads, &job->batch) ? JOB_READ : JOB_NONE;
        break;
    default:
        job->kind = lsm->space.is_waiting ? JOB_NONE : merging_next(lsm, job);
    }
    return job->kind ? job : NULL;
}

// ---- On the worker ---------------------------------------------------------------------

static void run_rewrite(struct lsm_job *job)
{
    struct lsm *lsm = job->lsm;
    job->status =
        manifest_create(&job->manifest, lsm->vfs, lsm->dir, lsm->database, job->manifest.number,
                        &lsm->manifest.features, buf_bytes(&job->edit), &job->fault);
    if (!job->status) {
        job->status = manifest_switch(&job->manifest, &job->fault);
        if (job->status)
            manifest_close(&job->manifest); // the file stays until the next open
    }
    job->is_final = job->status && !space_may_return(job->status);
}

static void run_remove(struct lsm_job *job)
{
    struct vfs *vfs = job->lsm->vfs;
    const char *end = (const char *)job->paths.data + job->paths.size;
    for (const char *path = (const char *)job->paths.data; path < end; path += strlen(path) + 1)
        vfs->remove(vfs, path, NULL); // one that stays goes at the next open
}

void lsm_job_run(struct lsm_job *job)
{
    struct lsm *lsm = job->lsm;
    assert(job->kind); // not handed back yet
    switch (job->kind) {
    case JOB_LOG:
        job->status = log_write_run(&job->write, lsm->vfs, lsm->database, &job->fault);
        job->is_final = job->status && !space_may_return(job->status);
        break;
    case JOB_PREPARE:
        job->status = segment_prepare(&job->segment, lsm->vfs, lsm->dir, lsm->database,
                                      job->recycled, &job->fault);
        job->is_final = job->status && !space_may_return(job->status);
        break;
    case JOB_FLUSH:
        flushing_run(job);
        break;
    case JOB_MERGE:
        merging_run(job);
        break;
    case JOB_COMMIT:
        commit_run(job);
        break;
    case JOB_REWRITE:
        run_rewrite(job);
        break;
    case JOB_REMOVE:
        run_remove(job);
        break;
    case JOB_CHECKPOINT:
        checkpoint_run(job);
        break;
    case JOB_READ:
        read_batch_run(&job->batch, lsm->vfs, lsm->dir);
        break;
    case JOB_NONE:
        return;
    }
}

// ---- Taking the result in --------------------------------------------------------------

// Whether others have to wait for the room that this job did not find.
static bool needs_room(const struct lsm *lsm, const struct lsm_job *job)
{
    return job->kind != JOB_MERGE && (job->kind != JOB_PREPARE || log_is_short(&lsm->log));
}

// A flush, or the next segment, may still wait for room.
static void note_space(struct lsm *lsm)
{
    space_on_written(&lsm->space, lsm->sealed.memtable || log_is_short(&lsm->log));
}

static void on_log_done(struct lsm *lsm, struct lsm_job *job)
{
    lsm->is_log_retry = space_may_return(job->status);
    if (job->status)
        return;
    lsm->stats.disk_written_bytes += job->write.size_written;
    lsm->stats.log_sync_count += job->write.sync_count;
    log_on_written(&lsm->log, &job->write);
    note_space(lsm);
    log_drop(&lsm->log, lsm->flushed, files_keep_segment, &lsm->files);
}

static void on_prepare_done(struct lsm *lsm, struct lsm_job *job)
{
    space_on_segment(&lsm->space, job->status, lsm->schedule.now_ms);
    lsm->log.is_frugal = lsm->space.is_frugal;
    if (job->status)
        return;
    log_add_segment(&lsm->log, &job->segment);
    job->segment = (struct segment){0}; // the log's now
    note_space(lsm);
}

static void on_rewrite_done(struct lsm *lsm, struct lsm_job *job)
{
    if (job->status)
        return;
    manifest_close(&lsm->manifest);
    files_add_garbage(&lsm->files, FILE_MANIFEST, lsm->manifest.number);
    lsm->manifest = job->manifest;
    job->manifest = (struct manifest){0};
}

enum status lsm_on_done(struct lsm *lsm, struct lsm_job *job, struct fault *fault)
{
    assert(job->kind && job->lsm == lsm);
    switch (job->kind) {
    case JOB_LOG:
        on_log_done(lsm, job);
        break;
    case JOB_PREPARE:
        on_prepare_done(lsm, job);
        break;
    case JOB_FLUSH:
        flushing_on_done(lsm, job);
        break;
    case JOB_MERGE:
        merging_on_done(lsm, job);
        break;
    case JOB_COMMIT:
        commit_on_done(lsm, job);
        break;
    case JOB_REWRITE:
        on_rewrite_done(lsm, job);
        break;
    case JOB_CHECKPOINT:
        checkpoint_on_done(lsm);
        break;
    case JOB_READ:
        reads_on_done(&lsm->reads, &job->batch);
        break;
    default:
        break;
    }
    lsm->is_failed |= job->is_final;
    if (space_may_return(job->status) && needs_room(lsm, job))
        space_on_failure(&lsm->space, job->status, lsm->schedule.now_ms);
    if (job->status)
        fault_set(fault, job->status, "%s", job->fault.text);
    job_release(job);
    job->kind = JOB_NONE;
    return job->status;
}

void job_release(struct lsm_job *job)
{
    if (job->kind == JOB_PREPARE)
        segment_close(&job->segment, job->lsm->vfs);
    if (job->kind == JOB_REWRITE)
        manifest_close(&job->manifest);
    // A log_write is used again; flushes and merges belong to the engine.
    buf_release(&job->paths);
    if (job->edit.capacity > BUFFER_SIZE_KEPT)
        buf_release(&job->edit);
}

void lsm_tick(struct lsm *lsm, uint64_t now_ms)
{
    schedule_on_tick(&lsm->schedule, now_ms, lsm->written);
    space_on_tick(&lsm->space, now_ms);
    lsm->log.is_frugal = lsm->space.is_frugal;
    lsm->log.is_idle = schedule_is_idle(&lsm->schedule);
    if (lsm->log.is_idle && !lsm->sealed.memtable &&
        lsm->active.memtable->used > lsm->active.memtable->size / IDLE_SHARE)
        lsm_flush(lsm); // so that the log need not be kept
    schedule_mark_age(&lsm->schedule, lsm->next_file);
    if (lsm->options.durability == LSM_DURABILITY_INTERVAL &&
        now_ms - lsm->sync_ms >= lsm->options.interval_ms) {
        lsm->log.is_sync_due = true;
        lsm->sync_ms = now_ms;
    }
}
