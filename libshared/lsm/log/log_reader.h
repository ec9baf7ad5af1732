// log_reader.h - the frames of one segment, through a window.
//
// Reads a megabyte at a time, more only for a frame that is larger, so that the size of
// a segment costs neither memory nor page faults.
#pragma once

#include "base/buf.h"
#include "lsm/file/frame.h"
#include "lsm/log/segment.h"

struct log_reader {
    struct vfs *vfs; // these three are set by the caller
    const char *dir;
    uint64_t database;
    struct segment segment;
    struct buf path;
    struct buf window; // what was read at `begin`
    uint64_t begin;
    uint64_t offset; // of the next frame
};

// Opens a segment and goes to its first frame. Another one may have been read before.
enum status log_reader_open(struct log_reader *reader, uint64_t number,
                            struct fault *fault) MUST_USE;

// Closes the file; NULL there if it was taken. Borrowed bytes are void.
void log_reader_close(struct log_reader *reader);
void log_reader_release(struct log_reader *reader); // the memory too; may be repeated

// CORRUPT: what is wrong at the offset.
enum status log_reader_corrupt(const struct log_reader *reader, const char *what,
                               struct fault *fault);

// Borrows up to `size` bytes at `offset` until the next call; fewer at the end of the file.
enum status log_reader_bytes(struct log_reader *reader, uint64_t offset, size_t size,
                             struct bytes *bytes, struct fault *fault) MUST_USE;

// The frame at the offset, borrowed until the next call; END if there is no valid one.
enum status log_reader_peek(struct log_reader *reader, struct frame *frame,
                            struct fault *fault) MUST_USE;

// Goes to the first valid frame at or behind the offset, whatever lies between; END if
// there is none. `is_zero` becomes false if a byte passed over was not zero.
enum status log_reader_find(struct log_reader *reader, struct frame *frame, bool *is_zero,
                            struct fault *fault) MUST_USE;
