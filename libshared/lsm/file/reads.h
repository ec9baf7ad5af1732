// reads.h - places on the disk that the owner's thread does not wait for.
//
//     owner ── read_cached ──> there: go on
//                    └───────> not there: BUSY, noted ──job──> read on the worker,
//                                                              thrown away: the system has it now
//
// The job asks for all its places before it waits for the first, so that one thread keeps as
// many reads at the disk as there are places. It opens the files by their names: one that is
// gone by then was merged away, and the owner will look elsewhere. It reports no failure
// either: the owner meets it when it asks again and waits.
//
// Places are numbered as they are noted, and read in that order. A read within a place that is
// noted already waits for that one.
#pragma once

#include "base/vfs.h"
#include "lsm/file/file_name.h"

enum {
    READS_COUNT_MAX = 256,          // noted and not read yet; with more, the owner waits itself
    READS_BATCH_MAX = 32,           // by one job ...
    READS_BATCH_SIZE_MAX = 1 << 20, // ... of this size together, or one that is larger
};

struct read_place {
    enum file_kind kind;
    uint64_t number; // of the file
    uint64_t offset;
    uint64_t size;
};

// Zero-filled is empty. Owner's thread only.
struct reads {
    struct read_place places[READS_COUNT_MAX]; // oldest first; a job has the first ones
    size_t count;
    uint64_t done;       // number of the last place that was read: places[0] has the next
    uint64_t found;      // number of the last one that a BUSY was for, since it was made 0
    uint64_t ahead_size; // noted of a table at least: a walk will want it
};

// What one job reads. On any thread.
struct read_batch {
    struct read_place places[READS_BATCH_MAX];
    size_t count;
};

// Fills `data` from the place as vfs->read does. Without `reads` it waits for the disk, as it
// does when no further place can be noted; else it says BUSY.
enum status reads_read(struct reads *reads, struct vfs *vfs, struct vfs_file *file,
                       const struct read_place *place, void *data, size_t *size_read,
                       struct fault *fault) MUST_USE;

// What is to be read next; false if there is nothing.
bool reads_take(const struct reads *reads, struct read_batch *batch);
void reads_on_done(struct reads *reads, const struct read_batch *batch);

void read_batch_run(const struct read_batch *batch, struct vfs *vfs, const char *dir);
