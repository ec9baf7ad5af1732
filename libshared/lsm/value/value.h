// value.h - large values, kept beside the tables.
//
// A value that is larger than some size is not copied from merge to merge: the table has a
// pointer to where it lies (value_pointer.h), in the segment of the log into which it was
// written first, or in a value file (value_writer.h).
//
// A value that shrinks by an eighth or more is packed (LZ4) on its way into the log, and stays so
// wherever it goes. Every byte: dkv-store(5), LARGE VALUES.
//
// A segment that is pointed to is kept when the log has done with it. Which files there are, and
// how many bytes of each are pointed to (value_counts.h), is part of a version: merges count the
// bytes that they let go. A file without any goes; values in a file with few are copied on by the
// next merge that comes upon their pointers.
//
// (Lu et al.: WiscKey, 2016. The first file of a value is the log: it is written once.)
#pragma once

#include "base/buf.h"
#include "base/endian.h"
#include "lsm/entry/entry.h"

enum {
    VALUE_WEIGHT = 4, // bytes of large values that weigh as much as one in a table
};

// Appends the value packed. False, and nothing is appended, if that would not be worth it.
bool value_pack(struct buf *out, struct bytes value);

// Replaces `value` by what was packed. False if that makes no sense.
bool value_unpack(struct buf *value, struct bytes packed);

// Bytes of the value of an entry before it was packed.
static inline size_t value_size(const struct entry *entry)
{
    return entry->is_packed ? load_u32(entry->value.data) : entry->value.size;
}
