// file.h - small files as a whole, and directories, for programs of the command line.
//
// A file is written completely or not at all, and survives a power loss when the call returned
// OK. Faults name the path and what the system said.
#pragma once

#include "base/buf.h"
#include "base/fault.h"

enum {
    FILE_PATH_SIZE = 1024, // bytes for a path and its terminator
    FILE_MODE_ANY = 0666,  // what the umask leaves of it; any other mode is meant exactly
};

// How a program ends that failed at a file which its user named: NOT_FOUND, TOO_LARGE and
// CORRUPT, which speak of keys to the reader of an exit status, become INVALID.
enum status file_status(enum status status);

// Appends the content. INVALID if there is no such file, TOO_LARGE beyond size_max, IO.
enum status file_read(const char *path, size_t size_max, struct buf *out,
                      struct fault *fault) MUST_USE;

// Writes `path` anew: temporary name, sync, rename, sync of the directory. With `exclusive`
// an existing file is left alone and the result is EXISTS.
enum status file_write(const char *path, unsigned mode, bool exclusive, struct bytes content,
                       struct fault *fault) MUST_USE;

// mkdir -p; directories that are there keep their mode.
enum status file_make_dir(const char *path, unsigned mode, struct fault *fault) MUST_USE;

bool file_exists(const char *path);
bool file_is_dir(const char *path);
bool file_is_dir_of(const char *path, const char *const *names, unsigned count); // and nothing else

// The bytes of the file system that NAME in a directory lies on, or the directory if there is no
// such name; 0 if that cannot be told.
uint64_t file_space(const char *dir, const char *name);

// Removes a directory and all below it, without following links or leaving the file system.
enum status file_remove_tree(const char *path, struct fault *fault) MUST_USE;

// "DIR/NAME" into path. INVALID if it does not fit.
enum status file_join(char path[FILE_PATH_SIZE], const char *dir, const char *name,
                      struct fault *fault) MUST_USE;
