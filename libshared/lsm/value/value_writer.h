// value_writer.h - files of large values.
//
//     file header   value  value  value ...      bytes alone
//
// Any thread. They count once the version that names them is in force.
#pragma once

#include "base/vfs.h"
#include "lsm/value/value_counts.h"
#include "lsm/value/value_pointer.h"

enum {
    VALUE_FILE_START = 512,
    VALUE_ALIGN = 8,
};

#define VALUE_FILE_SIZE_MAX ((uint64_t)256 << 20)

// Writes them one after the other.
struct value_writer {
    struct vfs *vfs;
    const char *dir;
    uint64_t database;
    uint64_t next_file; // number of the next one ...
    uint64_t file_end;  // ... which stays below this
    struct vfs_file *file;
    uint64_t id;
    struct buf out;              // not written yet
    uint64_t offset;             // of `out` in the file
    struct value_counts written; // bytes of values in each file, the one at hand included
};

// Adds the value of an entry, which is no pointer.
enum status value_writer_add(struct value_writer *writer, const struct entry *entry,
                             struct value_pointer *pointer, struct fault *fault) MUST_USE;

// Writes and syncs what is left; the directory is the caller's to sync.
enum status value_writer_finish(struct value_writer *writer, struct fault *fault) MUST_USE;
void value_writer_abort(struct value_writer *writer);   // removes the files
void value_writer_release(struct value_writer *writer); // keeps them; may be repeated
