#include "lsm/value/value.h"

#include "base/reader.h"
#include "lsm/file/pack.h"

bool value_pack(struct buf *out, struct bytes value)
{
    size_t begin_size = out->size;
    buf_append_u32(out, (uint32_t)value.size);
    bool is_packed = pack_encode(out, value, PACK_FAST);
    if (!is_packed)
        out->size = begin_size;
    return is_packed;
}

bool value_unpack(struct buf *value, struct bytes packed)
{
    struct reader reader = reader_of(packed);
    size_t size = reader_u32(&reader);
    struct bytes rest = bytes_of(reader.at, reader_left(&reader));
    buf_clear(value);
    return !reader.bad && pack_may_have(size, rest.size) &&
           pack_decode(rest, buf_grow(value, size), size);
}
