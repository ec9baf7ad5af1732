// opening.c - from the files in a directory to a running engine, and its end.
//
// Reads and checks everything first: manifest, tables, log. Until all of it is well, the disk is
// written only where the same bytes are made durable once more (manifest.c, log_recovery.h). Then
// files that nobody needs are removed, and a log segment is prepared.
#include "base/endian.h"
#include "base/hash.h"
#include "base/reader.h"
#include "base/xalloc.h"
#include "lsm/commit.h"
#include "lsm/creation.h"
#include "lsm/ingest.h"
#include "lsm/job.h"
#include "lsm/log/log_op.h"
#include "lsm/log/log_recovery.h"
#include "lsm/owner.h"

#include <assert.h>
#include <inttypes.h>
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

static enum status lock(struct lsm *lsm, struct fault *fault)
{
    struct vfs *vfs = lsm->vfs;
    struct buf path = {0};
    struct vfs_file *file;
    enum status status = directory_make(vfs, lsm->dir, fault);
    if (!status)
        status = vfs->lock(vfs, file_path(&path, lsm->dir, FILE_LOCK, 0), &file, fault);
    if (status == STATUS_LOCKED)
        fault_set(fault, status, "%s: in use by another process", lsm->dir);
    if (!status)
        lsm->lock = file;
    buf_release(&path);
    return status;
}

// ---- Reading ---------------------------------------------------------------------------

static enum status open_manifest(struct lsm *lsm, const struct directory *directory,
                                 const struct features *known, struct edit_state *state,
                                 struct fault *fault)
{
    enum status status = manifest_open(&lsm->manifest, lsm->vfs, lsm->dir, known, state, fault);
    if (status == STATUS_NOT_FOUND) {
        status = creation_run(lsm, directory, known, fault);
        if (!status)
            status = manifest_open(&lsm->manifest, lsm->vfs, lsm->dir, known, state, fault);
    }
    if (status)
        return status;
    lsm->database = lsm->manifest.database;
    lsm->flushed = state->flushed;
    lsm->snapshot = state->snapshot;
    lsm->next_file = state->next_file;
    lsm->values =
        (struct value_reader){.vfs = lsm->vfs, .dir = lsm->dir, .database = lsm->database};
    for (size_t i = 0; i < directory->count; i++) {
        const struct directory_file *file = &directory->files[i];
        if (file_kind_is_numbered(file->kind) && lsm->next_file <= file->number)
            lsm->next_file = file->number + 1; // of an edit that never came
    }
    return STATUS_OK;
}

// The tables that the ranges of the state name, as a version.
static enum status open_range(struct lsm *lsm, struct version *draft, size_t index,
                              const struct edit_state *state, struct sstable **opened,
                              struct fault *fault)
{
    const struct buf *numbers = &state->ranges[index].numbers;
    for (size_t at = 0; at < numbers->size; at += 8) {
        const struct sstable_info *info = edit_find_table(state, load_u64(numbers->data + at));
        struct sstable **table = &opened[info - state->tables];
        enum status status = STATUS_OK;
        if (!*table)
            status = sstable_open(table, lsm->vfs, lsm->dir, lsm->database, info, fault);
        if (status)
            return status;
        if (!(*table)->files)
            sstable_adopt(*table, &lsm->files.tables);
        version_add(draft, index, *table);
    }
    return STATUS_OK;
}

static void add_value_files(struct lsm *lsm, const struct edit_state *state)
{
    for (size_t i = 0; i < state->value_count; i++) {
        const struct edit_values *values = &state->values[i];
        struct value_file *file = files_add_values(&lsm->files, values->id, values->size);
        struct value_counts live = {0};
        value_counts_add(&live, values->id, values->live);
        version_count_values(lsm->version,
                             &(struct version_values){
                                 .more = &live,
                                 .less = &(struct value_counts){0},
                                 .files = &file,
                                 .file_count = 1,
                             },
                             NULL);
        file->ref_count--; // the version has its own
        value_counts_release(&live);
    }
}

static enum status open_tables(struct lsm *lsm, const struct edit_state *state, struct fault *fault)
{
    struct sstable **opened = xcalloc(state->table_count + 1, sizeof(struct sstable *));
    enum status status = STATUS_OK;
    lsm->version = version_new();
    for (size_t i = 0; i < state->range_count && !status; i++) {
        struct bytes begin = buf_bytes(&state->ranges[i].begin);
        if (version_cut(lsm->version, begin) != i)
            status = fault_set(fault, STATUS_CORRUPT,
                               "%s: no range for the smallest keys, says "
                               "the manifest",
                               lsm->dir);
    }
    for (size_t i = 0; i < state->range_count && !status; i++)
        status = open_range(lsm, lsm->version, i, state, opened, fault);
    add_value_files(lsm, state);
    version_finish(lsm->version);
    for (size_t i = 0; i < state->table_count; i++) {
        if (opened[i])
            sstable_release(opened[i]); // the version has its own references
    }
    free(opened);
    return status;
}

