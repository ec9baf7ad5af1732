#include "lsm/checkpoint.h"

#include "lsm/file/directory.h"
#include "lsm/file/frame.h"

#include <stdlib.h>

enum {
    COPY_SIZE = 1 << 20,
};

enum status lsm_checkpoint(struct lsm *lsm, const char *dir)
{
    struct checkpoint *checkpoint = &lsm->checkpoint;
    if (checkpoint->is_wanted)
        return STATUS_BUSY;
    *checkpoint = (struct checkpoint){.is_wanted = true, .address = lsm->written};
    buf_append_text(&checkpoint->dir, dir);
    lsm_flush(lsm);
    return STATUS_OK;
}

enum status lsm_checkpoint_status(const struct lsm *lsm, struct fault *fault)
{
    const struct checkpoint *checkpoint = &lsm->checkpoint;
    if (checkpoint->is_wanted)
        return STATUS_BUSY;
    if (checkpoint->status && fault)
        *fault = checkpoint->fault;
    return checkpoint->status;
}

enum job_kind checkpoint_next(struct lsm *lsm, struct lsm_job *job)
{
    struct checkpoint *checkpoint = &lsm->checkpoint;
    if (!checkpoint->is_wanted || lsm->flushed < checkpoint->address)
        return JOB_NONE;
    checkpoint->version = version_retain(lsm->version);
    checkpoint->segment = frame_number(lsm->log.stored) + 1;
    checkpoint->first_shared = lsm->log.segments[0].number;
    engine_encode_state(lsm, frame_address(checkpoint->segment, FRAME_START), &job->edit);
    return JOB_CHECKPOINT;
}

// The log still writes there, and may use the file again.
static enum status copy_file(struct vfs *vfs, const char *from, const char *to, struct fault *fault)
{
    struct vfs_file *source = NULL, *copy = NULL;
    struct buf bytes = {0};
    size_t size_read = COPY_SIZE;
    enum status status = vfs->open(vfs, from, VFS_READ, &source, fault);
    if (!status)
        status = vfs->open(vfs, to, VFS_WRITE | VFS_CREATE | VFS_EXCLUSIVE, &copy, fault);
    for (uint64_t at = 0; !status && size_read == COPY_SIZE; at += size_read) {
        buf_clear(&bytes);
        status =
            vfs->read(vfs, source, at, buf_grow(&bytes, COPY_SIZE), COPY_SIZE, &size_read, fault);
        bytes.size = size_read;
        if (!status && size_read)
            status = vfs->write(vfs, copy, at, buf_bytes(&bytes), fault);
    }
    if (!status)
        status = vfs->sync(vfs, copy, fault);
    if (source)
        vfs->close(vfs, source);
    if (copy)
        vfs->close(vfs, copy);
    buf_release(&bytes);
    return status;
}

static void refuse(void *context, const char *name)
{
    bool *is_used = context;
    *is_used |= strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

// Empty, and there after a power loss. Each later step syncs the names that it makes.
static enum status make_dir(struct vfs *vfs, const char *dir, struct fault *fault)
{
    bool is_used = false;
    enum status status = directory_make(vfs, dir, fault);
    if (!status)
        status = vfs->list(vfs, dir, refuse, &is_used, fault);
    if (!status && is_used)
        status = fault_set(fault, STATUS_EXISTS, "%s: is not empty", dir);
    return status;
}

static enum status take_files(struct lsm *lsm, const struct checkpoint *checkpoint, const char *dir,
                              struct fault *fault)
{
    const struct version *version = checkpoint->version;
    struct buf from = {0}, to = {0};
    enum status status = STATUS_OK;
    size_t count;
    struct sstable **tables = version_tables(version, &count);
    for (size_t i = 0; i < count && !status; i++) {
        uint64_t number = tables[i]->info.number;
        status = lsm->vfs->link(lsm->vfs, file_path(&from, lsm->dir, FILE_TABLE, number),
                                file_path(&to, dir, FILE_TABLE, number), fault);
    }
    for (size_t i = 0; i < version->value_count && !status; i++) {
        uint64_t id = version->values[i].file->id;
        bool is_shared = id & VALUE_IN_LOG && (id & ~VALUE_IN_LOG) >= checkpoint->first_shared;
        status = (is_shared ? copy_file : lsm->vfs->link)(lsm->vfs, value_path(&from, lsm->dir, id),
                                                          value_path(&to, dir, id), fault);
    }
    uint64_t snapshot = lsm->snapshot.number; // it stays as long as this job runs
    if (!status && snapshot)
        status = lsm->vfs->link(lsm->vfs, file_path(&from, lsm->dir, FILE_SNAPSHOT, snapshot),
                                file_path(&to, dir, FILE_SNAPSHOT, snapshot), fault);
    free(tables);
    buf_release(&from);
    buf_release(&to);
    return status;
}

void checkpoint_run(struct lsm_job *job)
{
    struct lsm *lsm = job->lsm;
    struct checkpoint *checkpoint = &lsm->checkpoint;
    const char *dir = buf_text(&checkpoint->dir);
    struct manifest manifest = {0};
    struct segment segment = {
        .number = checkpoint->segment,
        .size = lsm->options.log_segment_size,
    };
    struct fault *fault = &checkpoint->fault;
    enum status status = make_dir(lsm->vfs, dir, fault);
    if (!status)
        status = take_files(lsm, checkpoint, dir, fault);
    if (!status)
        status = segment_prepare(&segment, lsm->vfs, dir, lsm->database, 0, fault);
    if (!status)
        status = manifest_create(&manifest, lsm->vfs, dir, lsm->database, lsm->manifest.number,
                                 &lsm->manifest.features, buf_bytes(&job->edit), fault);
    if (!status)
        status = manifest_switch(&manifest, fault);
    segment_close(&segment, lsm->vfs);
    manifest_close(&manifest);
    checkpoint->status = status;
}

void checkpoint_on_done(struct lsm *lsm)
{
    struct checkpoint *checkpoint = &lsm->checkpoint;
    files_drop_version(&lsm->files, checkpoint->version);
    checkpoint->version = NULL;
    buf_release(&checkpoint->dir);
    checkpoint->is_wanted = false;
}
