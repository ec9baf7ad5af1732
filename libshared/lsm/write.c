#include "lsm/engine.h"

#include "base/hash.h"
#include "base/reader.h"
#include "lsm/frame.h"
#include "lsm/log_op.h"

#include <assert.h>

enum {
    DELAY_STEP_US = 500,
    DELAY_MAX_US = 20000,
    DEBT_FREE = 250, // permille
};

void lsm_batch_release(struct lsm_batch *batch)
{
    buf_release(&batch->ops);
    batch->count = 0;
}

void lsm_batch_clear(struct lsm_batch *batch)
{
    buf_clear(&batch->ops);
    batch->count = 0;
}

void lsm_batch_put(struct lsm_batch *batch, struct bytes key, struct bytes value)
{
    log_op_encode_put(&batch->ops, key, value);
    batch->count++;
}

void lsm_batch_delete(struct lsm_batch *batch, struct bytes key)
{
    log_op_encode_delete(&batch->ops, key);
    batch->count++;
}

void lsm_batch_note(struct lsm_batch *batch, struct bytes note)
{
    log_op_encode_note(&batch->ops, note);
    batch->count++;
}

void engine_seal(struct lsm *lsm)
{
    assert(!lsm->sealed);
    lsm->sealed = lsm->active;
    lsm->sealed_orders = lsm->active_orders;
    lsm->sealed_end = log_cut(&lsm->log);
    buf_clear(&lsm->sealed_snapshot);
    const struct lsm_owner *owner = &lsm->options.owner;
    if (owner->snapshot)
        owner->snapshot(owner->context, &lsm->sealed_snapshot);
    lsm->active = lsm->spare ? lsm->spare : memtable_new(lsm->options.memtable_size, lsm->database);
    lsm->spare = NULL;
    lsm->active_orders = (struct orders){0};
    lsm->active_begin = lsm->sealed_end;
    lsm->is_flush_wanted = false;
}

// Checks the operations and says how much of the memtable they take.
static enum status measure(const struct lsm *lsm, const struct lsm_batch *batch, size_t *size)
{
    struct reader reader = reader_of(buf_bytes(&batch->ops));
    struct log_op op;
    *size = 0;
    while (log_op_decode(&reader, &op)) {
        if (op.kind == OP_REFUSED)
            return op.refusal;
        if (op.kind != OP_NOTE)
            *size += memtable_entry_size(op.key.size, op.value.size);
    }
    assert(!reader.bad);
    return *size > lsm->options.memtable_size / 2 ? STATUS_TOO_LARGE : STATUS_OK;
}

// Whether what was written since the last seal is enough for a flush: memory is full, or
// notes alone have made the log long.
static bool is_full(const struct lsm *lsm, size_t more)
{
    uint64_t segment_size = lsm->options.log_segment_size;
    uint64_t segments = frame_number(lsm->written) - frame_number(lsm->active_begin);
    return memtable_free_size(lsm->active) < more ||
           segments * segment_size > 2 * (lsm->options.memtable_size + segment_size);
}

static void apply(struct lsm *lsm, const struct lsm_batch *batch)
{
    struct reader reader = reader_of(buf_bytes(&batch->ops));
    struct log_op op;
    while (log_op_decode(&reader, &op)) {
        if (op.kind == OP_NOTE)
            continue;
        memtable_add(lsm->active, hash64_seeded(op.key, lsm->database), op.key, op.value,
                     op.kind == OP_DELETE);
        lsm->stats.written_bytes += op.key.size + op.value.size;
    }
}

enum status lsm_write(struct lsm *lsm, const struct lsm_batch *batch, uint64_t *position)
{
    size_t size;
    if (lsm->is_failed)
        return STATUS_IO;
    enum status status = measure(lsm, batch, &size);
    if (status)
        return status;
    if (is_full(lsm, size)) {
        if (lsm->sealed)
            return lsm->is_disk_full ? STATUS_DISK_FULL : STATUS_BUSY;
        engine_seal(lsm);
    }
    if (batch->ops.size)
        status = log_append(&lsm->log, buf_bytes(&batch->ops), &lsm->written);
    if (status)
        return status == STATUS_BUSY && lsm->is_disk_full ? STATUS_DISK_FULL : status;
    apply(lsm, batch);
    lsm->unpaced_bytes += batch->ops.size;
    *position = lsm->written;
    return STATUS_OK;
}

// The memtable must not be full before the sealed one is flushed: from its half on it may be
// as full as the flush is far.
static uint64_t flush_delay_us(const struct lsm *lsm)
{
    const struct flush *flush = &lsm->flush;
    size_t used = lsm->active->used, half = lsm->active->size / 2;
    if (!lsm->sealed || used <= half)
        return 0;
    uint64_t full = (used - half) * 1000 / half;
    uint64_t far = flush->order ? flush->at * 1000 / (flush->order->count + 1) : 0;
    return full > far ? DELAY_STEP_US : 0;
}

// Nanoseconds for each byte: nothing up to some debt, then with its square up to a thousand.
static uint64_t debt_delay_ns(const struct lsm *lsm)
{
    uint64_t more = lsm->debt > DEBT_FREE ? lsm->debt - DEBT_FREE : 0;
    return more * more * 1000 / ((1000 - DEBT_FREE) * (1000 - DEBT_FREE));
}

uint64_t lsm_delay_us(struct lsm *lsm)
{
    lsm->delay_ns += debt_delay_ns(lsm) * lsm->unpaced_bytes;
    lsm->unpaced_bytes = 0;
    uint64_t delay_us = lsm->delay_ns / 1000;
    if (delay_us < DELAY_STEP_US)
        return flush_delay_us(lsm); // the rest adds up
    delay_us = delay_us < DELAY_MAX_US ? delay_us : DELAY_MAX_US;
    lsm->delay_ns -= delay_us * 1000;
    return delay_us;
}

uint64_t lsm_written(const struct lsm *lsm)
{
    return lsm->written;
}

uint64_t lsm_durable(const struct lsm *lsm)
{
    uint64_t durable = log_durable(&lsm->log); // where the last frame ends, padding included
    return durable < lsm->written ? durable : lsm->written;
}

bool lsm_failed(const struct lsm *lsm)
{
    return lsm->is_failed;
}

void lsm_flush(struct lsm *lsm)
{
    if (lsm->written <= lsm->active_begin)
        return;
    lsm->is_flush_wanted = true;
    if (!lsm->sealed)
        engine_seal(lsm);
}