static enum status replay(void *context, struct bytes ops, uint64_t address, struct fault *fault)
{
    struct lsm *lsm = context;
    struct reader reader = reader_of(ops);
    struct log_op op;
    while (log_op_decode(&reader, &op)) {
        if (log_op_is_note(op.kind)) {
            enum status status = owner_replay(lsm, &op, fault);
            if (status)
                return status;
            continue;
        }
        struct entry entry = log_op_entry(&op, ops.data, address);
        memtable_reserve(lsm->active.memtable, memtable_entry_size(op.key.size, op.value.size));
        memtable_load(lsm->active.memtable, hash64_seeded(op.key, lsm->database), &entry);
    }
    return reader.bad ? STATUS_CORRUPT : STATUS_OK;
}

static int compare_numbers(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static enum log_durability durability_of(const struct lsm_options *options)
{
    switch (options->durability) {
    case LSM_DURABILITY_INTERVAL:
        return LOG_DURABILITY_INTERVAL;
    case LSM_DURABILITY_NONE:
        return LOG_DURABILITY_NONE;
    default:
        return LOG_DURABILITY_GROUP;
    }
}

static enum status read_log(struct lsm *lsm, const struct directory *directory, struct fault *fault)
{
    const struct lsm_options *options = &lsm->options;
    lsm->log = (struct log){
        .vfs = lsm->vfs,
        .dir = lsm->dir,
        .database = lsm->database,
        .segment_size = options->log_segment_size,
        .reserve_size = options->memtable_size + options->log_segment_size,
        .durability = durability_of(options),
    };
    lsm->active.memtable =
        memtable_new(options->memtable_size, lsm->database, options->separate_size, options->pages);
    lsm->active.begin = lsm->flushed;
    uint64_t *numbers = xmalloc((directory->count + 1) * sizeof *numbers);
    size_t count = 0;
    for (size_t i = 0; i < directory->count; i++) {
        if (directory->files[i].kind == FILE_LOG)
            numbers[count++] = directory->files[i].number;
    }
    qsort(numbers, count, sizeof *numbers, compare_numbers);
    enum status status = log_recover(&lsm->log,
                                     &(struct log_recovery){
                                         .address = lsm->flushed,
                                         .numbers = numbers,
                                         .count = count,
                                         .context = lsm,
                                         .apply = replay,
                                     },
                                     fault);
    free(numbers);
    lsm->written = lsm->log.stored;
    buf_release(&lsm->parts.bytes);
    lsm->parts = (struct note_parts){0};
    memtable_load_end(lsm->active.memtable);
    memtable_limit(lsm->active.memtable, options->memtable_size);
    return status;
}

// ---- Changing --------------------------------------------------------------------------

static bool has_table(struct sstable *const *tables, size_t count, uint64_t number)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (tables[middle]->info.number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && tables[low]->info.number == number;
}

static bool is_needed(const struct lsm *lsm, struct sstable *const *tables, size_t table_count,
                      const struct directory_file *file)
{
    switch (file->kind) {
    case FILE_MANIFEST:
        return file->number == lsm->manifest.number;
    case FILE_LOG:
        if (files_keep_segment(&lsm->files, file->number))
            return true;
        for (size_t i = 0; i < lsm->log.segment_count; i++) {
            if (lsm->log.segments[i].number == file->number)
                return true;
        }
        return false;
    case FILE_VALUES:
        return version_find_values(lsm->version, file->number) != SIZE_MAX;
    case FILE_SNAPSHOT:
        return file->number == lsm->snapshot.number;
    case FILE_TABLE:
        return has_table(tables, table_count, file->number);
    case FILE_TEMPORARY:
        return false;
    default:
        return true;
    }
}

static void remove_unneeded(struct lsm *lsm, const struct directory *directory)
{
    struct buf path = {0};
    size_t table_count;
    struct sstable **tables = version_tables(lsm->version, &table_count);
    for (size_t i = 0; i < directory->count; i++) {
        const struct directory_file *file = &directory->files[i];
        if (!is_needed(lsm, tables, table_count, file))
            lsm->vfs->remove(lsm->vfs, file_path(&path, lsm->dir, file->kind, file->number), NULL);
    }
    free(tables);
    buf_release(&path);
}

// Before anything is written that an older program would not understand, a manifest says so.
static enum status upgrade(struct lsm *lsm, const struct features *features,
                           const struct edit_state *state, struct fault *fault)
{
    struct manifest manifest = {0};
    struct buf edit = {0};
    enum status status = STATUS_OK;
    uint64_t number = lsm->next_file++;
    if (state->has_inline)
        status = snapshot_write(&lsm->snapshot, lsm->vfs, lsm->dir, lsm->database, lsm->next_file++,
                                buf_bytes(&state->inline_snapshot), fault);
    engine_encode_state(lsm, lsm->flushed, &edit);
    if (!status)
        status = manifest_create(&manifest, lsm->vfs, lsm->dir, lsm->database, number, features,
                                 buf_bytes(&edit), fault);
    if (!status) {
        status = manifest_switch(&manifest, fault);
        manifest_close(&lsm->manifest); // which goes with what is not needed
        lsm->manifest = manifest;
    }
    buf_release(&edit);
    return status;
}

// So that the first write finds room. A full disk is no reason not to open.
static enum status prepare_segment(struct lsm *lsm, struct fault *fault)
{
    struct log *log = &lsm->log;
    if (!log->is_closed || log->current + 1 < log->segment_count)
        return STATUS_OK;
    struct segment segment;
    uint64_t recycled;
    if (!log_plan_segment(log, &segment, &recycled))
        return STATUS_OK;
    enum status status =
        segment_prepare(&segment, lsm->vfs, lsm->dir, lsm->database, recycled, fault);
    if (!status)
        log_add_segment(log, &segment);
    if (status != STATUS_DISK_FULL)
        return status;
    lsm->space.is_full = true;
    log->is_starved = true;
    return STATUS_OK;
}

// An end of the manifest that does not fit the files was no torn edit, but a damaged one.
static void blame_manifest(const struct lsm *lsm, struct fault *fault)
{
    if (!fault)
        return;
    struct buf path = {0};
    struct fault found = *fault;
    file_path(&path, lsm->dir, FILE_MANIFEST, lsm->manifest.number);
    if (strncmp(found.text, buf_text(&path), path.size) != 0) // or it is blamed already
        fault_set(fault, STATUS_CORRUPT, "%s: damaged edit at offset %" PRIu64 " (%.120s)",
                  buf_text(&path), lsm->manifest.size, found.text);
    buf_release(&path);
}

// Fills a lsm whose options, vfs and dir are set. On failure it may only be closed.
static enum status run(struct lsm *lsm, struct fault *fault)
{
    struct directory directory = {0};
    struct edit_state state = {0};
    struct features known;
    features_init(&known, lsm->options.owner.features);
    enum status status = lock(lsm, fault);
    if (!status)
        status = directory_list(&directory, lsm->vfs, lsm->dir, fault);
    if (!status)
        status = open_manifest(lsm, &directory, &known, &state, fault);
    if (!status)
        status = open_tables(lsm, &state, fault);
    if (!status)
        status = owner_restore(lsm, &state, fault);
    if (!status)
        status = read_log(lsm, &directory, fault);
    if (status == STATUS_CORRUPT && lsm->manifest.is_torn)
        blame_manifest(lsm, fault);
    if (!status)
        status = lsm->vfs->sync_dir(lsm->vfs, lsm->dir, fault); // names as well
    if (!status &&
        (lsm->manifest.version == 1 || !features_include(&lsm->manifest.features, &known)))
        status = upgrade(lsm, &known, &state, fault);
    if (!status) {
        remove_unneeded(lsm, &directory);
        status = prepare_segment(lsm, fault);
    }
    directory_release(&directory);
    edit_state_release(&state);
    return status;
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
    (*lsm)->files = (struct files){
        .dir = (*lsm)->dir,
        .log = &(*lsm)->log,
        .cache = &(*lsm)->cache,
        .reader = &(*lsm)->values,
        .tables.count_max = options->table_count_max ? options->table_count_max : 1,
    };
    (*lsm)->schedule.rate = options->merge_rate;
    (*lsm)->schedule.purge_age_ms = options->purge_age_ms;
    cache_init(&(*lsm)->cache, options->cache_size);
    enum status status = run(*lsm, fault);
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
        job_release(&lsm->jobs[i]);
        log_write_release(&lsm->jobs[i].write, lsm->vfs);
        buf_release(&lsm->jobs[i].edit);
    }
    flush_release(&lsm->flush);
    for (size_t i = 0; i < MERGE_COUNT; i++)
        files_drop_version(&lsm->files, merge_release(&lsm->merges[i]));
    files_drop_version(&lsm->files, lsm->commit.draft);
    files_drop_version(&lsm->files, lsm->version);
    files_drop_version(&lsm->files, lsm->checkpoint.version);
    buf_release(&lsm->checkpoint.dir);
    if (lsm->ingest)
        ingest_release(lsm->ingest);
    commit_release_values(lsm);
    value_reader_release(&lsm->values);
    buf_release(&lsm->drop.begin);
    buf_release(&lsm->drop.end);
    cache_release(&lsm->cache);
    files_release(&lsm->files);
    orders_release(&lsm->active.orders);
    orders_release(&lsm->sealed.orders);
    memtable_release(lsm->active.memtable);
    memtable_release(lsm->sealed.memtable);
    memtable_release(lsm->spare);
    log_release(&lsm->log);
    manifest_close(&lsm->manifest);
    buf_release(&lsm->sealed.snapshot);
    buf_release(&lsm->packed);
    buf_release(&lsm->parts.bytes);
    schedule_release(&lsm->schedule);
    if (lsm->lock)
        lsm->vfs->close(lsm->vfs, lsm->lock);
    free(lsm->dir);
    free(lsm);
}
