#include "lsm/merging.h"

#include "lsm/commit.h"
#include "lsm/compact.h"
#include "lsm/drop.h"
#include "lsm/ingest.h"

enum {
    SURVEY_COUNT = 4,  // by one choice
    MOVING_DEAD = 150, // permille of a value file that lets its values move
};

static void list_spans(const struct lsm *lsm, struct compaction_span *spans, size_t *count)
{
    *count = 0;
    for (size_t i = 0; i < MERGE_COUNT; i++) {
        if (lsm->merges[i].version)
            spans[(*count)++] = lsm->merges[i].span;
    }
    if (lsm->drop.is_wanted) // it waits for merges there, so none may begin
        spans[(*count)++] = (struct compaction_span){lsm->drop.begin, lsm->drop.end};
}

// Whether much of the file is dead, and the log has done with it.
static bool is_moving(const struct lsm *lsm, const struct live_values *live, uint64_t *dead)
{
    const struct value_file *file = live->file;
    *dead = file->size > live->size ? file->size - live->size : 0;
    return !files_is_of_log(&lsm->files, file->id) && *dead &&
           *dead * 1000 >= MOVING_DEAD * file->size;
}

// Permille of all bytes in files with large values that merges could win back.
static unsigned dead_values(const struct lsm *lsm)
{
    uint64_t size = 0, sum = 0, dead;
    for (size_t i = 0; i < lsm->version->value_count; i++) {
        size += lsm->version->values[i].file->size;
        if (is_moving(lsm, &lsm->version->values[i], &dead))
            sum += dead;
    }
    return size ? (unsigned)(sum * 1000 / size) : 0;
}

static void update_round(struct lsm *lsm)
{
    bool has_round = lsm->schedule.value_round; // the end of which may have come
    schedule_update_round(
        &lsm->schedule,
        &(struct schedule_values){
            .dead = dead_values(lsm),
            .pointing_since = has_round ? compaction_pointing_since(lsm->version) : 0,
            .is_sound = has_round && version_is_sound(lsm->version),
            .next_file = lsm->next_file,
        });
}

static bool choose(struct lsm *lsm, struct compaction_choice *choice)
{
    struct compaction_span spans[MERGE_COUNT + 1];
    size_t span_count;
    list_spans(lsm, spans, &span_count);
    update_round(lsm);
    compact_update(lsm);
    struct compaction_limits limits = {
        .slice_count = lsm->options.merge_run_count,
        .range_size = lsm->options.range_size,
        .purge_run = lsm->schedule.purge_run,
        .survey_count = SURVEY_COUNT,
        .value_round = lsm->schedule.value_round,
        .wish_before = lsm->wish.before,
        .is_idle = schedule_is_idle(&lsm->schedule),
    };
    return compaction_choose(choice, lsm->version, &limits, spans, span_count);
}

// A bottom is cut into tables of about the size of a range, all alike.
static uint64_t table_size_for(const struct merge *merge, uint64_t range_size)
{
    if (!merge->is_bottom)
        return UINT64_MAX / 4;
    uint64_t count = (merge->size + range_size / 2) / range_size;
    return count < 2 ? range_size * 2 : merge->size / count + 1;
}

static uint64_t run_of(const struct merge *merge)
{
    uint64_t run = 0;
    for (size_t i = 0; i < merge->table_count; i++) {
        if (merge->tables[i]->info.run > run)
            run = merge->tables[i]->info.run;
    }
    return run;
}

// Marks what the merge was to read in the range where it met damage.
static void mark_damaged(struct lsm *lsm, const struct merge *merge)
{
    const struct range *range = &merge->version->ranges[merge->walk.index];
    const struct version *versions[] = {lsm->version, lsm->commit.draft};
    for (size_t i = 0; i < 2 && versions[i]; i++) { // which have this range, since it is merged
        size_t index = version_find(versions[i], buf_bytes(&range->begin));
        range_mark_damaged(versions[i], index, merge->tables, merge->table_count);
        range_mark_damaged(versions[i], index, &merge->unreadable, 1);
    }
}

