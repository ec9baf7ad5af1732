// log.h - the log: here writes become durable first.
//
//     segments   [ 7 sealed ][ 8 sealed ][ 9 current ......| free ][ 10 spare ]
//                     ▲                          ▲     ▲         ▲
//                replay begins                synced  stored    end
//
// The owner lays every batch out at its final place, segment and offset, when it is
// written: a batch that was accepted has its space. How it gets there depends on the
// durability that was asked for:
//
//   GROUP            All batches since the last write make one frame for each segment
//                    they touch; a log_write carries it to the disk on the log's
//                    thread, signs the frames, writes and syncs them.
//   INTERVAL, NONE   The current segment is memory of this process, and every batch a frame
//                    that is made in place: it is stored as soon as it is appended, with
//                    no call to the system, and lives on when the process is killed. A
//                    log_write only syncs, and closes the segments that are full. Where a
//                    segment is not mapped, a frame is written at once. If that fails, it and
//                    those that follow go the other way, until all are stored.
//
// A position is an address in the log (frame.h): segment number << 32 | offset. Positions
// only grow. A frame never crosses into the next segment; every segment but the last
// ends in a seal that names the next one. A batch must fit into one segment.
//
// After a restart the log goes on in the same segment if all behind its end is zero.
// Otherwise (a torn tail, a recycled segment) nothing may follow but the seal, and the
// first batch begins a new segment.
#pragma once

#include "base/buf.h"
#include "lsm/file/frame.h"
#include "lsm/log/segment.h"

enum {
    LOG_SEAL_PAYLOAD_SIZE = 8,
    LOG_SEAL_SIZE = FRAME_HEADER_SIZE + LOG_SEAL_PAYLOAD_SIZE, // for which there is always room
};

enum log_durability {
    LOG_DURABILITY_GROUP,
    LOG_DURABILITY_INTERVAL,
    LOG_DURABILITY_NONE,
};

struct log_extent {
    struct segment segment;
    bool is_finished;  // sealed; its file and map belong to the extent, to be closed
    uint64_t address;  // of its first byte in the log
    size_t begin, end; // in the bytes of the write; the same: there is nothing to write
};

// What leaves for the log's thread. Zero-filled is empty.
struct log_write {
    struct buf frames;
    struct log_extent *extents; // in log order; at most one for each segment
    size_t extent_count;
    size_t extent_capacity;
    size_t done_count;       // extents that a run has done with
    uint64_t end;            // address behind the last frame
    uint64_t synced;         // promised by the frames; then what this write has synced
    bool is_rotation_synced; // a segment is synced before the next one is written
    bool is_synced;          // the last one too
    uint64_t size_written;
    unsigned sync_count;
};

struct log {
    struct vfs *vfs;
    const char *dir;
    uint64_t database;
    uint64_t segment_size;
    uint64_t reserve_size; // recycled segments are kept up to this ...
    bool is_idle;          // ... unless nobody writes
    bool is_frugal;        // no segment is prepared before it is needed: the disk is full
    enum log_durability durability;

    struct segment *segments; // oldest first; those behind `current` are spare and empty
    size_t segment_count;
    size_t segment_capacity;
    size_t current;
    uint64_t next_number;
    struct segment *obsolete; // to recycle or remove
    size_t obsolete_count;
    size_t obsolete_capacity;

    struct log_write pending; // laid out, not taken yet
    bool has_frame;           // the last frame in `pending` is still open
    size_t frame_begin;       // where it begins there
    uint64_t offset;          // in the current segment: of the open frame, or of the next
    bool is_closed;           // nothing may follow in the current segment but a seal
    struct buf direct;        // the frame that is written at once
    uint64_t append_size;     // bytes of the batches in this segment ...
    uint64_t append_count;    // ... and how many
    bool is_large;            // batches were large in the segment before
    bool is_starved;          // a batch was refused for want of a segment
    bool is_sync_due;
    bool is_storing; // a write was taken that has frames

    uint64_t stored;      // address up to which all was written ...
    uint64_t synced;      // ... and synced
    uint64_t first_open;  // number of the first segment that a write may still need
    uint64_t first_own;   // tables may point into segments from this one on; a sync of ours need
                          // not have brought those of an earlier process to the disk
    uint64_t mapped_size; // bytes of frames that were stored at once, in place or written
};

void log_release(struct log *log); // closes the files; may be repeated

// Lays out a batch and says at which position it ends: its operations have been or will be
// written just before that address. BUSY if there is no room in
// the segments that are ready; TOO_LARGE if it can never fit.
enum status log_append(struct log *log, struct bytes ops, uint64_t *position) MUST_USE;

// The most bytes of operations that a batch may have.
size_t log_batch_size_max(const struct log *log);

// Ends the open frame: what follows begins at the returned address.
uint64_t log_cut(struct log *log);

// Address up to which the durability that was asked for holds.
uint64_t log_durable(const struct log *log);

// Moves what is pending into `write`. False if there is nothing to do.
bool log_take(struct log *log, struct log_write *write);

// On the log's thread: all that may block. After a failure nothing is known about the files,
// except after DISK_FULL: then the same write may be run again.
enum status log_write_run(struct log_write *write, struct vfs *vfs, uint64_t database,
                          struct fault *fault) MUST_USE;
void log_write_release(struct log_write *write, struct vfs *vfs); // may be repeated

// Takes in a write that was run well, and keeps its memory for the next one.
void log_on_written(struct log *log, struct log_write *write);

// A replay would begin at `address`: segments before it become obsolete.
// But one of which `is_kept` says so is only left alone.
void log_drop(struct log *log, uint64_t address,
              bool (*is_kept)(const void *context, uint64_t number), const void *context);

// Bytes of a segment that the log still has for itself; else 0.
uint64_t log_segment_size(const struct log *log, uint64_t number);

// Whether writers will soon have to wait for a further segment.
bool log_is_short(const struct log *log);

// Whether a further segment should be prepared now; then which, and from which obsolete one
// (0: a new file).
bool log_plan_segment(struct log *log, struct segment *segment, uint64_t *recycled);
void log_add_segment(struct log *log, const struct segment *segment);

// An obsolete segment, or a spare one, that is not worth keeping; false if there is none.
bool log_take_obsolete(struct log *log, uint64_t *number);

// Bytes of all its files.
uint64_t log_disk_size(const struct log *log);

// Bytes of the log from `address` to its end.
uint64_t log_size(const struct log *log, uint64_t address);
