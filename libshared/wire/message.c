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
    uint32_t reserved = reader_u32(&reader);
    if (reader.bad || magic != MESSAGE_MAGIC || version != MESSAGE_VERSION || flags || reserved ||
        read.count > MESSAGE_OPS_MAX || read.body_size != reader_left(&reader))
        return STATUS_INVALID;
    *header = read;
    *body = reader;
    return STATUS_OK;
}

static void append_request(struct buf *out, struct request_id request)
{
    buf_append(out, bytes_of(request.bytes, sizeof request.bytes));
}

static struct request_id read_request(struct reader *body)
{
    struct request_id request = {{0}};
    struct bytes bytes = reader_bytes(body, sizeof request.bytes);
    if (bytes.size)
        memcpy(request.bytes, bytes.data, sizeof request.bytes);
    return request;
}

static void append_dot(struct buf *out, struct dot dot)
{
    buf_append_u64(out, dot.actor);
    buf_append_u64(out, dot.counter);
}

static struct dot read_dot(struct reader *body)
{
    uint64_t actor = reader_u64(body);
    return (struct dot){actor, reader_u64(body)};
}

static enum status read_whole(const struct reader *body)
{
    return body->bad ? STATUS_INVALID : STATUS_OK;
}

void op_encode_hello(const struct op_hello *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u8(out, op->version_min);
    buf_append_u8(out, op->version_max);
    buf_append_u32(out, op->capabilities);
    buf_append_u64(out, op->node);
    buf_append_u64(out, op->actor);
}

enum status op_decode_hello(struct op_hello *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->version_min = reader_u8(body);
    op->version_max = reader_u8(body);
    op->capabilities = reader_u32(body);
    op->node = reader_u64(body);
    op->actor = reader_u64(body);
    return read_whole(body);
}

void op_encode_welcome(const struct op_welcome *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u8(out, op->version);
    buf_append_u32(out, op->capabilities);
    buf_append_u64(out, op->cluster);
    buf_append_u64(out, op->node);
    buf_append_u64(out, op->actor);
    buf_append_u32(out, op->value_size_max);
    buf_append_u8(out, op->role);
    buf_append_short(out, op->software);
}

enum status op_decode_welcome(struct op_welcome *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->version = reader_u8(body);
    op->capabilities = reader_u32(body);
    op->cluster = reader_u64(body);
    op->node = reader_u64(body);
    op->actor = reader_u64(body);
    op->value_size_max = reader_u32(body);
    op->role = reader_u8(body);
    op->software = reader_short(body);
    return read_whole(body);
}

void op_encode_ping(const struct op_ping *op, struct buf *out)
{
    buf_append_u64(out, op->id);
}

enum status op_decode_ping(struct op_ping *op, struct reader *body)
{
    op->id = reader_u64(body);
    return read_whole(body);
}

void op_encode_pong(const struct op_pong *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u64(out, op->actor);
    buf_append_u32(out, op->unsynced_age_ms);
    buf_append_u64(out, op->entry_count);
    buf_append_u64(out, op->data_size);
    buf_append_u8(out, op->disk_full);
    buf_append_sized(out, op->metrics);
}

enum status op_decode_pong(struct op_pong *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->actor = reader_u64(body);
    op->unsynced_age_ms = reader_u32(body);
    op->entry_count = reader_u64(body);
    op->data_size = reader_u64(body);
    op->disk_full = reader_u8(body);
    op->metrics = reader_sized(body);
    return read_whole(body);
}

void op_encode_ask(const struct op_ask *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_short(out, op->topic);
    buf_append_sized(out, op->argument);
}

enum status op_decode_ask(struct op_ask *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->topic = reader_short(body);
    op->argument = reader_sized(body);
    return read_whole(body);
}

void op_encode_answer(const struct op_answer *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u8(out, op->status);
    buf_append_sized(out, op->text);
}

enum status op_decode_answer(struct op_answer *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->status = reader_u8(body);
    op->text = reader_sized(body);
    return read_whole(body);
}

