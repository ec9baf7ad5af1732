// What was purged does not come back, and what was lost does.
#include "unit/replica/notation.h"

static struct process a, b, c;

static int make(void **state)
{
    (void)state;
    process_init(&a, actor_of('x'));
    process_init(&b, actor_of('y'));
    process_init(&c, actor_of('z'));
    return 0;
}

static int drop(void **state)
{
    (void)state;
    process_release(&a);
    process_release(&b);
    process_release(&c);
    return 0;
}

AROUND_EACH(make, drop)

#define assert_kept(process, is)                                                                   \
    do {                                                                                           \
        assert_int_equal(!(process)->change.is_not_kept, is);                                      \
        assert_int_equal((process)->change.zombies > 0, !(is));                                    \
    } while (0)

// ---- One record comes late -------------------------------------------------------------------

TEST(a_value_below_the_horizon_that_is_not_here_is_not_kept)
{
    give(&b, "", "a1-2", "a1-2");
    merge(&b, "a1 | a1", NULL);
    assert_kept(&b, false);
    assert_true(change_is_empty(&b.change));
    assert_holds(&b, "");
}

TEST(a_value_that_is_new_is_taken_whatever_else_is_below_the_horizon)
{
    give(&b, "", "a1-2", "a1-2");
    merge(&b, "a1-3 | a3", NULL);
    assert_kept(&b, true);
    assert_holds(&b, "a1-3 | a3");
    assert_int_equal(b.change.lost_again, 0);
}

TEST(a_value_that_was_known_above_the_horizon_was_lost_and_is_taken_with_an_alarm)
{
    give(&b, "", "a1-3", "a1-2");
    merge(&b, "a3 | a3", NULL);
    assert_kept(&b, true);
    assert_holds(&b, "a3 | a3");
    assert_int_equal(b.change.lost_again, 1);
}

TEST(a_lost_copy_alarms_at_nothing)
{
    give(&b, "", "a1-3", "a1-2");
    b.replica.is_lost = true;
    merge(&b, "a3 | a3", NULL);
    assert_holds(&b, "a3 | a3");
    assert_int_equal(b.change.lost_again, 0);
}

TEST(a_value_that_is_held_or_covered_is_no_zombie)
{
    give(&b, "a1-2 | a2", "a1-2", "a1-2");
    merge(&b, "a1-2 | a2", NULL);
    assert_kept(&b, true);
    merge(&b, "a1 | a1", NULL);
    assert_kept(&b, true);
    assert_holds(&b, "a1-2 | a2");
}

// E4: B lost v without noticing. If v's dot stayed in the clock, B's record would seem to have
// superseded A's good copy.
TEST(the_dot_of_a_dropped_value_leaves_the_clock)
{
    give(&a, "a1 | a1", "a1", "a1");
    give(&b, "", "a1", "a1");
    merge(&b, "a1,b1 | a1 b1", NULL);
    assert_kept(&b, false);
    assert_holds(&b, "b1 | b1");
    pull(&a, &b);
    assert_holds(&a, "a1,b1 | a1 b1");
}

// E7, E15: all know the tombstone a1, not all know the value b1 that it covers.
TEST(a_deletion_is_judged_by_the_clock_of_its_record)
{
    give(&b, "", "a1", "a1");
    merge(&b, "a1,b1 | a1!", NULL);
    assert_kept(&b, true);
    assert_holds(&b, "a1,b1 | a1!");
    assert_int_equal(b.change.lost_again, 0); // nobody lost anything
    merge(&b, "b1 | b1", NULL);
    assert_holds(&b, "a1,b1 | a1!");
    give(&b, "", "a1,b1", "a1,b1");
    merge(&b, "a1,b1 | a1!", NULL);
    assert_kept(&b, false);
    assert_holds(&b, "");
}

TEST(an_expired_value_is_judged_as_a_deletion)
{
    give(&b, "", "a1", "a1");
    merge(&b, "a1,b1 | a1~", NULL);
    assert_holds(&b, "a1,b1 | a1~");
    give(&b, "", "a1,b1", "a1,b1");
    merge(&b, "a1,b1 | a1~", NULL);
    assert_kept(&b, false);
    assert_holds(&b, "");
}

// E14, D6: a hint tells the dots that it stands for; a clock does not.
TEST(exactly_the_dots_of_siblings_and_those_that_a_hint_lists_are_known)
{
    merge(&b, "a1-5 | a5", NULL);
    assert_string_equal(say_clock(&b.seen.dots), "a5");
    merge(&b, "a1-5 | a5", "a2-3,c1");
    assert_string_equal(say_clock(&b.seen.dots), "a2-3,a5,c1");
    assert_int_equal(b.change.dot_count, 3);
    assert_int_equal(b.change.record.size, 0);
}

