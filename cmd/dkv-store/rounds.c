#include "dkv-store/rounds.h"

#include "base/hash.h"
#include "dkv-store/access.h"
#include "dkv-store/convergence.h"
#include "dkv-store/epoch.h"
#include "dkv-store/frame.h"
#include "dkv-store/ledger_format.h"
#include "dkv-store/reading.h"
#include "wire/repair.h"

enum { DIGESTS_MAX = 1024, ENDINGS_MAX = 256 }; // in one answer

// STALE: the sender means other owners.
static enum status check_shard(const struct store *store, const struct message_header *header,
                               uint32_t keyspace, uint32_t partition)
{
    if (!epoch_agrees(store->snapshot, header, keyspace, partition))
        return STATUS_STALE;
    bool is_known =
        partition < store->ring->partition_count && ring_keyspace(store->ring, keyspace);
    return is_known ? STATUS_OK : STATUS_INVALID;
}

// ---- Openings ----------------------------------------------------------------------------

static struct bytes encode_seen(const struct seen *seen, struct buf *out)
{
    buf_clear(out);
    seen_encode(seen, out);
    return buf_bytes(out);
}

static enum status serve_open(struct store *store, const struct arrival *arrival,
                              const struct message_header *header, struct reader *body,
                              struct outbox *outbox)
{
    struct op_open op;
    struct opening opening;
    if (op_decode_open(&op, body))
        return STATUS_INVALID;
    struct op_opened opened = {.id = op.id};
    enum status status = check_shard(store, header, op.keyspace, op.partition);
    if (!status)
        status = convergence_open(store, op.keyspace, op.partition, (uint16_t)op.number, &opening);
    buf_clear(&store->part);
    if (!status) {
        struct opening_told told = {
            .actor = opening.actor,
            .position = opening.position,
            .losses = opening.losses,
            .is_lost = opening.is_lost,
            .heard_start = opening.heard_start,
            .heard_position = opening.heard_position,
            .live_count = opening.live_count,
            .gone_count = opening.gone_count,
            .live_root = opening.live_root,
            .deleted_root = opening.deleted_root,
            .seen = encode_seen(opening.seen, &store->round.seen_encoded),
            .horizon = encode_seen(opening.horizon, &store->round.horizon_encoded),
        };
        opening_told_encode(&told, &store->part);
    }
    opened.status = (uint8_t)status;
    opened.opening = buf_bytes(&store->part);
    op_encode_opened(&opened,
                     outbox_add(outbox, arrival->link, MESSAGE_OPENED, reading_gate(store)));
    return STATUS_OK;
}

static enum status decode_seen(struct seen *seen, struct bytes encoded)
{
    struct reader reader = reader_of(encoded);
    seen_release(seen);
    return seen_decode(seen, &reader) || !reader_done(&reader) ? STATUS_INVALID : STATUS_OK;
}

// Into `opening`, which borrows from store->round.
static enum status decode_opening(struct store *store, struct bytes encoded,
                                  struct opening *opening)
{
    struct opening_told told;
    if (opening_told_decode(&told, encoded) || decode_seen(&store->round.seen, told.seen) ||
        decode_seen(&store->round.horizon, told.horizon))
        return STATUS_INVALID;
    *opening = (struct opening){
        .actor = told.actor,
        .position = told.position,
        .losses = told.losses,
        .is_lost = told.is_lost,
        .heard_start = told.heard_start,
        .heard_position = told.heard_position,
        .seen = &store->round.seen,
        .horizon = &store->round.horizon,
        .live_count = told.live_count,
        .gone_count = told.gone_count,
        .live_root = told.live_root,
        .deleted_root = told.deleted_root,
    };
    return STATUS_OK;
}

static enum status serve_meet(struct store *store, const struct arrival *arrival,
                              const struct message_header *header, struct reader *body,
                              struct moment now, struct outbox *outbox)
{
    struct op_meet op;
    struct opening theirs;
    if (op_decode_meet(&op, body))
        return STATUS_INVALID;
    enum status status = check_shard(store, header, op.keyspace, op.partition);
    if (!status)
        status = decode_opening(store, op.opening, &theirs);
    if (!status)
        status = convergence_meet(store, op.keyspace, op.partition, &theirs, op.is_pulling, now);
    struct op_met met = {.id = op.id, .status = (uint8_t)status};
    op_encode_met(&met, outbox_add(outbox, arrival->link, MESSAGE_MET, 0));
    return STATUS_OK;
}

// ---- What differs ------------------------------------------------------------------------

