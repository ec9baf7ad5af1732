// Two owners differ in a key.
#include "unit/replica/notation.h"

static struct process a, b, c;
static struct round pulled;

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
    round_release(&pulled);
    pulled = (struct round){0};
    return 0;
}

AROUND_EACH(make, drop)

// ---- A has a write of which B holds nothing ------------------------------------------------

TEST(what_is_new_is_taken_and_known)
{
    give(&a, "a1 | a1", "a1-2", "");
    assert_true(pull(&b, &a));
    assert_holds(&b, "a1 | a1");
    assert_int_equal(b.change.lost_again, 0);
    assert_string_equal(say_clock(&b.seen.dots), "a1-2");
}

TEST(what_was_known_and_lost_is_taken_with_an_alarm)
{
    give(&a, "a1 | a1", "a1", "");
    give(&b, "", "a1", "");
    assert_true(pull(&b, &a));
    assert_holds(&b, "a1 | a1");
    assert_int_equal(b.change.lost_again, 1);
}

// D4: lost without notice, and purges went on: A is whole and reaches the horizon.
TEST(a_value_below_the_horizon_is_taken_from_an_owner_that_reaches_it)
{
    give(&a, "a3 | a3", "a1-9", "a1-9");
    give(&b, "", "a1-9", "a1-9");
    assert_true(pull(&b, &a));
    assert_holds(&b, "a3 | a3");
}

// E6: a round stands still between reading A's record and applying it. Meanwhile the value is
// deleted everywhere, and the deletion purged.
TEST(a_record_that_is_older_than_the_horizon_is_left_out)
{
    give(&a, "a1 | a1", "a1", "");
    give(&b, "", "", "");
    begin_round(&pulled, &b, &a);
    give(&b, "", "a1-2", "a1-2");
    end_round(&pulled, true);
    assert_holds(&b, "");
    assert_true(pulled.resolution.is_left_out);
    assert_int_equal(b.change.lost_again, 0);
}

TEST(what_is_left_out_takes_its_dot_out_of_the_clock)
{
    give(&a, "a1,c1 | a1 c1", "a1,c1", "");
    give(&b, "", "a1-2", "a1-2");
    assert_false(pull(&b, &a));
    assert_holds(&b, "c1 | c1");
}

TEST(a_deletion_is_taken_unless_all_that_it_covers_is_below_the_horizon)
{
    give(&a, "a1,b1 | a1!", "a1,b1", "a1");
    give(&b, "", "a1", "a1");
    assert_true(pull(&b, &a));
    assert_holds(&b, "a1,b1 | a1!");
    assert_int_equal(b.change.lost_again, 0);
    give(&b, "", "a1,b1", "a1,b1");
    assert_true(pull(&b, &a));
    assert_holds(&b, "");
}

// E7: B lost a deletion, S := G keeps its dot. Judged purged by that, b1 would come back.
TEST(a_lost_copy_takes_back_a_deletion_that_covers_more_than_the_horizon)
{
    give(&a, "a1,b1 | a1!", "a1", "a1");
    give(&b, "a1,b1 | a1!", "a1", "a1");
    lose(&b, "");
    assert_true(pull(&b, &a));
    merge(&b, "b1 | b1", NULL);
    assert_holds(&b, "a1,b1 | a1!");
}

// ---- One of them is lost -------------------------------------------------------------------

TEST(what_a_lost_owner_has_below_the_horizon_is_a_zombie)
{
    give(&a, "a1,c1 | a1 c1", "a1,c1", "a1");
    a.replica.is_lost = true;
    give(&b, "", "a1", "a1");
    assert_true(pull(&b, &a));
    assert_holds(&b, "c1 | c1");
    assert_int_equal(b.change.lost_again, 0);
}

// Its S is that of its horizon, which may be behind.
TEST(a_lost_owner_that_does_not_reach_the_horizon_is_asked_again)
{
    give(&a, "a1 | a1", "", "");
    a.replica.is_lost = true;
    give(&b, "", "a1", "a1");
    assert_false(pull(&b, &a));
    assert_holds(&b, "");
}

TEST(between_two_lost_owners_a_value_is_taken_unless_a_whole_one_told_that_it_is_purged)
{
    give(&a, "a1 | a1", "a1", "a1");
    a.replica.is_lost = b.replica.is_lost = true;
    give(&b, "", "a1", "a1");
    assert_true(pull(&b, &a));
    assert_holds(&b, "a1 | a1");
    give(&b, "", "a1-2", "a1-2"); // A reaches less: none of them knows better
    assert_true(pull(&b, &a));
    assert_holds(&b, "a1 | a1");
    give(&b, "", "a1", "a1");
    read_seen("a1", &b.told);
    assert_true(pull(&b, &a));
    assert_holds(&b, "");
}

