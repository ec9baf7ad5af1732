// What clients say to routers, and routers to clients.
#include "wire/client.h"
#include "wire/codec.h"

static void write_ask(const struct op_ask *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_short(out, op->topic);
    buf_append_sized(out, op->argument);
}

static void read_ask(struct op_ask *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->topic = reader_short(body);
    op->argument = reader_sized(body);
}

static void write_answer(const struct op_answer *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u8(out, op->status);
    buf_append_sized(out, op->text);
}

static void read_answer(struct op_answer *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->status = reader_u8(body);
    op->text = reader_sized(body);
}

static void write_put(const struct op_put *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    append_request(out, op->request);
    buf_append_u8(out, op->level);
    buf_append_u8(out, op->flags);
    buf_append_u64(out, op->ttl_ms);
    buf_append_u64(out, op->try);
    buf_append_u32(out, op->budget_ms);
    buf_append_u32(out, op->young_ms);
    buf_append_u32(out, op->wait_ms);
    buf_append_short(out, op->keyspace);
    buf_append_short(out, op->key);
    buf_append_sized(out, op->context);
    buf_append_sized(out, op->value);
    buf_append_u32(out, op->first_ms);
}

static void read_put(struct op_put *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->request = read_request(body);
    op->level = reader_u8(body);
    op->flags = reader_u8(body);
    op->ttl_ms = reader_u64(body);
    op->try = reader_u64(body);
    op->budget_ms = reader_u32(body);
    op->young_ms = reader_u32(body);
    op->wait_ms = reader_u32(body);
    op->keyspace = reader_short(body);
    op->key = reader_short(body);
    op->context = reader_sized(body);
    op->value = reader_sized(body);
    op->first_ms = reader_left(body) ? reader_u32(body) : 0; // an earlier program does not say
}

static void write_put_done(const struct op_put_done *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u8(out, op->status);
    buf_append_u8(out, op->acked);
    buf_append_u8(out, op->hinted);
    buf_append_u8(out, op->is_void);
    buf_append_u32(out, op->keyspace);
    buf_append_u64(out, op->epoch);
    append_dot(out, op->dot);
    buf_append_sized(out, op->context);
    buf_append_short(out, op->text);
    buf_append_sized(out, op->receipt);
    buf_append_u8(out, op->is_final);
}

static void read_put_done(struct op_put_done *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->status = reader_u8(body);
    op->acked = reader_u8(body);
    op->hinted = reader_u8(body);
    op->is_void = reader_u8(body);
    op->keyspace = reader_u32(body);
    op->epoch = reader_u64(body);
    op->dot = read_dot(body);
    op->context = reader_sized(body);
    op->text = reader_short(body);
    op->receipt = reader_sized(body);
    op->is_final = reader_left(body) ? reader_u8(body) : 0; // the same
}

static void write_get(const struct op_get *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u8(out, op->level);
    buf_append_u8(out, op->flags);
    buf_append_short(out, op->keyspace);
    buf_append_short(out, op->key);
}

static void read_get(struct op_get *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->level = reader_u8(body);
    op->flags = reader_u8(body);
    op->keyspace = reader_short(body);
    op->key = reader_short(body);
}

static void write_got(const struct op_got *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u8(out, op->status);
    buf_append_u8(out, op->replied);
    buf_append_u32(out, op->keyspace);
    buf_append_sized(out, op->record);
    buf_append_short(out, op->text);
    buf_append_sized(out, op->context);
}

static void read_got(struct op_got *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->status = reader_u8(body);
    op->replied = reader_u8(body);
    op->keyspace = reader_u32(body);
    op->record = reader_sized(body);
    op->text = reader_short(body);
    op->context = reader_sized(body);
}

static void write_scan(const struct op_scan *op, struct buf *out)
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

static void read_scan(struct op_scan *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->level = reader_u8(body);
    op->flags = reader_u8(body);
    op->partition = reader_u32(body);
    op->size_max = reader_u32(body);
    op->keyspace = reader_short(body);
    op->after = reader_short(body);
    op->prefix = reader_short(body);
}

static void write_scanned(const struct op_scanned *op, struct buf *out)
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
    buf_append_sized(out, op->contexts);
}

static void read_scanned(struct op_scanned *op, struct reader *body)
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
    op->contexts = reader_sized(body);
}

static void write_explain(const struct op_explain *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u8(out, op->level);
    buf_append_short(out, op->keyspace);
    buf_append_short(out, op->key);
    buf_append_sized(out, op->receipt);
}

static void read_explain(struct op_explain *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->level = reader_u8(body);
    op->keyspace = reader_short(body);
    op->key = reader_short(body);
    op->receipt = reader_sized(body);
}

