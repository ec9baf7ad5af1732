// files.h - the files that versions refer to: those with references stay, the rest goes.
#pragma once

#include "lsm/engine.h"
#include "lsm/file/file_name.h"

// Drops a reference; the file goes when it was the last one. `lsm` is a struct lsm.
void files_drop_table(void *lsm, struct sstable *table);
void files_drop_values(void *lsm, struct value_file *file);
void files_drop_version(struct lsm *lsm, struct version *version);

// A file with large values that is new, with a reference for the caller.
struct value_file *files_add_values(struct lsm *lsm, uint64_t id, uint64_t size);

// Whether tables of any version point into the segment: the log must let it be.
bool files_keep_segment(const void *lsm, uint64_t number);

// Whether the log still has this file with values for itself.
static inline bool files_is_of_log(const struct lsm *lsm, uint64_t id)
{
    return id & VALUE_IN_LOG && log_segment_size(&lsm->log, id & ~VALUE_IN_LOG);
}

// A file to remove.
void files_add_garbage(struct lsm *lsm, enum file_kind kind, uint64_t number);
