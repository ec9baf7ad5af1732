#include "dkv-store/changes.h"

#include "dkv-store/access.h"
#include "dkv-store/loss.h"
#include "dkv-store/reading.h"
#include "replica/join.h"
#include "replica/mint.h"
#include "wire/age.h"
#include "wire/replica.h"

// True if it is older than it may be, or of a try that is fenced.
static bool came_late(const struct store *store, const struct message_header *header,
                      const struct holding *holding, const struct op_update *op, struct moment now)
{
    struct request_id bound = recall_bind(&op->request, holding->hash);
    return message_age_ms(header, store->options.boot, now.mono_ms) > op->young_ms ||
           !fences_allow(&store->fences, &bound, op->try);
}

static enum status mint(struct store *store, struct holding *holding, const struct op_update *op,
                        bool is_late, struct moment now, struct change *change)
{
    struct replica replica = reading_replica(store, holding, now);
    struct mint mint = {
        .request = op->request,
        .is_delete = op->flags & UPDATE_DELETE,
        .is_blind = op->flags & UPDATE_BLIND,
        .is_again = op->flags & UPDATE_AGAIN,
        .is_fresh = op->flags & UPDATE_FRESH,
        .is_conditional = op->flags & UPDATE_CONDITIONAL,
        .is_late = is_late,
        .hlc_floor = op->hlc_floor,
        .ttl_ms = op->ttl_ms,
        .context = op->context,
        .seen = op->seen,
        .value = op->value,
    };
    enum status status = mint_write(&replica, &mint, change);
    access_note_change(store, holding, change);
    store->counts.late += status == STATUS_LATE;
    return status ? status : access_write(store, holding, change, now);
}

// The router has the value that it sent, and needs none besides.
static bool is_known_to_router(const struct change *change)
{
    const struct record *result = &change->result;
    return !change->is_repeated && result->count == 1 &&
           dot_equal(result->siblings[0].dot, change->dot) &&
           result->siblings[0].value_size >= UPDATED_HEAD_VALUE_MIN;
}

static void reply_update(struct store *store, const struct arrival *arrival,
                         const struct op_update *op, enum status status,
                         const struct holding *holding, const struct change *change,
                         struct outbox *outbox)
{
    bool takes_head = op->flags & UPDATE_TAKES_HEAD;
    struct op_updated updated = {.id = op->id, .status = (uint8_t)status};
    if (!status) {
        updated.dot = change->dot;
        updated.hlc = change->hlc;
        updated.requests = superseded_encode(&change->superseded, &store->part);
        updated.record = change->is_repeated ? buf_bytes(&holding->encoded) : change->record;
        updated.is_head = takes_head && is_known_to_router(change);
        updated.is_lost = access_may_lack(store, op->keyspace, holding->partition);
    }
    if (updated.is_head) {
        buf_clear(&store->head);
        record_encode_head(&change->result, holding->key, &store->head);
        updated.record = buf_bytes(&store->head);
    }
    op_encode_updated(&updated, outbox_add(outbox, arrival->link, MESSAGE_UPDATED, 0));
    if (!status) {
        struct op_durable durable = {.id = op->id, .status = STATUS_OK};
        op_encode_durable(&durable,
                          outbox_add(outbox, arrival->link, MESSAGE_DURABLE, reading_gate(store)));
    }
}

// The condition was not met, or could not be judged: it must not be met by a copy of the message
// that comes later. (If there are too many fences the copy may be obeyed.)
static void refuse_for_good(struct store *store, const struct holding *holding,
                            const struct op_update *op, struct moment now)
{
    struct request_id bound = recall_bind(&op->request, holding->hash);
    uint64_t nobodys = ~op->try;
    bool is_fenced = fences_put(&store->fences, &bound, nobodys, now.mono_ms);
    (void)is_fenced;
}

enum status changes_update(struct store *store, const struct arrival *arrival,
                           const struct message_header *header, struct reader *body,
                           struct moment now, struct outbox *outbox)
{
    struct holding *holding = &store->holding;
    struct change *change = &store->change;
    struct op_update op;
    if (op_decode_update(&op, body))
        return STATUS_INVALID;
    enum status status = access_read_to_change(store, header, op.keyspace, op.key, holding, now);
    if (status == STATUS_BUSY)
        return STATUS_BUSY;
    store->counts.updates++;
    if (!status && lsm_durable(store->lsm) < store->loss.mark)
        status = STATUS_BUSY; // the new actor is not durable yet
    if (!status && op.flags & UPDATE_CONDITIONAL &&
        access_may_lack(store, op.keyspace, holding->partition))
        status = STATUS_LOST; // it cannot say what the condition asks for
    if (!status)
        status =
            mint(store, holding, &op, came_late(store, header, holding, &op, now), now, change);
    if (status == STATUS_PRECONDITION || status == STATUS_LOST)
        refuse_for_good(store, holding, &op, now);
    reply_update(store, arrival, &op, status, holding, change, outbox);
    return STATUS_OK;
}

// What the record stands for besides its siblings, into store->dots.
static bool decode_dots(struct store *store, struct bytes encoded)
{
    struct reader reader = reader_of(encoded);
    clock_clear(&store->dots);
    return !encoded.size || (!clock_decode(&store->dots, &reader) && reader_done(&reader));
}

static enum status join(struct store *store, struct holding *holding, const struct op_merge *op,
                        struct moment now, struct change *change)
{
    struct replica replica = reading_replica(store, holding, now);
    superseded_decode(op->requests, &store->requests);
    struct join join = {
        .record = op->record,
        .dots = &store->dots,
        .dot = op->dot,
        .requests = store->requests.items,
        .request_count = store->requests.count,
    };
    enum status status = join_record(&replica, &join, change);
    access_note_change(store, holding, change);
    if (!status)
        status = access_write(store, holding, change, now);
    return !status && change->is_not_kept ? STATUS_NOT_KEPT : status;
}

// Tells even if the change was refused; none was made: NULL.
static void reply_merge(struct store *store, const struct arrival *arrival, uint64_t id,
                        enum status status, const struct change *change, struct outbox *outbox)
{
    const struct holding *holding = &store->holding;
    bool is_written = !status || status == STATUS_NOT_KEPT;
    struct op_merged merged = {.id = id, .status = (uint8_t)status};
    if (change && change->was_superseded)
        merged.flags = MERGED_SUPERSEDED;
    if (change && access_may_lack(store, holding->keyspace, holding->partition))
        merged.flags |= MERGED_LOST;
    if (change && change->told) {
        buf_clear(&store->part);
        clock_encode(change->told, &store->part);
        merged.told = buf_bytes(&store->part);
        merged.hlc_told = change->hlc_told;
    }
    op_encode_merged(&merged, outbox_add(outbox, arrival->link, MESSAGE_MERGED,
                                         is_written ? reading_gate(store) : 0));
}

enum status changes_merge(struct store *store, const struct arrival *arrival,
                          const struct message_header *header, struct reader *body,
                          struct moment now, struct outbox *outbox)
{
    struct holding *holding = &store->holding;
    struct op_merge op;
    if (op_decode_merge(&op, body))
        return STATUS_INVALID;
    enum status status = access_read_to_change(store, header, op.keyspace, op.key, holding, now);
    if (status == STATUS_BUSY)
        return STATUS_BUSY;
    store->counts.merges++;
    if (!status && !decode_dots(store, op.dots))
        status = STATUS_INVALID;
    struct change *change = status ? NULL : &store->change;
    if (change)
        status = join(store, holding, &op, now, change);
    reply_merge(store, arrival, op.id, status, change, outbox);
    return STATUS_OK;
}
