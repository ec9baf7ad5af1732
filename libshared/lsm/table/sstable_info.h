// sstable_info.h - what the manifest knows about a table without opening it.
#pragma once

#include "base/buf.h"
#include "base/reader.h"

struct sstable_info {
    uint64_t number;        // of the file
    uint64_t run;           // larger is newer; the tables of one run do not overlap
    uint64_t size;          // bytes of the file
    uint64_t entry_count;   // with deletions
    uint64_t deleted_count; // of them
    uint64_t value_size;    // bytes of the large values that it points to
    struct buf smallest;    // first key
    struct buf largest;     // last key
};

void sstable_info_release(struct sstable_info *info); // may be repeated
void sstable_info_copy(struct sstable_info *to, const struct sstable_info *from);

// As a fact of the manifest: dkv-store(5), THE MANIFEST.
void sstable_info_encode(struct buf *out, const struct sstable_info *info);
void sstable_info_decode(struct reader *reader, struct sstable_info *info);
