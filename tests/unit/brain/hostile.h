// hostile.h - three owners in a hostile world: writes and deletions of three keys of one shard,
// hints, messages that are lost, doubled and late, rounds that are broken off.
//
// What happens next is a function of the seed.
#pragma once

#include "unit/brain/trio.h"

enum {
    KEYS = 3,
    STEPS = 220,
    VALUES_MAX = 256,
    BAG_MAX = 600,
    HINTDS = 2,
    NODES_ALL = TRIO + HINTDS
};

struct value {
    struct dot dot;
    uint8_t key;
    bool is_deletion, is_acked;
    bool acks[TRIO][NODES_ALL];     // owner, node that has it durably
    uint8_t supersedes[VALUES_MAX]; // what its writer had seen
};

struct parcel { // a MERGE, or a hint that waits
    struct buf record;
    uint16_t value; // its number
    uint8_t target, key;
    bool is_hint, is_late; // late: a copy that comes when everybody has forgotten
};

struct pull {
    bool is_under_way, has_record;
    uint8_t by, from, key;
    struct buf record;
    uint64_t giver;
};

static struct value values[VALUES_MAX];
static unsigned value_count;
static struct parcel bag[BAG_MAX];
static unsigned bag_count;
static uint16_t unsynced[TRIO][VALUES_MAX];
static unsigned unsynced_count[TRIO];
static struct pull pulls[TRIO * TRIO];
static char key_names[KEYS][16];
static struct memory_vfs stash; // an old state of a disk
static int stash_of;            // whose; -1: none
static unsigned harm_count;
static struct random dice;
static uint64_t seed;

static inline uint64_t below(uint64_t limit)
{
    return random_below(&dice, limit);
}

static inline bool chance(unsigned percent)
{
    return below(100) < percent;
}

#define assert_run(condition)                                                                      \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fail_msg("seed %u: %s", (unsigned)seed, #condition);                                   \
    } while (0)

static inline void use_key(unsigned key)
{
    for (unsigned i = 0; i < TRIO; i++)
        memcpy(trio[i].key, key_names[key], sizeof trio[i].key);
}

// Keys of one shard, which is owned by all.
static inline void choose_keys(void)
{
    memcpy(key_names[0], trio[A].key, sizeof key_names[0]);
    uint32_t place = partition();
    for (unsigned i = 1; i < KEYS; i++) {
        do
            snprintf(trio[A].key, sizeof trio[A].key, "key %u", trio[A].key_number++);
        while (partition() != place);
        memcpy(key_names[i], trio[A].key, sizeof key_names[i]);
    }
    use_key(0);
}

static inline bool is_lost(unsigned at)
{
    return shard(at) && shard(at)->is_lost;
}

static inline int value_of(struct dot dot)
{
    for (unsigned i = 0; i < value_count; i++) {
        if (dot_equal(values[i].dot, dot))
            return (int)i;
    }
    return -1;
}

// ---- Acknowledgements -------------------------------------------------------------------

// Distinct owners on distinct nodes.
static inline bool is_written(const struct value *value)
{
    unsigned own = 0, hinted = 0, holders = 0;
    for (unsigned owner = 0; owner < TRIO; owner++)
        own += value->acks[owner][owner];
    for (unsigned holder = TRIO; holder < NODES_ALL; holder++) {
        unsigned before = hinted;
        for (unsigned owner = 0; owner < TRIO; owner++)
            hinted |= value->acks[owner][holder] && !value->acks[owner][owner] ? 1u << owner : 0;
        holders += hinted != before;
    }
    unsigned owners = (unsigned)__builtin_popcount(hinted);
    return own + (owners < holders ? owners : holders) >= 2;
}

static inline void acknowledge(unsigned number, unsigned owner, unsigned node)
{
    values[number].acks[owner][node] = true;
    values[number].is_acked |= is_written(&values[number]);
}

static inline void sync_store(unsigned at)
{
    bench_sync_log(&trio[at]);
    for (unsigned i = 0; i < unsynced_count[at]; i++)
        acknowledge(unsynced[at][i], at, at);
    unsynced_count[at] = 0;
}

static inline void acknowledge_when_synced(unsigned at, unsigned number)
{
    if (unsynced_count[at] < VALUES_MAX)
        unsynced[at][unsynced_count[at]++] = (uint16_t)number;
}

// ---- Writes -----------------------------------------------------------------------------

static inline void send(unsigned number, unsigned target, struct bytes record, bool is_hint)
{
    if (bag_count == BAG_MAX)
        return;
    struct parcel *parcel = &bag[bag_count++];
    *parcel = (struct parcel){.value = (uint16_t)number,
                              .target = (uint8_t)target,
                              .key = values[number].key,
                              .is_hint = is_hint};
    buf_append(&parcel->record, record);
}

static inline void send_to_others(unsigned number, unsigned coordinator, struct bytes record)
{
    for (unsigned i = 0; i < TRIO; i++) {
        if (i == coordinator || chance(8))
            continue; // or the message is lost
        bool is_hint = chance(25);
        send(number, i, record, is_hint);
        if (is_hint)
            acknowledge(number, i, (unsigned)(TRIO + below(HINTDS)));
    }
}

// Reads what the writer has seen.
static inline void note_seen(struct value *value, const struct record *record)
{
    for (uint32_t i = 0; i < record->count; i++) {
        int seen = value_of(record->siblings[i].dot);
        if (seen >= 0)
            value->supersedes[seen] = 1;
    }
}