void op_encode_error(const struct op_error *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u8(out, op->status);
    buf_append_short(out, op->text);
}

enum status op_decode_error(struct op_error *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->status = reader_u8(body);
    op->text = reader_short(body);
    return read_whole(body);
}

void op_encode_put(const struct op_put *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    append_request(out, op->request);
    buf_append_u8(out, op->level);
    buf_append_u8(out, op->flags);
    buf_append_u64(out, op->expires_ms);
    buf_append_short(out, op->keyspace);
    buf_append_short(out, op->key);
    buf_append_sized(out, op->context);
    buf_append_sized(out, op->value);
}

enum status op_decode_put(struct op_put *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->request = read_request(body);
    op->level = reader_u8(body);
    op->flags = reader_u8(body);
    op->expires_ms = reader_u64(body);
    op->keyspace = reader_short(body);
    op->key = reader_short(body);
    op->context = reader_sized(body);
    op->value = reader_sized(body);
    return read_whole(body);
}

void op_encode_put_done(const struct op_put_done *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u8(out, op->status);
    buf_append_u8(out, op->acked);
    buf_append_u8(out, op->hinted);
    buf_append_u32(out, op->keyspace);
    buf_append_u64(out, op->epoch);
    append_dot(out, op->dot);
    buf_append_sized(out, op->context);
    buf_append_short(out, op->text);
}

enum status op_decode_put_done(struct op_put_done *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->status = reader_u8(body);
    op->acked = reader_u8(body);
    op->hinted = reader_u8(body);
    op->keyspace = reader_u32(body);
    op->epoch = reader_u64(body);
    op->dot = read_dot(body);
    op->context = reader_sized(body);
    op->text = reader_short(body);
    return read_whole(body);
}

void op_encode_get(const struct op_get *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u8(out, op->level);
    buf_append_u8(out, op->flags);
    buf_append_short(out, op->keyspace);
    buf_append_short(out, op->key);
}

enum status op_decode_get(struct op_get *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->level = reader_u8(body);
    op->flags = reader_u8(body);
    op->keyspace = reader_short(body);
    op->key = reader_short(body);
    return read_whole(body);
}

void op_encode_got(const struct op_got *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u8(out, op->status);
    buf_append_u8(out, op->replied);
    buf_append_u32(out, op->keyspace);
    buf_append_sized(out, op->record);
    buf_append_short(out, op->text);
}

enum status op_decode_got(struct op_got *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->status = reader_u8(body);
    op->replied = reader_u8(body);
    op->keyspace = reader_u32(body);
    op->record = reader_sized(body);
    op->text = reader_short(body);
    return read_whole(body);
}

void op_encode_scan(const struct op_scan *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u8(out, op->level);
    buf_append_u8(out, op->flags);
    buf_append_u32(out, op->partition);
    buf_append_u32(out, op->size_max);
    buf_append_short(out, op->keyspace);
    buf_append_short(out, op->after);
    buf_append_short(out, op->prefix);
}

enum status op_decode_scan(struct op_scan *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->level = reader_u8(body);
    op->flags = reader_u8(body);
    op->partition = reader_u32(body);
    op->size_max = reader_u32(body);
    op->keyspace = reader_short(body);
    op->after = reader_short(body);
    op->prefix = reader_short(body);
    return read_whole(body);
}

void op_encode_scanned(const struct op_scanned *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u8(out, op->status);
    buf_append_u8(out, op->done);
    buf_append_u8(out, op->replied);
    buf_append_u32(out, op->keyspace);
    buf_append_u32(out, op->item_count);
    buf_append_short(out, op->last);
    buf_append_sized(out, op->items);
    buf_append_short(out, op->text);
}

enum status op_decode_scanned(struct op_scanned *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->status = reader_u8(body);
    op->done = reader_u8(body);
    op->replied = reader_u8(body);
    op->keyspace = reader_u32(body);
    op->item_count = reader_u32(body);
    op->last = reader_short(body);
    op->items = reader_sized(body);
    op->text = reader_short(body);
    return read_whole(body);
}

