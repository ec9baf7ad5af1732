// manifest.h - the log of version edits, and which one is in force.
//
// MANIFEST-NNNNNN is a file of frames (frame.h): first what a program must know to read the
// database (feature.h), then one edit each, every one synced before it takes effect. CURRENT holds
// the name of the manifest in force. A new manifest begins with the whole state and comes into
// force by renaming a new CURRENT over the old one, after everything it speaks of was synced, names
// included.
//
// The last frame may be torn by a power loss; then the edit never took effect, and the
// manifest is written anew before the next edit.
#pragma once

#include "base/vfs.h"
#include "lsm/version/edit.h"
#include "lsm/version/feature.h"

struct manifest {
    struct vfs *vfs;
    const char *dir;
    uint64_t database;
    uint64_t number;
    uint32_t version; // of its format: 1 is read, no more written
    struct features features;
    struct vfs_file *file;
    uint64_t size;       // end of the last edit
    uint64_t settled;    // when read: the last edit begins here, all before is synced
    uint64_t first_size; // size after the first edit: that of the whole state
    bool is_torn;        // something invalid follows: append nothing
};

// Reads CURRENT and the manifest it names. NOT_FOUND if there is no CURRENT; INVALID if a newer
// program has written it, with something that is not among what is `known`.
enum status manifest_open(struct manifest *manifest, struct vfs *vfs, const char *dir,
                          const struct features *known, struct edit_state *state,
                          struct fault *fault) MUST_USE;
void manifest_close(struct manifest *manifest); // may be repeated

// Writes a new manifest file with one edit, the whole state. It is not yet in force.
enum status manifest_create(struct manifest *manifest, struct vfs *vfs, const char *dir,
                            uint64_t database, uint64_t number, const struct features *features,
                            struct bytes edit, struct fault *fault) MUST_USE;

// Puts the manifest in force.
enum status manifest_switch(const struct manifest *manifest, struct fault *fault) MUST_USE;

// Appends an edit and syncs it. After DISK_FULL it may be repeated, and the files the
// edit speaks of must stay: it may have been written none the less. IO is final.
enum status manifest_append(struct manifest *manifest, struct bytes edit,
                            struct fault *fault) MUST_USE;

// True when most of the manifest is history, or its end is torn.
bool manifest_wants_rewrite(const struct manifest *manifest);

// Reads all of it again: OK or CORRUPT.
enum status manifest_verify(const struct manifest *manifest, struct fault *fault) MUST_USE;
