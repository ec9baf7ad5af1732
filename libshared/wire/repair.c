#include "wire/repair.h"
#include "wire/codec.h"

void opening_told_encode(const struct opening_told *op, struct buf *out)
{
    buf_append_u64(out, op->actor);
    buf_append_u64(out, op->position);
    buf_append_u32(out, op->losses);
    buf_append_u8(out, op->is_lost);
    buf_append_u32(out, op->heard_start);
    buf_append_u64(out, op->heard_position);
    buf_append_u64(out, op->live_count);
    buf_append_u64(out, op->gone_count);
    buf_append_u64(out, op->live_root);
    buf_append_u64(out, op->deleted_root);
    buf_append_sized(out, op->seen);
    buf_append_sized(out, op->horizon);
}

enum status opening_told_decode(struct opening_told *op, struct bytes encoded)
{
    struct reader reader = reader_of(encoded), *body = &reader;
    op->actor = reader_u64(body);
    op->position = reader_u64(body);
    op->losses = reader_u32(body);
    op->is_lost = reader_u8(body);
    op->heard_start = reader_u32(body);
    op->heard_position = reader_u64(body);
    op->live_count = reader_u64(body);
    op->gone_count = reader_u64(body);
    op->live_root = reader_u64(body);
    op->deleted_root = reader_u64(body);
    op->seen = reader_sized(body);
    op->horizon = reader_sized(body);
    return reader.bad ? STATUS_INVALID : STATUS_OK;
}

void token_range_append(struct token_range range, struct buf *out)
{
    buf_append_u64(out, range.first);
    buf_append_u64(out, range.last);
}

bool token_range_next(struct reader *list, struct token_range *range)
{
    if (reader_left(list) < TOKEN_RANGE_SIZE)
        return false;
    range->first = reader_u64(list);
    range->last = reader_u64(list);
    return true;
}

void digest_append(const struct digest *digest, struct buf *out)
{
    buf_append_u32(out, digest->partition);
    buf_append_u64(out, digest->live_root);
    buf_append_u64(out, digest->deleted_root);
    buf_append_u64(out, digest->live_count);
    buf_append_u64(out, digest->gone_count);
}

bool digest_next(struct reader *list, struct digest *digest)
{
    if (reader_left(list) < DIGEST_SIZE)
        return false;
    digest->partition = reader_u32(list);
    digest->live_root = reader_u64(list);
    digest->deleted_root = reader_u64(list);
    digest->live_count = reader_u64(list);
    digest->gone_count = reader_u64(list);
    return true;
}

static void write_open(const struct op_open *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u32(out, op->keyspace);
    buf_append_u32(out, op->partition);
    buf_append_u32(out, op->number);
}

static void read_open(struct op_open *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->keyspace = reader_u32(body);
    op->partition = reader_u32(body);
    op->number = reader_u32(body);
}

static void write_opened(const struct op_opened *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u8(out, op->status);
    buf_append_sized(out, op->opening);
}

static void read_opened(struct op_opened *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->status = reader_u8(body);
    op->opening = reader_sized(body);
}

static void write_meet(const struct op_meet *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u32(out, op->keyspace);
    buf_append_u32(out, op->partition);
    buf_append_u8(out, op->is_pulling);
    buf_append_sized(out, op->opening);
}

static void read_meet(struct op_meet *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->keyspace = reader_u32(body);
    op->partition = reader_u32(body);
    op->is_pulling = reader_u8(body);
    op->opening = reader_sized(body);
}

static void write_met(const struct op_met *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u8(out, op->status);
}

static void read_met(struct op_met *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->status = reader_u8(body);
}

static void write_tree(const struct op_tree *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u32(out, op->keyspace);
    buf_append_u32(out, op->partition);
    buf_append_u8(out, op->kind);
    buf_append_u8(out, op->level);
    buf_append_sized(out, op->nodes);
}

static void read_tree(struct op_tree *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->keyspace = reader_u32(body);
    op->partition = reader_u32(body);
    op->kind = reader_u8(body);
    op->level = reader_u8(body);
    op->nodes = reader_sized(body);
}

static void write_hashes(const struct op_hashes *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u8(out, op->status);
    buf_append_u8(out, op->leaf_level);
    buf_append_sized(out, op->hashes);
}

static void read_hashes(struct op_hashes *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->status = reader_u8(body);
    op->leaf_level = reader_u8(body);
    op->hashes = reader_sized(body);
}

static void write_leaves(const struct op_leaves *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u32(out, op->keyspace);
    buf_append_u32(out, op->partition);
    buf_append_u32(out, op->size_max);
    buf_append_short(out, op->after);
    buf_append_sized(out, op->ranges);
}

static void read_leaves(struct op_leaves *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->keyspace = reader_u32(body);
    op->partition = reader_u32(body);
    op->size_max = reader_u32(body);
    op->after = reader_short(body);
    op->ranges = reader_sized(body);
}

static void write_listed(const struct op_listed *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u8(out, op->status);
    buf_append_u64(out, op->actor);
    buf_append_u8(out, op->is_done);
    buf_append_short(out, op->last);
    buf_append_sized(out, op->items);
}