static void write_explained(const struct op_explained *op, struct buf *out)
{
    buf_append_u64(out, op->id);
    buf_append_u8(out, op->status);
    buf_append_u32(out, op->keyspace);
    buf_append_u32(out, op->partition);
    buf_append_u64(out, op->token);
    buf_append_u64(out, op->epoch);
    buf_append_u8(out, op->level);
    buf_append_u8(out, op->replica_count);
    buf_append_u8(out, op->need_count);
    buf_append_sized(out, op->needs);
    buf_append_sized(out, op->replicas);
    buf_append_short(out, op->key);
    buf_append_short(out, op->name);
    buf_append_short(out, op->text);
}

static void read_explained(struct op_explained *op, struct reader *body)
{
    op->id = reader_u64(body);
    op->status = reader_u8(body);
    op->keyspace = reader_u32(body);
    op->partition = reader_u32(body);
    op->token = reader_u64(body);
    op->epoch = reader_u64(body);
    op->level = reader_u8(body);
    op->replica_count = reader_u8(body);
    op->need_count = reader_u8(body);
    op->needs = reader_sized(body);
    op->replicas = reader_sized(body);
    op->key = reader_short(body);
    op->name = reader_short(body);
    op->text = reader_short(body);
}

void explained_append(const struct explained_replica *replica, struct buf *replicas)
{
    size_t begun = codec_begin(replicas);
    buf_append_u8(replicas, replica->role);
    buf_append_u8(replicas, replica->status);
    buf_append_u8(replicas, replica->has_write);
    buf_append_short(replicas, replica->node);
    buf_append_short(replicas, replica->dc);
    buf_append_short(replicas, replica->rack);
    buf_append_short(replicas, replica->state);
    buf_append_short(replicas, replica->problem);
    buf_append_sized(replicas, replica->head);
    buf_append_u8(replicas, replica->purge);
    buf_append_u32(replicas, replica->purge_ms);
    buf_append_u32(replicas, replica->behind);
    buf_append_sized(replicas, replica->seen);
    codec_end(replicas, begun);
}

bool explained_next(struct reader *replicas, struct explained_replica *replica)
{
    if (!reader_left(replicas))
        return false;
    struct reader one = reader_of(reader_sized(replicas));
    replica->role = reader_u8(&one);
    replica->status = reader_u8(&one);
    replica->has_write = reader_u8(&one);
    replica->node = reader_short(&one);
    replica->dc = reader_short(&one);
    replica->rack = reader_short(&one);
    replica->state = reader_short(&one);
    replica->problem = reader_short(&one);
    replica->head = reader_sized(&one);
    replica->purge = reader_left(&one) ? reader_u8(&one) : 0; // of an older router: none
    replica->purge_ms = reader_left(&one) ? reader_u32(&one) : 0;
    replica->behind = reader_left(&one) ? reader_u32(&one) : 0;
    replica->seen = reader_left(&one) ? reader_sized(&one) : (struct bytes){0};
    return !one.bad && !replicas->bad;
}

void explained_append_need(struct explained_need need, struct buf *needs)
{
    buf_append_u32(needs, need.of);
    buf_append_u8(needs, need.count);
}

bool explained_next_need(struct reader *needs, struct explained_need *need)
{
    if (!reader_left(needs))
        return false;
    need->of = reader_u32(needs);
    need->count = reader_u8(needs);
    return !needs->bad;
}

// Where an encoded PUT has its flags and its try, behind size, id, request and level.
enum { PUT_FLAGS_OFFSET = 4 + 8 + 16 + 1, PUT_TRY_OFFSET = PUT_FLAGS_OFFSET + 1 + 8 };

void op_put_set_try(uint8_t *encoded, const struct put_try *put_try)
{
    if (put_try->is_repeated)
        encoded[PUT_FLAGS_OFFSET] |= PUT_RETRY;
    store_u64(encoded + PUT_TRY_OFFSET, put_try->name);
    store_u32(encoded + PUT_TRY_OFFSET + 8, put_try->budget_ms);
    store_u32(encoded + PUT_TRY_OFFSET + 12, put_try->young_ms);
    store_u32(encoded + PUT_TRY_OFFSET + 16, put_try->wait_ms);
    store_u32(encoded + load_u32(encoded), put_try->first_ms); // the last four bytes
}

CODEC(ask)
CODEC(answer)
CODEC(put)
CODEC(put_done)
CODEC(get)
CODEC(got)
CODEC(scan)
CODEC(scanned)
CODEC(explain)
CODEC(explained)
