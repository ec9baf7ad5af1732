#include "lsm/version/manifest.h"

#include "lsm/file/file_name.h"
#include "lsm/file/frame.h"

#include <inttypes.h>

enum {
    MANIFEST_VERSION = 2,
    HISTORY_SIZE_MAX = 1 << 10,
    CURRENT_SIZE_MAX = 64,
};

static enum status read_file(struct vfs *vfs, const char *path, struct vfs_file *file,
                             struct buf *out, struct fault *fault)
{
    uint64_t size = 0;
    size_t size_read = 0;
    enum status status = vfs->size(vfs, file, &size, fault);
    if (status)
        return status;
    buf_clear(out);
    if (size > UINT32_MAX)
        return fault_set(fault, STATUS_CORRUPT, "%s: offset %" PRIu64 ": too large", path, size);
    status = vfs->read(vfs, file, 0, buf_grow(out, (size_t)size), (size_t)size, &size_read, fault);
    out->size = status ? 0 : size_read;
    return status;
}

static enum status read_current(struct vfs *vfs, const char *dir, uint64_t *number,
                                struct fault *fault)
{
    struct buf path = {0}, text = {0};
    struct vfs_file *file = NULL;
    file_path(&path, dir, FILE_CURRENT, 0);
    enum status status = vfs->open(vfs, buf_text(&path), VFS_READ, &file, fault);
    if (!status)
        status = read_file(vfs, buf_text(&path), file, &text, fault);
    if (file)
        vfs->close(vfs, file);
    if (!status) {
        bool is_valid = text.size > 0 && text.size < CURRENT_SIZE_MAX &&
                        text.data[text.size - 1] == '\n' && !memchr(text.data, 0, text.size);
        text.size -= is_valid;
        if (!is_valid || file_name_parse(buf_text(&text), number) != FILE_MANIFEST)
            status = fault_set(fault, STATUS_CORRUPT, "%s: no name of a manifest at offset 0",
                               buf_text(&path));
    }
    buf_release(&path);
    buf_release(&text);
    return status;
}

static bool frame_at(const struct manifest *manifest, struct bytes file, uint64_t offset,
                     struct frame *frame)
{
    if (offset > file.size)
        return false;
    return frame_decode(frame, bytes_of(file.data + offset, file.size - offset), manifest->number,
                        offset, manifest->database);
}

// The frame at the head. One that is not valid is left to read_edits().
static enum status read_features(struct manifest *manifest, struct bytes bytes, const char *path,
                                 const struct features *known, struct fault *fault)
{
    struct frame frame;
    manifest->size = FRAME_START;
    manifest->features = (struct features){0};
    if (manifest->version == 1 || !frame_at(manifest, bytes, FRAME_START, &frame))
        return STATUS_OK;
    if (frame.kind != FRAME_FEATURES || !features_decode(&manifest->features, frame.payload))
        return fault_set(fault, STATUS_CORRUPT, "%s: malformed features at offset %d", path,
                         FRAME_START);
    const char *unknown = known ? features_unknown(&manifest->features, known) : NULL;
    if (unknown)
        return fault_set(fault, STATUS_INVALID, "%s: written by a newer dkv (needs feature %s)",
                         manifest->dir, unknown);
    manifest->size += frame.size;
    return STATUS_OK;
}

static enum status read_edit(const struct manifest *manifest, const struct frame *frame,
                             const char *path, struct edit_state *state, struct fault *fault)
{
    enum status status = frame->kind == FRAME_EDIT ? STATUS_OK : STATUS_CORRUPT;
    if (!status && state)
        status = edit_apply(state, frame->payload, manifest->version);
    if (status == STATUS_INVALID)
        return fault_set(fault, status,
                         "%s: written by a newer dkv (needs the edit at offset %" PRIu64 ")", path,
                         manifest->size);
    if (status)
        return fault_set(fault, status, "%s: malformed edit at offset %" PRIu64, path,
                         manifest->size);
    return STATUS_OK;
}

