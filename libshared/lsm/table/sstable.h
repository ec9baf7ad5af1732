// sstable.h - a sorted, immutable file.
//
//     data block   data block   ...        entries in key order (block.h)
//     index        where each data block is, and a separator; stored as a block, like the next two
//     filter       one Bloom filter of all keys (filter.h)
//     sample       of about every 256th key its hash, whether it is deleted, and its data block
//     footer       whose table it is, counts, and where the three above are
//
// Every byte: dkv-store(5), TABLES.
//
// A separator is not above the first key of its block and above the last key of the one
// before, and as short as that allows. Index, filter and sample stay in memory as long as the
// table is open to the database; its file may be closed meanwhile (sstable_files).
//
// A table in memory is shared by the version, scans and merges through its reference
// count. Only the owner's thread changes the count or opens and closes files; a merge
// works on tables that are pinned, whose files stay open.
#pragma once

#include "base/vfs.h"
#include "lsm/file/reads.h"
#include "lsm/table/block.h"
#include "lsm/table/filter.h"
#include "lsm/table/sstable_info.h"

enum {
    SSTABLE_MARK_DISTANCE = 16,
};

// A data block.
struct sstable_place {
    uint64_t offset;    // in the file; the block ends where the next one begins
    uint32_t separator; // where it is in the index: u16 size, bytes
};

struct sstable {
    unsigned ref_count;
    unsigned pin_count;
    struct sstable_info info;
    struct vfs *vfs;
    const char *dir;
    uint64_t database;
    struct sstable_files *files; // NULL until adopted
    struct vfs_file *file;       // NULL when closed
    uint64_t last_use;
    struct buf index; // as stored, uncompressed
    struct filter filter;
    struct buf sample;
    size_t prefix_size; // of what all keys begin with
    uint32_t block_count;
    struct sstable_place *places; // block_count of them, and where the data blocks end
    // Of the separators, eight bytes behind the prefix of the table; then the largest number, up
    // to a multiple of SSTABLE_MARK_DISTANCE.
    uint64_t *heads;
    uint64_t *marks; // every SSTABLE_MARK_DISTANCE-th head: a search goes over these first
    uint32_t mark_count;
};

// Which tables have their file open, and at most how many.
struct sstable_files {
    unsigned count_max;
    unsigned count;
    uint64_t use;
    struct sstable **open;
    size_t capacity;
};

void sstable_files_release(struct sstable_files *files); // may be repeated

// Opens a table of which the manifest says `info`, on any thread. CORRUPT (file, offset) or
// IO. One reference belongs to the caller; `dir` must outlive the table.
enum status sstable_open(struct sstable **table, struct vfs *vfs, const char *dir,
                         uint64_t database, const struct sstable_info *info,
                         struct fault *fault) MUST_USE;

// From now on its open file counts, and may be closed when others are needed.
void sstable_adopt(struct sstable *table, struct sstable_files *files);
struct sstable *sstable_retain(struct sstable *table);

// True if that was the last reference; the table is gone then.
bool sstable_release(struct sstable *table);

// Opens the file if it is closed, perhaps closing another.
enum status sstable_use(struct sstable *table, struct fault *fault) MUST_USE;
// The same, and it stays open until unpinned.
enum status sstable_pin(struct sstable *table, struct fault *fault) MUST_USE;
void sstable_unpin(struct sstable *table);

// The block where a key would be: the last whose separator is not above it; 0 if all are.
uint32_t sstable_find_block(const struct sstable *table, struct bytes key);

// The blocks [begin, end) which hold all keys of [from, to), and few others; an empty bound
// is open. Empty if the table has nothing there.
void sstable_range_blocks(const struct sstable *table, struct bytes from, struct bytes to,
                          uint32_t *begin, uint32_t *end);

// All keys that a block may have lie in [from, to], which the table borrows.
void sstable_block_span(const struct sstable *table, uint32_t index, struct bytes *from,
                        struct bytes *to);

// Stored bytes of those blocks.
uint64_t sstable_range_size(const struct sstable *table, struct bytes from, struct bytes to);

// Appends the hashes of the sampled keys in these blocks, and counts the deletions among them.
void sstable_sample(const struct sstable *table, uint32_t begin, uint32_t end, struct buf *hashes,
                    uint64_t *deleted_count);

// Reads the stored bytes of data blocks, from `begin` on as many as fit into `size_max` bytes
// and are before `end`, but at least one, into `stored`, which is replaced. `*read_end` is the
// index behind the last one. The file must be open. Any thread without `reads`; with them, the
// owner's: BUSY if it could only be noted.
enum status sstable_read_blocks(const struct sstable *table, uint32_t begin, uint32_t end,
                                size_t size_max, struct reads *reads, struct buf *stored,
                                uint32_t *read_end, struct fault *fault) MUST_USE;

// Makes a block of its stored bytes, the first of `*stored`, and goes on behind them. `*block`
// is as with block_decode().
enum status sstable_decode_block(const struct sstable *table, uint32_t index, struct bytes *stored,
                                 struct block **block, struct fault *fault) MUST_USE;

// Both for one block; `stored` is memory that can be used again. BUSY as above.
enum status sstable_try_block(const struct sstable *table, uint32_t index, struct reads *reads,
                              struct buf *stored, struct block **block,
                              struct fault *fault) MUST_USE;

// Reads and checks every block. The file must be open.
enum status sstable_verify(const struct sstable *table, struct fault *fault) MUST_USE;
