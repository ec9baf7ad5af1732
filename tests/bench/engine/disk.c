// The floor that a synced put stands on: its bytes, written and synced, and no engine at all.
#include "bench/engine/peer.h"

#include "base/xalloc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    FILE_SIZE = 64 << 20, // of zeros that are on the disk, so that a sync has nothing else to do
    CHUNK_SIZE = 1 << 20,
};

struct disk {
    int descriptor;
    off_t offset;
    struct buf record;
};

static void check(bool is_well)
{
    if (!is_well)
        die("disk: %s", strerror(errno));
}

static void disk_describe(struct buf *out)
{
    buf_append_text(out, "no engine: key and value by pwrite() behind the last ones, and "
                         "fdatasync(), in a file that was filled with zeros");
}

static void *disk_open(const struct peer_options *options)
{
    struct disk *disk = xcalloc(1, sizeof *disk);
    struct buf path = {0};
    buf_printf(&path, "%s/file", options->dir);
    disk->descriptor = open(buf_text(&path), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    check(disk->descriptor >= 0);
    void *zeros = xcalloc(1, CHUNK_SIZE);
    for (off_t at = 0; at < FILE_SIZE; at += CHUNK_SIZE)
        check(pwrite(disk->descriptor, zeros, CHUNK_SIZE, at) == CHUNK_SIZE);
    check(!fsync(disk->descriptor));
    free(zeros);
    buf_release(&path);
    return disk;
}

static void disk_close(void *db)
{
    struct disk *disk = db;
    close(disk->descriptor);
    buf_release(&disk->record);
    free(disk);
}

static void disk_put(void *db, struct bytes key, struct bytes value)
{
    struct disk *disk = db;
    buf_set(&disk->record, key);
    buf_append(&disk->record, value);
    off_t size = (off_t)disk->record.size;
    if (disk->offset + size > FILE_SIZE)
        disk->offset = 0;
    check(pwrite(disk->descriptor, disk->record.data, disk->record.size, disk->offset) == size);
    check(!fdatasync(disk->descriptor));
    disk->offset += size;
}

const struct peer peer_disk = {
    .name = "disk",
    .describe = disk_describe,
    .open = disk_open,
    .close = disk_close,
    .put = disk_put,
};
