// value_reader.h - reads large values, wherever they lie.
#pragma once

#include "base/vfs.h"
#include "lsm/file/reads.h"
#include "lsm/value/value_pointer.h"

enum {
    VALUE_OPEN_MAX = 16, // files that a reader keeps open
};

// One thread at a time. Zero-filled but for the first three.
struct value_reader {
    struct vfs *vfs;
    const char *dir;
    uint64_t database;
    struct reads *reads; // what is not in memory is noted there; NULL: it is read
    struct value_handle {
        uint64_t id;
        struct vfs_file *file; // NULL: free
        uint64_t use;
    } handles[VALUE_OPEN_MAX];
    uint64_t use;
    struct buf packed;
};

// Replaces `value`. CORRUPT (file, offset) if it is not what the pointer says; IO; BUSY if it
// could only be noted.
enum status value_read(struct value_reader *reader, const struct value_pointer *pointer,
                       struct buf *value, struct fault *fault) MUST_USE;

// The same as it is stored: packed if the pointer says so.
enum status value_read_stored(struct value_reader *reader, const struct value_pointer *pointer,
                              struct buf *value, struct fault *fault) MUST_USE;

// Closes a file that will go.
void value_reader_forget(struct value_reader *reader, uint64_t id);
void value_reader_release(struct value_reader *reader); // may be repeated
