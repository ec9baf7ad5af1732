// buf.h - owned, growing bytes.
//
// A zero-filled buf is a valid empty one. Numbers are appended little-endian, the
// byte order of every format of dkv. What buf_bytes() returns lives until the
// next call that appends to or releases the buf.
#pragma once

#include "base/bytes.h"

struct buf {
    uint8_t *data;
    size_t size;
    size_t capacity;
};

void buf_release(struct buf *buf);              // empty again, memory freed; may be repeated
void buf_reserve(struct buf *buf, size_t more); // room for `more` further bytes
void buf_append(struct buf *buf, struct bytes bytes);
void buf_append_text(struct buf *buf, const char *text);
void buf_set(struct buf *buf, struct bytes bytes); // replace the content

// Grows by `size` uninitialised bytes and returns where they begin (nowhere if size is 0).
uint8_t *buf_grow(struct buf *buf, size_t size);

// Appends formatted text, without its terminator.
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

// A terminator behind the content, which is returned as a C string.
const char *buf_text(struct buf *buf);

static inline void buf_clear(struct buf *buf)
{
    buf->size = 0;
}

static inline struct bytes buf_bytes(const struct buf *buf)
{
    return bytes_of(buf->data, buf->size);
}

void buf_append_u8(struct buf *buf, uint8_t value);
void buf_append_u16(struct buf *buf, uint16_t value);
void buf_append_u32(struct buf *buf, uint32_t value);
void buf_append_u64(struct buf *buf, uint64_t value);
void buf_append_varint(struct buf *buf, uint64_t value);    // LEB128, 1 to 10 bytes
void buf_append_short(struct buf *buf, struct bytes bytes); // u16 size, bytes; size < 65536
void buf_append_sized(struct buf *buf, struct bytes bytes); // u32 size, bytes; size < 2^32
