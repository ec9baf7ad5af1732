#include "dkv-hintd/deliveries.h"

#include "base/search.h"
#include "dkv-hintd/taking.h"

#include <assert.h>
#include <stdlib.h>

enum {
    TURN_HINTS_MAX = 128, // read for one target in a turn: routers wait for its end
    MISSES_MAX = 3,       // of the cache, before a pass waits for the disk
};

// ---- targets -----------------------------------------------------------------------------

const struct delivery *deliveries_find(const struct hintd *hintd, uint64_t node)
{
    size_t at =
        search_number(hintd->deliveries, hintd->delivery_count, sizeof *hintd->deliveries, node);
    bool is_there = at < hintd->delivery_count && hintd->deliveries[at].node == node;
    return is_there ? &hintd->deliveries[at] : NULL;
}

// The number of the link to the target's store. False: it is not in the ring.
static bool find_number(const struct hintd *hintd, uint64_t node, uint32_t *number)
{
    int index = ring_find_node(hintd->ring, node);
    if (index < 0)
        return false;
    *number = peers_number(&hintd->peers, (uint32_t)index, SERVICE_STORE);
    return true;
}

static bool is_up(const struct hintd *hintd, uint64_t node)
{
    uint32_t number;
    if (!find_number(hintd, node, &number))
        return false;
    const struct link *link = peers_link(&hintd->peers, number);
    return link && link_can_ask(link);
}

// The owners that a hint is for. Once the owners after a move are read, those alone that last: what
// is given to another one may come too late to be taken from there. (One that works by READ_NEW
// takes nothing from who does not yet.)
static uint32_t find_owners(const struct hintd *hintd, const struct ring_keyspace *keyspace,
                            uint64_t token, uint64_t ids[RING_OWNERS_MAX])
{
    struct ring_owners owners;
    uint32_t count = 0;
    ring_find_owners(hintd->ring, ring_partition(hintd->ring, token), keyspace, &owners);
    uint32_t wanted = hintd->ring->move == RING_MOVE_READ_OLD
                          ? owners.before | owners.after
                          : ring_lasting_owners(hintd->ring, &owners);
    for (uint8_t i = 0; i < owners.count; i++) {
        if (wanted & (uint32_t)1 << i)
            ids[count++] = hintd->ring->nodes[owners.nodes[i]].id;
    }
    return count;
}

static bool is_for(const struct hintd *hintd, const struct ring_keyspace *keyspace, uint64_t token,
                   uint64_t node)
{
    uint64_t ids[RING_OWNERS_MAX];
    uint32_t count = find_owners(hintd, keyspace, token, ids), i = 0;
    while (i < count && ids[i] != node)
        i++;
    return i < count;
}

const char *deliveries_state(const struct hintd *hintd, const struct tally_target *target,
                             struct moment now)
{
    static const char *const refusals[STATUS_COUNT] = {
        [STATUS_BUSY] = "refused: busy",           [STATUS_STALE] = "refused: another ring",
        [STATUS_DISK_FULL] = "refused: disk full", [STATUS_TIMEOUT] = "no answer",
        [STATUS_NOT_OWNER] = "refused: not owner", [STATUS_TOO_LARGE] = "refused: too large",
        [STATUS_CORRUPT] = "refused: damaged",     [STATUS_IO] = "refused: disk error",
    };
    const struct delivery *delivery = deliveries_find(hintd, target->node);
    if (ring_find_node(hintd->ring, target->node) < 0)
        return "left the ring";
    if (!target->count)
        return "debts";
    if (!is_up(hintd, target->node))
        return "down";
    if (delivery && now.mono_ms < delivery->retry_ms && delivery->refused)
        return refusals[delivery->refused] ? refusals[delivery->refused] : "refused";
    if (delivery && delivery->is_damaged)
        return "damaged";
    return delivery && delivery->allowance <= 0 ? "throttled" : "delivering";
}