void op_encode_update(const struct op_update *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    append_request(out, op->request);
    buf_append_u8(out, op->flags);
    buf_append_u32(out, op->keyspace);
    buf_append_u64(out, op->actor);
    buf_append_u64(out, op->hlc_floor);
    buf_append_u64(out, op->expires_ms);
    buf_append_short(out, op->key);
    buf_append_sized(out, op->context);
    buf_append_sized(out, op->value);
}

enum status op_decode_update(struct op_update *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->request = read_request(body);
    op->flags = reader_u8(body);
    op->keyspace = reader_u32(body);
    op->actor = reader_u64(body);
    op->hlc_floor = reader_u64(body);
    op->expires_ms = reader_u64(body);
    op->key = reader_short(body);
    op->context = reader_sized(body);
    op->value = reader_sized(body);
    return read_whole(body);
}

void op_encode_updated(const struct op_updated *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u8(out, op->status);
    append_dot(out, op->dot);
    buf_append_sized(out, op->record);
}

enum status op_decode_updated(struct op_updated *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->status = reader_u8(body);
    op->dot = read_dot(body);
    op->record = reader_sized(body);
    return read_whole(body);
}

void op_encode_done(const struct op_done *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u8(out, op->status);
}

enum status op_decode_done(struct op_done *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->status = reader_u8(body);
    return read_whole(body);
}

void op_encode_merge(const struct op_merge *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u32(out, op->keyspace);
    buf_append_short(out, op->key);
    buf_append_sized(out, op->record);
}

enum status op_decode_merge(struct op_merge *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->keyspace = reader_u32(body);
    op->key = reader_short(body);
    op->record = reader_sized(body);
    return read_whole(body);
}

void op_encode_fetch(const struct op_fetch *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u8(out, op->head);
    buf_append_u32(out, op->keyspace);
    buf_append_short(out, op->key);
}

enum status op_decode_fetch(struct op_fetch *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->head = reader_u8(body);
    op->keyspace = reader_u32(body);
    op->key = reader_short(body);
    return read_whole(body);
}

void op_encode_fetched(const struct op_fetched *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u8(out, op->status);
    buf_append_sized(out, op->record);
}

enum status op_decode_fetched(struct op_fetched *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->status = reader_u8(body);
    op->record = reader_sized(body);
    return read_whole(body);
}

void op_encode_find(const struct op_find *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    append_request(out, op->request);
    buf_append_u32(out, op->keyspace);
    buf_append_short(out, op->key);
}

enum status op_decode_find(struct op_find *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->request = read_request(body);
    op->keyspace = reader_u32(body);
    op->key = reader_short(body);
    return read_whole(body);
}

void op_encode_scan_local(const struct op_scan_local *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u8(out, op->heads);
    buf_append_u32(out, op->partition);
    buf_append_u32(out, op->keyspace);
    buf_append_u32(out, op->size_max);
    buf_append_short(out, op->after);
    buf_append_short(out, op->prefix);
}

enum status op_decode_scan_local(struct op_scan_local *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->heads = reader_u8(body);
    op->partition = reader_u32(body);
    op->keyspace = reader_u32(body);
    op->size_max = reader_u32(body);
    op->after = reader_short(body);
    op->prefix = reader_short(body);
    return read_whole(body);
}

void op_encode_roots(const struct op_roots *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u32(out, op->first);
    buf_append_u32(out, op->count);
}

enum status op_decode_roots(struct op_roots *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->first = reader_u32(body);
    op->count = reader_u32(body);
    return read_whole(body);
}

void op_encode_roots_are(const struct op_roots_are *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u8(out, op->status);
    buf_append_u32(out, op->first);
    buf_append_sized(out, op->roots);
}

enum status op_decode_roots_are(struct op_roots_are *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->status = reader_u8(body);
    op->first = reader_u32(body);
    op->roots = reader_sized(body);
    return read_whole(body);
}