static inline struct op_update update_of(const struct value *value, unsigned at)
{
    struct op_update op = bench_update_of(&trio[at], 0, value->is_deletion ? "" : "value");
    uint64_t name[2] = {seed + 1, value_count + 1};
    memcpy(op.request.bytes, name, sizeof name);
    if (value->is_deletion)
        op.flags |= UPDATE_DELETE;
    return op;
}

static inline void write_somewhere(void)
{
    struct buf context = {0};
    unsigned at = (unsigned)below(TRIO);
    for (unsigned i = 0; i < TRIO && is_lost(at); i++)
        at = (at + 1) % TRIO;
    if (value_count == VALUES_MAX)
        return;
    struct value *value = &values[value_count];
    memset(value, 0, sizeof *value);
    value->key = (uint8_t)below(KEYS);
    value->is_deletion = chance(45);
    use_key(value->key);
    struct op_update op = update_of(value, at);
    unsigned reader = (unsigned)below(TRIO);
    if (chance(50) && !is_lost(reader)) {
        op.flags &= (uint8_t)~UPDATE_BLIND;
        clock_encode(&held(reader)->clock, &context);
        op.context = buf_bytes(&context);
        note_seen(value, &shown);
    } else {
        note_seen(value, held(at));
    }
    struct op_updated updated = bench_update(&trio[at], &op);
    if (!updated.status) {
        value->dot = updated.dot;
        acknowledge_when_synced(at, value_count);
        send_to_others(value_count++, at, updated.record);
    }
    buf_release(&context);
}

static inline void drop_parcel(unsigned i)
{
    buf_release(&bag[i].record);
    bag[i] = bag[--bag_count];
}

static inline void deliver(unsigned i)
{
    struct parcel *parcel = &bag[i];
    unsigned at = parcel->target, number = parcel->value;
    struct buf body = {0};
    struct op_merged merged;
    use_key(parcel->key);
    struct op_merge op = {.keyspace = RING_DEFAULT_KEYSPACE,
                          .key = bytes_of_text(trio[at].key),
                          .record = buf_bytes(&parcel->record)};
    op_encode_merge(&op, &body);
    bench_tell(&trio[at], MESSAGE_MERGE, trio[at].ring.epoch, 0, &body);
    struct reader reader = bench_said(&trio[at], 0, MESSAGE_MERGED);
    assert_int_equal(op_decode_merged(&merged, &reader), STATUS_OK);
    assert_run(merged.status == STATUS_OK || merged.status == STATUS_NOT_KEPT);
    if (!merged.status && !parcel->is_late)
        acknowledge_when_synced(at, number);
    if (parcel->is_hint)
        sync_store(at); // durable before it is removed
    if (parcel->is_hint || chance(75))
        drop_parcel(i);
    else
        parcel->is_late = true;
}

static inline void deliver_some(void)
{
    if (!bag_count)
        return;
    unsigned i = (unsigned)below(bag_count);
    if (!bag[i].is_late || chance(20))
        deliver(i);
}

// ---- Rounds -----------------------------------------------------------------------------

static inline struct pull *pull_of(unsigned by, unsigned from)
{
    return &pulls[by * TRIO + from];
}

static inline void end_pull(struct pull *pull)
{
    pull->is_under_way = pull->has_record = false;
    pull->key = 0;
    buf_release(&pull->record);
}

static inline void step_pull(struct pull *pull)
{
    if (!pull->is_under_way) {
        pull->is_under_way = begin(pull->by, pull->from) == STATUS_OK;
        return;
    }
    if (pull->key == KEYS) {
        enum status status = finish(pull->by, pull->from);
        if (status == STATUS_BUSY) // not all that was written there since is here
            return;
        assert_run(!status || status == STATUS_STALE || status == STATUS_CHECK_FAILED);
        end_pull(pull);
        return;
    }
    use_key(pull->key);
    if (pull->has_record) {
        buf_set(&in_hand, buf_bytes(&pull->record));
        giver = pull->giver;
        apply(pull->by);
        pull->key++;
    } else {
        take(pull->from);
        buf_set(&pull->record, buf_bytes(&in_hand));
        pull->giver = giver;
    }
    pull->has_record = !pull->has_record;
}

static inline void step_some_pull(void)
{
    unsigned by = (unsigned)below(TRIO), from = (by + 1 + (unsigned)below(TRIO - 1)) % TRIO;
    struct pull *pull = pull_of(by, from);
    pull->by = (uint8_t)by;
    pull->from = (uint8_t)from;
    for (uint64_t steps = below(6) + 1; steps; steps--)
        step_pull(pull);
    if (chance(3))
        end_pull(pull);
}

static inline void pull_wholly(unsigned by, unsigned from)
{
    struct pull *pull = pull_of(by, from);
    pull->by = (uint8_t)by;
    pull->from = (uint8_t)from;
    end_pull(pull);
    step_pull(pull);
    while (pull->is_under_way)
        step_pull(pull);
}

static inline void let_pass(uint64_t ms)
{
    for (unsigned i = 0; i < TRIO; i++) {
        trio[i].now.mono_ms += ms;
        trio[i].now.wall_ms += ms;
        serve_on_tick(store(i), trio[i].now, &trio[i].outbox);
    }
}
