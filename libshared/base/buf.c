#include "base/buf.h"

#include "base/endian.h"
#include "base/xalloc.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void buf_release(struct buf *buf)
{
    free(buf->data);
    *buf = (struct buf){0};
}

void buf_reserve(struct buf *buf, size_t more)
{
    if (more <= buf->capacity - buf->size)
        return;
    size_t capacity = buf->capacity ? buf->capacity : 64;
    while (capacity - buf->size < more)
        capacity *= 2;
    buf->data = xrealloc(buf->data, capacity);
    buf->capacity = capacity;
}

uint8_t *buf_grow(struct buf *buf, size_t size)
{
    if (!size)
        return buf->data;
    buf_reserve(buf, size);
    uint8_t *at = buf->data + buf->size;
    buf->size += size;
    return at;
}

void buf_append(struct buf *buf, struct bytes bytes)
{
    if (bytes.size)
        memcpy(buf_grow(buf, bytes.size), bytes.data, bytes.size);
}

void buf_append_text(struct buf *buf, const char *text)
{
    buf_append(buf, bytes_of_text(text));
}

void buf_set(struct buf *buf, struct bytes bytes)
{
    buf_clear(buf);
    buf_append(buf, bytes);
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    assert(size >= 0);
    buf_reserve(buf, (size_t)size + 1);
    va_start(arguments, format);
    vsnprintf((char *)buf->data + buf->size, (size_t)size + 1, format, arguments);
    va_end(arguments);
    buf->size += (size_t)size;
}

const char *buf_text(struct buf *buf)
{
    buf_reserve(buf, 1);
    buf->data[buf->size] = 0;
    return (const char *)buf->data;
}

void buf_append_u8(struct buf *buf, uint8_t value)
{
    *buf_grow(buf, 1) = value;
}

void buf_append_u16(struct buf *buf, uint16_t value)
{
    store_u16(buf_grow(buf, 2), value);
}

void buf_append_u32(struct buf *buf, uint32_t value)
{
    store_u32(buf_grow(buf, 4), value);
}

void buf_append_u64(struct buf *buf, uint64_t value)
{
    store_u64(buf_grow(buf, 8), value);
}

void buf_append_varint(struct buf *buf, uint64_t value)
{
    buf_reserve(buf, 10);
    while (value >= 0x80) {
        buf->data[buf->size++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    buf->data[buf->size++] = (uint8_t)value;
}

void buf_append_short(struct buf *buf, struct bytes bytes)
{
    assert(bytes.size <= UINT16_MAX);
    buf_append_u16(buf, (uint16_t)bytes.size);
    buf_append(buf, bytes);
}

void buf_append_sized(struct buf *buf, struct bytes bytes)
{
    assert(bytes.size <= UINT32_MAX);
    buf_append_u32(buf, (uint32_t)bytes.size);
    buf_append(buf, bytes);
}
