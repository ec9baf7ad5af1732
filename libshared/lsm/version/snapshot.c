#include "lsm/version/snapshot.h"

#include "lsm/file/checksum.h"
#include "lsm/file/file_name.h"
#include "lsm/file/frame.h"

#include <inttypes.h>

static uint64_t checksum_of(struct bytes content, uint64_t database, uint64_t number)
{
    return checksum_at(content, database, number, FRAME_FILE_HEADER_SIZE);
}

enum status snapshot_write(struct snapshot *snapshot, struct vfs *vfs, const char *dir,
                           uint64_t database, uint64_t number, struct bytes content,
                           struct fault *fault)
{
    *snapshot = (struct snapshot){number, content.size, checksum_of(content, database, number)};
    struct frame_file header = {
        .kind = FRAME_FILE_SNAPSHOT, .database = database, .number = number, .size = content.size};
    struct buf path = {0};
    struct vfs_file *file = NULL;
    uint8_t bytes[FRAME_FILE_HEADER_SIZE];
    frame_file_encode(bytes, &header);
    file_path(&path, dir, FILE_SNAPSHOT, number);
    vfs->remove(vfs, buf_text(&path), NULL); // left by an attempt that was cut short
    enum status status = vfs->open(vfs, buf_text(&path), VFS_WRITE | VFS_CREATE, &file, fault);
    if (!status)
        status = vfs->write(vfs, file, 0, bytes_of(bytes, sizeof bytes), fault);
    if (!status && content.size)
        status = vfs->write(vfs, file, FRAME_FILE_HEADER_SIZE, content, fault);
    if (!status)
        status = vfs_sync_once(vfs, file, fault);
    if (file)
        vfs->close(vfs, file);
    if (status)
        vfs->remove(vfs, buf_text(&path), NULL);
    buf_release(&path);
    return status;
}

static enum status read_header(const struct snapshot *snapshot, struct vfs *vfs,
                               struct vfs_file *file, uint64_t database, const char *path,
                               struct fault *fault)
{
    uint8_t bytes[FRAME_FILE_HEADER_SIZE];
    struct frame_file header;
    size_t size_read = 0;
    enum status status = vfs->read(vfs, file, 0, bytes, sizeof bytes, &size_read, fault);
    if (!status)
        status = frame_file_decode(&header, bytes_of(bytes, size_read), FRAME_FILE_SNAPSHOT, path,
                                   fault);
    if (!status && (header.database != database || header.number != snapshot->number ||
                    header.size != snapshot->size))
        status =
            fault_set(fault, STATUS_CORRUPT, "%s: offset 0: is not the one that was written", path);
    return status;
}

static enum status read_content(const struct snapshot *snapshot, struct vfs *vfs,
                                struct vfs_file *file, uint64_t database, const char *path,
                                struct buf *out, struct fault *fault)
{
    uint64_t size = 0;
    size_t size_read = 0, wanted = (size_t)snapshot->size;
    buf_clear(out);
    enum status status = vfs->size(vfs, file, &size, fault);
    if (!status && size != FRAME_FILE_HEADER_SIZE + snapshot->size)
        status = fault_set(fault, STATUS_CORRUPT, "%s: ends at offset %" PRIu64 ", not %" PRIu64,
                           path, size, FRAME_FILE_HEADER_SIZE + snapshot->size);
    if (!status && wanted)
        status = vfs->read(vfs, file, FRAME_FILE_HEADER_SIZE, buf_grow(out, wanted), wanted,
                           &size_read, fault);
    out->size = size_read;
    if (!status && (size_read != wanted ||
                    snapshot->checksum != checksum_of(buf_bytes(out), database, snapshot->number)))
        status = fault_set(fault, STATUS_CORRUPT, "%s: damaged snapshot at offset %d", path,
                           FRAME_FILE_HEADER_SIZE);
    return status;
}

enum status snapshot_read(const struct snapshot *snapshot, struct vfs *vfs, const char *dir,
                          uint64_t database, struct buf *out, struct fault *fault)
{
    struct buf path = {0};
    struct vfs_file *file = NULL;
    file_path(&path, dir, FILE_SNAPSHOT, snapshot->number);
    enum status status = vfs->open(vfs, buf_text(&path), VFS_READ, &file, fault);
    if (status == STATUS_NOT_FOUND)
        status = fault_set(fault, STATUS_CORRUPT, "%s: missing", buf_text(&path));
    if (!status)
        status = read_header(snapshot, vfs, file, database, buf_text(&path), fault);
    if (!status)
        status = read_content(snapshot, vfs, file, database, buf_text(&path), out, fault);
    if (file)
        vfs->close(vfs, file);
    buf_release(&path);
    return status;
}

void snapshot_remove(const struct snapshot *snapshot, struct vfs *vfs, const char *dir)
{
    struct buf path = {0};
    if (snapshot->number)
        vfs->remove(vfs, file_path(&path, dir, FILE_SNAPSHOT, snapshot->number), NULL);
    buf_release(&path);
}
