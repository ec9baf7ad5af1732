#include "lsm/engine.h"

enum {
    STEP_SIZE = 4 << 20,    // written by a step
    FILTER_BITS = 10,       // a key at the bottom
    FILTER_BITS_UPPER = 14, // above it, where most look-ups find nothing
    SURVEY_COUNT = 4,       // by one choice
    MERGE_RETRY_MS = 10000,
    FAR_MAX = 900, // permille of a flush with all entries written: there is always work left
    RUN_NUMBERS = 4096,
    MOVING_DEAD = 150,          // permille of a value file that lets its values move
    DEAD_VALUES_MAX = 450,      // permille of all such files, while writes come in ...
    DEAD_VALUES_IDLE_MAX = 150, // ... and when nobody writes
};

struct run_writer engine_writer(const struct lsm *lsm, uint64_t run, bool is_bottom,
                                uint64_t table_size_max)
{
    return (struct run_writer){
        .vfs = lsm->vfs,
        .dir = lsm->dir,
        .database = lsm->database,
        .block_size = lsm->options.block_size,
        .filter_bits = is_bottom ? FILTER_BITS : FILTER_BITS_UPPER,
        .table_size_max = table_size_max,
        .run = run,
        .values = {.vfs = lsm->vfs, .dir = lsm->dir, .database = lsm->database},
    };
}

// Lets [*next, *end) have at least so many numbers. Gaps do not matter. False if there are none
// left but those that runs and manifests may still need.
static bool reserve(struct lsm *lsm, uint64_t *next, uint64_t *end, uint64_t count)
{
    if (*end - *next >= count)
        return true;
    if (lsm->next_file + count > FILE_NUMBER_END - RUN_NUMBERS)
        return false;
    *next = lsm->next_file;
    *end = lsm->next_file += count;
    return true;
}

// Numbers for all files that a step of the job may begin.
static void reserve_files(struct lsm *lsm, struct run_writer *writer, struct lsm_job *job)
{
    uint64_t tables = 2 + 2 * (uint64_t)STEP_SIZE / writer->table_size_max;
    uint64_t values = 2 + STEP_SIZE / VALUE_FILE_SIZE_MAX;
    if (!reserve(lsm, &writer->next_file, &writer->file_end, tables) ||
        !reserve(lsm, &writer->values.next_file, &writer->values.file_end, values))
        job->status =
            fault_set(&job->fault, STATUS_IO,
                      "%s: the numbers for files are used up; dump it into a new one", lsm->dir);
}

// ---- Flush -------------------------------------------------------------------------

static bool has_tables(const struct lsm *lsm)
{
    return lsm->version->count > 1 || lsm->version->ranges[0].count > 0;
}

enum job_kind flush_next(struct lsm *lsm, struct lsm_job *job)
{
    struct flush *flush = &lsm->flush;
    if (!lsm->sealed || flush->is_done || lsm->log.stored < lsm->sealed_end)
        return JOB_NONE; // or tables might point to what is not in the log yet
    if (!flush->memtable) {
        flush->memtable = lsm->sealed;
        flush->begin = lsm->flushed;
        flush->end = lsm->sealed_end;
        flush->segment_size = lsm->options.log_segment_size;
        flush->first_kept = lsm->log.first_own;
        flush->is_oldest = !has_tables(lsm);
        flush->content = buf_bytes(&lsm->sealed_snapshot);
        flush->snapshot.number = lsm->sealed_snapshot_number;
        flush->writer = engine_writer(lsm, lsm->sealed_run, false, 2 * lsm->options.range_size);
    }
    reserve_files(lsm, &flush->writer, job);
    job->size_before = run_writer_size(&flush->writer);
    return JOB_FLUSH;
}

void flush_run(struct lsm_job *job)
{
    if (!job->status)
        job->status = flush_step(&job->lsm->flush, STEP_SIZE, &job->fault);
    job->is_final = job->status && !engine_may_pass(job->status);
}

void flush_on_done(struct lsm *lsm, struct lsm_job *job)
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

// ---- Merges ------------------------------------------------------------------------

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
    return !engine_is_of_log(lsm, file->id) && *dead && *dead * 1000 >= MOVING_DEAD * file->size;
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

// Begins and ends the rounds of merges that empty files with large values (compaction.h).
static void update_round(struct lsm *lsm, bool is_idle)
{
    unsigned dead = dead_values(lsm), max = is_idle ? DEAD_VALUES_IDLE_MAX : DEAD_VALUES_MAX;
    bool has_ended =
        lsm->value_round && compaction_pointing_since(lsm->version) >= lsm->value_round;
    // Damaged ranges hold on to theirs, so the same again would win nothing.
    if (has_ended)
        lsm->dead_rest = version_is_sound(lsm->version) ? 0 : dead;
    if (dead < lsm->dead_rest)
        lsm->dead_rest = dead;
    if (has_ended || dead <= max)
        lsm->value_round = 0;
    if (!lsm->value_round && dead > max + lsm->dead_rest)
        lsm->value_round = lsm->next_file;
}

