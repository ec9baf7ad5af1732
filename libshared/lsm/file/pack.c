#include "lsm/file/pack.h"

#include <lz4.h>

enum {
    RATIO_MAX = 255, // what LZ4 can make of a byte at most
};

bool pack_encode(struct buf *out, struct bytes raw, enum pack_effort effort)
{
    if (!raw.size || raw.size >= LZ4_MAX_INPUT_SIZE)
        return false;
    size_t capacity = raw.size - raw.size / 8;
    buf_reserve(out, capacity);
    int size = LZ4_compress_fast((const char *)raw.data, (char *)out->data + out->size,
                                 (int)raw.size, (int)capacity, effort == PACK_FAST ? 2 : 1);
    if (size <= 0)
        return false;
    out->size += (size_t)size;
    return true;
}

bool pack_may_have(size_t size, size_t packed_size)
{
    return size < LZ4_MAX_INPUT_SIZE && size / RATIO_MAX <= packed_size;
}

bool pack_decode(struct bytes packed, uint8_t *to, size_t size)
{
    return packed.size < LZ4_MAX_INPUT_SIZE &&
           LZ4_decompress_safe((const char *)packed.data, (char *)to, (int)packed.size,
                               (int)size) == (int)size;
}
