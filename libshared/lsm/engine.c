#include "lsm/engine.h"

#include <assert.h>

enum {
    FILTER_BITS = 10,       // a key at the bottom
    FILTER_BITS_UPPER = 14, // above it, where most look-ups find nothing
    RUN_NUMBERS = 4096,
};

void engine_encode_state(const struct lsm *lsm, uint64_t address, struct buf *out)
{
    edit_encode_flushed(out, address, &lsm->snapshot);
    edit_encode_next_file(out, lsm->next_file);
    edit_encode_version(out, lsm->version);
}

// Empty; the one that was flushed before, if it can be had.
static struct memtable *next_memtable(struct lsm *lsm)
{
    const struct lsm_options *options = &lsm->options;
    struct memtable *spare = lsm->spare;
    lsm->spare = NULL;
    return spare ? spare
                 : memtable_new(options->memtable_size, lsm->database, options->separate_size,
                                options->pages);
}

void engine_seal(struct lsm *lsm)
{
    const struct lsm_owner *owner = &lsm->options.owner;
    struct sealed *sealed = &lsm->sealed;
    assert(!sealed->memtable);
    sealed->memtable = lsm->active.memtable;
    sealed->orders = lsm->active.orders;
    sealed->end = log_cut(&lsm->log);
    buf_clear(&sealed->snapshot);
    sealed->snapshot_number = owner->snapshot ? lsm->next_file++ : 0;
    if (owner->snapshot)
        owner->snapshot(owner->context, &sealed->snapshot);
    // A run is numbered like a file that it could have, so a newer one has a larger number.
    sealed->run = lsm->next_file++;
    lsm->active = (struct active){.memtable = next_memtable(lsm), .begin = sealed->end};
    lsm->is_flush_wanted = false;
}

bool engine_is_merging(const struct lsm *lsm, struct bytes begin, struct bytes end)
{
    bool is_met = false;
    for (size_t i = 0; i < MERGE_COUNT; i++)
        is_met |= lsm->merges[i].version && compaction_span_meets(&lsm->merges[i].span, begin, end);
    return is_met;
}

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
void engine_reserve_files(struct lsm *lsm, struct run_writer *writer, struct lsm_job *job)
{
    uint64_t tables = 2 + 2 * (uint64_t)ENGINE_STEP_SIZE / writer->table_size_max;
    uint64_t values = 2 + ENGINE_STEP_SIZE / VALUE_FILE_SIZE_MAX;
    if (!reserve(lsm, &writer->next_file, &writer->file_end, tables) ||
        !reserve(lsm, &writer->values.next_file, &writer->values.file_end, values))
        job->status =
            fault_set(&job->fault, STATUS_IO,
                      "%s: the numbers for files are used up; dump it into a new one", lsm->dir);
}