// ---- a hint goes -------------------------------------------------------------------------

// Lets the hint that was sent go. BUSY, DISK_FULL: again later.
static enum status remove(struct hintd *hintd, struct delivery *delivery, struct flying *flying,
                          struct moment now)
{
    struct keeping_gone gone = {.target = delivery->node,
                                .token = flying->token,
                                .keyspace = flying->keyspace,
                                .engine_key = buf_bytes(&flying->key),
                                .size = flying->size,
                                .actors = flying->actors,
                                .actor_count = flying->actor_count};
    keeping_batch_remove(&hintd->batch, &gone, now);
    return keeping_batch_write(&hintd->batch, hintd->lsm, &hintd->tally);
}

static void finish(struct hintd *hintd, struct delivery *delivery, struct flying *flying,
                   struct moment now)
{
    flying->is_taken = true;
    if (!flying->is_stale && remove(hintd, delivery, flying, now))
        return;
    delivery->has_moved = true;
    hintd->counts.delivered++;
    delivery_drop(delivery, flying);
}

static void refuse(struct hintd *hintd, struct delivery *delivery, struct flying *flying,
                   enum status status, struct moment now)
{
    hintd->counts.refused++;
    delivery_fail(delivery, status, now.mono_ms + hintd->options.retry_ms);
    delivery_drop(delivery, flying);
}

enum status deliveries_on_merged(struct hintd *hintd, uint32_t number, struct reader *body,
                                 struct moment now)
{
    struct op_merged merged;
    if (op_decode_merged(&merged, body))
        return STATUS_INVALID;
    struct delivery *delivery = hintd_delivery(hintd, peers_at(&hintd->peers, number)->node);
    struct flying *flying = delivery_find(delivery, merged.id);
    if (!flying) {
        hintd->counts.late_replies++;
        return STATUS_OK;
    }
    if (merged.status == STATUS_OK || merged.status == STATUS_NOT_KEPT) {
        delivery->refused = STATUS_OK;
        finish(hintd, delivery, flying, now);
    } else {
        refuse(hintd, delivery, flying,
               merged.status < STATUS_COUNT ? (enum status)merged.status : STATUS_INTERNAL, now);
    }
    return STATUS_OK;
}

void deliveries_on_pong(struct hintd *hintd, uint32_t number, struct moment now)
{
    struct delivery *delivery = hintd_delivery(hintd, peers_at(&hintd->peers, number)->node);
    uint64_t delay_us = peers_link(&hintd->peers, number)->metrics.values[METRIC_DELAY_US];
    throttle_tell(&delivery->throttle, delay_us, now);
}

void deliveries_on_up(struct hintd *hintd, uint32_t number)
{
    struct delivery *delivery = hintd_delivery(hintd, peers_at(&hintd->peers, number)->node);
    delivery_stop(delivery); // a look at them is over
    delivery->retry_ms = 0;
    delivery->refused = STATUS_OK;
}

void deliveries_on_down(struct hintd *hintd, uint32_t number)
{
    delivery_stop(hintd_delivery(hintd, peers_at(&hintd->peers, number)->node));
}

// ---- sending -----------------------------------------------------------------------------

struct found { // the next hint of a pass
    struct bytes engine_key, value;
    struct engine_key key;
    uint64_t size;
};

static struct bytes encode_dots(const struct clock *dots, struct buf *out)
{
    buf_clear(out);
    if (dots->count)
        clock_encode(dots, out);
    return buf_bytes(out);
}