// Its output is gone. Reading and writing go on without it, and all other merges. Returns what
// the owner is told: a failure that will not pass is damage.
static enum status abandon(struct lsm *lsm, struct merge *merge, enum status status,
                           const struct fault *fault)
{
    bool may_pass = schedule_on_failure(&lsm->schedule, buf_bytes(&merge->span.begin), status);
    if (!may_pass && merge->is_drop) {
        drop_end(lsm, status, fault);
    } else if (!may_pass) {
        mark_damaged(lsm, merge);
        status = STATUS_CORRUPT;
    }
    files_drop_version(&lsm->files, merge_release(merge));
    return status;
}

// False if there is none to begin. One that cannot be begun fails as its job (merging_on_done).
static bool begin(struct lsm *lsm, struct merge *merge, struct lsm_job *job)
{
    struct compaction_choice choice;
    if (!schedule_may_begin(&lsm->schedule) || !choose(lsm, &choice))
        return false;
    job->status = merge_init(merge, lsm->version, &choice, &job->fault);
    if (job->status)
        return true;
    merge->writer = engine_writer(lsm, run_of(merge), merge->is_bottom,
                                  table_size_for(merge, lsm->options.range_size));
    merge->reader =
        (struct value_reader){.vfs = lsm->vfs, .dir = lsm->dir, .database = lsm->database};
    uint64_t dead;
    for (size_t i = 0; i < lsm->version->value_count; i++) {
        if (is_moving(lsm, &lsm->version->values[i], &dead))
            value_counts_add(&merge->moving, lsm->version->values[i].file->id, 1);
    }
    return true;
}

// The same for a drop: when all that it lets go is in force, and no merge works there.
static bool begin_drop(struct lsm *lsm, struct merge *merge, struct lsm_job *job)
{
    struct drop *drop = &lsm->drop;
    struct bytes from = buf_bytes(&drop->begin), to = buf_bytes(&drop->end);
    if (!drop->is_wanted || lsm->flushed < drop->address || ingest_is_ready(lsm) ||
        engine_is_merging(lsm, from, to) || !schedule_may_begin(&lsm->schedule))
        return false;
    job->status = merge_init_drop(merge, lsm->version, from, to, &job->fault);
    if (job->status)
        return true;
    merge->writer = engine_writer(lsm, 0, true, lsm->options.range_size);
    return true;
}

enum job_kind merging_next(struct lsm *lsm, struct lsm_job *job)
{
    struct merge *merge = &lsm->merges[job->worker == LSM_WORKER_MERGE];
    if (merge->is_done || !schedule_may_write(&lsm->schedule))
        return JOB_NONE;
    if (!merge->version && !begin_drop(lsm, merge, job) && !begin(lsm, merge, job))
        return JOB_NONE;
    if (merge->is_done) // at once: it is only to be committed
        return job->worker == LSM_WORKER_BACKGROUND ? commit_next(lsm, job) : JOB_NONE;
    job->merge = merge;
    if (!job->status)
        engine_reserve_files(lsm, &merge->writer, job);
    job->size_before = run_writer_size(&merge->writer);
    return JOB_MERGE;
}

// A merge must leave the room that flushes and the log need.
static enum status check_space(struct lsm *lsm, const struct merge *merge, struct fault *fault)
{
    uint64_t free_bytes = 0;
    enum status status = lsm->vfs->space(lsm->vfs, lsm->dir, &free_bytes, fault);
    uint64_t needed =
        merge->size + lsm->options.memtable_size + 2 * (uint64_t)lsm->options.log_segment_size;
    if (!status && free_bytes < needed)
        return fault_set(fault, STATUS_DISK_FULL, "%s: no room for a merge", lsm->dir);
    return status;
}

void merging_run(struct lsm_job *job)
{
    struct merge *merge = job->merge;
    if (!job->status && !merge->is_drop && !merge->walk.is_begun)
        job->status = check_space(job->lsm, merge, &job->fault);
    if (!job->status)
        job->status = merge_step(merge, ENGINE_STEP_SIZE, &job->fault);
}

void merging_on_done(struct lsm *lsm, struct lsm_job *job)
{
    struct merge *merge = job->merge;
    uint64_t size = run_writer_size(&merge->writer);
    if (!job->status) {
        merge->is_done = merge->has_ended;
        if (merge->is_done)
            schedule_on_merged(&lsm->schedule, buf_bytes(&merge->span.begin));
        size -= job->size_before;
        lsm->stats.disk_written_bytes += size;
        lsm->stats.merge_written_bytes += size;
        schedule_on_written(&lsm->schedule, size);
        return;
    }
    job->status = abandon(lsm, merge, job->status, &job->fault);
}