static enum status add_hashes(const struct tree *tree, const struct op_tree *op, struct buf *out)
{
    struct reader nodes = reader_of(op->nodes);
    if (op->level % TREE_STEP || op->level >= tree->level ||
        op->nodes.size > 2 * TREE_PARENTS_MAX || op->nodes.size % 2)
        return STATUS_INVALID;
    while (reader_left(&nodes)) {
        uint32_t node = reader_u16(&nodes);
        if (node >> op->level)
            return STATUS_INVALID;
        for (uint32_t child = 0; child < TREE_CHILDREN; child++)
            buf_append_u64(out, tree_sum(tree, op->level + TREE_STEP, node << TREE_STEP | child));
    }
    return STATUS_OK;
}

// BUSY: the trees are not there yet.
static enum status find_tree(struct store *store, const struct op_tree *op,
                             const struct tree **tree)
{
    struct ledger *ledger = &store->ledger;
    if (op->kind >= TREE_KINDS)
        return STATUS_INVALID;
    enum growth_state state = growth_state(&store->growth, ledger, op->partition);
    if (state == GROWTH_UNKNOWN || state == GROWTH_FAILED)
        growth_want(&store->growth, ledger, op->partition, false);
    if (state == GROWTH_FAILED)
        return STATUS_CORRUPT; // and it is tried again
    struct trees_partition *trees = trees_find(&ledger->trees, op->partition);
    if (state != GROWTH_WHOLE && !(trees && trees->is_whole))
        return STATUS_BUSY;
    static const unsigned fewest[TREES_KINDS] = {TREE_LEVEL_MIN, TREE_LEVEL_MIN};
    *tree = &trees_add(trees, op->keyspace, fewest)->of[op->kind];
    return STATUS_OK;
}

static enum status serve_tree(struct store *store, const struct arrival *arrival,
                              const struct message_header *header, struct reader *body,
                              struct outbox *outbox)
{
    struct op_tree op;
    const struct tree *tree = NULL;
    if (op_decode_tree(&op, body))
        return STATUS_INVALID;
    buf_clear(&store->part);
    enum status status = check_shard(store, header, op.keyspace, op.partition);
    if (!status)
        status = find_tree(store, &op, &tree);
    if (!status)
        status = add_hashes(tree, &op, &store->part);
    struct op_hashes hashes = {.id = op.id, .status = (uint8_t)status};
    if (!status) {
        hashes.leaf_level = (uint8_t)tree->level;
        hashes.hashes = buf_bytes(&store->part);
    }
    op_encode_hashes(&hashes, outbox_add(outbox, arrival->link, MESSAGE_HASHES, 0));
    return STATUS_OK;
}

static enum status serve_leaves(struct store *store, const struct arrival *arrival,
                                const struct message_header *header, struct reader *body,
                                struct outbox *outbox)
{
    struct op_leaves op;
    struct fault fault = {0};
    struct leaves *leaves = &store->leaves;
    if (op_decode_leaves(&op, body))
        return STATUS_INVALID;
    store->wait.key = hash_mix(op.id, arrival->link); // it waits for no other operation
    enum status status = check_shard(store, header, op.keyspace, op.partition);
    if (!status) {
        status = leaves_page(leaves, &op, store->lsm, &store->wait,
                             access_is_lost(store, op.keyspace, op.partition), &fault);
        if (status != STATUS_INVALID)
            reading_note(store, status, op.partition, &fault);
    }
    if (status == STATUS_BUSY)
        return STATUS_BUSY;
    struct op_listed listed = {
        .id = op.id, .status = (uint8_t)status, .actor = store->ledger.actor};
    if (!status) {
        listed.is_done = leaves->is_done;
        listed.last = buf_bytes(&leaves->last);
        listed.items = buf_bytes(&leaves->items);
    }
    op_encode_listed(&listed, outbox_add(outbox, arrival->link, MESSAGE_LISTED, 0));
    return STATUS_OK;
}

static enum status serve_take(struct store *store, const struct arrival *arrival,
                              const struct message_header *header, struct reader *body,
                              struct outbox *outbox)
{
    struct op_take op;
    const struct holding *holding = &store->holding;
    if (op_decode_take(&op, body))
        return STATUS_INVALID;
    enum status status = reading_read(store, header, op.keyspace, op.key, &store->holding);
    if (status == STATUS_BUSY)
        return STATUS_BUSY;
    if (!status && record_is_empty(&holding->record))
        status = STATUS_NOT_FOUND;
    struct op_taken taken = {.id = op.id, .status = (uint8_t)status, .actor = store->ledger.actor};
    if (!status)
        taken.record = buf_bytes(&holding->encoded);
    op_encode_taken(&taken, outbox_add(outbox, arrival->link, MESSAGE_TAKEN, 0));
    return STATUS_OK;
}

