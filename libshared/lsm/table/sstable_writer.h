// sstable_writer.h - makes one table file from entries in key order.
//
// Any thread. Writes as it goes, a megabyte at a time; the file counts only after
// sstable_writer_finish(), which syncs it, and after its directory was synced.
#pragma once

#include "base/vfs.h"
#include "lsm/entry/entry.h"
#include "lsm/table/block.h"
#include "lsm/table/sstable_info.h"

struct sstable_writer {
    struct vfs *vfs;
    uint64_t database;
    size_t block_size;
    unsigned filter_bits;
    struct vfs_file *file;
    struct buf path;
    struct buf out;  // stored blocks not written yet
    uint64_t offset; // of `out` in the file
    struct block_builder block;
    struct buf index;
    uint32_t block_count;
    struct buf last_key;  // of the block before
    struct buf separator; // of the block being filled
    struct buf hashes;
    struct buf sample;
    struct sstable_info info;
};

// The file must not exist.
enum status sstable_writer_open(struct sstable_writer *writer, struct vfs *vfs, const char *dir,
                                uint64_t number, uint64_t database, size_t block_size,
                                unsigned filter_bits, struct fault *fault) MUST_USE;
enum status sstable_writer_add(struct sstable_writer *writer, const struct entry *entry,
                               struct fault *fault) MUST_USE;
// How much the table stands for: its own bytes and a quarter of the large values.
uint64_t sstable_writer_weight(const struct sstable_writer *writer);
struct bytes sstable_writer_last(const struct sstable_writer *writer); // key; or empty
uint64_t sstable_writer_size(const struct sstable_writer *writer);     // bytes so far, about

// Completes and syncs the file; `info` becomes the caller's (run is 0). At least one
// entry must have been added. On failure call sstable_writer_abort().
enum status sstable_writer_finish(struct sstable_writer *writer, struct sstable_info *info,
                                  struct fault *fault) MUST_USE;

// Closes and removes the file, and releases the writer; may be repeated.
void sstable_writer_abort(struct sstable_writer *writer);
