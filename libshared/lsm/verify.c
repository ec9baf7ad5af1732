#include "lsm/engine.h"
#include "lsm/file/frame.h"
#include "lsm/log/log_recovery.h"
#include "lsm/read.h"

#include <inttypes.h>
#include <stdlib.h>

// A walk over everything that tables have: it reads and counts the values they point to.
struct survey {
    struct lsm *lsm;
    struct value_counts counts; // bytes pointed to, by file
    struct buf value;
    enum status status;
    struct fault *fault;
};

static void look_at(void *context, const struct entry *entry)
{
    struct survey *survey = context;
    struct value_pointer pointer;
    if (survey->status || !entry->is_pointer)
        return;
    survey->status = read_value(survey->lsm, entry, &survey->value, survey->fault);
    if (!survey->status && value_pointer_decode(&pointer, entry->value))
        value_counts_add(&survey->counts, value_id(pointer.place), pointer.size);
}

static enum status verify_header(struct lsm *lsm, uint64_t id, struct fault *fault)
{
    struct vfs *vfs = lsm->vfs;
    struct vfs_file *file = NULL;
    struct buf path = {0};
    uint8_t bytes[FRAME_FILE_HEADER_SIZE];
    struct frame_file header;
    size_t size_read = 0;
    value_path(&path, lsm->dir, id);
    enum status status = vfs->open(vfs, buf_text(&path), VFS_READ, &file, fault);
    if (!status)
        status = vfs->read(vfs, file, 0, bytes, sizeof bytes, &size_read, fault);
    if (file)
        vfs->close(vfs, file);
    if (!status)
        status = frame_file_decode(&header, bytes_of(bytes, size_read),
                                   id & VALUE_IN_LOG ? FRAME_FILE_LOG : FRAME_FILE_VALUES,
                                   buf_text(&path), fault);
    buf_release(&path);
    return status;
}

static enum status verify_counts(struct lsm *lsm, const struct value_counts *counts,
                                 struct fault *fault)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < lsm->version->value_count && !status; i++) {
        const struct live_values *live = &lsm->version->values[i];
        uint64_t counted = value_counts_find(counts, live->file->id);
        status = verify_header(lsm, live->file->id, fault);
        if (!status && counted != live->size) {
            struct buf path = {0};
            status = fault_set(fault, STATUS_CORRUPT,
                               "%s: tables point to %" PRIu64 " bytes, not to %" PRIu64,
                               value_path(&path, lsm->dir, live->file->id), counted, live->size);
            buf_release(&path);
        }
    }
    return status;
}

static enum status verify_values(struct lsm *lsm, struct fault *fault)
{
    struct survey survey = {.lsm = lsm, .fault = fault};
    struct walk walk = {
        .version = version_retain(lsm->version),
        .slice_count = SIZE_MAX,
        .on_hidden = look_at,
        .context = &survey,
        .cache = &lsm->cache,
    };
    enum status status = STATUS_OK;
    struct entry entry;
    while (!status && !(status = walk_next(&walk, &entry, fault))) {
        look_at(&survey, &entry);
        status = survey.status;
    }
    if (status == STATUS_END)
        status = survey.status ? survey.status : verify_counts(lsm, &survey.counts, fault);
    walk_release(&walk);
    files_drop_version(&lsm->files, lsm->version);
    value_counts_release(&survey.counts);
    buf_release(&survey.value);
    return status;
}

static enum status verify_tables(struct lsm *lsm, struct fault *fault)
{
    size_t count;
    struct sstable **tables = version_tables(lsm->version, &count);
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count && !status; i++) {
        status = sstable_use(tables[i], fault);
        if (!status)
            status = sstable_verify(tables[i], fault);
    }
    free(tables);
    return status;
}

static enum status verify_snapshot(struct lsm *lsm, struct fault *fault)
{
    struct buf content = {0};
    enum status status =
        snapshot_read(&lsm->snapshot, lsm->vfs, lsm->dir, lsm->database, &content, fault);
    buf_release(&content);
    return status;
}

enum status lsm_verify(struct lsm *lsm, struct fault *fault)
{
    enum status status = STATUS_OK;
    if (!lsm->jobs[LSM_WORKER_BACKGROUND].kind) // which may be writing it
        status = manifest_verify(&lsm->manifest, fault);
    if (!status && lsm->snapshot.number)
        status = verify_snapshot(lsm, fault);
    if (!status)
        status = verify_tables(lsm, fault);
    if (!status && lsm->version->value_count)
        status = verify_values(lsm, fault);
    if (!status && lsm->log.stored > lsm->flushed)
        status = log_verify(&lsm->log, lsm->flushed, lsm->log.stored, fault);
    return status;
}
