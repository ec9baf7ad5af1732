#include "lsm/engine.h"

#include "base/hash.h"
#include "base/reader.h"
#include "lsm/file/frame.h"
#include "lsm/log/log_op.h"

#include <assert.h>

enum {
    STAGE_COUNT = 32, // operations whose memory is fetched at once
    PACKED_SIZE_KEPT = 1 << 20,
    PARTS_OF_SEGMENT = 4,
};

void lsm_batch_release(struct lsm_batch *batch)
{
    buf_release(&batch->ops);
    lsm_batch_clear(batch);
}

void lsm_batch_clear(struct lsm_batch *batch)
{
    buf_clear(&batch->ops);
    batch->count = 0;
    batch->entries_size = 0;
    batch->value_size_max = 0;
    batch->refusal = STATUS_OK;
}

// Whether an operation is within the limits; the batch remembers if one is not.
static bool accepts(struct lsm_batch *batch, struct bytes key, struct bytes value)
{
    enum status refusal = key.size ? STATUS_OK : STATUS_INVALID;
    if (key.size > LSM_KEY_SIZE_MAX || value.size > LSM_VALUE_SIZE_MAX)
        refusal = STATUS_TOO_LARGE;
    if (!batch->refusal)
        batch->refusal = refusal;
    batch->count++;
    batch->entries_size += memtable_entry_size(key.size, value.size);
    if (batch->value_size_max < value.size)
        batch->value_size_max = value.size;
    return !refusal;
}

void lsm_batch_put(struct lsm_batch *batch, struct bytes key, struct bytes value)
{
    if (accepts(batch, key, value))
        log_op_encode_put(&batch->ops, key, value);
}

void lsm_batch_delete(struct lsm_batch *batch, struct bytes key)
{
    if (accepts(batch, key, (struct bytes){0}))
        log_op_encode_delete(&batch->ops, key);
}

void lsm_batch_note(struct lsm_batch *batch, struct bytes note)
{
    batch->count++;
    if (note.size <= LSM_VALUE_SIZE_MAX)
        log_op_encode_note(&batch->ops, note);
    else if (!batch->refusal)
        batch->refusal = STATUS_TOO_LARGE;
}

// Whether enough was written since the last seal for a flush: memory is full, or
// notes alone have made the log long; but not while one of them is under way.
static bool is_full(const struct lsm *lsm, size_t more)
{
    bool is_cut = lsm->parts.done && lsm->parts.begin == lsm->active.begin;
    uint64_t segment_size = lsm->options.log_segment_size;
    uint64_t segments = frame_number(lsm->written) - frame_number(lsm->active.begin);
    return memtable_free_size(lsm->active.memtable) < more ||
           (!is_cut && segments * segment_size > 2 * (lsm->options.memtable_size + segment_size));
}

// Some operations of a batch on their way into the memtable.
struct stage {
    struct reader reader; // behind them
    size_t count;
    struct staged {
        struct log_op op;
        uint64_t hash;
    } staged[STAGE_COUNT];
};

// Decodes the next ones and fetches the memory that they need. False if there are none.
static bool stage_next(struct stage *stage, const struct lsm *lsm)
{
    stage->count = 0;
    while (stage->count < STAGE_COUNT) {
        struct staged *staged = &stage->staged[stage->count];
        if (!log_op_decode(&stage->reader, &staged->op))
            break;
        if (log_op_is_note(staged->op.kind))
            continue;
        staged->hash = hash64_seeded(staged->op.key, lsm->database);
        memtable_prefetch(lsm->active.memtable, staged->hash);
        stage->count++;
    }
    assert(!stage->reader.bad);
    return stage->count > 0;
}

// `ops` was logged at this address.
static void stage_apply(const struct stage *stage, struct lsm *lsm, const uint8_t *ops,
                        uint64_t address)
{
    for (size_t i = 0; i < stage->count; i++) {
        const struct log_op *op = &stage->staged[i].op;
        struct entry entry = log_op_entry(op, ops, address);
        memtable_add(lsm->active.memtable, stage->staged[i].hash, &entry);
        lsm->stats.written_bytes += op->key.size + value_size(&entry);
    }
}

static bool pack(struct lsm *lsm, const struct log_op *op)
{
    if (op->kind != OP_PUT || op->value.size < lsm->options.separate_size)
        return false;
    struct buf *out = &lsm->packed;
    size_t before = out->size, begin = log_op_begin_packed(out, op->key);
    bool is_packed = value_pack(out, op->value);
    if (is_packed)
        log_op_end_packed(out, begin);
    else
        out->size = before;
    return is_packed;
}