static void send(struct hintd *hintd, struct delivery *delivery, const struct found *found,
                 const struct ring_keyspace *keyspace, struct moment now, struct outbox *outbox)
{
    const struct hint *hint = &hintd->other.hint;
    struct flying *flying = delivery_add(delivery, ++hintd->op_id, found->engine_key, found->size);
    uint32_t number = 0, partition = ring_partition(hintd->ring, found->key.token);
    flying->token = found->key.token;
    flying->keyspace = found->key.keyspace;
    flying->actor_count = hint_actors(&hint->dots, &hint->record, &flying->actors);
    flying->deadline_ms = now.mono_ms + DELIVERY_BUDGET_MS;
    delivery->allowance -= (int64_t)found->size;
    throttle_use(&delivery->throttle, found->size);
    struct op_merge merge = {.id = flying->id,
                             .keyspace = found->key.keyspace,
                             .key = found->key.key,
                             .dots = encode_dots(&hint->dots, &hintd->part),
                             .requests = superseded_encode(&hint->requests, &hintd->lists),
                             .record = hint->encoded};
    struct ring_stamp stamp = {.epoch = hintd->ring->epoch,
                               .since = ring_since(hintd->ring, partition, keyspace),
                               .hash = (uint32_t)hintd->snapshot->hash};
    bool is_found = find_number(hintd, delivery->node, &number);
    assert(is_found);
    (void)is_found;
    hintd->counts.sent++;
    op_encode_merge(&merge, outbox_add_stamped(outbox, hintd->peers.link_of(number), MESSAGE_MERGE,
                                               DELIVERY_BUDGET_MS, stamp));
}

// ---- other owners ------------------------------------------------------------------------

// Joins the hint into that of one owner.
static enum status give(struct hintd *hintd, uint64_t owner, const struct found *found,
                        struct moment now)
{
    const struct hint *hint = &hintd->other.hint;
    struct keeping *keeping = &hintd->keeping;
    hintd->wait = (struct parked_wait){.miss_count = PARKED_MISSES_MAX, .is_first = true};
    enum status status = taking_read(hintd, found->key.keyspace, found->key.key, owner);
    if (status)
        return status;
    record_copy(&hintd->joined, &keeping->hint.record);
    record_join(&hintd->joined, &hint->record);
    if (keeping->conflict == RING_CONFLICT_LWW)
        record_keep_greatest(&hintd->joined);
    buf_clear(&hintd->encoded);
    record_encode(&hintd->joined, found->key.key, &hintd->encoded);
    struct dot *dots = hint_dots(&hint->record);
    struct hint_news news = {.record = &hintd->joined,
                             .encoded = buf_bytes(&hintd->encoded),
                             .before = &keeping->hint.record,
                             .dots = dots,
                             .dot_count = hint->record.count,
                             .listed = &hint->dots,
                             .superseded = &hint->requests};
    taking_put(hintd, &news, now);
    free(dots);
    return STATUS_OK;
}

// Gives the hint to all owners of its key, in one batch with its removal. Without a keyspace there
// are none.
static enum status reroute(struct hintd *hintd, struct delivery *delivery,
                           const struct found *found, const struct ring_keyspace *keyspace,
                           struct moment now)
{
    uint64_t owners[RING_OWNERS_MAX];
    uint64_t node = delivery->node, *actors;
    uint32_t count = keyspace ? find_owners(hintd, keyspace, found->key.token, owners) : 0;
    const struct hint *hint = &hintd->other.hint;
    enum status status = STATUS_OK;
    for (uint32_t i = 0; !status && i < count; i++)
        status = give(hintd, owners[i], found, now);
    struct keeping_gone gone = {.target = node,
                                .token = found->key.token,
                                .keyspace = found->key.keyspace,
                                .engine_key = found->engine_key,
                                .size = found->size};
    gone.actor_count = hint_actors(&hint->dots, &hint->record, &actors);
    gone.actors = actors;
    keeping_batch_remove(&hintd->batch, &gone, now);
    free(actors);
    if (status)
        keeping_batch_clear(&hintd->batch);
    else
        status = keeping_batch_write(&hintd->batch, hintd->lsm, &hintd->tally);
    for (uint32_t i = 0; !status && i < count; i++) {
        buf_clear(&hintd->keeping.engine_key);
        hint_key_encode(owners[i], &found->key, &hintd->keeping.engine_key);
        hintd_note_hint(hintd, owners[i], buf_bytes(&hintd->keeping.engine_key));
    }
    hintd->counts.rerouted += !status;
    return status;
}

