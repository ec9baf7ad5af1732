// A record that another process minted joins the one that is held.
#include "unit/replica/process.h"

static struct process here, there, third;
static struct buf encoded;
static struct clock context;

static int make(void **state)
{
    (void)state;
    process_init(&here, 1);
    process_init(&there, 7);
    process_init(&third, 9);
    return 0;
}

static int drop(void **state)
{
    (void)state;
    process_release(&here);
    process_release(&there);
    process_release(&third);
    buf_release(&encoded);
    clock_release(&context);
    return 0;
}

AROUND_EACH(make, drop)

static void joined(struct process *process, struct join join)
{
    assert_int_equal(process_join(process, &join), STATUS_OK);
}

static void write_at(struct process *process, uint8_t number, const char *value)
{
    struct mint write = blind(number, value);
    minted(process, &write);
}

// ---- Records ---------------------------------------------------------------------------------

TEST(a_record_that_finds_nothing_is_stored_as_it_came)
{
    write_at(&there, 1, "value");
    joined(&here, sent(&there));
    assert_true(bytes_equal(here.replica.encoded, there.replica.encoded));
    assert_value(&here, "value");
    assert_int_equal(here.change.dot_count, 1);
    assert_true(seen_has(&here.seen, there.change.dot));
}

TEST(a_record_that_includes_what_is_held_is_stored_as_it_came)
{
    write_at(&there, 1, "first");
    joined(&here, sent(&there));
    write_at(&there, 2, "second");
    struct join join = sent(&there);
    assert_int_equal(join.request_count, 1); // the first
    assert_int_equal(join_record(&here.replica, &join, &here.change), STATUS_OK);
    assert_ptr_equal(here.change.record.data, join.record.data);
    joined(&here, join);
    assert_value(&here, "second");
    assert_int_equal(fate_of(&here, 1), FATE_SUPERSEDED);
}

TEST(concurrent_values_stay_beside_one_another_in_whatever_order_they_come)
{
    write_at(&here, 1, "here");
    write_at(&there, 2, "there");
    joined(&third, sent(&here));
    joined(&third, sent(&there));
    struct join join = sent(&here);
    joined(&here, sent(&there));
    assert_int_equal(here.held.count, 2);
    assert_true(bytes_equal(here.replica.encoded, third.replica.encoded));
    join.record = third.replica.encoded;
    joined(&there, join);
    assert_true(bytes_equal(there.replica.encoded, third.replica.encoded));
}

TEST(a_record_that_comes_again_changes_nothing)
{
    write_at(&there, 1, "value");
    for (int time = 0; time < 2; time++) {
        joined(&here, sent(&there));
        assert_int_equal(change_is_empty(&here.change), time);
    }
}

TEST(a_record_that_was_superseded_teaches_its_dots_and_requests_alone)
{
    struct join late = {0};
    write_at(&there, 1, "first");
    buf_set(&encoded, there.replica.encoded);
    late.record = buf_bytes(&encoded);
    write_at(&there, 2, "second");
    joined(&here, repaired(&there));
    assert_int_equal(fate_of(&here, 1), FATE_UNKNOWN);
    joined(&here, late);
    assert_int_equal(here.change.record.size, 0);
    assert_int_equal(here.change.dot_count, 1);
    assert_value(&here, "second");
    assert_int_equal(fate_of(&here, 1), FATE_SUPERSEDED);
}

TEST(joining_changes_nothing_that_went_in)
{
    write_at(&here, 1, "here");
    write_at(&there, 2, "there");
    struct replica before = here.replica;
    struct join join = sent(&there);
    assert_int_equal(join_record(&here.replica, &join, &here.change), STATUS_OK);
    assert_memory_equal(&before, &here.replica, sizeof before);
    assert_value(&here, "here");
}

TEST(dots_that_were_known_and_lost_are_taken_back_and_counted)
{
    write_at(&there, 1, "value");
    seen_add(&here.seen, there.change.dot);
    joined(&here, sent(&there));
    assert_int_equal(here.change.lost_again, 1);
    assert_int_equal(here.change.dot_count, 0);
    assert_value(&here, "value");
}

TEST(a_stamp_is_followed_as_far_as_it_is_believed)
{
    uint64_t limit = (WALL_MS + here.replica.limits.clock_refuse_ms) << 16 | 0xffff;
    struct mint near = blind(1, "near"), far = blind(2, "far"), over = blind(3, "over");
    near.hlc_floor = (WALL_MS + 100) << 16;
    far.hlc_floor = (uint64_t)1 << 62;
    minted(&there, &near);
    joined(&here, sent(&there));
    assert_true(here.replica.hlc_last == near.hlc_floor);
    minted(&there, &far);
    joined(&here, sent(&there));
    assert_true(here.replica.hlc_last == limit);
    minted(&here, &over);
    assert_true(here.change.hlc > far.hlc_floor); // it won against that
}

// ---- Refusals --------------------------------------------------------------------------------

