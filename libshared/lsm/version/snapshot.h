// snapshot.h - the file with what the owner of a database wants back with its tables.
//
// It belongs to a position in the log, like the tables of the flush that writes it, and comes
// into force with them: the manifest names it, with its size and checksum. The one before goes
// then. Every byte: dkv-store(5), SNAPSHOTS.
#pragma once

#include "base/buf.h"
#include "base/vfs.h"

struct snapshot {
    uint64_t number; // of the file, 0: there is none
    uint64_t size;   // of the content
    uint64_t checksum;
};

// Writes and syncs the file called `number`; its name is the caller's to sync. On failure nothing
// is left.
enum status snapshot_write(struct snapshot *snapshot, struct vfs *vfs, const char *dir,
                           uint64_t database, uint64_t number, struct bytes content,
                           struct fault *fault) MUST_USE;

// The content, replacing that of `out`. CORRUPT: it is not what was written.
enum status snapshot_read(const struct snapshot *snapshot, struct vfs *vfs, const char *dir,
                          uint64_t database, struct buf *out, struct fault *fault) MUST_USE;

void snapshot_remove(const struct snapshot *snapshot, struct vfs *vfs, const char *dir);