// Decodes the edits of the file in `bytes`, from `size` on; NULL state: only checks them.
static enum status read_edits(struct manifest *manifest, struct bytes bytes, const char *path,
                              struct edit_state *state, struct fault *fault)
{
    struct frame frame;
    manifest->first_size = 0;
    while (frame_at(manifest, bytes, manifest->size, &frame)) {
        enum status status = read_edit(manifest, &frame, path, state, fault);
        if (status)
            return status;
        manifest->settled = manifest->size;
        manifest->size += frame.size;
        if (!manifest->first_size)
            manifest->first_size = manifest->size;
    }
    manifest->is_torn = manifest->size < bytes.size;
    bool is_corrupt = !manifest->first_size; // it was complete before it came into force
    uint64_t end = frame_address(manifest->number, manifest->size);
    for (uint64_t at = manifest->size; at < bytes.size; at += FRAME_ALIGN)
        is_corrupt |= frame_at(manifest, bytes, at, &frame) && frame.synced > end;
    if (is_corrupt)
        return fault_set(fault, STATUS_CORRUPT, "%s: damaged edit at offset %" PRIu64, path,
                         manifest->size);
    return STATUS_OK;
}

static enum status load(struct manifest *manifest, const char *path, const struct features *known,
                        struct edit_state *state, struct fault *fault)
{
    struct buf content = {0};
    struct frame_file file = {0};
    struct vfs *vfs = manifest->vfs;
    enum status status = vfs->open(vfs, path, VFS_WRITE, &manifest->file, fault);
    if (status == STATUS_NOT_FOUND)
        status = fault_set(fault, STATUS_CORRUPT, "%s: missing", path);
    if (!status)
        status = read_file(vfs, path, manifest->file, &content, fault);
    if (!status)
        status = frame_file_decode(&file, buf_bytes(&content), FRAME_FILE_MANIFEST, path, fault);
    if (!status && file.number != manifest->number)
        status = fault_set(fault, STATUS_CORRUPT, "%s: offset 0: is manifest %" PRIu64, path,
                           file.number);
    if (!status) {
        manifest->database = file.database;
        manifest->version = file.version;
        status = read_features(manifest, buf_bytes(&content), path, known, fault);
    }
    if (!status)
        status = read_edits(manifest, buf_bytes(&content), path, state, fault);
    // The last edit may be in the memory of the kernel alone (see log_recovery.c): once more.
    if (!status) {
        uint64_t begin = manifest->settled;
        struct bytes rest = bytes_of(content.data + begin, (size_t)(manifest->size - begin));
        status = vfs->write(vfs, manifest->file, begin, rest, fault);
    }
    if (!status)
        status = vfs->sync(vfs, manifest->file, fault);
    buf_release(&content);
    return status;
}

enum status manifest_open(struct manifest *manifest, struct vfs *vfs, const char *dir,
                          const struct features *known, struct edit_state *state,
                          struct fault *fault)
{
    *manifest = (struct manifest){.vfs = vfs, .dir = dir};
    enum status status = read_current(vfs, dir, &manifest->number, fault);
    if (status)
        return status;
    struct buf path = {0};
    status =
        load(manifest, file_path(&path, dir, FILE_MANIFEST, manifest->number), known, state, fault);
    if (status)
        manifest_close(manifest);
    buf_release(&path);
    return status;
}

void manifest_close(struct manifest *manifest)
{
    if (manifest->file)
        manifest->vfs->close(manifest->vfs, manifest->file);
    manifest->file = NULL;
}

// Writes a frame behind all others; it is not synced yet.
static enum status append(struct manifest *manifest, enum frame_kind kind, struct bytes payload,
                          struct fault *fault)
{
    struct buf frame = {0};
    uint64_t address = frame_address(manifest->number, manifest->size);
    buf_grow(&frame, frame_size(payload.size));
    memcpy(frame.data + FRAME_HEADER_SIZE, payload.data, payload.size);
    frame_finish(frame.data, payload.size, kind, address);
    frame_sign(frame.data, address, manifest->database);
    enum status status = manifest->vfs->write(manifest->vfs, manifest->file, manifest->size,
                                              buf_bytes(&frame), fault);
    if (!status)
        manifest->size += frame.size;
    buf_release(&frame);
    return status;
}

static enum status append_features(struct manifest *manifest, struct fault *fault)
{
    struct buf payload = {0};
    features_encode(&manifest->features, &payload);
    enum status status = append(manifest, FRAME_FEATURES, buf_bytes(&payload), fault);
    buf_release(&payload);
    return status;
}

