#include "wire/ring.h"

#include "wire/codec.h"

static void write_prepare(const struct op_prepare *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u64(out, op->epoch);
    buf_append_u64(out, op->parent);
    buf_append_u64(out, op->round);
    buf_append_u64(out, op->proposer);
}

static void read_prepare(struct op_prepare *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->epoch = reader_u64(body);
    op->parent = reader_u64(body);
    op->round = reader_u64(body);
    op->proposer = reader_u64(body);
}

static void write_promised(const struct op_promised *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u8(out, op->status);
    buf_append_u64(out, op->epoch);
    buf_append_u64(out, op->round);
    buf_append_u64(out, op->proposer);
    buf_append_u64(out, op->promised_round);
    buf_append_u64(out, op->promised_proposer);
    buf_append_u64(out, op->accepted_round);
    buf_append_u64(out, op->accepted_proposer);
    buf_append_sized(out, op->document);
}

static void read_promised(struct op_promised *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->status = reader_u8(body);
    op->epoch = reader_u64(body);
    op->round = reader_u64(body);
    op->proposer = reader_u64(body);
    op->promised_round = reader_u64(body);
    op->promised_proposer = reader_u64(body);
    op->accepted_round = reader_u64(body);
    op->accepted_proposer = reader_u64(body);
    op->document = reader_sized(body);
}

static void write_accept(const struct op_accept *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u64(out, op->epoch);
    buf_append_u64(out, op->parent);
    buf_append_u64(out, op->round);
    buf_append_u64(out, op->proposer);
    buf_append_sized(out, op->document);
}

static void read_accept(struct op_accept *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->epoch = reader_u64(body);
    op->parent = reader_u64(body);
    op->round = reader_u64(body);
    op->proposer = reader_u64(body);
    op->document = reader_sized(body);
}

static void write_accepted(const struct op_accepted *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u8(out, op->status);
    buf_append_u64(out, op->epoch);
    buf_append_u64(out, op->round);
    buf_append_u64(out, op->proposer);
    buf_append_u64(out, op->promised_round);
    buf_append_u64(out, op->promised_proposer);
}

static void read_accepted(struct op_accepted *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->status = reader_u8(body);
    op->epoch = reader_u64(body);
    op->round = reader_u64(body);
    op->proposer = reader_u64(body);
    op->promised_round = reader_u64(body);
    op->promised_proposer = reader_u64(body);
}

static void write_ring(const struct op_ring *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_sized(out, op->document);
}

static void read_ring(struct op_ring *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->document = reader_sized(body);
}

static void write_ring_taken(const struct op_ring_taken *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u8(out, op->status);
    buf_append_short(out, op->text);
}

static void read_ring_taken(struct op_ring_taken *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->status = reader_u8(body);
    op->text = reader_short(body);
}

CODEC(prepare)
CODEC(promised)
CODEC(accept)
CODEC(accepted)
CODEC(ring)
CODEC(ring_taken)
