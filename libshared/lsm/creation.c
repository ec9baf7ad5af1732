#include "lsm/creation.h"

#include "base/hash.h"

// What a creation that was cut short may leave: manifest 1 and an unused segment 1. All
// else means that CURRENT was lost, and with it a database.
static enum status check_is_new(const struct lsm *lsm, const struct directory *directory,
                                struct fault *fault)
{
    struct vfs *vfs = lsm->vfs;
    struct buf path = {0};
    bool is_used = false;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < directory->count && !status; i++) {
        const struct directory_file *file = &directory->files[i];
        bool may_be_first = file->kind == FILE_MANIFEST || file->kind == FILE_LOG;
        is_used |= file->kind != FILE_TEMPORARY && (!may_be_first || file->number > 1);
        if (file->kind != FILE_LOG)
            continue;
        uint8_t frame[FRAME_HEADER_SIZE] = {0};
        size_t size_read = 0;
        struct vfs_file *log = NULL;
        status = vfs->open(vfs, file_path(&path, lsm->dir, FILE_LOG, file->number), VFS_READ, &log,
                           fault);
        if (!status)
            status = vfs->read(vfs, log, FRAME_START, frame, sizeof frame, &size_read, fault);
        if (log)
            vfs->close(vfs, log);
        for (size_t b = 0; b < sizeof frame; b++)
            is_used |= frame[b] != 0;
    }
    if (!status && is_used)
        status = fault_set(fault, STATUS_CORRUPT, "%s: missing",
                           file_path(&path, lsm->dir, FILE_CURRENT, 0));
    buf_release(&path);
    return status;
}

enum status creation_run(const struct lsm *lsm, const struct directory *directory,
                         const struct features *features, struct fault *fault)
{
    enum status status = check_is_new(lsm, directory, fault);
    if (status)
        return status;
    uint64_t database = hash_mix(lsm->options.seed, 0x6462); // any number will do
    struct manifest manifest;
    struct segment segment = {
        .number = 1,
        .size = lsm->options.log_segment_size,
        .is_prewritten = lsm->options.durability == LSM_DURABILITY_GROUP,
    };
    struct buf edit = {0};
    edit_encode_flushed(&edit, frame_address(1, FRAME_START), &(struct snapshot){0});
    edit_encode_next_file(&edit, 2);
    status = manifest_create(&manifest, lsm->vfs, lsm->dir, database, 1, features, buf_bytes(&edit),
                             fault);
    if (!status)
        status = segment_prepare(&segment, lsm->vfs, lsm->dir, database, 0, fault);
    if (!status)
        status = manifest_switch(&manifest, fault);
    segment_close(&segment, lsm->vfs);
    manifest_close(&manifest);
    buf_release(&edit);
    return status;
}

static void note_file(void *context, const char *name)
{
    bool *has_files = context;
    uint64_t number;
    enum file_kind kind = file_name_parse(name, &number);
    *has_files |= kind == FILE_LOG || file_kind_is_numbered(kind);
}

enum status lsm_exists(struct vfs *vfs, const char *dir, struct fault *fault)
{
    bool has_files = false;
    struct buf path = {0};
    struct vfs_file *file = NULL;
    enum status status =
        vfs->open(vfs, file_path(&path, dir, FILE_CURRENT, 0), VFS_READ, &file, fault);
    if (file)
        vfs->close(vfs, file);
    if (status == STATUS_NOT_FOUND) {
        status = vfs->list(vfs, dir, note_file, &has_files, fault);
        if (has_files)
            status = fault_set(fault, STATUS_CORRUPT, "%s: missing", buf_text(&path));
        else if (!status || status == STATUS_NOT_FOUND)
            status = fault_set(fault, STATUS_INVALID, "%s: there is no database", dir);
    }
    buf_release(&path);
    return status;
}
