#include "base/reader.h"

#include "base/endian.h"

static const uint8_t *take(struct reader *reader, size_t size)
{
    if (reader->bad || size > reader_left(reader)) {
        reader->bad = true;
        return NULL;
    }
    const uint8_t *at = reader->at;
    reader->at += size;
    return at;
}

uint8_t reader_u8(struct reader *reader)
{
    const uint8_t *at = take(reader, 1);
    return at ? *at : 0;
}

uint16_t reader_u16(struct reader *reader)
{
    const uint8_t *at = take(reader, 2);
    return at ? load_u16(at) : 0;
}

uint32_t reader_u32(struct reader *reader)
{
    const uint8_t *at = take(reader, 4);
    return at ? load_u32(at) : 0;
}

uint64_t reader_u64(struct reader *reader)
{
    const uint8_t *at = take(reader, 8);
    return at ? load_u64(at) : 0;
}

uint64_t reader_varint(struct reader *reader)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte = reader_u8(reader);
        if (reader->bad || (shift == 63 && byte > 1) || (shift && !byte))
            break;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return value;
    }
    reader->bad = true;
    return 0;
}

struct bytes reader_bytes(struct reader *reader, size_t size)
{
    const uint8_t *at = take(reader, size);
    return at ? bytes_of(at, size) : (struct bytes){0};
}

struct bytes reader_short(struct reader *reader)
{
    return reader_bytes(reader, reader_u16(reader));
}

struct bytes reader_sized(struct reader *reader)
{
    return reader_bytes(reader, reader_u32(reader));
}
