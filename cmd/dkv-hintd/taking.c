#include "dkv-hintd/taking.h"

#include "dkv-hintd/life.h"
#include "replica/join.h"
#include "replica/mint.h"
#include "ring/ring_route.h"
#include "wire/age.h"

#include <assert.h>

enum { START_MS = 5000 }; // after the start silence means nothing yet

bool taking_is_same_ring(const struct hintd *hintd, const struct message_header *header)
{
    return header->epoch == hintd->ring->epoch &&
           header->ring_hash == (uint32_t)hintd->snapshot->hash;
}

enum status taking_check(const struct hintd *hintd, const struct message_header *header,
                         uint64_t target)
{
    if (header->since > hintd->ring->epoch) // we would take the hint for one of a former owner
        return STATUS_STALE;
    if (ring_find_node(hintd->ring, target) >= 0)
        return STATUS_OK;
    return taking_is_same_ring(hintd, header) ? STATUS_INVALID : STATUS_STALE;
}

enum status taking_check_all(const struct hintd *hintd, const struct message_header *header,
                             struct bytes targets)
{
    uint64_t seen[RING_TARGETS_MAX];
    struct reader reader = reader_of(targets);
    uint32_t count = 0;
    enum status status = STATUS_OK;
    while (!status && count < RING_TARGETS_MAX && reader_left(&reader)) {
        seen[count] = reader_u64(&reader);
        status = taking_check(hintd, header, seen[count]);
        for (uint32_t i = 0; !status && i < count; i++)
            status = seen[i] == seen[count] ? STATUS_INVALID : STATUS_OK;
        count++;
    }
    return !status && (!count || reader_left(&reader)) ? STATUS_INVALID : status;
}

// ---- reading -----------------------------------------------------------------------------

static enum status read_one(struct hintd *hintd, struct keeping *keeping, uint64_t target)
{
    struct fault fault;
    fault.text[0] = '\0';
    hintd->wait.key = keeping->hash;
    if (!hintd->wait.is_first &&
        parked_find(&hintd->parked, hintd->wait.key, &hintd->wait.position))
        return STATUS_BUSY;
    enum status status =
        keeping_read(keeping, target, hintd->lsm, &hintd->wait, hintd->options.lsm.dir, &fault);
    if (status && status != STATUS_BUSY && status != STATUS_EXHAUSTED)
        hintd_note_damage(hintd, &hintd->counts.damaged_reads, &fault);
    return status;
}

enum status taking_read(struct hintd *hintd, uint32_t keyspace, struct bytes key, uint64_t target)
{
    struct keeping *keeping = &hintd->keeping;
    enum status status = keeping_locate(keeping, hintd->ring, keyspace, key);
    return status ? status : read_one(hintd, keeping, target);
}

// Joins the hint that was read. Values of the join lie in hintd->encoded, since the next hint is
// read into the same memory.
static void join_copy(struct hintd *hintd)
{
    struct keeping *keeping = &hintd->keeping;
    record_join(&hintd->joined, &keeping->hint.record);
    if (keeping->conflict == RING_CONFLICT_LWW)
        record_keep_greatest(&hintd->joined);
    buf_clear(&hintd->part);
    record_encode(&hintd->joined, keeping->key, &hintd->part);
    struct buf encoded = hintd->part;
    hintd->part = hintd->encoded;
    hintd->encoded = encoded;
    enum status status = record_decode(&hintd->joined, keeping->key, buf_bytes(&hintd->encoded));
    assert(!status); // we have just written it
    (void)status;
}

enum status taking_read_all(struct hintd *hintd, uint32_t keyspace, struct bytes key)
{
    struct keeping *keeping = &hintd->keeping;
    record_clear(&hintd->joined);
    buf_clear(&hintd->encoded);
    enum status status = keeping_locate(keeping, hintd->ring, keyspace, key);
    for (uint32_t i = 0; !status && i < hintd->tally.target_count; i++) {
        const struct tally_target *target = &hintd->tally.targets[i];
        if (!target->count)
            continue;
        status = read_one(hintd, keeping, target->node);
        if (!status && keeping->is_there)
            join_copy(hintd);
    }
    return status;
}

