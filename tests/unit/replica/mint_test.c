// A write gets its dot, on top of the record that is held.
#include "unit/replica/process.h"

static struct process here, there;
static struct clock context;
static struct buf encoded;

static int make(void **state)
{
    (void)state;
    process_init(&here, 1);
    process_init(&there, 7);
    return 0;
}

static int drop(void **state)
{
    (void)state;
    process_release(&here);
    process_release(&there);
    clock_release(&context);
    buf_release(&encoded);
    return 0;
}

AROUND_EACH(make, drop)

// The context covers this dot, too.
static void cover(struct dot dot)
{
    clock_add(&context, (struct interval){dot.actor, dot.counter, dot.counter});
}

// ---- Dots and contexts -----------------------------------------------------------------------

TEST(a_write_gets_the_next_dot_of_its_process)
{
    struct mint write = blind(1, "value");
    here.replica.counter = 8;
    struct dot dot = minted(&here, &write);
    assert_true(dot.actor == here.replica.actor && dot.counter == 9);
    assert_int_equal(here.change.counter, 9);
    assert_int_equal(here.change.dot_count, 1);
    assert_true(dot_equal(here.change.dots[0], dot));
    assert_value(&here, "value");
}

TEST(a_blind_write_supersedes_all_that_is_held_and_tells_it)
{
    struct mint first = beside(1, "first"), second = beside(2, "second"), over = blind(3, "over");
    struct dot dot = minted(&here, &first);
    minted(&here, &second);
    assert_int_equal(here.held.count, 2);
    minted(&here, &over);
    assert_value(&here, "over");
    assert_int_equal(here.change.superseded.count, 2);
    assert_true(dot_equal(here.change.superseded.items[0].dot, dot));
    assert_true(request_id_equal(&here.change.superseded.items[0].request, &first.request));
}

TEST(a_write_without_a_context_that_is_not_blind_supersedes_nothing)
{
    struct mint first = blind(1, "first"), second = beside(2, "second");
    minted(&here, &first);
    minted(&here, &second);
    assert_int_equal(here.held.count, 2);
    assert_int_equal(here.change.superseded.count, 0);
}

TEST(a_write_with_a_context_supersedes_what_that_covers)
{
    struct mint first = beside(1, "first"), second = beside(2, "second");
    cover(minted(&here, &first));
    struct dot other = minted(&here, &second);
    struct mint third = above(3, "third", &context, &encoded);
    struct dot dot = minted(&here, &third);
    assert_int_equal(here.held.count, 2);
    assert_non_null(record_find_dot(&here.held, other));
    assert_non_null(record_find_dot(&here.held, dot));
}

TEST(the_record_covers_a_context_whose_writes_never_came)
{
    struct dot elsewhere = {9, 5};
    cover(elsewhere);
    struct mint write = above(1, "value", &context, &encoded);
    minted(&here, &write);
    assert_true(clock_covers(&here.held.clock, elsewhere));
}

TEST(minting_changes_nothing_that_went_in)
{
    struct mint first = blind(1, "first"), second = blind(2, "second");
    minted(&here, &first);
    struct replica before = here.replica;
    assert_int_equal(mint_write(&here.replica, &second, &here.change), STATUS_OK);
    assert_memory_equal(&before, &here.replica, sizeof before);
    assert_value(&here, "first"); // a write that fails leaves it so
}

TEST(a_deletion_is_a_key_that_is_gone)
{
    struct mint first = blind(1, "first"), second = blind(2, "");
    second.is_delete = true;
    minted(&here, &first);
    minted(&here, &second);
    assert_int_equal(here.held.siblings[0].flags, SIBLING_TOMBSTONE);
    assert_true(here.leaves.live_count == 0 && here.leaves.gone_count == 1);
}

TEST(the_expiry_is_made_from_a_duration)
{
    struct mint write = blind(1, "value");
    write.ttl_ms = 5000;
    minted(&here, &write);
    assert_true(here.held.siblings[0].expires_ms == WALL_MS + 5000);
}

TEST(a_process_that_holds_no_records_mints_as_well)
{
    struct record nothing = {0};
    struct replica replica = {.key = KEY, .held = &nothing, .actor = 5, .limits = {99, 99, 99}};
    struct mint write = blind(1, "value");
    assert_int_equal(mint_write(&replica, &write, &here.change), STATUS_OK);
    assert_true(dot_equal(here.change.dot, (struct dot){5, 1}));
    assert_int_equal(here.change.dot_count, 1);
    assert_int_equal(here.change.remember.count, 0);
}

// ---- One request, one write ------------------------------------------------------------------

