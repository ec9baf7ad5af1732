// journal.h - how far a load has come, so that it can be killed and started again.
//
// Records of the input are numbered from 0. The journal knows
//
//     confirmed   every record before it was loaded or rejected, none behind it is settled
//     reserved    no record from here on was ever sent
//
//     input   |######################|. # . . # .|............
//                                 confirmed   reserved
//
// and what lies between was perhaps sent. Request ids follow from the journal's random id
// and the number of the record, so a record that is sent again carries the id of its first
// try and is applied once, as long as nodes remember ids (request/memory).
//
// The file is text, only ever appended to, a line a checkpoint:
//
//     dkv-load-journal 1 ID SIZE HASH FORMAT KEYSPACE CHECKSUM
//     at RECORD OFFSET LOADED REJECTED REJECTS_SIZE RESERVED WALL_MS CHECKSUM
//
// A last line that is torn or fails its checksum was never relied on and is cut off. The
// text is made and read here; files are the caller's business.
#pragma once

#include "base/buf.h"
#include "base/fault.h"
#include "causal/record.h"

struct journal_input {  // what the journal belongs to
    uint64_t size;      // of the input, 0 = not known (a pipe)
    uint64_t head_hash; // of its first JOURNAL_HEAD_SIZE bytes, or all if it is shorter
    const char *format; // "tsv", and " delete" behind it for deletions
    const char *keyspace;
};

enum { JOURNAL_HEAD_SIZE = 64 * 1024 };

struct journal_position {
    uint64_t record, offset; // confirmed: number of records, bytes of input
    uint64_t loaded, rejected;
    uint64_t rejects_size; // of the rejects file
    uint64_t reserved;
    uint64_t wall_ms; // when this was written
};

struct journal {
    uint64_t id[2];
    struct journal_position position;
    size_t size; // of the valid part of the file
};

// A new journal: its first line goes to out. `id` is random.
void journal_init(struct journal *journal, const uint64_t id[2], const struct journal_input *input,
                  struct buf *out);

// Reads a journal back. INVALID: not a journal, or that of another input (the fault says
// in what it differs).
enum status journal_parse(struct journal *journal, const struct journal_input *input,
                          struct bytes text, struct fault *fault) MUST_USE;

// Appends a line with the position to out.
void journal_format(const struct journal_position *position, struct buf *out);

// The request id of a record.
struct request_id journal_request_id(const struct journal *journal, uint64_t record);
