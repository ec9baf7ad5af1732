#include "lsm/commit.h"

#include "base/xalloc.h"
#include "lsm/drop.h"
#include "lsm/ingest.h"

#include <stdlib.h>

// ---- The draft ---------------------------------------------------------------------

// A table that lies beside all slices of a range is not merged with them: the range is cut
// between. So keys that come in order are never merged.
static void cut_beside(const struct lsm *lsm, struct version *draft, const struct sstable *table)
{
    struct bytes smallest = buf_bytes(&table->info.smallest);
    struct bytes largest = buf_bytes(&table->info.largest);
    size_t first = version_find(draft, smallest);
    const struct range *range = &draft->ranges[first];
    bool is_above = range->count > 0, is_below = range->count > 0;
    struct bytes least = {0};
    for (size_t s = 0; s < range->count; s++) {
        const struct sstable_info *info = &range->slices[s].table->info;
        is_above &= bytes_compare(buf_bytes(&info->largest), smallest) < 0;
        is_below &= bytes_compare(buf_bytes(&info->smallest), largest) > 0;
        if (!least.size || bytes_compare(buf_bytes(&info->smallest), least) < 0)
            least = buf_bytes(&info->smallest);
    }
    if (engine_is_merging(lsm, buf_bytes(&range->begin), version_range_end(draft, first)))
        return;
    if (is_above)
        version_cut(draft, smallest);
    else if (is_below && version_find(draft, least) == first)
        version_cut(draft, least);
}

static void push_run(const struct lsm *lsm, struct version *draft, const struct run_writer *writer)
{
    for (size_t i = 0; i < writer->count; i++) {
        cut_beside(lsm, draft, writer->tables[i]);
        version_push(draft, writer->tables[i]);
    }
}

static void replace(struct version *draft, const struct merge *merge)
{
    if (merge->is_drop) {
        version_cut(draft, buf_bytes(&merge->span.begin));
        if (merge->span.end.size)
            version_cut(draft, buf_bytes(&merge->span.end));
    }
    version_replace(draft, &(struct version_change){
                               .begin = buf_bytes(&merge->span.begin),
                               .end = buf_bytes(&merge->span.end),
                               .inputs = merge->tables,
                               .input_count = merge->table_count,
                               .outputs = merge->writer.tables,
                               .output_count = merge->writer.count,
                               .is_bottom = merge->is_bottom,
                           });
}

// Files that the draft brings stay until a commit goes well: one that failed may have reached
// the manifest.
static void hold_values(struct lsm *lsm, struct value_file *file)
{
    lsm->held_values =
        xrealloc(lsm->held_values, (lsm->held_value_count + 1) * sizeof(struct value_file *));
    lsm->held_values[lsm->held_value_count++] = file;
}

void commit_release_values(struct lsm *lsm)
{
    while (lsm->held_value_count)
        files_drop_values(&lsm->files, lsm->held_values[--lsm->held_value_count]);
    free(lsm->held_values);
    lsm->held_values = NULL;
}

// Counts the large values that a finished run points to, and the inputs of a merge no longer.
static void count_values(struct lsm *lsm, struct version *draft, const struct run_writer *writer,
                         const struct value_counts *input)
{
    size_t first = lsm->held_value_count;
    for (size_t i = 0; i < writer->pointed.count; i++) {
        uint64_t id = writer->pointed.counts[i].id;
        if (version_find_values(draft, id) != SIZE_MAX)
            continue;
        uint64_t size = value_counts_find(&writer->values.written, id);
        if (id & VALUE_IN_LOG)
            size = log_segment_size(&lsm->log, id & ~VALUE_IN_LOG);
        hold_values(lsm, files_add_values(&lsm->files, id, size));
    }
    version_count_values(
        draft,
        &(struct version_values){
            .more = &writer->pointed,
            .less = input,
            .files = lsm->held_values ? lsm->held_values + first : NULL,
            .file_count = lsm->held_value_count - first,
        },
        &(struct version_drop){.context = &lsm->files, .values = files_drop_values});
}