enum status manifest_append(struct manifest *manifest, struct bytes edit, struct fault *fault)
{
    uint64_t size = manifest->size;
    enum status status = append(manifest, FRAME_EDIT, edit, fault);
    if (!status)
        status = vfs_sync_once(manifest->vfs, manifest->file, fault);
    if (status)
        manifest->size = size;
    return status;
}

enum status manifest_create(struct manifest *manifest, struct vfs *vfs, const char *dir,
                            uint64_t database, uint64_t number, const struct features *features,
                            struct bytes edit, struct fault *fault)
{
    *manifest = (struct manifest){
        .vfs = vfs,
        .dir = dir,
        .database = database,
        .number = number,
        .version = MANIFEST_VERSION,
        .features = *features,
        .size = FRAME_START,
    };
    struct buf path = {0};
    uint8_t header[FRAME_START] = {0};
    frame_file_encode(header, &(struct frame_file){
                                  .kind = FRAME_FILE_MANIFEST,
                                  .database = database,
                                  .number = number,
                              });
    file_path(&path, dir, FILE_MANIFEST, number);
    vfs->remove(vfs, buf_text(&path), NULL); // left by a creation that was cut short
    enum status status =
        vfs->open(vfs, buf_text(&path), VFS_WRITE | VFS_CREATE, &manifest->file, fault);
    if (!status)
        status = vfs->write(vfs, manifest->file, 0, bytes_of(header, sizeof header), fault);
    if (!status)
        status = append_features(manifest, fault);
    if (!status)
        status = manifest_append(manifest, edit, fault);
    manifest->first_size = manifest->size;
    if (!status)
        status = vfs->sync_dir(vfs, dir, fault);
    if (status) {
        manifest_close(manifest);
        vfs->remove(vfs, buf_text(&path), NULL);
    }
    buf_release(&path);
    return status;
}

enum status manifest_switch(const struct manifest *manifest, struct fault *fault)
{
    struct vfs *vfs = manifest->vfs;
    struct buf temporary = {0}, current = {0}, text = {0};
    struct vfs_file *file = NULL;
    file_path(&temporary, manifest->dir, FILE_TEMPORARY, manifest->number);
    file_path(&current, manifest->dir, FILE_CURRENT, 0);
    file_name_format(&text, FILE_MANIFEST, manifest->number);
    buf_append_u8(&text, '\n');
    vfs->remove(vfs, buf_text(&temporary), NULL);
    enum status status = vfs->open(vfs, buf_text(&temporary), VFS_WRITE | VFS_CREATE, &file, fault);
    if (!status)
        status = vfs->write(vfs, file, 0, buf_bytes(&text), fault);
    if (!status)
        status = vfs->sync(vfs, file, fault);
    if (file)
        vfs->close(vfs, file);
    if (!status)
        status = vfs->rename(vfs, buf_text(&temporary), buf_text(&current), fault);
    if (!status)
        status = vfs->sync_dir(vfs, manifest->dir, fault);
    buf_release(&temporary);
    buf_release(&current);
    buf_release(&text);
    return status;
}

bool manifest_wants_rewrite(const struct manifest *manifest)
{
    return manifest->is_torn ||
           manifest->size - manifest->first_size > HISTORY_SIZE_MAX + 4 * manifest->first_size;
}

enum status manifest_verify(const struct manifest *manifest, struct fault *fault)
{
    struct buf path = {0}, content = {0};
    struct manifest copy = *manifest;
    file_path(&path, manifest->dir, FILE_MANIFEST, manifest->number);
    enum status status = read_file(manifest->vfs, buf_text(&path), manifest->file, &content, fault);
    if (!status)
        status = read_features(&copy, buf_bytes(&content), buf_text(&path), NULL, fault);
    if (!status)
        status = read_edits(&copy, buf_bytes(&content), buf_text(&path), NULL, fault);
    if (!status && copy.size != manifest->size)
        status = fault_set(fault, STATUS_CORRUPT, "%s: damaged edit at offset %" PRIu64,
                           buf_text(&path), copy.size);
    buf_release(&path);
    buf_release(&content);
    return status;
}