// ---- a pass ------------------------------------------------------------------------------

static void note_damage(struct hintd *hintd, struct delivery *delivery, uint32_t partition,
                        const struct fault *fault, struct moment now)
{
    hintd_note_damage(hintd, &hintd->counts.damaged_reads, fault);
    hintd_owe(hintd, delivery->node, partition, now);
    delivery->is_damaged = true;
    delivery_fail(delivery, delivery->refused, 0);
}

// Sends a hint, or gives it to others. BUSY, DISK_FULL and others: it stays, and so does the pass.
static enum status take(struct hintd *hintd, uint64_t node, struct found *found, struct moment now,
                        struct outbox *outbox)
{
    struct delivery *delivery = hintd_delivery(hintd, node);
    uint64_t target;
    found->size = found->engine_key.size + found->value.size;
    bool is_key = hint_key_decode(&target, &found->key, found->engine_key);
    if (!is_key || hint_decode(&hintd->other.hint, found->key.key, found->value)) {
        struct fault fault;
        fault_set(&fault, STATUS_CORRUPT, "%s: a hint fails its checksum", hintd->options.lsm.dir);
        uint64_t token = is_key ? found->key.token : 0;
        note_damage(hintd, delivery, ring_partition(hintd->ring, token), &fault, now);
        return STATUS_OK;
    }
    const struct ring_keyspace *keyspace = ring_keyspace(hintd->ring, found->key.keyspace);
    if (keyspace && is_for(hintd, keyspace, found->key.token, node)) {
        bool can_send = is_up(hintd, node);
        delivery->is_clean &= can_send; // else it was only looked at
        if (can_send && !delivery_find_key(delivery, found->engine_key))
            send(hintd, delivery, found, keyspace, now, outbox);
        return STATUS_OK;
    }
    enum status status = reroute(hintd, delivery, found, keyspace, now);
    hintd_delivery(hintd, node)->has_moved |= !status;
    return status;
}

static enum status next(struct lsm_scan *scan, struct delivery *delivery, struct found *found,
                        struct fault *fault)
{
    if (delivery->miss_count >= MISSES_MAX)
        return lsm_scan_next(scan, &found->engine_key, &found->value, fault);
    return lsm_scan_try_next(scan, &found->engine_key, &found->value, &delivery->wait_position,
                             fault);
}

// Behind damage the pass goes on with the next partition.
static void pass_over(struct hintd *hintd, struct delivery *delivery, const struct fault *fault,
                      struct moment now)
{
    uint64_t target;
    struct engine_key key = {0};
    uint32_t partition = 0, count = hintd->ring->partition_count;
    if (hint_key_decode(&target, &key, buf_bytes(&delivery->cursor)))
        partition = ring_partition(hintd->ring, key.token);
    note_damage(hintd, delivery, partition, fault, now);
    if (partition + 1 == count)
        delivery->state = DELIVERY_DRAINING;
    else
        hint_key_begin(delivery->node, ring_partition_begin(count, partition + 1),
                       &delivery->cursor);
}

