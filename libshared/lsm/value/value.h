// value.h - large values, kept beside the tables.
//
// A value that is larger than some size is not copied from merge to merge: the table has a
// pointer to where it lies, in the segment of the log into which it was written first, or
// in a value file:
//
//     file header   value  value  value ...      bytes alone
//
//     pointer:  place, size, whether it is packed, checksum salted with the place
//
// A value that shrinks by an eighth or more is packed (LZ4) on its way into the log, and stays so
// wherever it goes. Every byte: dkv-store(5), LARGE VALUES.
//
// A place is an id of a file and an offset: bit 63 set for a segment of the log, 31 bits
// of number, 32 bits of offset. A segment that is pointed to is kept when the log has
// done with it. Which files there are, and how many bytes of each are pointed to, is
// part of a version: merges count what they let go. A file without any goes; values in a file
// with few are copied on by the next merge that comes upon their pointers.
//
// (Lu et al.: WiscKey, 2016. The first file of a value is the log: it is written once.)
#pragma once

#include "base/buf.h"
#include "base/endian.h"
#include "base/vfs.h"
#include "lsm/entry/entry.h"
#include "lsm/file/reads.h"

enum {
    VALUE_POINTER_SIZE = 20,
    VALUE_FILE_START = 512,
    VALUE_ALIGN = 8,
    VALUE_OPEN_MAX = 16, // files that a reader keeps open
    VALUE_WEIGHT = 4,    // so many bytes of large values weigh as much as one in a table
};

#define VALUE_IN_LOG        ((uint64_t)1 << 31) // in the id of a file
#define VALUE_FILE_SIZE_MAX ((uint64_t)256 << 20)

struct value_pointer {
    uint64_t place;
    uint32_t size; // as it is stored
    bool is_packed;
    uint64_t checksum;
};

static inline uint64_t value_id(uint64_t place)
{
    return place >> 32;
}

void value_pointer_encode(struct buf *out, const struct value_pointer *pointer);

// False if that is no pointer.
bool value_pointer_decode(struct value_pointer *pointer, struct bytes bytes);

// The pointer to the value of an entry, which lies at `place`.
struct value_pointer value_point(const struct entry *entry, uint64_t place, uint64_t database);

// Replaces `path` by that of the file with this id, and returns it as a C string.
const char *value_path(struct buf *path, const char *dir, uint64_t id);

// ---- Packing ---------------------------------------------------------------------------

// Appends the value packed. False, and nothing is appended, if that would not be worth it.
bool value_pack(struct buf *out, struct bytes value);

// Replaces `value` by what was packed. False if that makes no sense.
bool value_unpack(struct buf *value, struct bytes packed);

// Bytes of the value of an entry before it was packed.
static inline size_t value_size(const struct entry *entry)
{
    return entry->is_packed ? load_u32(entry->value.data) : entry->value.size;
}

// ---- Counting --------------------------------------------------------------------------

// A file with values. Referenced by versions and by whoever reads there for long.
struct value_file {
    unsigned ref_count;
    uint64_t id;
    uint64_t size; // bytes of the values in it; all of a segment of the log
};

// Bytes by file, for what a flush or a merge points to, or lets go. Zero-filled is empty.
struct value_counts {
    struct value_count {
        uint64_t id;
        uint64_t size;
    } * counts; // by id
    size_t count;
};

void value_counts_add(struct value_counts *counts, uint64_t id, uint64_t size);
uint64_t value_counts_find(const struct value_counts *counts, uint64_t id); // 0 if it has none
void value_counts_release(struct value_counts *counts);                     // may be repeated

// ---- Reading ---------------------------------------------------------------------------

// Reads values, one thread at a time. Zero-filled but for the first three.
struct value_reader {
    struct vfs *vfs;
    const char *dir;
    uint64_t database;
    struct reads *reads; // what is not in memory is noted there; NULL: it is read
    struct value_handle {
        uint64_t id;
        struct vfs_file *file; // NULL: free
        uint64_t use;
    } handles[VALUE_OPEN_MAX];
    uint64_t use;
    struct buf packed;
};

// Replaces `value`. CORRUPT (file, offset) if it is not what the pointer says; IO; BUSY if it
// could only be noted.
enum status value_read(struct value_reader *reader, const struct value_pointer *pointer,
                       struct buf *value, struct fault *fault) MUST_USE;

// The same as it is stored: packed if the pointer says so.
enum status value_read_stored(struct value_reader *reader, const struct value_pointer *pointer,
                              struct buf *value, struct fault *fault) MUST_USE;

// Closes a file that will go.
void value_reader_forget(struct value_reader *reader, uint64_t id);
void value_reader_release(struct value_reader *reader); // may be repeated

// ---- Writing ---------------------------------------------------------------------------

// Writes value files, one after the other. Any thread. They count once the version
// that names them is in force.
struct value_writer {
    struct vfs *vfs;
    const char *dir;
    uint64_t database;
    uint64_t next_file; // number of the next one ...
    uint64_t file_end;  // ... which stays below this
    struct vfs_file *file;
    uint64_t id;
    struct buf out;              // not written yet
    uint64_t offset;             // of `out` in the file
    struct value_counts written; // bytes of values in each file, the one at hand included
};

// Adds the value of an entry, which is no pointer.
enum status value_writer_add(struct value_writer *writer, const struct entry *entry,
                             struct value_pointer *pointer, struct fault *fault) MUST_USE;

// Writes and syncs what is left; the directory is the caller's to sync.
enum status value_writer_finish(struct value_writer *writer, struct fault *fault) MUST_USE;
void value_writer_abort(struct value_writer *writer);   // removes the files
void value_writer_release(struct value_writer *writer); // keeps them; may be repeated