// The whole clock, as it is told of the hint for the target itself (join.h). False: this write was
// superseded by what is kept here, so there is nothing to validate.
static bool hear(struct hintd *hintd, const struct record *held, struct dot dot)
{
    const struct record *incoming = &hintd->joined;
    bool is_new = false;
    if (clock_covers(&held->clock, dot) && !record_find_dot(held, dot))
        return false;
    for (uint32_t i = 0; i < held->count; i++)
        is_new |= !clock_covers(&incoming->clock, held->siblings[i].dot);
    if (!is_new)
        return true;
    clock_join(&hintd->told.clock, &held->clock);
    if (record_hlc_max(held) > hintd->told.hlc)
        hintd->told.hlc = record_hlc_max(held);
    return true;
}

enum status taking_hear_others(struct hintd *hintd, const struct op_hint *op)
{
    struct keeping *other = &hintd->other;
    clock_clear(&hintd->told.clock);
    hintd->told.hlc = 0;
    if (!op->dot.counter || record_decode(&hintd->joined, op->key, op->record) ||
        keeping_locate(other, hintd->ring, op->keyspace, op->key))
        return STATUS_OK;
    for (uint32_t i = 0; i < hintd->tally.target_count; i++) {
        const struct tally_target *target = &hintd->tally.targets[i];
        if (!target->count || target->node == op->target)
            continue;
        enum status status = read_one(hintd, other, target->node);
        if (status == STATUS_BUSY)
            return STATUS_BUSY;
        if (!status && other->is_there && !hear(hintd, &other->hint.record, op->dot)) {
            clock_clear(&hintd->told.clock);
            break;
        }
    }
    return STATUS_OK;
}

struct replica taking_replica(const struct hintd *hintd, const struct record *held,
                              struct moment now)
{
    const struct keeping *keeping = &hintd->keeping;
    uint64_t id = (uint64_t)keeping->keyspace << 32 | keeping->partition;
    const union table_value *counter = table_find(&hintd->counters, table_key(&id));
    return (struct replica){
        .key = keeping->key,
        .key_hash = keeping->hash,
        .is_lww = keeping->conflict == RING_CONFLICT_LWW,
        .held = held,
        .is_partial = true,
        .actor = hintd->tally.actor,
        .counter = counter ? counter->number : 0,
        .recall = requests_recall(&hintd->tally.requests),
        .hlc_last = hintd->hlc_last,
        .wall_ms = now.wall_ms,
        .limits = {.value_size_max = hintd->options.value_size_max,
                   .record_size_max = hintd->options.record_size_max,
                   .clock_refuse_ms = hintd->options.clock_refuse_ms},
    };
}

// ---- bounds ------------------------------------------------------------------------------

// A target that has been silent for long comes back with most of its data old: repair is cheaper.
static bool is_silent_for_long(const struct hintd *hintd, uint64_t target, struct moment now)
{
    const struct tally_target *known = tally_find(&hintd->tally, target);
    int index = ring_find_node(hintd->ring, target);
    if (!known || !known->since_ms || index < 0 ||
        peers_link_of(&hintd->peers, (uint32_t)index, SERVICE_STORE)->up)
        return false;
    return now.mono_ms > hintd->started_ms + START_MS &&
           now.wall_ms > known->since_ms + hintd->options.expire_ms;
}

// DISK_FULL: it cannot be kept, which is noted.
static enum status admit(struct hintd *hintd, uint64_t target, size_t size, struct moment now)
{
    bool is_full = hintd->tally.bytes + size > hintd->options.size_max;
    if (!is_full && !is_silent_for_long(hintd, target, now))
        return STATUS_OK;
    hintd->counts.refused_full++;
    hintd_owe(hintd, target, hintd->keeping.partition, now);
    return STATUS_DISK_FULL;
}

// ---- HINT --------------------------------------------------------------------------------

static void follow(struct hintd *hintd)
{
    hintd->hlc_last = hintd->change.hlc_last;
}

void taking_put(struct hintd *hintd, const struct hint_news *news, struct moment now)
{
    struct keeping *keeping = &hintd->keeping;
    if (!keeping_batch_put(&hintd->batch, keeping, news, now))
        hintd_owe(hintd, keeping->target, keeping->partition, now);
}

static enum status write_batch(struct hintd *hintd)
{
    enum status status = keeping_batch_write(&hintd->batch, hintd->lsm, &hintd->tally);
    hintd->wait.position = 0; // BUSY is that of memory
    return status;
}

