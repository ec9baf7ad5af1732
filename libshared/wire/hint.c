// What routers say to a hintd, and hintds to routers.
#include "wire/hint.h"
#include "wire/codec.h"

static void write_hint(const struct op_hint *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u64(out, op->target);
    buf_append_u32(out, op->keyspace);
    append_dot(out, op->dot);
    buf_append_short(out, op->key);
    buf_append_sized(out, op->dots);
    buf_append_sized(out, op->requests);
    buf_append_sized(out, op->record);
}

static void read_hint(struct op_hint *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->target = reader_u64(body);
    op->keyspace = reader_u32(body);
    op->dot = read_dot(body);
    op->key = reader_short(body);
    op->dots = reader_sized(body);
    op->requests = reader_sized(body);
    op->record = reader_sized(body);
}

static void write_hinted(const struct op_hinted *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u64(out, op->target);
    buf_append_u8(out, op->status);
    buf_append_u8(out, op->flags);
    buf_append_u64(out, op->hlc_told);
    buf_append_sized(out, op->told);
}

static void read_hinted(struct op_hinted *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->target = reader_u64(body);
    op->status = reader_u8(body);
    op->flags = reader_u8(body);
    op->hlc_told = reader_u64(body);
    op->told = reader_sized(body);
}

// The UPDATE as it is, behind the id that every operation begins with.
static void write_hint_update(const struct op_hint_update *op, struct buf *out)
{
    buf_append_u64(out, op->update.id);
    buf_append_sized(out, op->targets);
    op_encode_update(&op->update, out);
}

static void read_hint_update(struct op_hint_update *op, struct reader *body)
{
    uint64_t id = reader_u64(body);
    op->targets = reader_sized(body);
    body->bad |= op_decode_update(&op->update, body) || op->update.id != id ||
                 op->targets.size % sizeof(uint64_t);
}

static void write_held(const struct op_held *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u32(out, op->keyspace);
    buf_append_u32(out, op->partition);
    buf_append_u32(out, op->process);
    buf_append_u32(out, op->start);
}

static void read_held(struct op_held *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->keyspace = reader_u32(body);
    op->partition = reader_u32(body);
    op->process = reader_u32(body);
    op->start = reader_u32(body);
}

static void write_held_told(const struct op_held_told *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u8(out, op->status);
    buf_append_u8(out, op->is_held);
    buf_append_u64(out, op->hint_count);
}

static void read_held_told(struct op_held_told *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->status = reader_u8(body);
    op->is_held = reader_u8(body);
    op->hint_count = reader_u64(body);
}

CODEC(hint)
CODEC(hinted)
CODEC(hint_update)
CODEC(held)
CODEC(held_told)