// What stopped the pass in this turn; OK: it has done its part of it.
static enum status read_on(struct hintd *hintd, uint64_t node, struct lsm_scan *scan,
                           struct moment now, struct outbox *outbox)
{
    struct fault fault;
    enum status status = STATUS_OK;
    for (unsigned i = 0; !status && i < TURN_HINTS_MAX; i++) {
        struct delivery *delivery = hintd_delivery(hintd, node);
        struct found found;
        if (!delivery_has_room(delivery) || delivery->allowance <= 0)
            return STATUS_OK;
        status = next(scan, delivery, &found, &fault);
        if (status == STATUS_BUSY) {
            delivery->miss_count++;
            return STATUS_BUSY;
        }
        if (status == STATUS_END)
            delivery->state = DELIVERY_DRAINING;
        else if (status)
            pass_over(hintd, delivery, &fault, now);
        if (status)
            return STATUS_OK;
        delivery->miss_count = 0;
        status = take(hintd, node, &found, now, outbox);
        if (!status) {
            struct buf *cursor = &hintd_delivery(hintd, node)->cursor;
            buf_set(cursor, found.engine_key);
            buf_append_u8(cursor, 0); // the next key at least
        }
    }
    hintd->is_hurried |= !status;
    return status;
}

static void read_hints(struct hintd *hintd, struct delivery *delivery, struct moment now,
                       struct outbox *outbox)
{
    uint64_t node = delivery->node;
    if (!delivery->cursor.size)
        hint_key_begin(node, 0, &delivery->cursor);
    hint_key_end(node, &hintd->encoded);
    struct lsm_scan *scan =
        lsm_scan_open(hintd->lsm, buf_bytes(&delivery->cursor), buf_bytes(&hintd->encoded));
    enum status status = read_on(hintd, node, scan, now, outbox);
    lsm_scan_close(scan);
    delivery = hintd_delivery(hintd, node); // rerouting may have added others
    if (status && status != STATUS_BUSY)
        delivery_fail(delivery, status, now.mono_ms + hintd->options.retry_ms);
    if (status != STATUS_BUSY)
        delivery->wait_position = 0;
}

static void run(struct hintd *hintd, uint64_t node, struct moment now, struct outbox *outbox)
{
    struct delivery *delivery = hintd_delivery(hintd, node);
    const struct tally_target *target = tally_find(&hintd->tally, node);
    uint64_t count = target ? target->count : 0;
    delivery_end(delivery, now.mono_ms, hintd->options.retry_ms);
    if (!count && delivery->state == DELIVERY_IDLE) {
        delivery->delivered = delivery->accepted;
        return;
    }
    bool can_work = is_up(hintd, node) || delivery->must_sort;
    if (!can_work || now.mono_ms < delivery->retry_ms ||
        lsm_loaded(hintd->lsm) < delivery->wait_position)
        return;
    if (delivery->state == DELIVERY_IDLE && count)
        delivery_begin(delivery);
    delivery_refill(delivery, delivery->throttle.rate, now.mono_ms);
    if (delivery->state == DELIVERY_READING)
        read_hints(hintd, delivery, now, outbox);
    delivery_end(hintd_delivery(hintd, node), now.mono_ms, hintd->options.retry_ms);
}

void deliveries_run(struct hintd *hintd, struct moment now, struct outbox *outbox)
{
    hintd->is_hurried = false;
    for (uint32_t i = 0; i < hintd->tally.target_count; i++)
        run(hintd, hintd->tally.targets[i].node, now, outbox);
}

void deliveries_on_tick(struct hintd *hintd, struct moment now)
{
    for (uint32_t i = 0; i < hintd->delivery_count; i++) {
        struct delivery *delivery = &hintd->deliveries[i];
        for (unsigned f = 0; delivery->flying_count && f < DELIVERY_OPS_MAX; f++) {
            struct flying *flying = &delivery->flying[f];
            if (flying->id && flying->is_taken)
                finish(hintd, delivery, flying, now);
            else if (flying->id && now.mono_ms >= flying->deadline_ms)
                refuse(hintd, delivery, flying, STATUS_TIMEOUT, now);
        }
    }
}

void deliveries_flush(struct hintd *hintd, uint64_t node, struct moment now, struct outbox *outbox)
{
    struct delivery *delivery = hintd_delivery(hintd, node);
    delivery->retry_ms = 0;
    delivery->allowance = 1;
    run(hintd, node, now, outbox);
}