// The operations as they go into the log, with large values packed; borrowed.
static struct bytes pack_batch(struct lsm *lsm, const struct lsm_batch *batch)
{
    struct bytes ops = buf_bytes(&batch->ops);
    if (batch->value_size_max < lsm->options.separate_size)
        return ops;
    buf_clear(&lsm->packed);
    struct reader reader = reader_of(ops);
    struct log_op op;
    for (const uint8_t *at = ops.data; log_op_decode(&reader, &op); at = reader.at) {
        if (!pack(lsm, &op))
            buf_append(&lsm->packed, bytes_of(at, (size_t)(reader.at - at)));
    }
    return buf_bytes(&lsm->packed);
}

// Memory that a huge batch needed is not for every day.
static void forget_packed(struct lsm *lsm)
{
    if (lsm->packed.capacity > PACKED_SIZE_KEPT)
        buf_release(&lsm->packed);
}

// Writes as much of the note as there is room for. BUSY: not all of it yet.
static enum status write_parts(struct lsm *lsm, struct bytes note, uint64_t *position)
{
    struct note_parts *parts = &lsm->parts;
    uint64_t hash = hash64(note);
    size_t size_max = lsm->options.log_segment_size / PARTS_OF_SEGMENT;
    if (parts->hash != hash || parts->begin != lsm->active.begin)
        parts->done = 0;
    parts->hash = hash;
    parts->begin = lsm->active.begin;
    enum status status = STATUS_OK;
    while (!status && parts->done < note.size) {
        size_t left = note.size - parts->done, size = left < size_max ? left : size_max;
        enum op_kind kind = parts->done ? OP_NOTE_MORE : OP_NOTE_BEGIN;
        buf_clear(&lsm->packed);
        log_op_encode_part(&lsm->packed, size == left ? OP_NOTE_END : kind,
                           bytes_of(note.data + parts->done, size));
        status = log_append(&lsm->log, buf_bytes(&lsm->packed), &lsm->written);
        parts->done += status ? 0 : size;
    }
    if (!status) {
        *position = lsm->written;
        *parts = (struct note_parts){.bytes = parts->bytes};
    }
    return status;
}

// Whether the batch is a note alone that no segment could hold.
static bool needs_parts(const struct lsm *lsm, const struct lsm_batch *batch, struct bytes *note)
{
    struct reader reader = reader_of(buf_bytes(&batch->ops));
    struct log_op op;
    bool is_large = batch->count == 1 && batch->ops.size > log_batch_size_max(&lsm->log) &&
                    log_op_decode(&reader, &op) && op.kind == OP_NOTE;
    *note = is_large ? op.value : (struct bytes){0};
    return is_large;
}

enum status lsm_write(struct lsm *lsm, const struct lsm_batch *batch, uint64_t *position)
{
    struct bytes note;
    if (lsm->is_failed)
        return STATUS_IO;
    if (batch->refusal)
        return batch->refusal;
    if (needs_parts(lsm, batch, &note)) {
        enum status status = write_parts(lsm, note, position);
        forget_packed(lsm);
        return status == STATUS_BUSY && lsm->space.is_full ? STATUS_DISK_FULL : status;
    }
    if (batch->entries_size > lsm->options.memtable_size / 2)
        return STATUS_TOO_LARGE;
    if (is_full(lsm, batch->entries_size)) {
        if (lsm->sealed.memtable)
            return lsm->space.is_full ? STATUS_DISK_FULL : STATUS_BUSY;
        engine_seal(lsm);
    }
    struct stage stage;
    struct bytes ops = pack_batch(lsm, batch);
    stage.reader = reader_of(ops);
    stage_next(&stage, lsm); // while its memory comes, the log is written
    enum status status = STATUS_OK;
    if (ops.size)
        status = log_append(&lsm->log, ops, &lsm->written);
    if (!status) {
        do
            stage_apply(&stage, lsm, ops.data, lsm->written - ops.size);
        while (stage_next(&stage, lsm));
        lsm->pace.bytes += ops.size;
        *position = lsm->written;
    }
    forget_packed(lsm);
    return status == STATUS_BUSY && lsm->space.is_full ? STATUS_DISK_FULL : status;
}

uint64_t lsm_delay_us(struct lsm *lsm)
{
    const struct memtable *active = lsm->active.memtable;
    unsigned debt = 0;
    if (lsm->sealed.memtable)
        debt = pace_flush_debt(memtable_free_size(active), active->size, lsm->flush.far);
    return pace_delay_us(&lsm->pace, debt);
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

bool lsm_is_disk_full(const struct lsm *lsm)
{
    return lsm->space.is_full;
}

void lsm_flush(struct lsm *lsm)
{
    if (lsm->written <= lsm->active.begin)
        return;
    lsm->is_flush_wanted = true;
    if (!lsm->sealed.memtable)
        engine_seal(lsm);
}