TEST(a_request_that_comes_again_is_what_it_became_and_nothing_is_written)
{
    struct mint write = blind(1, "value");
    struct dot dot = minted(&here, &write);
    uint64_t hlc = here.change.hlc;
    assert_true(dot_equal(minted(&here, &write), dot));
    assert_true(here.change.is_repeated && change_is_empty(&here.change));
    assert_true(here.change.hlc == hlc);
    assert_int_equal(here.change.superseded.count, 0);
}

TEST(a_request_that_was_superseded_does_not_come_back)
{
    struct mint first = blind(1, "first"), second = blind(2, "second");
    struct dot dot = minted(&here, &first);
    minted(&here, &second);
    assert_true(dot_equal(minted(&here, &first), dot));
    assert_true(change_is_empty(&here.change));
    assert_value(&here, "second");
}

TEST(a_late_write_is_refused_unless_it_is_known)
{
    struct mint write = blind(1, "value");
    write.is_late = true;
    assert_int_equal(process_mint(&here, &write), STATUS_LATE);
    write.is_late = false;
    struct dot dot = minted(&here, &write);
    write.is_late = true; // whatever its age, it is the same write
    assert_true(dot_equal(minted(&here, &write), dot));
}

TEST(a_superseded_request_is_remembered_once)
{
    struct mint first = blind(1, "first"), second = blind(2, "second");
    minted(&here, &first);
    minted(&here, &second);
    assert_int_equal(here.remembered.count, 1);
    cover((struct dot){9, 1});
    struct mint third = above(3, "third", &context, &encoded);
    third.is_blind = true;
    third.seen = bytes_of(first.request.bytes, sizeof first.request.bytes);
    minted(&here, &third);
    assert_int_equal(here.remembered.count, 2); // and the second
}

// ---- Stamps ----------------------------------------------------------------------------------

TEST(a_stamp_is_above_all_that_the_write_supersedes)
{
    struct mint first = blind(1, "first"), second = blind(2, "second");
    first.hlc_floor = (uint64_t)1 << 61; // of what its context covers
    minted(&here, &first);
    assert_true(here.change.hlc >= first.hlc_floor);
    uint64_t held = here.change.hlc;
    minted(&here, &second);
    assert_true(here.change.hlc > held);
}

TEST(a_stamp_from_far_ahead_moves_its_own_key_alone)
{
    uint64_t limit = (WALL_MS + here.replica.limits.clock_refuse_ms) << 16 | 0xffff;
    struct mint write = blind(1, "value");
    write.hlc_floor = (uint64_t)1 << 61;
    minted(&here, &write);
    assert_true(here.change.hlc_last == limit);
}

TEST(the_last_stamp_is_never_given_out_again)
{
    struct mint first = beside(1, "first"), second = beside(2, "second");
    here.replica.hlc_last = (WALL_MS + 3) << 16; // the clock was put back
    minted(&here, &first);
    uint64_t hlc = here.change.hlc;
    assert_true(hlc == ((WALL_MS + 3) << 16) + 1);
    minted(&here, &second);
    assert_true(here.change.hlc > hlc);
}

// ---- Refusals --------------------------------------------------------------------------------

TEST(a_value_and_a_record_have_a_size_that_they_may_have)
{
    static char value[1001];
    struct mint write = blind(1, "");
    write.value = bytes_of(value, sizeof value);
    assert_int_equal(process_mint(&here, &write), STATUS_TOO_LARGE);
    write.value.size--;
    minted(&here, &write);
    here.replica.limits.record_size_max = 1900;
    struct mint second = beside(2, "");
    second.value = write.value;
    assert_int_equal(process_mint(&here, &second), STATUS_TOO_LARGE);
    second.is_blind = true;
    minted(&here, &second);
}

TEST(a_key_takes_no_more_siblings_than_the_limit)
{
    for (uint8_t i = 1; i <= RECORD_SIBLINGS_MAX; i++) {
        struct mint write = beside(i, "v");
        minted(&here, &write);
    }
    struct mint more = beside(RECORD_SIBLINGS_MAX + 1, "v");
    assert_int_equal(process_mint(&here, &more), STATUS_SIBLING_CAP);
    assert_int_equal(here.held.count, RECORD_SIBLINGS_MAX);
    more.is_blind = true;
    minted(&here, &more);
}

TEST(a_context_that_is_no_clock_is_refused)
{
    cover((struct dot){9, 1});
    struct mint write = above(1, "value", &context, &encoded);
    write.context.size--;
    assert_int_equal(process_mint(&here, &write), STATUS_INVALID);
    buf_append_u8(&encoded, 0);
    write.context = buf_bytes(&encoded);
    assert_int_equal(process_mint(&here, &write), STATUS_INVALID);
    assert_int_equal(here.change.forged, 0);
}

