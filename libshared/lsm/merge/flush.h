// flush.h - a sealed memtable becomes a run. By a worker: the memtable is immutable.
//
// Large values stay in the log where they fill most of a segment, which is kept then; else
// they are copied into a value file.
//
// The snapshot of the owner that belongs to the memtable becomes a file beside it.
//
// In steps, so that the owner sees how far it is and can pace the writers by it.
#pragma once

#include "lsm/memory/order.h"
#include "lsm/table/run_writer.h"
#include "lsm/version/snapshot.h"

struct flush {
    const struct memtable *memtable; // NULL: no flush
    bool is_oldest;                  // there are no tables: deletions have nothing to hide
    struct order *order;             // made by the first step
    size_t at;                       // in the order
    uint64_t begin, end;             // addresses of the log between which the memtable lies
    uint64_t segment_size;
    uint64_t first_kept;      // number of the first segment of the log that may stay
    struct value_counts kept; // segments of the log that stay, since large values fill them
    struct bytes content;     // of the snapshot, borrowed from the owner of the memtable
    struct snapshot snapshot; // its number is given, 0: none; the rest is filled in at the end
    struct run_writer writer;
    bool has_ended; // all was written and synced; the worker's
    bool is_done;   // the same, as the owner knows it ...
    unsigned far;   // ... and how far the flush is, in permille
};

// Writes on until about `size` further bytes were written, or the end. On failure nothing of
// the run is left.
enum status flush_step(struct flush *flush, uint64_t size, struct fault *fault) MUST_USE;
void flush_release(struct flush *flush); // keeps the files; may be repeated
