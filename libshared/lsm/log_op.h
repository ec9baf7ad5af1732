// log_op.h - one operation in a batch and in the log.
//
//     put     1  key u16 size, bytes   value u32 size, bytes
//     delete  2  key u16 size, bytes
//     note    3  u32 size, bytes
//
// A batch in memory may also hold a refusal (a key or value over its limit), which
// lsm_write() answers and which never reaches the log.
#pragma once

#include "base/buf.h"
#include "base/reader.h"
#include "base/status.h"

enum op_kind {
    OP_PUT = 1,
    OP_DELETE = 2,
    OP_NOTE = 3,
    OP_REFUSED = 255,
};

struct log_op {
    enum op_kind kind;
    struct bytes key;
    struct bytes value; // of a put; the bytes of a note
    enum status refusal;
};

void log_op_encode_put(struct buf *out, struct bytes key, struct bytes value);
void log_op_encode_delete(struct buf *out, struct bytes key);
void log_op_encode_note(struct buf *out, struct bytes note);

// The next operation, borrowed. False at the end, and when the reader is bad.
bool log_op_decode(struct reader *reader, struct log_op *op);
