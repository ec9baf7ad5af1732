// What the purge of a deletion waits for.
#include "dkv-store/hindrance.h"

#include "unit/unit.h"

enum { AGE_MS = 600, OTHER = 7, THIRD = 9 };

static struct store store; // nothing of it is used but an option
static struct ledger_shard shard;
static struct clock dots; // of the record: counters 3 and 4 of one actor
static struct moment now;
static const uint64_t ACTOR = (uint64_t)5 << 48 | (uint64_t)40 << 16;

static void know(struct seen *seen, uint64_t first, uint64_t last)
{
    for (uint64_t counter = first; counter <= last; counter++)
        seen_add(seen, (struct dot){ACTOR, counter});
}

static void tell(uint16_t number, uint64_t last)
{
    struct seen seen = {0};
    know(&seen, 1, last);
    stability_tell(&shard.stability, stability_peer(&shard.stability, number), &seen, false);
    seen_release(&seen);
}

static int begin(void **state)
{
    static const uint16_t others[] = {OTHER, THIRD};
    (void)state;
    store.options.purge_age_ms = AGE_MS;
    now = (struct moment){.mono_ms = 1000};
    stability_set_owners(&shard.stability, others, 2);
    clock_add(&dots, (struct interval){ACTOR, 3, 4});
    return 0;
}

static int end(void **state)
{
    (void)state;
    seen_release(&shard.seen);
    seen_release(&shard.horizon);
    stability_release(&shard.stability);
    shard = (struct ledger_shard){0};
    clock_release(&dots);
    return 0;
}

AROUND_EACH(begin, end)

static struct hindrance look(void)
{
    return hindrance_of(&store, &shard, &dots, now);
}

TEST(dots_that_are_not_known_and_gaps_before_those_that_are)
{
    know(&shard.seen, 1, 3);
    assert_int_equal(look().state, PURGE_LACKS);
    seen_clear(&shard.seen);
    know(&shard.seen, 3, 5);
    assert_int_equal(look().state, PURGE_GAPS);
    seen_close(&shard.seen, actor_process(ACTOR), actor_parse(ACTOR).start);
    assert_int_equal(look().state, PURGE_WAITS);
}

TEST(owners_that_have_not_told_are_named)
{
    know(&shard.seen, 1, 4);
    tell(THIRD, 3);
    struct hindrance hindrance = look();
    assert_int_equal(hindrance.state, PURGE_WAITS);
    assert_int_equal(hindrance.behind_count, 2);
    tell(OTHER, 4);
    hindrance = look();
    assert_int_equal(hindrance.behind_count, 1);
    assert_int_equal(hindrance.behind[0], THIRD);
}

TEST(when_all_have_told_time_runs_from_the_point_at_which_they_had)
{
    know(&shard.seen, 1, 4);
    tell(OTHER, 4);
    tell(THIRD, 4);
    assert_int_equal(look().state, PURGE_AGES);
    assert_int_equal(look().wait_ms, AGE_MS);
    stability_note(&shard.stability, &shard.seen, &shard.horizon, now.mono_ms, AGE_MS);
    know(&shard.seen, 5, 5);
    tell(OTHER, 5);
    tell(THIRD, 5);
    now.mono_ms += AGE_MS / 2;
    stability_note(&shard.stability, &shard.seen, &shard.horizon, now.mono_ms, AGE_MS);
    assert_int_equal(look().wait_ms, AGE_MS / 2); // not from the later one
    assert_int_equal(look().behind_count, 0);
    know(&shard.horizon, 1, 4);
    assert_int_equal(look().state, PURGE_DUE);
    shard.is_lost = true;
    assert_int_equal(look().state, PURGE_LOST);
}