TEST(a_record_of_another_key_or_a_damaged_one_is_refused)
{
    write_at(&there, 1, "value");
    struct join join = sent(&there);
    here.replica.key = bytes_of_text("other");
    assert_int_equal(process_join(&here, &join), STATUS_CORRUPT);
    here.replica.key = KEY;
    join.record.size--;
    assert_int_equal(process_join(&here, &join), STATUS_CORRUPT);
}

TEST(a_head_is_no_record)
{
    write_at(&there, 1, "value");
    record_encode_head(&there.held, KEY, &encoded);
    struct join join = {.record = buf_bytes(&encoded)};
    assert_int_equal(process_join(&here, &join), STATUS_INVALID);
    assert_int_equal(here.change.forged, 0);
}

TEST(a_clock_that_names_dots_which_this_process_has_not_given_out_is_forged)
{
    write_at(&here, 1, "here");
    clock_add(&context, (struct interval){here.replica.actor, 1, 2}); // the second is its next one
    struct mint forged = above(2, "forged", &context, &encoded);
    minted(&there, &forged);
    struct join join = sent(&there);
    assert_int_equal(process_join(&here, &join), STATUS_INVALID);
    assert_int_equal(here.change.forged, 2);
    write_at(&here, 3, "next");
    assert_value(&here, "next");
}

TEST(records_that_never_fit_together_are_refused_and_told_and_can_be_superseded)
{
    static char value[900];
    for (uint8_t i = 1; i <= 9; i++) {
        struct mint mine = beside(i, ""), theirs = beside(100 + i, "");
        mine.value = theirs.value = bytes_of(value, sizeof value);
        here.replica.limits.record_size_max = there.replica.limits.record_size_max = 9000;
        minted(&here, &mine);
        minted(&there, &theirs);
    }
    struct join join = sent(&there);
    assert_int_equal(process_join(&here, &join), STATUS_TOO_LARGE);
    assert_int_equal(here.held.count, 9);
    assert_non_null(here.change.told);
    clock_copy(&context, &here.held.clock); // as a reader sees both, who deletes them
    clock_join(&context, &there.held.clock);
    struct mint deletion = above(50, "", &context, &encoded);
    deletion.is_delete = true;
    minted(&here, &deletion);
    joined(&here, join);
    assert_int_equal(here.held.count, 1);
}

// ---- Validation ------------------------------------------------------------------------------

TEST(a_write_is_told_what_was_here_that_it_has_not_seen)
{
    write_at(&here, 1, "here");
    struct dot mine = here.change.dot;
    uint64_t hlc = here.change.hlc;
    write_at(&there, 2, "there");
    joined(&here, sent(&there));
    assert_ptr_equal(here.change.told, &here.held.clock);
    assert_true(clock_covers(here.change.told, mine));
    assert_true(here.change.hlc_told >= hlc);
}

TEST(a_write_that_comes_again_is_told_again)
{
    write_at(&here, 1, "here");
    write_at(&there, 2, "there");
    for (int time = 0; time < 2; time++) {
        joined(&here, sent(&there));
        assert_non_null(here.change.told);
    }
}

TEST(a_write_that_covers_what_is_here_is_told_nothing)
{
    write_at(&here, 1, "here");
    joined(&there, sent(&here));
    write_at(&there, 2, "there");
    joined(&here, sent(&there));
    assert_null(here.change.told);
}

TEST(a_repair_is_told_nothing)
{
    write_at(&here, 1, "here");
    write_at(&there, 2, "there");
    joined(&here, repaired(&there));
    assert_null(here.change.told);
    assert_int_equal(here.held.count, 2);
}

TEST(a_write_that_was_superseded_before_it_came_hears_that)
{
    write_at(&there, 1, "first");
    struct dot dot = there.change.dot;
    buf_set(&encoded, there.replica.encoded);
    write_at(&there, 2, "second");
    joined(&here, sent(&there));
    joined(&here, (struct join){.record = buf_bytes(&encoded), .dot = dot});
    assert_true(here.change.was_superseded);
    assert_null(here.change.told);
}

// ---- Superseded requests ---------------------------------------------------------------------

TEST(the_id_of_a_superseded_write_that_never_came_here_is_known_from_its_superseder)
{
    struct dot dot;
    struct request_id first = request(1);
    write_at(&there, 1, "first");
    struct dot became = there.change.dot;
    write_at(&there, 2, "second");
    joined(&here, sent(&there));
    assert_int_equal(replica_find(&here.replica, &first, &dot), FATE_SUPERSEDED);
    assert_true(dot_equal(dot, became));
}

// Both processes obeyed a try of request 3, and `there` another write since.
static void make_twins(const char *later)
{
    write_at(&here, 3, "twin");
    write_at(&there, 3, "twin");
    there.replica.hlc_last += 1000;
    write_at(&there, 4, later);
}

TEST(a_try_goes_with_the_other_one_when_that_was_superseded)
{
    make_twins("later");
    struct dot mine = here.change.dot;
    joined(&here, sent(&there));
    assert_non_null(here.change.told); // so that the others hear of it, too
    assert_value(&here, "later");
    assert_true(clock_covers(&here.held.clock, mine));
}