TEST(a_list_of_dots_is_bounded_and_not_forged)
{
    struct buf encoded = {0};
    struct clock dots = {0};
    encode_text("a1 | a1", &encoded);
    struct join join = {.record = buf_bytes(&encoded), .dots = &dots};
    clock_add(&dots, (struct interval){actor_of('b'), 1, UINT64_MAX});
    assert_int_equal(process_join(&b, &join), STATUS_INVALID);
    clock_clear(&dots);
    clock_add(&dots, (struct interval){b.replica.actor, 1, 1});
    assert_int_equal(process_join(&b, &join), STATUS_INVALID);
    assert_int_equal(b.change.forged, 1);
    clock_clear(&dots);
    clock_add(&dots, (struct interval){actor_of('b'), 1, JOIN_DOTS_MAX});
    assert_int_equal(process_join(&b, &join), STATUS_OK);
    buf_release(&encoded);
    clock_release(&dots);
}

// E17: B is lost and has ended its round with A, which has purged v.
TEST(while_a_copy_is_lost_the_horizons_it_is_told_count_for_values)
{
    b.replica.is_lost = true;
    read_seen("a1-2", &b.told);
    merge(&b, "a1 | a1", NULL);
    assert_kept(&b, false);
    assert_holds(&b, "");
    assert_string_equal(say_clock(&b.seen.dots), "a1");
    merge(&b, "a1-2 | a2!", NULL);
    assert_holds(&b, "a1-2 | a2!");
    give(&b, "a1 | a1", "a1", "");
    merge(&b, "a1 | a1", NULL); // it was not lost
    assert_kept(&b, true);
}

// ---- Stripping ---------------------------------------------------------------------------------

TEST(a_record_loses_its_tombstones_when_all_that_it_covers_is_below_the_horizon)
{
    give(&b, "a1-2,b1 | a2!", "a1-2,b1", "a1-2");
    assert_false(strip(&b));
    raise_horizon(&b, "b1");
    assert_true(strip(&b));
    assert_holds(&b, "");
    assert_true(b.change.is_gone);
}

TEST(the_clock_of_a_stripped_record_keeps_the_dots_of_its_values)
{
    give(&b, "a1-4,b1-3,c1 | a4 b2! b3", "a1-4,b1-3,c1", "a1-4,b1-3,c1");
    assert_true(strip(&b));
    assert_holds(&b, "a4,b3 | a4 b3");
    assert_false(strip(&b));
}

TEST(an_expired_value_is_stripped_when_it_is_expired_by_every_clock)
{
    uint64_t expires_ms = UINT64_MAX;
    give(&b, "a1 | a1~", "a1", "a1");
    b.replica.wall_ms = 1000 + b.replica.limits.clock_refuse_ms - 1;
    assert_false(strip_record(&b.replica, &b.change, &expires_ms));
    assert_true(expires_ms == b.replica.wall_ms + 1);
    b.replica.wall_ms++;
    assert_true(strip(&b));
    assert_holds(&b, "");
}

TEST(a_lost_copy_strips_nothing)
{
    give(&b, "a1 | a1!", "a1", "a1");
    b.replica.is_lost = true;
    assert_false(strip(&b));
}

// E15: stripped by the dot of the tombstone alone, the value would be back.
TEST(a_value_that_not_all_knew_when_its_deletion_could_go_stays_deleted)
{
    give(&b, "a1,b1 | a1!", "a1", "a1");
    strip(&b);
    merge(&b, "b1 | b1", NULL);
    assert_holds(&b, "a1,b1 | a1!");
}

// D1: an owner that trims what every owner has *seen* must not let a late value back.
TEST(a_value_whose_superseder_was_trimmed_does_not_stand_beside_it)
{
    give(&a, "a1,b1 | b1", "a1,b1", "a1,b1");
    strip(&a);
    assert_holds(&a, "b1 | b1");
    merge(&a, "a1 | a1", NULL);
    assert_holds(&a, "b1 | b1");
}

// D5: an actor that outlives a loss says with an interval that it superseded what it never saw.
TEST(a_new_actor_after_a_loss_supersedes_nothing_that_it_lost)
{
    struct mint write = blind(1, "new");
    process_init(&a, actor_of('b'));
    give(&a, "a1 | a1", "a1", "");
    minted(&a, &write);
    assert_holds(&a, "a1,b1 | b1");
    give(&c, "a1-5 | a5", "a1-5", "");
    merge(&c, "a1,b1 | b1", NULL);
    assert_holds(&c, "a1-5,b1 | a5 b1");
}
