// edit.h - one change of what a database consists of, and the sum of all of them.
//
// A version edit is a list of facts. The first edit of a manifest describes the whole
// state; each further one takes effect as a whole. A fact is a section (section.h).
//
//     flushed  a replay of the log begins at this address, with this snapshot
//     next     the next number of a file
//     add      a table is there (sstable_info.h)
//     range    a range begins at this key and has these slices
//     join     no range begins there any more
//     values   how many bytes of a file with large values (value.h) are pointed to; 0: it is gone
//
// A table that no range names is gone. Every byte: dkv-store(5), THE MANIFEST.
//
// In version 1 facts had no sizes, and the snapshot itself was in `flushed`; that is still read.
#pragma once

#include "lsm/version/snapshot.h"
#include "lsm/version/version.h"

struct edit_range {
    struct buf begin;
    struct buf numbers; // u64 each
};

struct edit_state {
    uint64_t flushed;         // the log before this address is in tables
    struct snapshot snapshot; // of the owner, at that address
    bool has_inline;          // version 1: this is it
    struct buf inline_snapshot;
    uint64_t next_file;
    struct sstable_info *tables; // by number
    size_t table_count;
    struct edit_range *ranges; // by begin; the first is there from the beginning
    size_t range_count;
    struct edit_values {
        uint64_t id, size, live;
    } * values; // by id
    size_t value_count;
};

void edit_encode_flushed(struct buf *out, uint64_t address, const struct snapshot *snapshot);
void edit_encode_next_file(struct buf *out, uint64_t next_file);

void edit_encode_version(struct buf *out, const struct version *version); // all of it

// What makes `after` out of `before`.
void edit_encode_change(struct buf *out, const struct version *before, const struct version *after);

// Applies an edit of a manifest of this version.
//   CORRUPT  it is malformed or does not fit the state
//   INVALID  it has a fact that this program does not know and must not pass over
enum status edit_apply(struct edit_state *state, struct bytes edit, uint32_t version) MUST_USE;

// The table with this number, or NULL.
const struct sstable_info *edit_find_table(const struct edit_state *state, uint64_t number);

void edit_state_release(struct edit_state *state); // may be repeated
