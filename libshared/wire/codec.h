// codec.h - what the codecs of all operations have in common; for the
// files of the conversations alone.
#pragma once

#include "base/endian.h"
#include "causal/record.h"
#include "wire/message.h"

static inline void append_request(struct buf *out, struct request_id request)
{
    buf_append(out, bytes_of(request.bytes, sizeof request.bytes));
}

static inline struct request_id read_request(struct reader *body)
{
    struct request_id request = {{0}};
    struct bytes bytes = reader_bytes(body, sizeof request.bytes);
    if (bytes.size)
        memcpy(request.bytes, bytes.data, sizeof request.bytes);
    return request;
}

static inline void append_dot(struct buf *out, struct dot dot)
{
    buf_append_u64(out, dot.actor);
    buf_append_u64(out, dot.counter);
}

static inline struct dot read_dot(struct reader *body)
{
    uint64_t actor = reader_u64(body);
    return (struct dot){actor, reader_u64(body)};
}

// Each operation stands behind its size.
static inline size_t codec_begin(struct buf *out)
{
    buf_append_u32(out, 0);
    return out->size;
}

static inline void codec_end(struct buf *out, size_t begun)
{
    store_u32(out->data + begun - 4, (uint32_t)(out->size - begun));
}

#define CODEC(name)                                                                                \
    void op_encode_##name(const struct op_##name *op, struct buf *out)                             \
    {                                                                                              \
        size_t begun = codec_begin(out);                                                           \
        write_##name(op, out);                                                                     \
        codec_end(out, begun);                                                                     \
    }                                                                                              \
    enum status op_decode_##name(struct op_##name *op, struct reader *body)                        \
    {                                                                                              \
        struct reader one = reader_of(reader_sized(body));                                         \
        read_##name(op, &one);                                                                     \
        return body->bad || one.bad ? STATUS_INVALID : STATUS_OK;                                  \
    }