TEST(a_context_that_names_dots_which_this_process_has_not_given_out_is_forged)
{
    struct mint first = blind(1, "first");
    minted(&here, &first);
    clock_add(&context, (struct interval){here.replica.actor, 1, 2});
    struct mint forged = above(2, "forged", &context, &encoded);
    assert_int_equal(process_mint(&here, &forged), STATUS_INVALID);
    assert_int_equal(here.change.forged, 2);
    assert_value(&here, "first");
}

// ---- Second dots -----------------------------------------------------------------------------

// The request gets a second dot, whose context covers what `context` does.
static struct mint again(uint8_t number, const char *value)
{
    struct mint mint = above(number, value, &context, &encoded);
    mint.is_blind = true;
    mint.is_again = true;
    return mint;
}

TEST(a_second_dot_covers_what_its_context_says_and_is_minted_once)
{
    struct mint mine = blind(1, "mine"), foreign = blind(2, "foreign");
    struct dot first = minted(&here, &mine);
    struct dot met = minted(&there, &foreign);
    struct join join = repaired(&there);
    assert_int_equal(process_join(&here, &join), STATUS_OK);
    assert_int_equal(here.held.count, 2);
    cover(first);
    cover(met);
    struct mint second = again(1, "mine");
    second.is_blind = false;
    struct dot dot = minted(&here, &second);
    assert_false(dot_equal(dot, first));
    assert_value(&here, "mine");
    assert_true(dot_equal(minted(&here, &second), dot)); // it came twice
    assert_true(change_is_empty(&here.change));
}

TEST(a_second_dot_leaves_what_was_written_at_the_same_time)
{
    struct mint mine = blind(1, "mine"), other = blind(2, "other");
    struct dot first = minted(&here, &mine);
    minted(&there, &other);
    struct join join = repaired(&there);
    assert_int_equal(process_join(&here, &join), STATUS_OK);
    cover(first);
    struct mint second = again(1, "mine");
    second.is_blind = false;
    minted(&here, &second);
    assert_int_equal(here.held.count, 2);
}

TEST(there_is_no_second_dot_where_the_first_one_is_superseded)
{
    struct mint mine = blind(1, "mine"), later = blind(2, "later");
    cover(minted(&here, &mine));
    minted(&here, &later);
    struct mint second = again(1, "mine");
    minted(&here, &second);
    assert_true(change_is_empty(&here.change));
    assert_value(&here, "later");
}

// Where the last write wins, `mine` lost to what another process had written.
static struct dot lose(struct mint *mine)
{
    struct mint winner = blind(2, "winner");
    here.replica.is_lww = there.replica.is_lww = true;
    winner.hlc_floor = (WALL_MS + 1000) << 16;
    minted(&here, mine);
    struct dot dot = minted(&there, &winner);
    struct join join = repaired(&there);
    assert_int_equal(process_join(&here, &join), STATUS_OK);
    assert_value(&here, "winner");
    return dot;
}

TEST(where_the_last_write_wins_one_that_lost_is_known_and_its_second_dot_wins)
{
    struct mint mine = blind(1, "mine");
    cover(lose(&mine));
    assert_int_equal(fate_of(&here, 1), FATE_BEATEN);
    struct mint second = again(1, "mine");
    minted(&here, &second);
    assert_false(here.change.is_repeated);
    assert_value(&here, "mine");
}

TEST(where_the_last_write_wins_a_fresh_first_dot_is_followed_though_nobody_remembers_it)
{
    struct mint mine = blind(1, "mine");
    cover(lose(&mine));
    here.remembered.items[0].dot = (struct dot){9, 9}; // superseded, as far as is known
    struct mint second = again(1, "mine");
    minted(&here, &second);
    assert_value(&here, "winner");
    second.is_fresh = true;
    minted(&here, &second);
    assert_value(&here, "mine");
}

TEST(where_the_last_write_wins_a_second_dot_must_cover_the_winner)
{
    struct mint mine = blind(1, "mine");
    lose(&mine);
    cover((struct dot){9, 1});
    struct mint second = again(1, "mine");
    minted(&here, &second);
    assert_true(here.change.is_repeated);
    assert_value(&here, "winner");
}

TEST(where_the_last_write_wins_one_value_is_kept)
{
    struct mint first = beside(1, "first"), second = beside(2, "second");
    here.replica.is_lww = true;
    minted(&here, &first);
    minted(&here, &second);
    assert_value(&here, "second");
    assert_int_equal(here.change.lww_dropped, 1);
    assert_int_equal(fate_of(&here, 1), FATE_BEATEN);
}

