#include "lsm/file/reads.h"

enum {
    STEP_SIZE = 128 << 10, // read at once
};

static bool contains(const struct read_place *noted, const struct read_place *place)
{
    return noted->kind == place->kind && noted->number == place->number &&
           noted->offset <= place->offset &&
           noted->offset + noted->size >= place->offset + place->size;
}

static void note(struct reads *reads, const struct read_place *place)
{
    size_t i = 0;
    while (i < reads->count && !contains(&reads->places[i], place))
        i++;
    if (i == reads->count) {
        struct read_place *noted = &reads->places[reads->count++];
        *noted = *place;
        if (noted->kind == FILE_TABLE && noted->size < reads->ahead_size)
            noted->size = reads->ahead_size;
    }
    uint64_t number = reads->done + i + 1;
    if (reads->found < number)
        reads->found = number;
}

enum status reads_read(struct reads *reads, struct vfs *vfs, struct vfs_file *file,
                       const struct read_place *place, void *data, size_t *size_read,
                       struct fault *fault)
{
    size_t size = (size_t)place->size;
    if (!reads || !vfs->read_cached || reads->count == READS_COUNT_MAX)
        return vfs->read(vfs, file, place->offset, data, size, size_read, fault);
    *size_read = size;
    if (vfs->read_cached(vfs, file, place->offset, data, size))
        return STATUS_OK;
    note(reads, place);
    return STATUS_BUSY;
}

bool reads_take(const struct reads *reads, struct read_batch *batch)
{
    uint64_t size = 0;
    batch->count = 0;
    while (batch->count < reads->count && batch->count < READS_BATCH_MAX) {
        const struct read_place *place = &reads->places[batch->count];
        size += place->size;
        if (batch->count && size > READS_BATCH_SIZE_MAX)
            break;
        batch->places[batch->count++] = *place;
    }
    return batch->count;
}

void reads_on_done(struct reads *reads, const struct read_batch *batch)
{
    reads->count -= batch->count;
    reads->done += batch->count;
    memmove(reads->places, reads->places + batch->count, reads->count * sizeof *reads->places);
}

// ---- On the worker -----------------------------------------------------------------------

static void read_place(struct vfs *vfs, struct vfs_file *file, const struct read_place *place,
                       struct buf *data)
{
    size_t size_read = 1;
    for (uint64_t at = 0; at < place->size && size_read; at += size_read) {
        uint64_t size = place->size - at < STEP_SIZE ? place->size - at : STEP_SIZE;
        buf_clear(data);
        if (vfs->read(vfs, file, place->offset + at, buf_grow(data, (size_t)size), (size_t)size,
                      &size_read, NULL))
            break;
    }
}

void read_batch_run(const struct read_batch *batch, struct vfs *vfs, const char *dir)
{
    struct vfs_file *files[READS_BATCH_MAX];
    struct buf path = {0}, data = {0};
    for (size_t i = 0; i < batch->count; i++) {
        const struct read_place *place = &batch->places[i];
        file_path(&path, dir, place->kind, place->number);
        if (vfs->open(vfs, buf_text(&path), VFS_READ, &files[i], NULL))
            files[i] = NULL;
        else
            vfs->advise(vfs, files[i], place->offset, place->size, true);
    }
    for (size_t i = 0; i < batch->count; i++) {
        if (!files[i])
            continue;
        read_place(vfs, files[i], &batch->places[i], &data);
        vfs->close(vfs, files[i]);
    }
    buf_release(&path);
    buf_release(&data);
}