// ---- Changes -----------------------------------------------------------------------------

static enum status serve_reconcile(struct store *store, const struct arrival *arrival,
                                   const struct message_header *header, struct reader *body,
                                   struct moment now, struct outbox *outbox)
{
    static const uint8_t verdicts[] = {
        [RECONCILED] = VERDICT_RESOLVED,
        [RECONCILE_FETCH] = VERDICT_FETCH,
        [RECONCILE_LEFT_OUT] = VERDICT_LEFT_OUT,
    };
    struct op_reconcile op;
    enum reconciled reconciled = RECONCILED;
    if (op_decode_reconcile(&op, body))
        return STATUS_INVALID;
    enum status status =
        access_read_to_change(store, header, op.keyspace, op.key, &store->holding, now);
    if (status == STATUS_BUSY)
        return STATUS_BUSY;
    if (!status && store->holding.partition != op.partition)
        status = STATUS_INVALID;
    if (!status)
        status =
            convergence_reconcile(store, &store->holding, op.record, op.actor, now, &reconciled);
    struct op_reconciled reply = {
        .id = op.id, .status = (uint8_t)status, .verdict = verdicts[reconciled]};
    op_encode_reconciled(&reply, outbox_add(outbox, arrival->link, MESSAGE_RECONCILED, 0));
    return STATUS_OK;
}

static enum status serve_adopt(struct store *store, const struct arrival *arrival,
                               const struct message_header *header, struct reader *body,
                               struct moment now, struct outbox *outbox)
{
    struct op_adopt op;
    struct opening again;
    if (op_decode_adopt(&op, body))
        return STATUS_INVALID;
    enum status status = check_shard(store, header, op.keyspace, op.partition);
    if (!status)
        status = decode_opening(store, op.opening, &again);
    if (!status)
        status = convergence_adopt(store, op.keyspace, op.partition, &again, now);
    struct op_adopted adopted = {.id = op.id,
                                 .status = (uint8_t)status,
                                 .is_lost = access_is_lost(store, op.keyspace, op.partition)};
    op_encode_adopted(&adopted,
                      outbox_add(outbox, arrival->link, MESSAGE_ADOPTED, reading_gate(store)));
    return STATUS_OK;
}

static enum status serve_endings(struct store *store, const struct arrival *arrival,
                                 const struct message_header *header, struct reader *body,
                                 struct moment now, struct outbox *outbox)
{
    struct op_endings op;
    struct convergence_ending ending;
    if (op_decode_endings(&op, body))
        return STATUS_INVALID;
    enum status status = check_shard(store, header, op.keyspace, op.partition);
    buf_clear(&store->part);
    for (size_t at = 0;
         !status && store->part.size < ENDINGS_MAX * ENDING_SIZE &&
         convergence_next_ending(store, op.keyspace, op.partition, now, &at, &ending);)
        ending_append((struct ending){ending.process, ending.start}, &store->part);
    struct op_ended ended = {
        .id = op.id, .status = (uint8_t)status, .items = buf_bytes(&store->part)};
    op_encode_ended(&ended, outbox_add(outbox, arrival->link, MESSAGE_ENDED, 0));
    return STATUS_OK;
}

static enum status serve_close(struct store *store, const struct arrival *arrival,
                               const struct message_header *header, struct reader *body,
                               struct moment now, struct outbox *outbox)
{
    struct op_close op;
    if (op_decode_close(&op, body))
        return STATUS_INVALID;
    struct convergence_ending ending = {.process = op.process, .start = op.start};
    enum status status = check_shard(store, header, op.keyspace, op.partition);
    if (!status)
        status = convergence_close(store, op.keyspace, op.partition, &ending, now);
    struct op_closed closed = {.id = op.id, .status = (uint8_t)status};
    op_encode_closed(&closed,
                     outbox_add(outbox, arrival->link, MESSAGE_CLOSED, reading_gate(store)));
    return STATUS_OK;
}

// ---- Looking -----------------------------------------------------------------------------

static void add_digest(const struct store *store, uint32_t keyspace, uint32_t partition,
                       struct buf *out)
{
    const struct ledger_shard *shard = ledger_find(&store->ledger, keyspace, partition);
    struct digest digest = {.partition = partition};
    if (shard) {
        digest.live_root = shard->live_root;
        digest.deleted_root = shard->deleted_root;
        digest.live_count = shard->live_count;
        digest.gone_count = shard->gone_count;
    }
    digest_append(&digest, out);
}