static void read_listed(struct op_listed *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->status = reader_u8(body);
    op->actor = reader_u64(body);
    op->is_done = reader_u8(body);
    op->last = reader_short(body);
    op->items = reader_sized(body);
}

static void write_take(const struct op_take *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u32(out, op->keyspace);
    buf_append_u32(out, op->partition);
    buf_append_short(out, op->key);
}

static void read_take(struct op_take *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->keyspace = reader_u32(body);
    op->partition = reader_u32(body);
    op->key = reader_short(body);
}

static void write_taken(const struct op_taken *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u8(out, op->status);
    buf_append_u64(out, op->actor);
    buf_append_sized(out, op->record);
}

static void read_taken(struct op_taken *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->status = reader_u8(body);
    op->actor = reader_u64(body);
    op->record = reader_sized(body);
}

static void write_reconcile(const struct op_reconcile *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u32(out, op->keyspace);
    buf_append_u32(out, op->partition);
    buf_append_u64(out, op->actor);
    buf_append_short(out, op->key);
    buf_append_sized(out, op->record);
}

static void read_reconcile(struct op_reconcile *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->keyspace = reader_u32(body);
    op->partition = reader_u32(body);
    op->actor = reader_u64(body);
    op->key = reader_short(body);
    op->record = reader_sized(body);
}

static void write_reconciled(const struct op_reconciled *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u8(out, op->status);
    buf_append_u8(out, op->verdict);
}

static void read_reconciled(struct op_reconciled *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->status = reader_u8(body);
    op->verdict = reader_u8(body);
}

static void write_adopt(const struct op_adopt *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u32(out, op->keyspace);
    buf_append_u32(out, op->partition);
    buf_append_sized(out, op->opening);
}

static void read_adopt(struct op_adopt *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->keyspace = reader_u32(body);
    op->partition = reader_u32(body);
    op->opening = reader_sized(body);
}

static void write_adopted(const struct op_adopted *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u8(out, op->status);
    buf_append_u8(out, op->is_lost);
}

static void read_adopted(struct op_adopted *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->status = reader_u8(body);
    op->is_lost = reader_u8(body);
}

static void write_digest(const struct op_digest *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u32(out, op->keyspace);
    buf_append_u32(out, op->partition);
}

static void read_digest(struct op_digest *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->keyspace = reader_u32(body);
    op->partition = reader_u32(body);
}

static void write_digested(const struct op_digested *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u8(out, op->status);
    buf_append_u32(out, op->next);
    buf_append_sized(out, op->items);
}

static void read_digested(struct op_digested *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->status = reader_u8(body);
    op->next = reader_u32(body);
    op->items = reader_sized(body);
}

static void write_scrub(const struct op_scrub *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u32(out, op->partition);
    buf_append_u8(out, op->is_begin);
}

static void read_scrub(struct op_scrub *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->partition = reader_u32(body);
    op->is_begin = reader_u8(body);
}

static void write_scrubbed(const struct op_scrubbed *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u8(out, op->status);
    buf_append_u64(out, op->record_count);
    buf_append_short(out, op->text);
}

static void read_scrubbed(struct op_scrubbed *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->status = reader_u8(body);
    op->record_count = reader_u64(body);
    op->text = reader_short(body);
}

void ending_append(struct ending ending, struct buf *out)
{
    buf_append_u32(out, ending.process);
    buf_append_u32(out, ending.start);
}

bool ending_next(struct reader *list, struct ending *ending)
{
    if (reader_left(list) < ENDING_SIZE)
        return false;
    ending->process = reader_u32(list);
    ending->start = reader_u32(list);
    return true;
}

static void write_endings(const struct op_endings *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u32(out, op->keyspace);
    buf_append_u32(out, op->partition);
}

static void read_endings(struct op_endings *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->keyspace = reader_u32(body);
    op->partition = reader_u32(body);
}

static void write_ended(const struct op_ended *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u8(out, op->status);
    buf_append_sized(out, op->items);
}

static void read_ended(struct op_ended *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->status = reader_u8(body);
    op->items = reader_sized(body);
}

static void write_close(const struct op_close *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u32(out, op->keyspace);
    buf_append_u32(out, op->partition);
    buf_append_u32(out, op->process);
    buf_append_u32(out, op->start);
}

static void read_close(struct op_close *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->keyspace = reader_u32(body);
    op->partition = reader_u32(body);
    op->process = reader_u32(body);
    op->start = reader_u32(body);
}

static void write_closed(const struct op_closed *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u8(out, op->status);
}

static void read_closed(struct op_closed *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->status = reader_u8(body);
}

CODEC(open)
CODEC(opened)
CODEC(meet)
CODEC(met)
CODEC(tree)
CODEC(hashes)
CODEC(leaves)
CODEC(listed)
CODEC(take)
CODEC(taken)
CODEC(reconcile)
CODEC(reconciled)
CODEC(adopt)
CODEC(adopted)
CODEC(digest)
CODEC(digested)
CODEC(scrub)
CODEC(scrubbed)
CODEC(endings)
CODEC(ended)
CODEC(close)
CODEC(closed)