TEST(a_try_that_comes_late_is_dropped_where_the_other_one_was_superseded)
{
    make_twins("later");
    joined(&there, sent(&here));
    assert_value(&there, "later");
    assert_true(clock_covers(&there.held.clock, here.change.dot));
}

TEST(a_try_that_comes_with_its_superseder_is_dropped_as_well)
{
    make_twins("later");
    joined(&third, repaired(&here)); // a reader has met both and repairs
    joined(&third, repaired(&there));
    assert_int_equal(third.held.count, 2);
    joined(&there, repaired(&third));
    assert_value(&there, "later");
    assert_true(clock_covers(&there.held.clock, here.change.dot));
}

TEST(a_first_dot_that_was_superseded_by_its_own_second_one_takes_no_other_try_away)
{
    struct superseded first = {{7, 1}, request(3)};
    write_at(&here, 3, "mine");
    write_at(&there, 3, "mine"); // its clock covers the first
    there.replica.counter = 1;
    struct join join = sent(&there);
    join.requests = &first;
    join.request_count = 1;
    for (int time = 0; time < 2; time++)
        joined(&here, join);
    assert_int_equal(here.held.count, 2);
}

// A try of each of two writes superseded one of the other: `mine` is here, which superseded a try
// of theirs; theirs comes, which superseded one of mine, and another one.
static void supersede_one_another(bool is_mine_greater)
{
    struct mint mine = blind(4, "mine"), theirs = blind(3, "theirs");
    process_release(&here);
    process_release(&there);
    process_init(&here, 1);
    process_init(&there, 7);
    write_at(&here, 3, "theirs");
    write_at(&there, 4, "mine");
    struct mint never = beside(5, "never came here");
    minted(&there, &never);
    here.replica.hlc_last += is_mine_greater ? 1000 : 0;
    there.replica.hlc_last += is_mine_greater ? 0 : 1000;
    minted(&here, &mine);
    minted(&there, &theirs);
    joined(&here, sent(&there));
    assert_value(&here, is_mine_greater ? "mine" : "theirs");
    assert_int_equal(fate_of(&here, 5), FATE_SUPERSEDED);
    assert_int_equal(fate_of(&here, 4), is_mine_greater ? FATE_LIVE : FATE_SUPERSEDED);
}

TEST(of_writes_whose_tries_superseded_one_another_the_greater_one_stays)
{
    supersede_one_another(true);
    supersede_one_another(false);
}

TEST(a_request_that_a_context_had_seen_goes_where_its_coordinator_never_had_it)
{
    struct mint seen = blind(3, "seen");
    minted(&here, &seen);
    clock_add(&context, (struct interval){9, 1, 1}); // its second dot, that another owner has alone
    struct mint next = above(4, "next", &context, &encoded);
    next.seen = bytes_of(seen.request.bytes, sizeof seen.request.bytes);
    next.hlc_floor = here.change.hlc + 1;
    minted(&there, &next);
    joined(&here, sent(&there));
    assert_value(&here, "next");
}

// ---- Where the last write wins ---------------------------------------------------------------

static void write_lww(struct process *process, uint8_t number, const char *value,
                      uint64_t hlc_floor)
{
    struct mint write = blind(number, value);
    write.hlc_floor = hlc_floor;
    process->replica.is_lww = true;
    minted(process, &write);
}

TEST(where_the_last_write_wins_the_greatest_value_stays_whichever_comes_first)
{
    write_lww(&here, 1, "less", (uint64_t)1 << 61);
    write_lww(&there, 2, "more", (uint64_t)1 << 62);
    struct join less = repaired(&here);
    buf_set(&encoded, less.record);
    less.record = buf_bytes(&encoded);
    joined(&here, repaired(&there));
    assert_value(&here, "more");
    assert_int_equal(here.change.lww_dropped, 1);
    joined(&there, less);
    assert_value(&there, "more");
    assert_true(bytes_equal(here.replica.encoded, there.replica.encoded));
    assert_int_equal(fate_of(&here, 1), FATE_BEATEN);
    assert_int_equal(fate_of(&there, 1), FATE_BEATEN);
}

TEST(where_the_last_write_wins_one_that_had_only_lost_is_told_the_winner)
{
    write_lww(&here, 1, "more", (uint64_t)1 << 62);
    write_lww(&there, 2, "less", (uint64_t)1 << 61);
    for (int time = 0; time < 2; time++) {
        joined(&here, sent(&there));
        assert_false(here.change.was_superseded);
        assert_non_null(here.change.told);
        assert_true(here.change.hlc_told >= (uint64_t)1 << 62);
    }
    assert_value(&here, "more");
}

TEST(where_the_last_write_wins_siblings_that_come_together_become_one_value)
{
    write_at(&here, 1, "here");
    write_at(&there, 2, "there");
    joined(&there, repaired(&here));
    assert_int_equal(there.held.count, 2);
    third.replica.is_lww = true;
    joined(&third, repaired(&there));
    assert_int_equal(third.held.count, 1);
    assert_int_equal(third.change.lww_dropped, 1);
}
