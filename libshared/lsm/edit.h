// edit.h - one change of what a database consists of, and the sum of all of them.
//
// A version edit is a list of facts. The first edit of a manifest describes the whole
// state; each further one is a flush or a merge and takes effect as a whole.
//
//     1  flushed  u64 log address   u8 has snapshot   snapshot u32 size, bytes
//     2  next     u64 next file number
//     3  add      table (sstable_info.h)
//     4  remove   u64 table number
#pragma once

#include "lsm/sstable_info.h"

struct edit_state {
    uint64_t flushed; // the log before this address is in tables
    bool has_snapshot;
    struct buf snapshot; // of the owner, at that address
    uint64_t next_file;
    struct sstable_info *tables; // in no order
    size_t table_count;
};

void edit_encode_flushed(struct buf *out, uint64_t address, const struct buf *snapshot); // or NULL
void edit_encode_next_file(struct buf *out, uint64_t next_file);
void edit_encode_add(struct buf *out, const struct sstable_info *table);
void edit_encode_remove(struct buf *out, uint64_t number);

// Applies an edit. False if it is malformed or does not fit the state.
bool edit_apply(struct edit_state *state, struct bytes edit);
void edit_state_release(struct edit_state *state); // may be repeated
