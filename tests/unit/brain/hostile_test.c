// Three owners in a hostile world: writes, deletions, hints, messages that are lost, doubled and
// late, power losses, rounds that are broken off, and at times a loss, a wipe or an old state of a
// disk.
//
// No acknowledged write is lost, nothing deleted comes back, all owners end equal, without
// deletions, and nobody takes back what he did not lose. Each run is a function of its seed.
#include "unit/brain/trio.h"

#include <stdlib.h>

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

static uint64_t below(uint64_t limit)
{
    return random_below(&dice, limit);
}

static bool chance(unsigned percent)
{
    return below(100) < percent;
}

#define assert_run(condition)                                                                      \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fail_msg("seed %u: %s", (unsigned)seed, #condition);                                   \
    } while (0)

static void use_key(unsigned key)
{
    for (unsigned i = 0; i < TRIO; i++)
        memcpy(trio[i].key, key_names[key], sizeof trio[i].key);
}

// Keys of one shard, which is owned by all.
static void choose_keys(void)
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

static bool is_lost(unsigned at)
{
    return shard(at) && shard(at)->is_lost;
}

static int value_of(struct dot dot)
{
    for (unsigned i = 0; i < value_count; i++) {
        if (dot_equal(values[i].dot, dot))
            return (int)i;
    }
    return -1;
}

// ---- Acknowledgements ----------------------------------------------------------------------

// Distinct owners on distinct nodes.
static bool is_written(const struct value *value)
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

static void acknowledge(unsigned number, unsigned owner, unsigned node)
{
    values[number].acks[owner][node] = true;
    values[number].is_acked |= is_written(&values[number]);
}

static void sync_store(unsigned at)
{
    bench_sync_log(&trio[at]);
    for (unsigned i = 0; i < unsynced_count[at]; i++)
        acknowledge(unsynced[at][i], at, at);
    unsynced_count[at] = 0;
}

static void acknowledge_when_synced(unsigned at, unsigned number)
{
    if (unsynced_count[at] < VALUES_MAX)
        unsynced[at][unsynced_count[at]++] = (uint16_t)number;
}

// ---- Writes ------------------------------------------------------------------------------------

static void send(unsigned number, unsigned target, struct bytes record, bool is_hint)
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

static void send_to_others(unsigned number, unsigned coordinator, struct bytes record)
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
static void note_seen(struct value *value, const struct record *record)
{
    for (uint32_t i = 0; i < record->count; i++) {
        int seen = value_of(record->siblings[i].dot);
        if (seen >= 0)
            value->supersedes[seen] = 1;
    }
}

static struct op_update update_of(const struct value *value, unsigned at)
{
    struct op_update op = bench_update_of(&trio[at], 0, value->is_deletion ? "" : "value");
    uint64_t name[2] = {seed + 1, value_count + 1};
    memcpy(op.request.bytes, name, sizeof name);
    if (value->is_deletion)
        op.flags |= UPDATE_DELETE;
    return op;
}

static void write_somewhere(void)
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

static void drop_parcel(unsigned i)
{
    buf_release(&bag[i].record);
    bag[i] = bag[--bag_count];
}

static void deliver(unsigned i)
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

static void deliver_some(void)
{
    if (!bag_count)
        return;
    unsigned i = (unsigned)below(bag_count);
    if (!bag[i].is_late || chance(20))
        deliver(i);
}

// ---- Rounds
// --------------------------------------------------------------------------------------

static struct pull *pull_of(unsigned by, unsigned from)
{
    return &pulls[by * TRIO + from];
}

static void end_pull(struct pull *pull)
{
    pull->is_under_way = pull->has_record = false;
    pull->key = 0;
    buf_release(&pull->record);
}