static enum status serve_digest(struct store *store, const struct arrival *arrival,
                                struct reader *body, struct outbox *outbox)
{
    struct op_digest op;
    if (op_decode_digest(&op, body))
        return STATUS_INVALID;
    const struct ring_keyspace *keyspace = ring_keyspace(store->ring, op.keyspace);
    struct op_digested digested = {.id = op.id, .status = keyspace ? STATUS_OK : STATUS_INVALID};
    uint32_t partition = op.partition, end = store->ring->partition_count;
    buf_clear(&store->part);
    for (; keyspace && partition < end && store->part.size < DIGESTS_MAX * DIGEST_SIZE; partition++)
        if (ring_is_owner(store->ring, partition, keyspace, (uint32_t)store->node_index))
            add_digest(store, op.keyspace, partition, &store->part);
    digested.next = keyspace && partition < end ? partition : 0;
    digested.items = buf_bytes(&store->part);
    op_encode_digested(&digested, outbox_add(outbox, arrival->link, MESSAGE_DIGESTED, 0));
    return STATUS_OK;
}

static enum status serve_scrub(struct store *store, const struct arrival *arrival,
                               struct reader *body, struct outbox *outbox)
{
    static const enum status statuses[] = {
        [GROWTH_UNKNOWN] = STATUS_NOT_FOUND,
        [GROWTH_WAITS] = STATUS_BUSY,
        [GROWTH_WHOLE] = STATUS_OK,
        [GROWTH_FAILED] = STATUS_CORRUPT,
    };
    struct op_scrub op;
    if (op_decode_scrub(&op, body))
        return STATUS_INVALID;
    struct op_scrubbed scrubbed = {.id = op.id, .status = STATUS_INVALID};
    struct growth *growth = &store->growth;
    if (op.partition < store->ring->partition_count) {
        if (op.is_begin)
            growth_want(growth, &store->ledger, op.partition, true);
        enum growth_state state = growth_state(growth, &store->ledger, op.partition);
        scrubbed.status = (uint8_t)statuses[state];
        scrubbed.record_count = growth->record_count;
        if (state == GROWTH_FAILED)
            scrubbed.text = bytes_of_text(growth->last.fault.text);
    }
    op_encode_scrubbed(&scrubbed, outbox_add(outbox, arrival->link, MESSAGE_SCRUBBED, 0));
    return STATUS_OK;
}

// The ledger learns what a lost shard has, since it counted what cannot be read, too.
static void correct(struct store *store, struct moment now)
{
    struct ledger_entry entry;
    while (growth_difference(&store->growth, &store->ledger, &entry)) {
        frame_begin(store);
        ledger_format_note(&entry, &store->frame.note);
        if (frame_write(store, now))
            return; // it is tried again
    }
    growth_end(&store->growth, &store->ledger);
}

void rounds_on_turn_end(struct store *store, struct moment now)
{
    struct fault fault = {0};
    if (!growth_can_step(&store->growth, store->lsm))
        return;
    uint32_t partition = growth_partition(&store->growth);
    enum status status = growth_step(&store->growth, &store->ledger, store->lsm, &fault);
    if (status == STATUS_CHECK_FAILED)
        correct(store, now);
    else
        reading_note(store, status, partition, &fault);
}

enum status rounds_serve(struct store *store, const struct arrival *arrival,
                         const struct message_header *header, struct reader *body,
                         struct moment now, struct outbox *outbox)
{
    switch (header->type) {
    case MESSAGE_OPEN:
        return serve_open(store, arrival, header, body, outbox);
    case MESSAGE_MEET:
        return serve_meet(store, arrival, header, body, now, outbox);
    case MESSAGE_TREE:
        return serve_tree(store, arrival, header, body, outbox);
    case MESSAGE_LEAVES:
        return serve_leaves(store, arrival, header, body, outbox);
    case MESSAGE_TAKE:
        return serve_take(store, arrival, header, body, outbox);
    case MESSAGE_RECONCILE:
        return serve_reconcile(store, arrival, header, body, now, outbox);
    case MESSAGE_ADOPT:
        return serve_adopt(store, arrival, header, body, now, outbox);
    case MESSAGE_ENDINGS:
        return serve_endings(store, arrival, header, body, now, outbox);
    case MESSAGE_CLOSE:
        return serve_close(store, arrival, header, body, now, outbox);
    case MESSAGE_DIGEST:
        return serve_digest(store, arrival, body, outbox);
    case MESSAGE_SCRUB:
        return serve_scrub(store, arrival, body, outbox);
    default:
        return STATUS_INVALID;
    }
}
