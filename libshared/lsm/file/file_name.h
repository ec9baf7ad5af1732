// file_name.h - the names of the files in a database directory.
//
//     CURRENT           the name of the manifest in force
//     LOCK              held by the process that has the database open
//     MANIFEST-000007   which tables exist, and where the log begins
//     000012.log        a log segment; numbers of segments are their own
//     000009.tbl        a table
//     000010.val        large values
//     000011.snp        a snapshot of the owner
//     *.tmp             not finished: removed at the next open
#pragma once

#include "base/buf.h"

enum file_kind {
    FILE_FOREIGN, // not ours: never touched
    FILE_CURRENT,
    FILE_LOCK,
    FILE_MANIFEST,
    FILE_LOG,
    FILE_TABLE,
    FILE_VALUES,
    FILE_SNAPSHOT,
    FILE_TEMPORARY,
};

// Those that take their numbers from one series.
static inline bool file_kind_is_numbered(enum file_kind kind)
{
    return kind == FILE_MANIFEST || kind == FILE_TABLE || kind == FILE_VALUES ||
           kind == FILE_SNAPSHOT;
}

#define FILE_NUMBER_END ((uint64_t)1 << 31) // all numbers are below

// The name without its directory; the number counts for all but CURRENT and LOCK.
void file_name_format(struct buf *out, enum file_kind kind, uint64_t number);
enum file_kind file_name_parse(const char *name, uint64_t *number);

// Replaces `path` by "dir/name" and returns it as a C string, which lives in `path`.
const char *file_path(struct buf *path, const char *dir, enum file_kind kind, uint64_t number);
