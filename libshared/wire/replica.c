// What routers say to stores, and stores to routers.
#include "wire/replica.h"
#include "wire/codec.h"

static void write_update(const struct op_update *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    append_request(out, op->request);
    buf_append_u8(out, op->flags);
    buf_append_u32(out, op->keyspace);
    buf_append_u64(out, op->try);
    buf_append_u32(out, op->young_ms);
    buf_append_u64(out, op->hlc_floor);
    buf_append_u64(out, op->ttl_ms);
    buf_append_short(out, op->key);
    buf_append_sized(out, op->context);
    buf_append_sized(out, op->seen);
    buf_append_sized(out, op->value);
}

static void read_update(struct op_update *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->request = read_request(body);
    op->flags = reader_u8(body);
    op->keyspace = reader_u32(body);
    op->try = reader_u64(body);
    op->young_ms = reader_u32(body);
    op->hlc_floor = reader_u64(body);
    op->ttl_ms = reader_u64(body);
    op->key = reader_short(body);
    op->context = reader_sized(body);
    op->seen = reader_sized(body);
    op->value = reader_sized(body);
}

static void write_updated(const struct op_updated *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u8(out, op->status);
    append_dot(out, op->dot);
    buf_append_u64(out, op->hlc);
    buf_append_sized(out, op->requests);
    buf_append_sized(out, op->record);
    buf_append_u8(out, op->is_head);
    buf_append_u8(out, op->is_lost);
}

static void read_updated(struct op_updated *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->status = reader_u8(body);
    op->dot = read_dot(body);
    op->hlc = reader_u64(body);
    op->requests = reader_sized(body);
    op->record = reader_sized(body);
    op->is_head = reader_left(body) ? reader_u8(body) : 0; // of an older store: none
    op->is_lost = reader_left(body) ? reader_u8(body) : 0; // the same
}

static void write_durable(const struct op_durable *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u8(out, op->status);
}

static void read_durable(struct op_durable *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->status = reader_u8(body);
}

static void write_merge(const struct op_merge *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u32(out, op->keyspace);
    append_dot(out, op->dot);
    buf_append_short(out, op->key);
    buf_append_sized(out, op->dots);
    buf_append_sized(out, op->requests);
    buf_append_sized(out, op->record);
}

static void read_merge(struct op_merge *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->keyspace = reader_u32(body);
    op->dot = read_dot(body);
    op->key = reader_short(body);
    op->dots = reader_sized(body);
    op->requests = reader_sized(body);
    op->record = reader_sized(body);
}

static void write_merged(const struct op_merged *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u8(out, op->status);
    buf_append_u8(out, op->flags);
    buf_append_u64(out, op->hlc_told);
    buf_append_sized(out, op->told);
}

static void read_merged(struct op_merged *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->status = reader_u8(body);
    op->flags = reader_u8(body);
    op->hlc_told = reader_u64(body);
    op->told = reader_sized(body);
}

static void write_fetch(const struct op_fetch *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u8(out, op->head);
    buf_append_u32(out, op->keyspace);
    buf_append_short(out, op->key);
    buf_append_u8(out, op->is_gated);
}

static void read_fetch(struct op_fetch *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->head = reader_u8(body);
    op->keyspace = reader_u32(body);
    op->key = reader_short(body);
    op->is_gated = reader_left(body) ? reader_u8(body) : 0; // of an older router: none
}

static void write_fetched(const struct op_fetched *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u8(out, op->status);
    buf_append_sized(out, op->record);
}

static void read_fetched(struct op_fetched *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->status = reader_u8(body);
    op->record = reader_sized(body);
}

static void write_find(const struct op_find *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    append_request(out, op->request);
    buf_append_u64(out, op->try);
    buf_append_u32(out, op->keyspace);
    buf_append_short(out, op->key);
}

static void read_find(struct op_find *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->request = read_request(body);
    op->try = reader_u64(body);
    op->keyspace = reader_u32(body);
    op->key = reader_short(body);
}

static void write_found(const struct op_found *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u8(out, op->status);
    buf_append_u8(out, op->state);
    append_dot(out, op->dot);
    buf_append_sized(out, op->record);
    buf_append_u32(out, op->remembers_ms);
}

static void read_found(struct op_found *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->status = reader_u8(body);
    op->state = reader_u8(body);
    op->dot = read_dot(body);
    op->record = reader_sized(body);
    op->remembers_ms = reader_left(body) ? reader_u32(body) : 0; // the same
}

static void write_scan_local(const struct op_scan_local *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u8(out, op->heads);
    buf_append_u32(out, op->partition);
    buf_append_u32(out, op->keyspace);
    buf_append_u32(out, op->size_max);
    buf_append_short(out, op->after);
    buf_append_short(out, op->prefix);
}

static void read_scan_local(struct op_scan_local *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->heads = reader_u8(body);
    op->partition = reader_u32(body);
    op->keyspace = reader_u32(body);
    op->size_max = reader_u32(body);
    op->after = reader_short(body);
    op->prefix = reader_short(body);
}

void superseded_append(const struct superseded *superseded, struct buf *out)
{
    append_dot(out, superseded->dot);
    append_request(out, superseded->request);
}

bool superseded_next(struct reader *list, struct superseded *superseded)
{
    if (reader_left(list) < SUPERSEDED_ENCODED_SIZE)
        return false;
    superseded->dot = read_dot(list);
    superseded->request = read_request(list);
    return true;
}

struct bytes superseded_encode(const struct superseded_list *list, struct buf *out)
{
    buf_clear(out);
    for (uint32_t i = 0; i < list->count; i++) {
        if (!request_id_is_none(&list->items[i].request))
            superseded_append(&list->items[i], out);
    }
    return buf_bytes(out);
}

void superseded_decode(struct bytes encoded, struct superseded_list *list)
{
    struct reader reader = reader_of(encoded);
    struct superseded one;
    list->count = 0;
    while (superseded_next(&reader, &one))
        superseded_list_add(list, one);
}

static void write_inspect(const struct op_inspect *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    append_request(out, op->request);
    append_dot(out, op->dot);
    buf_append_u32(out, op->keyspace);
    buf_append_short(out, op->key);
}

static void read_inspect(struct op_inspect *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->request = read_request(body);
    op->dot = read_dot(body);
    op->keyspace = reader_u32(body);
    op->key = reader_short(body);
}

static void write_inspected(const struct op_inspected *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u8(out, op->status);
    buf_append_u8(out, op->has_write);
    buf_append_u8(out, op->state);
    buf_append_sized(out, op->head);
    buf_append_u8(out, op->purge);
    buf_append_u32(out, op->purge_ms);
    buf_append_sized(out, op->behind);
    buf_append_sized(out, op->seen);
}

static void read_inspected(struct op_inspected *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->status = reader_u8(body);
    op->has_write = reader_u8(body);
    op->state = reader_u8(body);
    op->head = reader_sized(body);
    op->purge = reader_left(body) ? reader_u8(body) : PURGE_NOT_TOLD; // of an older store
    op->purge_ms = reader_left(body) ? reader_u32(body) : 0;          // the same
    op->behind = reader_left(body) ? reader_sized(body) : (struct bytes){0};
    op->seen = reader_left(body) ? reader_sized(body) : (struct bytes){0};
}

CODEC(update)
CODEC(updated)
CODEC(durable)
CODEC(merge)
CODEC(merged)
CODEC(fetch)
CODEC(fetched)
CODEC(find)
CODEC(found)
CODEC(scan_local)
CODEC(inspect)
CODEC(inspected)
