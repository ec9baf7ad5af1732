#include "lsm/log/segment.h"

#include "base/xalloc.h"
#include "lsm/file/file_name.h"
#include "lsm/file/frame.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
    ZEROS_SIZE = 1 << 20,
};

// Each piece is synced before the next is written: a sync of the log that comes meanwhile would
// have to wait for whatever the disk has still before it.
static enum status write_zeros(struct segment *segment, struct vfs *vfs, struct fault *fault)
{
    size_t piece = segment->size < ZEROS_SIZE ? (size_t)segment->size : ZEROS_SIZE;
    uint8_t *zeros = xcalloc(1, piece);
    enum status status = STATUS_OK;
    for (uint64_t at = 0; at < segment->size && !status; at += piece) {
        if (piece > segment->size - at)
            piece = (size_t)(segment->size - at);
        if (at)
            status = vfs->sync(vfs, segment->file, fault);
        if (!status)
            status = vfs->write(vfs, segment->file, at, bytes_of(zeros, piece), fault);
    }
    free(zeros);
    return status;
}

// Where there is not room for all of it, nothing is written at all.
static enum status make_room(struct segment *segment, struct vfs *vfs, const char *dir,
                             struct fault *fault)
{
    uint64_t free_bytes = 0;
    enum status status = vfs->space(vfs, dir, &free_bytes, fault);
    if (status)
        return status;
    if (free_bytes < segment->size)
        return fault_set(fault, STATUS_DISK_FULL, "%s: no room for a segment of the log", dir);
    status = STATUS_INVALID;
    if (vfs->allocate && !segment->is_prewritten)
        status = vfs->allocate(vfs, segment->file, segment->size, fault);
    return status == STATUS_INVALID ? write_zeros(segment, vfs, fault) : status;
}

static enum status write_header(struct segment *segment, struct vfs *vfs, uint64_t database,
                                struct fault *fault)
{
    uint8_t header[FRAME_FILE_HEADER_SIZE];
    frame_file_encode(header, &(struct frame_file){.kind = FRAME_FILE_LOG,
                                                   .database = database,
                                                   .number = segment->number,
                                                   .size = segment->size});
    enum status status = vfs->write(vfs, segment->file, 0, bytes_of(header, sizeof header), fault);
    return status ? status : vfs->sync(vfs, segment->file, fault);
}

enum status segment_prepare(struct segment *segment, struct vfs *vfs, const char *dir,
                            uint64_t database, uint64_t recycled, struct fault *fault)
{
    struct buf from = {0}, to = {0};
    if (recycled)
        file_path(&from, dir, FILE_LOG, recycled);
    else
        file_path(&from, dir, FILE_TEMPORARY, segment->number);
    file_path(&to, dir, FILE_LOG, segment->number);

    int flags = recycled ? VFS_WRITE : VFS_WRITE | VFS_CREATE;
    enum status status = vfs->open(vfs, buf_text(&from), flags, &segment->file, fault);
    if (!status && !recycled)
        status = make_room(segment, vfs, dir, fault);
    if (!status)
        status = write_header(segment, vfs, database, fault);
    if (!status)
        status = vfs->rename(vfs, buf_text(&from), buf_text(&to), fault);
    bool is_renamed = !status;
    if (!status)
        status = vfs->sync_dir(vfs, dir, fault);
    if (!status)
        segment_map(segment, vfs);
    if (status) {
        segment_close(segment, vfs);
        // If it stays, it goes at the next open.
        vfs->remove(vfs, buf_text(is_renamed ? &to : &from), NULL);
    }
    buf_release(&from);
    buf_release(&to);
    return status;
}

enum status segment_open(struct segment *segment, struct vfs *vfs, const char *dir,
                         uint64_t database, uint64_t number, struct fault *fault)
{
    *segment = (struct segment){.number = number};
    struct buf path = {0};
    file_path(&path, dir, FILE_LOG, number);
    uint8_t header[FRAME_FILE_HEADER_SIZE];
    size_t size_read = 0;
    struct frame_file file = {0};
    enum status status = vfs->open(vfs, buf_text(&path), VFS_WRITE, &segment->file, fault);
    if (status == STATUS_NOT_FOUND)
        status = fault_set(fault, STATUS_CORRUPT, "%s: missing", buf_text(&path));
    if (!status)
        status = vfs->size(vfs, segment->file, &segment->size, fault);
    if (!status)
        status = vfs->read(vfs, segment->file, 0, header, sizeof header, &size_read, fault);
    if (!status)
        status = frame_file_decode(&file, bytes_of(header, size_read), FRAME_FILE_LOG,
                                   buf_text(&path), fault);
    if (!status && (file.database != database || file.number != number))
        status = fault_set(fault, STATUS_CORRUPT,
                           "%s: offset 0: belongs to database %016" PRIx64 " as segment %" PRIu64,
                           buf_text(&path), file.database, file.number);
    if (!status && file.size != segment->size)
        status = fault_set(fault, STATUS_CORRUPT, "%s: cut off at offset %" PRIu64 ", not %" PRIu64,
                           buf_text(&path), segment->size, file.size);
    if (status)
        segment_close(segment, vfs);
    buf_release(&path);
    return status;
}

void segment_map(struct segment *segment, struct vfs *vfs)
{
    if (segment->is_mapped && !segment->map)
        segment->map = vfs->map(vfs, segment->file, (size_t)segment->size);
}

void segment_close(struct segment *segment, struct vfs *vfs)
{
    if (segment->map)
        vfs->unmap(vfs, segment->file, segment->map, (size_t)segment->size);
    segment->map = NULL;
    if (segment->file)
        vfs->close(vfs, segment->file);
    segment->file = NULL;
}