static void step_pull(struct pull *pull)
{
    if (!pull->is_under_way) {
        pull->is_under_way = begin(pull->by, pull->from) == STATUS_OK;
        return;
    }
    if (pull->key == KEYS) {
        enum status status = finish(pull->by, pull->from);
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

static void step_some_pull(void)
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

static void pull_wholly(unsigned by, unsigned from)
{
    struct pull *pull = pull_of(by, from);
    pull->by = (uint8_t)by;
    pull->from = (uint8_t)from;
    end_pull(pull);
    step_pull(pull);
    while (pull->is_under_way)
        step_pull(pull);
}

static void let_pass(uint64_t ms)
{
    for (unsigned i = 0; i < TRIO; i++) {
        trio[i].now.mono_ms += ms;
        trio[i].now.wall_ms += ms;
        serve_on_tick(store(i), trio[i].now, &trio[i].outbox);
    }
}

// ---- Ends of starts
// ------------------------------------------------------------------------------

static bool is_known(struct dot dot)
{
    unsigned at = 0;
    while (at < TRIO && !(shard(at) && seen_has(&shard(at)->seen, dot)))
        at++;
    return at < TRIO;
}

static bool brings_any(const struct parcel *parcel, const struct convergence_ending *ending)
{
    struct record record = {0};
    bool is_any = false;
    use_key(parcel->key);
    assert_int_equal(record_decode(&record, bytes_of_text(trio[A].key), buf_bytes(&parcel->record)),
                     STATUS_OK);
    for (uint32_t i = 0; i < record.count; i++) {
        struct dot dot = record.siblings[i].dot;
        is_any |= actor_process(dot.actor) == ending->process &&
                  actor_parse(dot.actor).start <= ending->start &&
                  (parcel->is_hint || !is_known(dot));
    }
    record_release(&record);
    return is_any;
}

// Whether a hint, or a first message, may still bring a dot of those starts.
static bool is_under_way(const struct convergence_ending *ending)
{
    unsigned i = 0;
    while (i < bag_count && !brings_any(&bag[i], ending))
        i++;
    return i < bag_count;
}

static void close_starts(unsigned by)
{
    struct convergence_ending ending;
    for (size_t at = 0;
         shard(by) && convergence_next_ending(store(by), RING_DEFAULT_KEYSPACE, partition(),
                                              trio[by].now, &at, &ending);) {
        bool is_agreed = !is_under_way(&ending);
        for (unsigned i = 0; i < TRIO; i++) {
            sync_store(i); // the gate
            is_agreed &=
                shard(i) && !is_lost(i) &&
                seen_same_starts(&shard(i)->seen, &shard(by)->seen, ending.process, ending.start);
        }
        for (unsigned i = 0; i < TRIO && is_agreed; i++) {
            if (chance(90))
                (void)!convergence_close(store(i), RING_DEFAULT_KEYSPACE, partition(), &ending,
                                         trio[i].now);
        }
    }
}

// ---- Faults
// --------------------------------------------------------------------------------------

static void power_off(unsigned at)
{
    unsynced_count[at] = 0;
    memory_vfs_power_off(&trio[at].disk);
    store_close(store(at));
    memory_vfs_crash(&trio[at].disk, chance(50) ? MEMORY_VFS_LOSE_ALL : MEMORY_VFS_PREFIX, &dice);
    bench_start(&trio[at], random_u64(&dice));
}

static void take_stash(void)
{
    if (stash_of >= 0)
        memory_vfs_release(&stash);
    stash_of = (int)below(TRIO);
    memory_vfs_clone(&stash, &trio[stash_of].disk);
}

// Its repair asks every peer that answers before it serves reads. One whose clock made it begin
// with a start that a peer had heard of stops, and begins with a later one.
static void ask_peers(unsigned at)
{
    for (unsigned i = 0; i < TRIO; i++)
        end_pull(pull_of(at, i)); // others begin
    for (unsigned i = 0; i < TRIO; i++) {
        if (i != at && begin(at, i) == STATUS_REFUSED) {
            restart(at);
            i = 0 - 1u;
        }
    }
}

static void put_back(void)
{
    unsigned at = (unsigned)stash_of;
    unsynced_count[at] = 0;
    store_close(store(at));
    memory_vfs_release(&trio[at].disk);
    memory_vfs_clone(&trio[at].disk, &stash);
    trio[at].options.lsm.vfs = &trio[at].disk.vfs;
    bench_start(&trio[at], random_u64(&dice));
    ask_peers(at);
}

static void deliver_hints(void)
{
    for (unsigned i = bag_count; i > 0; i--) {
        if (bag[i - 1].is_hint)
            deliver(i - 1);
    }
}

// All is well for a moment.
static void calm_down(void)
{
    deliver_hints();
    for (unsigned i = 0; i < TRIO; i++)
        sync_store(i);
    for (unsigned by = 0; by < TRIO; by++) {
        for (unsigned from = 0; from < TRIO; from++) {
            if (by != from && chance(95))
                pull_wholly(by, from);
        }
    }
    if (chance(50))
        let_pass(AGE_MS);
}

static bool are_equal(void)
{
    for (unsigned key = 0; key < KEYS; key++) {
        struct record one = {0};
        use_key(key);
        record_copy(&one, held(A));
        bool is_equal = true;
        for (unsigned i = 1; i < TRIO; i++) {
            held(i);
            is_equal &= shown.count == one.count;
            for (uint32_t sibling = 0; is_equal && sibling < one.count; sibling++)
                is_equal = record_find_dot(&shown, one.siblings[sibling].dot);
        }
        record_release(&one);
        if (!is_equal)
            return false;
    }
    return true;
}

static bool is_calm(void)
{
    bool is_calm = are_equal();
    for (unsigned i = 0; i < TRIO; i++)
        is_calm &= !is_lost(i) && !unsynced_count[i];
    for (unsigned i = 0; i < bag_count; i++)
        is_calm &= !bag[i].is_hint;
    return is_calm;
}

static void do_harm(void)
{
    unsigned at = (unsigned)below(TRIO), kind = (unsigned)below(3);
    for (unsigned time = 0; time < 2 && harm_count && !is_calm(); time++)
        calm_down();
    if (harm_count && !is_calm())
        return; // one copy at a time is lost
    harm_count++;
    if (kind == 0) {
        use_key((unsigned)below(KEYS));
        take_away(at);
        lose(at);
    } else if (kind == 1) {
        unsynced_count[at] = 0;
        wipe(at);
        ask_peers(at);
    } else if (stash_of >= 0) {
        put_back();
    }
}

// ---- Runs
// ----------------------------------------------------------------------------------------

static void step(bool is_harmful)
{
    uint64_t what = below(100);
    if (what < 22)
        write_somewhere();
    else if (what < 50)
        deliver_some();
    else if (what < 60)
        sync_store((unsigned)below(TRIO));
    else if (what < 64)
        power_off((unsigned)below(TRIO));
    else if (what < 84)
        step_some_pull();
    else if (what < 92)
        let_pass(below(AGE_MS / 2));
    else if (what < 95)
        close_starts((unsigned)below(TRIO));
    else if (what < 96)
        take_stash();
    else if (what < 98)
        calm_down();
    else if (is_harmful)
        do_harm();
}

static void settle(void)
{
    for (unsigned time = 0; time < 10; time++) {
        while (bag_count)
            deliver(bag_count - 1);
        for (unsigned i = 0; i < TRIO; i++)
            sync_store(i);
        for (unsigned by = 0; by < TRIO; by++) {
            for (unsigned from = 0; from < TRIO; from++) {
                if (by != from)
                    pull_wholly(by, from);
            }
        }
        for (unsigned i = 0; i < 4; i++)
            let_pass(AGE_MS / 3);
        for (unsigned by = 0; by < TRIO; by++)
            close_starts(by);
    }
}

static bool is_live(unsigned number)
{
    use_key(values[number].key);
    return record_find_dot(held(A), values[number].dot);
}

// Whether a value, or what its writer had not lost sight of, is there: itself, what superseded it,
// and so on; a deletion is there or purged.
static bool is_accounted_for(unsigned number, uint8_t *looked_at)
{
    if (is_live(number) || values[number].is_deletion)
        return true;
    for (unsigned i = 0; i < value_count; i++) {
        if (!values[i].supersedes[number] || looked_at[i])
            continue;
        looked_at[i] = 1;
        if (is_accounted_for(i, looked_at))
            return true;
    }
    return false;
}

static void check(bool is_harmful)
{
    assert_run(are_equal());
    for (unsigned i = 0; i < TRIO; i++) {
        assert_run(!is_lost(i));
        assert_run(!shard(i) || !shard(i)->gone_count || is_harmful);
        assert_run(!store(i)->counts.lost_again);
        assert_run(!store(i)->twin.text[0]);
    }
    for (unsigned number = 0; number < value_count; number++) {
        uint8_t looked_at[VALUES_MAX] = {0};
        bool is_there = is_live(number);
        assert_run(!(is_there && values[number].is_deletion)); // all were purged
        if (values[number].is_acked)
            assert_run(is_accounted_for(number, looked_at));
        for (unsigned i = 0; i < value_count && is_there; i++)
            assert_run(!(values[i].is_acked && values[i].supersedes[number])); // it came back
    }
}

static void run(bool is_harmful)
{
    trio_init();
    choose_keys();
    random_init(&dice, seed);
    value_count = bag_count = harm_count = 0;
    stash_of = -1;
    memset(unsynced_count, 0, sizeof unsynced_count);
    for (unsigned i = 0; i < STEPS; i++)
        step(is_harmful);
    settle();
    check(is_harmful);
    for (unsigned i = 0; i < TRIO * TRIO; i++)
        end_pull(&pulls[i]);
    while (bag_count)
        drop_parcel(0);
    if (stash_of >= 0)
        memory_vfs_release(&stash);
    trio_release();
}

static void run_many(bool is_harmful)
{
    const char *wanted = getenv("HOSTILE_SEEDS"); // "FIRST COUNT"
    unsigned first = 1, count = 60;
    if (wanted)
        assert_int_equal(sscanf(wanted, "%u %u", &first, &count), 2);
    for (seed = first; seed < first + count; seed++)
        run(is_harmful);
}

TEST(without_losses_nothing_is_lost_comes_back_or_stays_deleted_for_ever)
{
    run_many(false);
}

TEST(losses_wipes_and_old_states_do_no_more_harm)
{
    run_many(true);
}
