// records.h - keys, clocks and records by a byte of the input, for targets that serve replicas.
#pragma once

#include "causal/record.h"

#include <string.h>

static inline struct bytes key_of(uint8_t byte)
{
    static const char *const keys[] = {"a", "b", "a longer key", "d"};
    return bytes_of_text(keys[byte % 4]);
}

static inline void make_clock(uint8_t byte, struct clock *clock)
{
    clock_clear(clock);
    if (byte & 7)
        clock_add(clock, (struct interval){1 + (byte >> 6), 1, byte & 7});
}

// The clock of make_clock() in `out`; nothing if it is empty.
static inline struct bytes encode_clock(uint8_t byte, struct buf *out)
{
    struct clock clock = {0};
    make_clock(byte, &clock);
    if (clock.count)
        clock_encode(&clock, out);
    clock_release(&clock);
    return buf_bytes(out);
}

// A record of one write, or the head of one, by this request: a value, or a deletion.
static inline void make_record(uint8_t byte, struct bytes key, struct request_id request,
                               const char *value, struct buf *out)
{
    struct record record = {0};
    struct clock context = {0};
    make_clock(byte, &context);
    struct record_write write = {.dot = {1 + (byte >> 6), 8 + (byte & 15)},
                                 .hlc = byte,
                                 .flags = byte & 16 ? SIBLING_TOMBSTONE : 0,
                                 .context = &context,
                                 .request = request,
                                 .value = bytes_of_text(byte & 16 ? "" : value)};
    record_update(&record, &write, false);
    if (byte & 32)
        record_encode_head(&record, key, out);
    else
        record_encode(&record, key, out);
    clock_release(&context);
    record_release(&record);
}

// One of 16 requests.
static inline struct request_id request_of(uint8_t byte)
{
    struct request_id request;
    memset(request.bytes, byte % 16, sizeof request.bytes);
    return request;
}
