// merge.h - slices become one: a slice of a tier, or a new bottom.
//
// A merge walks through some slices of one range, or, for a bottom, of neighbouring
// ranges that became small, and writes what counts. It works in steps, so that a
// flush does not wait for it: run by a worker, kept by the owner in between. Its input
// tables are pinned and its version is referenced.
//
// Large values stay where they are, except those in the files that the merge is to empty.
//
// Only a merge into the bottom forgets deletions: there is nothing older that they have to hide.
#pragma once

#include "lsm/merge/walk.h"
#include "lsm/policy/compaction.h"
#include "lsm/table/run_writer.h"
#include "lsm/value/value_reader.h"

struct merge {
    struct version *version; // as it was at the beginning; NULL: no merge
    struct compaction_span span;
    struct sstable **tables; // input, each once, pinned
    size_t table_count;
    struct sstable *unreadable; // one that could not be opened; NULL: none
    bool is_bottom;
    bool is_drop;  // nothing is kept; it walks only to count what it lets go
    uint64_t size; // bytes of input, about
    struct walk walk;
    struct run_writer writer;
    struct value_counts moving; // files whose values are copied on, since few are left in them
    struct value_counts input_values; // bytes by file that the inputs point to
    struct value_reader reader;
    struct buf value;
    bool has_ended; // all was written and synced; the worker's
    bool is_done;   // the same, as the owner knows it: it may be committed
};

// Takes the choice as input. The writer is left to the caller.
enum status merge_init(struct merge *merge, struct version *version,
                       const struct compaction_choice *choice, struct fault *fault) MUST_USE;

// Takes everything in [begin, end) as input, of which nothing is to be left.
enum status merge_init_drop(struct merge *merge, struct version *version, struct bytes begin,
                            struct bytes end, struct fault *fault) MUST_USE;

// Continues until about `size` further bytes were written, or the end. On failure what was
// written is removed.
enum status merge_step(struct merge *merge, uint64_t size, struct fault *fault) MUST_USE;

// Unpins the tables and frees everything but the version, whose reference goes to the
// caller. The output files stay. May be repeated.
struct version *merge_release(struct merge *merge);
