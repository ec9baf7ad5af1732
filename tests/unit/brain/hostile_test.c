// Three owners in a hostile world: writes, deletions, hints, messages that are lost, doubled and
// late, power losses, rounds that are broken off, and at times a loss, a wipe or an old state of a
// disk.
//
// No acknowledged write is lost, nothing deleted comes back, all owners end equal, without
// deletions, and nobody takes back what he did not lose. Each run is a function of its seed.
#include "unit/brain/hostile.h"

#include <stdlib.h>

// ---- Ends of starts ---------------------------------------------------------------------

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

// ---- Faults -----------------------------------------------------------------------------

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

// ---- Runs -------------------------------------------------------------------------------

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
