// secret_file.h - small files that hold keys: read with suspicion, written whole.
//
// A secret file is made with mode 0600, and refused if others can read it, if it is not ours,
// or if it is a symbolic link. One without secrets is only made with mode 0644 instead, and
// may be anybody's.
#pragma once

#include "base/buf.h"
#include "base/fault.h"

// Appends the content. The fault names the file. NOT_FOUND; REFUSED: others could read or
// replace it; INVALID: more than size_max bytes; IO. On failure there is nothing in `out`.
enum status secret_file_read(const char *path, bool secret, size_t size_max, struct buf *out,
                             struct fault *fault) MUST_USE;

// Under a temporary name, synced, and then in its place; its directory is synced too. EXISTS,
// unless it may replace what is there.
enum status secret_file_create(const char *path, bool secret, struct bytes content,
                               struct fault *fault) MUST_USE;
enum status secret_file_replace(const char *path, bool secret, struct bytes content,
                                struct fault *fault) MUST_USE;

void secret_file_release(struct buf *content); // wiped first