static bool choose(struct lsm *lsm, struct compaction_choice *choice)
{
    struct compaction_span spans[MERGE_COUNT + 1];
    size_t span_count;
    list_spans(lsm, spans, &span_count);
    struct compaction_limits limits = {
        .slice_count = lsm->options.merge_run_count,
        .range_size = lsm->options.range_size,
        .purge_run = lsm->purge_run,
        .survey_count = SURVEY_COUNT,
        .is_idle = engine_is_idle(lsm),
    };
    update_round(lsm, limits.is_idle);
    limits.value_round = lsm->value_round;
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

static bool is_where_failed(const struct lsm *lsm, const struct merge *merge)
{
    return lsm->has_merge_failed &&
           bytes_equal(buf_bytes(&lsm->merge_failed), buf_bytes(&merge->span.begin));
}

// Whether a failure may be over when the same is tried again: no room, no descriptors, a disk that
// did not answer. But what fails at the same place once more does not hold up all others.
static bool may_pass(struct lsm *lsm, const struct merge *merge, enum status status)
{
    if (status != STATUS_IO)
        return engine_may_pass(status);
    lsm->has_merge_failed = !is_where_failed(lsm, merge);
    buf_set(&lsm->merge_failed, buf_bytes(&merge->span.begin));
    return lsm->has_merge_failed;
}

// Its output is gone. Reading and writing go on without it, and all other merges. Returns what
// the owner is told: a failure that will not pass is damage.
static enum status abandon(struct lsm *lsm, struct merge *merge, enum status status,
                           const struct fault *fault)
{
    if (may_pass(lsm, merge, status)) {
        lsm->merge_retry_ms = lsm->now_ms + MERGE_RETRY_MS;
    } else if (merge->is_drop) {
        engine_end_drop(lsm, status, fault);
    } else {
        mark_damaged(lsm, merge);
        status = STATUS_CORRUPT;
    }
    engine_drop_version(lsm, merge_release(merge));
    return status;
}

// False if there is none to begin. One that cannot be begun fails as its job (merge_on_done).
static bool begin(struct lsm *lsm, struct merge *merge, struct lsm_job *job)
{
    struct compaction_choice choice;
    if (lsm->now_ms < lsm->merge_retry_ms || !choose(lsm, &choice))
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
    const struct lsm_owner *owner = &lsm->options.owner;
    if (merge->is_bottom && owner->purges) {
        merge->purges = owner->purges;
        if (owner->purge_rule)
            owner->purge_rule(owner->context, &merge->purge_rule);
    }
    return true;
}

// The same for a drop: when all that it lets go is in force, and no merge works there.
static bool begin_drop(struct lsm *lsm, struct merge *merge, struct lsm_job *job)
{
    struct drop *drop = &lsm->drop;
    struct bytes from = buf_bytes(&drop->begin), to = buf_bytes(&drop->end);
    if (!drop->is_wanted || lsm->flushed < drop->address || ingest_is_ready(lsm) ||
        engine_is_merging(lsm, from, to) || lsm->now_ms < lsm->merge_retry_ms)
        return false;
    job->status = merge_init_drop(merge, lsm->version, from, to, &job->fault);
    if (job->status)
        return true;
    merge->writer = engine_writer(lsm, 0, true, lsm->options.range_size);
    return true;
}

enum job_kind merge_next(struct lsm *lsm, struct lsm_job *job)
{
    struct merge *merge = &lsm->merges[job->worker == LSM_WORKER_MERGE];
    if (merge->is_done || (lsm->options.merge_rate && lsm->merge_budget <= 0))
        return JOB_NONE;
    if (!merge->version && !begin_drop(lsm, merge, job) && !begin(lsm, merge, job))
        return JOB_NONE;
    if (merge->is_done) // at once: it is only to be committed
        return job->worker == LSM_WORKER_BACKGROUND ? commit_next(lsm, job) : JOB_NONE;
    job->merge = merge;
    if (!job->status)
        reserve_files(lsm, &merge->writer, job);
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

void merge_run(struct lsm_job *job)
{
    struct merge *merge = job->merge;
    if (!job->status && !merge->is_drop && !merge->walk.is_begun)
        job->status = check_space(job->lsm, merge, &job->fault);
    if (!job->status)
        job->status = merge_step(merge, STEP_SIZE, &job->fault);
}

void merge_on_done(struct lsm *lsm, struct lsm_job *job)
{
    struct merge *merge = job->merge;
    uint64_t size = run_writer_size(&merge->writer);
    if (!job->status) {
        merge->is_done = merge->has_ended;
        if (merge->is_done && is_where_failed(lsm, merge))
            lsm->has_merge_failed = false; // it has passed
        size -= job->size_before;
        lsm->stats.disk_written_bytes += size;
        lsm->stats.merge_written_bytes += size;
        lsm->merge_budget -= (int64_t)size;
        return;
    }
    job->status = abandon(lsm, merge, job->status, &job->fault);
}
