#include "lsm/log_op.h"

#include "base/endian.h"
#include "lsm/lsm.h"

static bool has_refused_key(struct buf *out, struct bytes key)
{
    if (key.size > 0 && key.size <= LSM_KEY_SIZE_MAX)
        return false;
    buf_append_u8(out, OP_REFUSED);
    buf_append_u8(out, key.size ? STATUS_TOO_LARGE : STATUS_INVALID);
    return true;
}

static bool has_refused_value(struct buf *out, struct bytes value)
{
    if (value.size <= LSM_VALUE_SIZE_MAX)
        return false;
    buf_append_u8(out, OP_REFUSED);
    buf_append_u8(out, STATUS_TOO_LARGE);
    return true;
}

void log_op_encode_put(struct buf *out, struct bytes key, struct bytes value)
{
    if (has_refused_key(out, key) || has_refused_value(out, value))
        return;
    uint8_t *at = buf_grow(out, 1 + 2 + key.size + 4 + value.size);
    *at = OP_PUT;
    store_u16(at + 1, (uint16_t)key.size);
    memcpy(at + 3, key.data, key.size);
    at += 3 + key.size;
    store_u32(at, (uint32_t)value.size);
    if (value.size)
        memcpy(at + 4, value.data, value.size);
}

void log_op_encode_delete(struct buf *out, struct bytes key)
{
    if (has_refused_key(out, key))
        return;
    buf_append_u8(out, OP_DELETE);
    buf_append_short(out, key);
}

void log_op_encode_note(struct buf *out, struct bytes note)
{
    if (has_refused_value(out, note))
        return;
    buf_append_u8(out, OP_NOTE);
    buf_append_sized(out, note);
}

bool log_op_decode(struct reader *reader, struct log_op *op)
{
    if (reader->bad || !reader_left(reader))
        return false;
    *op = (struct log_op){.kind = (enum op_kind)reader_u8(reader)};
    switch (op->kind) {
    case OP_PUT:
        op->key = reader_short(reader);
        op->value = reader_sized(reader);
        break;
    case OP_DELETE:
        op->key = reader_short(reader);
        break;
    case OP_NOTE:
        op->value = reader_sized(reader);
        return !reader->bad;
    case OP_REFUSED:
        op->refusal = (enum status)reader_u8(reader);
        return !reader->bad;
    default:
        reader->bad = true;
        return false;
    }
    reader->bad |= !op->key.size;
    return !reader->bad;
}
