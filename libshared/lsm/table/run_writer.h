// run_writer.h - writes one run: entries in key order, cut into tables, large values beside.
#pragma once

#include "lsm/entry/entry.h"
#include "lsm/table/sstable.h"
#include "lsm/table/sstable_writer.h"
#include "lsm/value/value_writer.h"

struct run_writer {
    struct vfs *vfs;
    const char *dir;
    uint64_t database;
    size_t block_size;
    unsigned filter_bits;
    uint64_t table_size_max; // weight at which a new table begins, about
    uint64_t next_file;      // number of the next table ...
    uint64_t file_end;       // ... which stays below this: one grows until there are new numbers
    uint64_t run;            // larger is newer: these tables hide what older ones say

    struct sstable_writer table; // the one being written, if is_open
    bool is_open;
    struct sstable_info *infos; // of the finished ones
    size_t count;
    uint64_t size; // bytes of the finished ones
    struct value_writer values;
    struct value_counts pointed; // bytes of large values that the run points to
    struct buf pointer;
    struct sstable **tables; // after run_writer_finish(): open, a reference each
};

// CORRUPT: the key does not lie behind all that was added.
enum status run_writer_add(struct run_writer *writer, const struct entry *entry,
                           struct fault *fault) MUST_USE;

// The same with a value that goes into a value file, or that lies in the log already.
enum status run_writer_add_large(struct run_writer *writer, const struct entry *entry,
                                 struct fault *fault) MUST_USE;
enum status run_writer_add_pointer(struct run_writer *writer, struct bytes key,
                                   const struct value_pointer *pointer,
                                   struct fault *fault) MUST_USE;
uint64_t run_writer_size(const struct run_writer *writer); // bytes written so far, about

// Completes the last table, syncs the directory, and opens all tables, so that nothing can
// fail once they count.
enum status run_writer_finish(struct run_writer *writer, struct fault *fault) MUST_USE;

// Removes all that was written.
void run_writer_abort(struct run_writer *writer);
void run_writer_release(struct run_writer *writer); // keeps the files; may be repeated
