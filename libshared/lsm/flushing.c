#include "lsm/flushing.h"

enum {
    FAR_MAX = 900, // permille of a flush with all entries written: there is always work left
};

static bool has_tables(const struct lsm *lsm)
{
    return lsm->version->count > 1 || lsm->version->ranges[0].count > 0;
}

enum job_kind flushing_next(struct lsm *lsm, struct lsm_job *job)
{
    struct flush *flush = &lsm->flush;
    if (!lsm->sealed.memtable || flush->is_done || lsm->log.stored < lsm->sealed.end)
        return JOB_NONE; // or tables might point to what is not in the log yet
    if (!flush->memtable) {
        flush->memtable = lsm->sealed.memtable;
        flush->begin = lsm->flushed;
        flush->end = lsm->sealed.end;
        flush->segment_size = lsm->options.log_segment_size;
        flush->first_kept = lsm->log.first_own;
        flush->is_oldest = !has_tables(lsm);
        flush->content = buf_bytes(&lsm->sealed.snapshot);
        flush->snapshot.number = lsm->sealed.snapshot_number;
        flush->writer = engine_writer(lsm, lsm->sealed.run, false, 2 * lsm->options.range_size);
    }
    engine_reserve_files(lsm, &flush->writer, job);
    job->size_before = run_writer_size(&flush->writer);
    return JOB_FLUSH;
}

void flushing_run(struct lsm_job *job)
{
    if (!job->status)
        job->status = flush_step(&job->lsm->flush, ENGINE_STEP_SIZE, &job->fault);
    job->is_final = job->status && !space_may_return(job->status);
}

void flushing_on_done(struct lsm *lsm, struct lsm_job *job)
{
    if (job->status) {
        flush_release(&lsm->flush); // from the beginning
        return;
    }
    struct flush *flush = &lsm->flush;
    lsm->stats.disk_written_bytes += run_writer_size(&flush->writer) - job->size_before;
    flush->is_done = flush->has_ended;
    if (flush->is_done)
        lsm->stats.disk_written_bytes += flush->snapshot.size;
    flush->far = (unsigned)(flush->at * FAR_MAX / (flush->order->count + 1));
}
