#include "wire/hello.h"

#include "wire/codec.h"

static void write_hello(const struct op_hello *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u8(out, op->version_min);
    buf_append_u8(out, op->version_max);
    buf_append_u32(out, op->capabilities);
    buf_append_u64(out, op->cluster);
    buf_append_u64(out, op->node);
    buf_append_u64(out, op->actor);
}

static void read_hello(struct op_hello *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->version_min = reader_u8(body);
    op->version_max = reader_u8(body);
    op->capabilities = reader_u32(body);
    op->cluster = reader_u64(body);
    op->node = reader_u64(body);
    op->actor = reader_u64(body);
}

static void write_welcome(const struct op_welcome *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u8(out, op->version);
    buf_append_u8(out, op->version_min);
    buf_append_u8(out, op->version_max);
    buf_append_u32(out, op->capabilities);
    buf_append_u64(out, op->cluster);
    buf_append_u64(out, op->node);
    buf_append_u64(out, op->actor);
    buf_append_u32(out, op->value_size_max);
    buf_append_u8(out, op->role);
    buf_append_short(out, op->software);
    buf_append_u8(out, op->is_asking);
    buf_append_u32(out, op->heard_start);
}

static void read_welcome(struct op_welcome *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->version = reader_u8(body);
    op->version_min = reader_u8(body);
    op->version_max = reader_u8(body);
    op->capabilities = reader_u32(body);
    op->cluster = reader_u64(body);
    op->node = reader_u64(body);
    op->actor = reader_u64(body);
    op->value_size_max = reader_u32(body);
    op->role = reader_u8(body);
    op->software = reader_short(body);
    bool is_earlier = !reader_left(body); // program, which did not say
    op->is_asking = is_earlier ? 0 : reader_u8(body);
    op->heard_start = is_earlier ? 0 : reader_u32(body);
}

static void write_hear(const struct op_hear *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u32(out, op->number);
    buf_append_u64(out, op->actor);
    buf_append_u64(out, op->position);
    buf_append_u32(out, op->heard_start);
    buf_append_u64(out, op->heard_position);
    buf_append_u8(out, op->is_last);
}

static void read_hear(struct op_hear *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->number = reader_u32(body);
    op->actor = reader_u64(body);
    op->position = reader_u64(body);
    op->heard_start = reader_u32(body);
    op->heard_position = reader_u64(body);
    op->is_last = reader_u8(body);
}

static void write_heard(const struct op_heard *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u8(out, op->status);
    buf_append_u64(out, op->actor);
    buf_append_u64(out, op->position);
    buf_append_u32(out, op->heard_start);
    buf_append_u64(out, op->heard_position);
    buf_append_u8(out, op->is_asking);
}

static void read_heard(struct op_heard *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->status = reader_u8(body);
    op->actor = reader_u64(body);
    op->position = reader_u64(body);
    op->heard_start = reader_u32(body);
    op->heard_position = reader_u64(body);
    op->is_asking = reader_u8(body);
}

static void write_ping(const struct op_ping *op, struct buf *out)
{
    buf_append_u64(out, op->id);
}

static void read_ping(struct op_ping *op, struct reader *body)
{
    op->id = reader_u64(body);
}

static void write_pong(const struct op_pong *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u64(out, op->actor);
    buf_append_u32(out, op->unsynced_age_ms);
    buf_append_u64(out, op->entry_count);
    buf_append_u64(out, op->data_size);
    buf_append_u8(out, op->disk_full);
    buf_append_u64(out, op->wall_ms);
    buf_append_sized(out, op->metrics);
    buf_append_u32(out, op->store_start);
    buf_append_u32(out, op->hintd_start);
}

static void read_pong(struct op_pong *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->actor = reader_u64(body);
    op->unsynced_age_ms = reader_u32(body);
    op->entry_count = reader_u64(body);
    op->data_size = reader_u64(body);
    op->disk_full = reader_u8(body);
    op->wall_ms = reader_u64(body);
    op->metrics = reader_sized(body);
    bool has_starts = reader_left(body) > 0; // those of before had not
    op->store_start = has_starts ? reader_u32(body) : 0;
    op->hintd_start = has_starts ? reader_u32(body) : 0;
}

static void write_error(const struct op_error *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u8(out, op->status);
    buf_append_short(out, op->text);
}

static void read_error(struct op_error *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->status = reader_u8(body);
    op->text = reader_short(body);
}

CODEC(hello)
CODEC(welcome)
CODEC(hear)
CODEC(heard)
CODEC(ping)
CODEC(pong)
CODEC(error)

struct op_welcome op_welcome_to(const struct op_hello *hello)
{
    return (struct op_welcome){
        .id = hello->id,
        .version = MESSAGE_VERSION,
        .version_min = MESSAGE_VERSION,
        .version_max = MESSAGE_VERSION,
    };
}
