// files.h - the files that versions refer to: those with references stay, the rest goes.
//
// A file goes in two steps: with its last reference it becomes garbage, and a job removes it. A
// segment of the log that has large values is the log's as long as that needs it, and then ours.
//
// Owner's thread only.
#pragma once

#include "lsm/file/file_name.h"
#include "lsm/log/log.h"
#include "lsm/table/cache.h"
#include "lsm/value/value_reader.h"
#include "lsm/version/version.h"

// Zero-filled but for the first five.
struct files {
    const char *dir;
    const struct log *log;
    struct cache *cache;         // forgets tables ...
    struct value_reader *reader; // ... and this one files with values that go
    struct sstable_files tables; // those that are open
    struct value_file **values;  // all there are, in whatever version
    size_t value_count;
    struct buf garbage; // paths of files to remove, each with a terminator
};

void files_release(struct files *files); // after all versions

// Drops a reference. `files` is a struct files.
void files_drop_table(void *files, struct sstable *table);
void files_drop_values(void *files, struct value_file *file);
void files_drop_version(struct files *files, struct version *version);

// A file with large values that is new, with a reference for the caller.
struct value_file *files_add_values(struct files *files, uint64_t id, uint64_t size);

// Whether tables of any version point into the segment: the log must let it be. `files` is a
// struct files.
bool files_keep_segment(const void *files, uint64_t number);

// Whether the log still has this file with values for itself.
static inline bool files_is_of_log(const struct files *files, uint64_t id)
{
    return id & VALUE_IN_LOG && log_segment_size(files->log, id & ~VALUE_IN_LOG);
}

// A file to remove.
void files_add_garbage(struct files *files, enum file_kind kind, uint64_t number);