// Appended lists and dots that are there already change nothing.
static bool is_known(const struct hintd *hintd, const struct hint_news *news)
{
    const struct hint *hint = &hintd->keeping.hint;
    bool is_known = hintd->keeping.is_there && !hintd->change.record.size;
    for (uint32_t i = 0; is_known && i < news->superseded->count; i++) {
        const struct request_id *request = &news->superseded->items[i].request;
        is_known = request_id_is_none(request) || superseded_list_has(&hint->requests, request);
    }
    for (uint32_t i = 0; is_known && i < news->dot_count; i++)
        is_known = record_find_dot(&hint->record, news->dots[i]) ||
                   clock_covers(&hint->dots, news->dots[i]);
    return is_known && clock_includes(&hint->dots, news->listed);
}

// The record of a join, or the one that is there. It is read again, since a change does not say
// where its record came from.
static const struct record *result_of(struct hintd *hintd, struct bytes *encoded)
{
    const struct keeping *keeping = &hintd->keeping;
    *encoded = hintd->change.record.size ? hintd->change.record : keeping->hint.encoded;
    if (!hintd->change.record.size)
        return &keeping->hint.record;
    enum status status = record_decode(&hintd->joined, keeping->key, *encoded);
    assert(!status); // it was, or has just been written
    (void)status;
    return &hintd->joined;
}

static enum status keep(struct hintd *hintd, const struct op_hint *op, struct moment now)
{
    struct keeping *keeping = &hintd->keeping;
    const struct change *change = &hintd->change;
    struct hint_news news = {.before = &keeping->hint.record,
                             .dots = change->dots,
                             .dot_count = change->dot_count,
                             .listed = &hintd->clock,
                             .superseded = &change->superseded};
    news.record = result_of(hintd, &news.encoded);
    if (is_known(hintd, &news))
        return STATUS_OK;
    taking_put(hintd, &news, now);
    keeping_batch_remember(&hintd->batch, &change->remember);
    enum status status = write_batch(hintd);
    if (!status)
        hintd_note_hint(hintd, op->target, buf_bytes(&keeping->engine_key));
    return status;
}

static const struct dot *find_superseded(const void *context, const struct request_id *bound)
{
    const struct keeping *keeping = context;
    const struct superseded_list *list = &keeping->hint.requests;
    for (uint32_t i = 0; i < list->count; i++) {
        struct request_id one = recall_bind(&list->items[i].request, keeping->hash);
        if (request_id_equal(&one, bound))
            return &list->items[i].dot;
    }
    return NULL;
}

enum status taking_hint(struct hintd *hintd, const struct op_hint *op, struct moment now,
                        bool *has_change)
{
    struct reader dots = reader_of(op->dots);
    clock_clear(&hintd->clock);
    if (op->dots.size && (clock_decode(&hintd->clock, &dots) || !reader_done(&dots)))
        return STATUS_INVALID;
    enum status status = admit(hintd, op->target, op->record.size, now);
    if (status)
        return status;
    struct replica replica = taking_replica(hintd, &hintd->keeping.hint.record, now);
    replica.encoded = hintd->keeping.hint.encoded;
    // What was superseded in the hint for another node was not in this one.
    replica.recall = (struct recall){&hintd->keeping, find_superseded};
    superseded_decode(op->requests, &hintd->requests);
    struct join join = {.record = op->record,
                        .dot = op->dot,
                        .requests = hintd->requests.items,
                        .request_count = hintd->requests.count};
    status = join_record(&replica, &join, &hintd->change);
    *has_change = true;
    follow(hintd);
    return status ? status : keep(hintd, op, now);
}

// ---- HINT_UPDATE -------------------------------------------------------------------------

// True if it is older than it may be, or of a try that is fenced.
static bool came_late(const struct hintd *hintd, const struct message_header *header,
                      const struct op_update *op, struct moment now)
{
    struct request_id bound = recall_bind(&op->request, hintd->keeping.hash);
    return message_age_ms(header, hintd->options.boot, now.mono_ms) > op->young_ms ||
           !fences_allow(&hintd->fences, &bound, op->try);
}

