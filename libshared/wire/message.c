#include "wire/message.h"

#include "base/endian.h"

void message_header_encode(const struct message_header *header, uint8_t out[MESSAGE_HEADER_SIZE])
{
    memset(out, 0, MESSAGE_HEADER_SIZE);
    store_u16(out, MESSAGE_MAGIC);
    out[2] = MESSAGE_VERSION;
    out[3] = header->type;
    store_u16(out + 6, header->count);
    store_u32(out + 8, header->body_size);
    store_u16(out + 12, header->credit_ops);
    store_u16(out + 14, header->credit_kib);
    store_u64(out + 16, header->epoch);
    store_u64(out + 24, header->boot);
    store_u32(out + 32, header->budget_ms);
    store_u32(out + 36, header->ring_hash);
    store_u64(out + 40, header->sent_ms);
    store_u64(out + 48, header->your_ms);
    store_u32(out + 56, header->received_kib);
    store_u32(out + 60, header->since > 1 ? (uint32_t)header->since : 0);
}

enum status message_header_decode(struct message_header *header, struct bytes message,
                                  struct reader *body)
{
    struct reader reader = reader_of(message);
    uint16_t magic = reader_u16(&reader);
    uint8_t version = reader_u8(&reader);
    struct message_header read = {.type = reader_u8(&reader)};
    uint16_t flags = reader_u16(&reader);
    read.count = reader_u16(&reader);
    read.body_size = reader_u32(&reader);
    read.credit_ops = reader_u16(&reader);
    read.credit_kib = reader_u16(&reader);
    read.epoch = reader_u64(&reader);
    read.boot = reader_u64(&reader);
    read.budget_ms = reader_u32(&reader);
    read.ring_hash = reader_u32(&reader);
    read.sent_ms = reader_u64(&reader);
    read.your_ms = reader_u64(&reader);
    read.received_kib = reader_u32(&reader);
    read.since = reader_u32(&reader);
    if (reader.bad || magic != MESSAGE_MAGIC || version != MESSAGE_VERSION || flags ||
        read.count > MESSAGE_OPS_MAX || read.body_size != reader_left(&reader))
        return STATUS_INVALID;
    *header = read;
    *body = reader;
    return STATUS_OK;
}
