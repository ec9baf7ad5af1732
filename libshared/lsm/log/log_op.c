#include "lsm/log/log_op.h"

void log_op_encode_put(struct buf *out, struct bytes key, struct bytes value)
{
    uint8_t *at = buf_grow(out, 1 + 2 + key.size + 4 + value.size);
    *at = OP_PUT;
    store_u16(at + 1, (uint16_t)key.size);
    memcpy(at + 3, key.data, key.size);
    at += 3 + key.size;
    store_u32(at, (uint32_t)value.size);
    if (value.size)
        memcpy(at + 4, value.data, value.size);
}

size_t log_op_begin_packed(struct buf *out, struct bytes key)
{
    buf_append_u8(out, OP_PUT_PACKED);
    buf_append_short(out, key);
    buf_append_u32(out, 0); // the size, known at the end
    return out->size;
}

void log_op_end_packed(struct buf *out, size_t begin)
{
    store_u32(out->data + begin - 4, (uint32_t)(out->size - begin));
}

void log_op_encode_delete(struct buf *out, struct bytes key)
{
    buf_append_u8(out, OP_DELETE);
    buf_append_short(out, key);
}

void log_op_encode_note(struct buf *out, struct bytes note)
{
    log_op_encode_part(out, OP_NOTE, note);
}

void log_op_encode_part(struct buf *out, enum op_kind kind, struct bytes part)
{
    buf_append_u8(out, (uint8_t)kind);
    buf_append_sized(out, part);
}
