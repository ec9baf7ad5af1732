// reader.h - bounded reading of bytes from outside.
//
// A reader cannot read past its end. The first short or malformed read makes it
// bad; from then on every read returns zero or empty, so a decoder reads all its
// fields and asks once, at the end, whether they were there. Loops must ask
// earlier: check the count against what is left before looping.
#pragma once

#include "base/bytes.h"

struct reader {
    const uint8_t *at;
    const uint8_t *end;
    bool bad;
};

static inline struct reader reader_of(struct bytes bytes)
{
    // No arithmetic on a null pointer, which empty bytes may have.
    return (struct reader){bytes.data, bytes.size ? bytes.data + bytes.size : bytes.data, false};
}

static inline size_t reader_left(const struct reader *reader)
{
    return (size_t)(reader->end - reader->at);
}

// True when everything was read and nothing was short.
static inline bool reader_done(const struct reader *reader)
{
    return !reader->bad && reader->at == reader->end;
}

uint8_t reader_u8(struct reader *reader);
uint16_t reader_u16(struct reader *reader);
uint32_t reader_u32(struct reader *reader);
uint64_t reader_u64(struct reader *reader);
uint64_t reader_varint(
    struct reader *reader); // bad if longer than needed (one encoding per number)
struct bytes reader_bytes(struct reader *reader, size_t size); // borrowed from the source
struct bytes reader_short(struct reader *reader);              // u16 size, bytes
struct bytes reader_sized(struct reader *reader);              // u32 size, bytes