enum job_kind commit_next(struct lsm *lsm, struct lsm_job *job)
{
    struct commit *commit = &lsm->commit;
    *commit = (struct commit){.has_flush = lsm->flush.is_done};
    commit->has_ingest = ingest_is_ready(lsm);
    bool is_wanted = commit->has_flush || commit->has_ingest;
    for (size_t i = 0; i < MERGE_COUNT; i++) {
        commit->has_merge[i] = lsm->merges[i].is_done;
        is_wanted |= commit->has_merge[i];
    }
    if (!is_wanted)
        return JOB_NONE;
    commit->draft = version_copy(lsm->version);
    for (size_t i = 0; i < MERGE_COUNT; i++) {
        struct merge *merge = &lsm->merges[i];
        if (!commit->has_merge[i])
            continue;
        replace(commit->draft, merge);
        count_values(lsm, commit->draft, &merge->writer, &merge->input_values);
    }
    if (commit->has_ingest) {
        push_run(lsm, commit->draft, &lsm->ingest->writer);
        count_values(lsm, commit->draft, &lsm->ingest->writer, &(struct value_counts){0});
    }
    if (commit->has_flush) {
        push_run(lsm, commit->draft, &lsm->flush.writer);
        count_values(lsm, commit->draft, &lsm->flush.writer, &(struct value_counts){0});
    }
    version_tidy(commit->draft);
    version_finish(commit->draft);

    if (commit->has_flush)
        edit_encode_flushed(&job->edit, lsm->sealed.end, &lsm->flush.snapshot);
    edit_encode_next_file(&job->edit, lsm->next_file);
    edit_encode_change(&job->edit, lsm->version, commit->draft);
    return JOB_COMMIT;
}

void commit_run(struct lsm_job *job)
{
    job->status = manifest_append(&job->lsm->manifest, buf_bytes(&job->edit), &job->fault);
    job->is_final = job->status && !space_may_return(job->status);
}

// ---- In force ----------------------------------------------------------------------

static void adopt(struct lsm *lsm, struct run_writer *writer)
{
    for (size_t i = 0; i < writer->count; i++)
        sstable_adopt(writer->tables[i], &lsm->files.tables);
}

static void finish_flush(struct lsm *lsm)
{
    adopt(lsm, &lsm->flush.writer);
    if (lsm->snapshot.number)
        files_add_garbage(&lsm->files, FILE_SNAPSHOT, lsm->snapshot.number);
    lsm->snapshot = lsm->flush.snapshot;
    flush_release(&lsm->flush);
    lsm->stats.flush_count++;
    orders_release(&lsm->sealed.orders); // they refer to the memtable
    if (!lsm->spare && memtable_reuse(lsm->sealed.memtable, lsm->options.memtable_size))
        lsm->spare = lsm->sealed.memtable;
    else
        memtable_release(lsm->sealed.memtable);
    lsm->sealed.memtable = NULL;
    lsm->flushed = lsm->sealed.end;
    log_drop(&lsm->log, lsm->flushed, files_keep_segment, &lsm->files);
    if (lsm->is_flush_wanted)
        engine_seal(lsm);
}

static void finish_merge(struct lsm *lsm, struct merge *merge)
{
    adopt(lsm, &merge->writer);
    if (merge->is_drop)
        drop_end(lsm, STATUS_OK, NULL);
    lsm->stats.merge_count += !merge->is_drop;
    files_drop_version(&lsm->files, merge_release(merge));
}

void commit_on_done(struct lsm *lsm, struct lsm_job *job)
{
    struct commit *commit = &lsm->commit;
    if (job->status) {
        // The edit may have reached the manifest, so the tables stay; it is written again.
        files_drop_version(&lsm->files, commit->draft);
        commit->draft = NULL;
        return;
    }
    struct version *before = lsm->version;
    lsm->version = commit->draft;
    commit->draft = NULL;
    for (size_t i = 0; i < MERGE_COUNT; i++) {
        if (commit->has_merge[i])
            finish_merge(lsm, &lsm->merges[i]);
    }
    if (commit->has_ingest) {
        adopt(lsm, &lsm->ingest->writer);
        ingest_release(lsm->ingest);
        lsm->ingest = NULL;
    }
    if (commit->has_flush)
        finish_flush(lsm);
    files_drop_version(&lsm->files, before);
    commit_release_values(lsm);
    lsm->pace.merge_debt = compaction_debt(lsm->version, lsm->options.merge_run_count);
    space_on_written(&lsm->space, false);
}
