// secret_file.h - small files that hold keys: read with suspicion, written whole.
//
// A secret file is made with mode 0600, and refused if others can read it, if it is not ours,
// or if it is a symbolic link. One without secrets is only made with mode 0644 instead, and
// may be anybody's.
#pragma once

#include "base/buf.h"
#include "base/fault.h"

#include <limits.h>

// Appends the content. The fault names the file. NOT_FOUND; REFUSED: others could read or
// replace it; INVALID: more than size_max bytes; IO. On failure there is nothing in `out`.
enum status secret_file_read(const char *path, bool secret, size_t size_max, struct buf *out,
                             struct fault *fault) MUST_USE;

// A new file under a temporary name beside `path`, which it gets once it is whole.
struct secret_file {
    const char *path; // the caller's
    char temporary[PATH_MAX];
    int fd; // to be filled
};

enum status secret_file_begin(struct secret_file *file, const char *path, bool secret,
                              struct fault *fault) MUST_USE;

// Appends what is in it so far; as secret_file_read().
enum status secret_file_look(const struct secret_file *file, size_t size_max, struct buf *out,
                             struct fault *fault) MUST_USE;

// Syncs it and puts it in its place; the directory is synced too. EXISTS, unless it may replace
// what is there. It is over then, whatever the status.
enum status secret_file_put(struct secret_file *file, bool may_replace,
                            struct fault *fault) MUST_USE;
void secret_file_drop(struct secret_file *file); // over, and nothing is there

// Begins, writes the content, and puts it in place of what is there.
enum status secret_file_replace(const char *path, bool secret, struct bytes content,
                                struct fault *fault) MUST_USE;

void secret_file_release(struct buf *content); // wiped first
