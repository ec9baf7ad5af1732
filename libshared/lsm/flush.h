// flush.h - a sealed memtable becomes a run. Any thread: the memtable is immutable.
#pragma once

#include "lsm/memtable.h"
#include "lsm/run_writer.h"

struct flush {
    const struct memtable *memtable;
    bool is_oldest; // there are no runs below: deletions have nothing to hide
    struct run_writer writer;
};

// Writes and syncs the run. On failure nothing of it is left.
enum status flush_run(struct flush *flush, struct fault *fault) MUST_USE;