static enum status mint(struct hintd *hintd, const struct message_header *header,
                        const struct op_update *op, struct moment now)
{
    struct replica replica = taking_replica(hintd, &hintd->joined, now);
    replica.encoded = buf_bytes(&hintd->encoded);
    struct mint mint = {
        .request = op->request,
        .is_delete = op->flags & UPDATE_DELETE,
        .is_blind = op->flags & UPDATE_BLIND,
        .is_again = op->flags & UPDATE_AGAIN,
        .is_fresh = op->flags & UPDATE_FRESH,
        .is_conditional = op->flags & UPDATE_CONDITIONAL,
        .is_late = came_late(hintd, header, op, now),
        .hlc_floor = op->hlc_floor,
        .ttl_ms = op->ttl_ms,
        .context = op->context,
        .seen = op->seen,
        .value = op->value,
    };
    enum status status = mint_write(&replica, &mint, &hintd->change);
    follow(hintd);
    hintd->counts.late += status == STATUS_LATE;
    return status;
}

// Puts the record for every target: it includes what each of them has, since it was made on top of
// all of it.
static enum status put_all(struct hintd *hintd, struct bytes targets, const struct record *record,
                           struct bytes encoded, struct moment now)
{
    struct keeping *keeping = &hintd->keeping;
    const struct change *change = &hintd->change;
    struct reader reader = reader_of(targets);
    enum status status = STATUS_OK;
    clock_clear(&hintd->clock);
    while (!status && reader_left(&reader)) {
        status = read_one(hintd, keeping, reader_u64(&reader));
        struct hint_news news = {.record = record,
                                 .encoded = encoded,
                                 .before = &keeping->hint.record,
                                 .dots = change->dots,
                                 .dot_count = change->dot_count,
                                 .listed = &hintd->clock,
                                 .superseded = &change->superseded};
        if (!status)
            taking_put(hintd, &news, now);
    }
    if (!status)
        keeping_batch_remember(&hintd->batch, &change->remember);
    return status;
}

static void note_all(struct hintd *hintd, struct bytes targets)
{
    struct keeping *keeping = &hintd->keeping;
    struct engine_key key = {keeping->token, keeping->keyspace, keeping->key};
    struct reader reader = reader_of(targets);
    while (reader_left(&reader)) {
        uint64_t target = reader_u64(&reader);
        buf_clear(&keeping->engine_key);
        hint_key_encode(target, &key, &keeping->engine_key);
        hintd_note_hint(hintd, target, buf_bytes(&keeping->engine_key));
    }
}

static enum status admit_all(struct hintd *hintd, const struct op_hint_update *op,
                             struct moment now)
{
    struct reader reader = reader_of(op->targets);
    enum status status = STATUS_OK;
    while (!status && reader_left(&reader))
        status = admit(hintd, reader_u64(&reader), op->update.value.size, now);
    return status;
}

// It is refused, and its router tries elsewhere: a copy of the message that comes later must not be
// obeyed. (If there are too many fences it may be.)
static void refuse_for_good(struct hintd *hintd, const struct op_update *op, struct moment now)
{
    struct request_id bound = recall_bind(&op->request, hintd->keeping.hash);
    uint64_t nobodys = ~op->try;
    bool is_fenced = fences_put(&hintd->fences, &bound, nobodys, now.mono_ms);
    (void)is_fenced;
}

enum status taking_update(struct hintd *hintd, const struct message_header *header,
                          const struct op_hint_update *op, struct moment now)
{
    hintd->wait.position = 0;
    if (!life_may_mint(hintd)) {
        refuse_for_good(hintd, &op->update, now);
        return STATUS_BUSY;
    }
    enum status status = admit_all(hintd, op, now);
    if (!status)
        status = mint(hintd, header, &op->update, now);
    if (status)
        return status;
    const struct change *change = &hintd->change;
    bool is_new = change->record.size;
    struct bytes encoded = is_new ? change->record : buf_bytes(&hintd->encoded);
    status = put_all(hintd, op->targets, is_new ? &change->result : &hintd->joined, encoded, now);
    if (status) {
        keeping_batch_clear(&hintd->batch);
        return status;
    }
    status = write_batch(hintd);
    if (status)
        return status;
    note_all(hintd, op->targets);
    *hintd_counter(hintd, hintd->keeping.keyspace, hintd->keeping.partition) = change->counter;
    if (is_new)
        buf_set(&hintd->encoded, change->record);
    return STATUS_OK;
}
