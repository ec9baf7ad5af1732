// log_op.h - one operation in a batch and in the log.
//
// A put, of a value that may be packed (value.h), a delete, or a note. Keys are not empty. A note
// that no segment could hold is cut: its parts are in several batches, which may have others
// between them. Every byte: dkv-store(5), THE LOG.
#pragma once

#include "base/buf.h"
#include "base/endian.h"
#include "base/reader.h"
#include "lsm/entry/entry.h"

enum op_kind {
    OP_PUT = 1,
    OP_DELETE = 2,
    OP_NOTE = 3,
    OP_PUT_PACKED = 4,
    OP_NOTE_BEGIN = 5, // the parts of a note: the first ...
    OP_NOTE_MORE = 6,
    OP_NOTE_END = 7, // ... and the last: it counts from here
};

struct log_op {
    enum op_kind kind;
    struct bytes key;
    struct bytes value; // of a put, as it is stored; the bytes of a note or of a part
};

// Sizes are within the limits of lsm.h.
void log_op_encode_put(struct buf *out, struct bytes key, struct bytes value);

// A put whose packed value is appended in between. `begin` is what the first one returned.
size_t log_op_begin_packed(struct buf *out, struct bytes key);
void log_op_end_packed(struct buf *out, size_t begin);
void log_op_encode_delete(struct buf *out, struct bytes key);
void log_op_encode_note(struct buf *out, struct bytes note);
void log_op_encode_part(struct buf *out, enum op_kind kind, struct bytes part);

static inline bool log_op_is_note(enum op_kind kind)
{
    return kind == OP_NOTE || kind >= OP_NOTE_BEGIN;
}

// Bytes behind a size that has `width` bytes itself.
static inline struct bytes log_op_part(struct reader *reader, size_t width)
{
    size_t left = reader_left(reader);
    if (left < width) {
        reader->bad = true;
        return (struct bytes){0};
    }
    size_t size = width == 2 ? load_u16(reader->at) : load_u32(reader->at);
    if (left - width < size) {
        reader->bad = true;
        return (struct bytes){0};
    }
    struct bytes part = bytes_of(reader->at + width, size);
    reader->at += width + size;
    return part;
}

// The next operation, borrowed. False at the end, and when the reader is bad.
static inline bool log_op_decode(struct reader *reader, struct log_op *op)
{
    if (reader->bad || !reader_left(reader))
        return false;
    op->kind = (enum op_kind) * reader->at++;
    op->key = op->value = (struct bytes){0};
    reader->bad = op->kind < OP_PUT || op->kind > OP_NOTE_END;
    if (!log_op_is_note(op->kind)) {
        op->key = log_op_part(reader, 2);
        reader->bad |= !op->key.size;
    }
    if (op->kind != OP_DELETE)
        op->value = log_op_part(reader, 4);
    return !reader->bad;
}

// What a put or a delete means for the memtable. The batch that it is in begins at `ops`, which
// lie at `address` of the log.
static inline struct entry log_op_entry(const struct log_op *op, const uint8_t *ops,
                                        uint64_t address)
{
    return (struct entry){
        .key = op->key,
        .value = op->value,
        .is_deleted = op->kind == OP_DELETE,
        .is_packed = op->kind == OP_PUT_PACKED,
        .value_address = op->value.size ? address + (uint64_t)(op->value.data - ops) : 0,
    };
}
