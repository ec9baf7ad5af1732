// segment.h - one file of the log.
//
// Segments have a fixed size and are filled with zeros, synced and named before the
// first frame goes in, so that a synced write touches neither the size of the file
// nor the directory, and cannot fail for want of space. A segment that is no longer
// needed is recycled: it gets the header of its next life, then the next name.
// Its stale frames carry the old number and never validate again.
//
// A file called NNNNNN.log therefore always has a valid header and its full size:
// an unfinished one is called NNNNNN.tmp.
#pragma once

#include "base/vfs.h"

struct segment {
    uint64_t number;       // consecutive while all goes well, growing always, never reused
    uint64_t size;         // bytes of the file
    struct vfs_file *file; // NULL when closed
    uint8_t *map;          // the whole file as memory, or NULL
    bool is_mapped;        // wanted as memory, if the vfs can do it
    bool is_prewritten;    // zeros must be on the disk, for syncs that touch nothing else
};

// Makes the segment, zero-filled, from the one called `recycled` (0: from nothing), and
// leaves it open, mapped if wanted. Blocks. Fails with DISK_FULL or IO and leaves nothing behind.
enum status segment_prepare(struct segment *segment, struct vfs *vfs, const char *dir,
                            uint64_t database, uint64_t recycled, struct fault *fault) MUST_USE;

// Opens the segment called `number` and checks its header and size.
enum status segment_open(struct segment *segment, struct vfs *vfs, const char *dir,
                         uint64_t database, uint64_t number, struct fault *fault) MUST_USE;

// Maps an open segment if that is wanted. Blocks. Without success it stays as it is.
void segment_map(struct segment *segment, struct vfs *vfs);

void segment_close(struct segment *segment, struct vfs *vfs); // may be repeated
