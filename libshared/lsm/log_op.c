#include "lsm/log_op.h"

static void encode_put(struct buf *out, enum op_kind kind, struct bytes key, struct bytes value)
{
    uint8_t *at = buf_grow(out, 1 + 2 + key.size + 4 + value.size);
    *at = (uint8_t)kind;
    store_u16(at + 1, (uint16_t)key.size);
    memcpy(at + 3, key.data, key.size);
    at += 3 + key.size;
    store_u32(at, (uint32_t)value.size);
    if (value.size)
        memcpy(at + 4, value.data, value.size);
}

void log_op_encode_put(struct buf *out, struct bytes key, struct bytes value)
{
    encode_put(out, OP_PUT, key, value);
}

void log_op_encode_packed(struct buf *out, struct bytes key, struct bytes packed)
{
    encode_put(out, OP_PUT_PACKED, key, packed);
}

void log_op_encode_delete(struct buf *out, struct bytes key)
{
    buf_append_u8(out, OP_DELETE);
    buf_append_short(out, key);
}

void log_op_encode_note(struct buf *out, struct bytes note)
{
    buf_append_u8(out, OP_NOTE);
    buf_append_sized(out, note);
}
