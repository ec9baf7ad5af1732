#include "base/section.h"

enum { SIZE_SIZE_MAX = 10 };

size_t section_begin(struct buf *out, uint8_t kind)
{
    buf_append_u8(out, kind);
    buf_append_u8(out, 0); // the size, known at the end
    return out->size;
}

// Most sections are small: only the size of a large one needs room that is not there.
void section_end(struct buf *out, size_t begin)
{
    size_t size = out->size - begin;
    if (size < 0x80) {
        out->data[begin - 1] = (uint8_t)size;
        return;
    }
    buf_reserve(out, SIZE_SIZE_MAX);
    out->size = begin - 1;
    size_t size_size = 1;
    for (uint64_t rest = size >> 7; rest; rest >>= 7)
        size_size++;
    memmove(out->data + begin - 1 + size_size, out->data + begin, size);
    buf_append_varint(out, size);
    out->size += size;
}

bool section_next(struct reader *reader, struct section *section)
{
    if (reader->bad || !reader_left(reader))
        return false;
    section->kind = reader_u8(reader);
    uint64_t size = reader_varint(reader);
    reader->bad |= size > reader_left(reader);
    section->body = reader_bytes(reader, reader->bad ? 0 : (size_t)size);
    return !reader->bad;
}