// ---- Two tries of one request ----------------------------------------------------------------

TEST(a_context_that_has_seen_one_try_of_a_write_covers_another_one_here)
{
    struct mint twin = blind(3, "twin");
    minted(&here, &twin);
    cover((struct dot){9, 1}); // what it has seen was made elsewhere
    struct mint next = above(4, "next", &context, &encoded);
    next.seen = bytes_of(twin.request.bytes, sizeof twin.request.bytes);
    minted(&here, &next);
    assert_value(&here, "next");
    assert_int_equal(fate_of(&here, 3), FATE_SUPERSEDED);
}

TEST(a_second_dot_covers_every_try_of_its_own_request)
{
    struct mint mine = blind(3, "mine"), twin = blind(3, "mine");
    struct dot first = minted(&here, &mine);
    minted(&there, &twin);
    struct join join = repaired(&there);
    assert_int_equal(process_join(&here, &join), STATUS_OK);
    assert_int_equal(here.held.count, 2);
    cover(first);
    struct mint second = again(3, "mine");
    second.is_blind = false;
    minted(&here, &second);
    assert_value(&here, "mine");
}

TEST(a_request_that_a_context_has_seen_is_superseded_where_it_never_came)
{
    struct mint seen = blind(3, "seen");
    cover((struct dot){9, 1});
    struct mint next = above(4, "next", &context, &encoded);
    next.seen = bytes_of(seen.request.bytes, sizeof seen.request.bytes);
    minted(&here, &next);
    assert_int_equal(here.change.superseded.count, 1); // and owners that have it are told
    assert_true(request_id_equal(&here.change.superseded.items[0].request, &seen.request));
    assert_int_equal(here.change.superseded.items[0].dot.counter, 0);
    assert_int_equal(fate_of(&here, 3), FATE_SUPERSEDED);
}

// ---- Conditional writes ----------------------------------------------------------------------

TEST(a_write_if_absent_wants_no_value_and_takes_a_deletion_for_none)
{
    struct mint first = blind(1, "first"), second = blind(2, "second"), third = blind(3, "third");
    first.is_conditional = second.is_conditional = third.is_conditional = true;
    minted(&here, &first);
    assert_int_equal(process_mint(&here, &second), STATUS_PRECONDITION);
    assert_value(&here, "first");
    struct mint deletion = blind(4, "");
    deletion.is_delete = true;
    minted(&here, &deletion);
    minted(&here, &third);
    assert_value(&here, "third");
}

TEST(a_write_if_absent_takes_an_expired_value_for_none)
{
    struct mint first = blind(1, "first"), second = blind(2, "second");
    second.is_conditional = true;
    first.ttl_ms = 1000;
    minted(&here, &first);
    assert_int_equal(process_mint(&here, &second), STATUS_PRECONDITION);
    here.replica.wall_ms += 1000;
    minted(&here, &second);
    assert_value(&here, "second");
}

TEST(a_conditional_write_wants_the_key_as_its_context_saw_it)
{
    struct mint first = blind(1, "first"), second = blind(2, "second");
    cover(minted(&here, &first));
    struct mint third = above(3, "third", &context, &encoded);
    third.is_conditional = true;
    minted(&here, &third);
    assert_value(&here, "third");
    struct mint fourth = above(4, "fourth", &context, &encoded);
    fourth.is_conditional = true;
    assert_int_equal(process_mint(&here, &fourth), STATUS_PRECONDITION); // `third` came since
    assert_value(&here, "third");
    minted(&here, &second);
    cover(here.change.dot);
    struct mint deletion = blind(5, "");
    deletion.is_delete = true;
    minted(&here, &deletion);
    struct mint last = above(6, "last", &context, &encoded);
    last.is_conditional = true;
    assert_int_equal(process_mint(&here, &last), STATUS_PRECONDITION); // it was deleted since
}

TEST(no_context_is_of_a_key_of_which_nothing_is_held)
{
    cover((struct dot){9, 1});
    struct mint write = above(1, "value", &context, &encoded);
    write.is_conditional = true;
    assert_int_equal(process_mint(&here, &write), STATUS_PRECONDITION);
}

TEST(a_conditional_write_that_comes_again_was_applied)
{
    struct mint first = blind(1, "first"), second = blind(2, "second");
    first.is_conditional = true;
    minted(&here, &first);
    minted(&here, &first);
    assert_true(here.change.is_repeated);
    minted(&here, &second);
    minted(&here, &first); // also if it was superseded
    assert_true(here.change.is_repeated);
    assert_value(&here, "second");
}
