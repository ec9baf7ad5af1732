// merge.h - neighbouring runs become one.
//
// Size-tiered: when there are many runs, the newest ones are merged as long as the next
// older one is not more than twice as big as those before it together, and at least half
// of all. A byte is then rewritten about once for each doubling of what is above
// it; run counts stay near the limit.
//
// A merge works in steps, so that a flush does not wait for it: run by the worker,
// kept by the owner in between. Its input tables are pinned and referenced.
#pragma once

#include "lsm/iterator.h"
#include "lsm/run_writer.h"
#include "lsm/version.h"

struct merge {
    struct sstable **tables; // input, newest run first
    size_t table_count;
    uint64_t size;  // bytes of input
    bool is_oldest; // nothing lies below: deletions need not be kept
    bool is_done;   // all was written and synced
    bool is_started;
    struct iterator iterator;
    struct run_writer writer;
};

// How many of the newest runs to merge; 0 if there are fewer than `run_count_max` runs.
size_t merge_choose(const struct version *version, size_t run_count_max);

// Takes the `run_count` newest runs as input: pins and references them. The writer is
// left to the caller.
enum status merge_init(struct merge *merge, const struct version *version, size_t run_count,
                       struct fault *fault) MUST_USE;

// Continues until about `size` further bytes were written, or the end. On failure what was
// written is removed.
enum status merge_step(struct merge *merge, uint64_t size, struct fault *fault) MUST_USE;

// Gives the input back; the references too unless they are taken from `tables`, by
// setting table_count to 0. The output files stay. May be repeated.
void merge_release(struct merge *merge);