TEST(a_lost_copy_takes_all_from_a_whole_owner)
{
    give(&a, "a1 | a1", "a1", "a1");
    give(&b, "a1 | a1", "a1", "a1");
    lose(&b, "");
    read_seen("a1", &b.told); // which A told
    assert_true(pull(&b, &a));
    assert_holds(&b, "a1 | a1");
    assert_int_equal(b.change.lost_again, 0);
}

// E17 in a round: C's record is older than what A told.
TEST(a_lost_copy_leaves_out_what_is_older_than_the_horizons_it_was_told)
{
    give(&c, "a1 | a1", "a1", "");
    give(&b, "", "", "");
    b.replica.is_lost = true;
    read_seen("a1-2", &b.told);
    assert_false(pull(&b, &c));
    assert_holds(&b, "");
}

// ---- B has a write of which A holds nothing ------------------------------------------------

static uint32_t returned_from(const struct process *from)
{
    begin_round(&pulled, &b, from);
    end_round(&pulled, true);
    return pulled.resolution.returned;
}

TEST(what_a_whole_copy_has_is_kept)
{
    give(&a, "", "a1", "a1");
    give(&b, "a1 | a1", "a1", "a1");
    assert_int_equal(returned_from(&a), 0);
    assert_holds(&b, "a1 | a1");
}

TEST(what_a_lost_copy_has_and_every_owner_purged_goes_to_the_trash_at_the_end)
{
    give(&a, "", "a1-2", "a1-2");
    give(&b, "a1,c1 | a1 c1", "c1", "");
    b.replica.is_lost = true;
    assert_int_equal(returned_from(&a), 1);
    assert_true(dot_equal(pulled.resolution.zombies[0], (struct dot){actor_of('a'), 1}));
    assert_holds(&b, "a1,c1 | a1 c1"); // until it is whole
}

TEST(a_lost_owner_is_no_evidence_and_neither_is_one_that_may_purge_no_more_than_it_saw)
{
    give(&a, "", "a1-2", "a1-2");
    a.replica.is_lost = true;
    give(&b, "a1 | a1", "", "");
    b.replica.is_lost = true;
    assert_int_equal(returned_from(&a), 0);
    round_release(&pulled);
    give(&a, "", "a1-2", "");
    a.replica.is_lost = false;
    assert_int_equal(returned_from(&a), 0);
    round_release(&pulled);
    give(&a, "a1-2 | a2", "a1-2", "a1-2"); // superseded, not purged
    assert_int_equal(returned_from(&a), 0);
    assert_holds(&b, "a1-2 | a2");
}

TEST(what_the_other_superseded_goes)
{
    give(&a, "a1-2 | a2", "a1-2", "");
    give(&b, "a1 | a1", "a1", "");
    assert_true(pull(&b, &a));
    assert_holds(&b, "a1-2 | a2");
}

// The superseder of what B has was purged there and known here: nothing is left.
TEST(a_key_of_which_nothing_is_left_is_gone)
{
    give(&a, "a1-2 | a2!", "a1-2", "a1-2");
    give(&b, "a1 | a1", "a1-2", "a1-2");
    assert_true(pull(&b, &a));
    assert_holds(&b, "");
    assert_true(b.change.is_gone);
}

// ---- Heads ---------------------------------------------------------------------------------

TEST(a_head_is_enough_unless_something_of_it_is_taken)
{
    struct buf head = {0};
    struct reconcile theirs = {.seen = &a.seen, .horizon = &a.horizon};
    give(&a, "a1 | a1", "a1", "");
    record_encode_head(&a.held, KEY, &head);
    theirs.record = buf_bytes(&head);
    assert_int_equal(reconcile_record(&b.replica, &theirs, &b.change, &pulled.resolution),
                     STATUS_OK);
    assert_true(b.change.must_fetch);
    assert_int_equal(b.change.record.size, 0);
    give(&b, "a1-2 | a2", "a1-2", "");
    assert_int_equal(reconcile_record(&b.replica, &theirs, &b.change, &pulled.resolution),
                     STATUS_OK);
    assert_false(b.change.must_fetch);
    assert_true(change_is_empty(&b.change));
    buf_release(&head);
}
