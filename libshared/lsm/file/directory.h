// directory.h - the directory of a database, and which files of ours are in it.
#pragma once

#include "base/vfs.h"
#include "lsm/file/file_name.h"

// Makes it if it is missing, so that it survives a power loss.
enum status directory_make(struct vfs *vfs, const char *dir, struct fault *fault) MUST_USE;

// Zero-filled is empty.
struct directory {
    struct directory_file {
        enum file_kind kind;
        uint64_t number;
    } * files; // without the lock
    size_t count;
};

enum status directory_list(struct directory *directory, struct vfs *vfs, const char *dir,
                           struct fault *fault) MUST_USE;
void directory_release(struct directory *directory); // may be repeated
