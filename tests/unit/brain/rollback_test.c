// Stores that were wiped or put back to an older state, and starts that have ended: three owners of
// a key.
#include "unit/brain/trio.h"
#include "wire/hello.h"

enum { YOUNG_MS = 10 * 1000 }; // for which a store takes another start for its own past

AROUND_EACH(trio_begin, trio_end)

// ---- Roll-backs ----------------------------------------------------------------------------

// Sees what rule the store was told by.
static void assert_lost_everything(unsigned at)
{
    assert_true(shard(at)->is_lost);
    uint32_t owned = 0;
    for (uint32_t i = 0; i < trio[at].ring.partition_count; i++) {
        uint16_t owners[RING_OWNERS_MAX];
        uint32_t count = ring_owners(&trio[at].ring, i, &trio[at].ring.keyspaces[0], owners);
        for (uint32_t owner = 0; owner < count; owner++)
            owned += owners[owner] == store(at)->node_index;
    }
    assert_int_equal(ledger_lost_count(&store(at)->ledger), owned);
}

TEST(a_store_that_was_wiped_is_told_so_by_the_first_that_had_heard_of_it)
{
    write_everywhere(A, "value");
    assert_int_equal(pull(B, A), STATUS_OK);
    wipe(A);
    assert_null(shard(A));
    assert_int_equal(meet(A, B, true), STATUS_STALE);
    assert_lost_everything(A);
    assert_int_equal(store(A)->counts.losses, 1);
    assert_int_equal(pull(A, B), STATUS_OK); // is told the same, which is known
    assert_int_equal(pull(A, C), STATUS_OK);
    assert_false(shard(A)->is_lost);
    assert_int_equal(store(A)->counts.losses, 1);
    assert_false(holds_nothing(A));
}

// E8: a copy that was taken while the process ran. Its last start is known, its end is not.
TEST(a_copy_of_the_same_life_that_was_put_back_is_found_out)
{
    write_everywhere(A, "value");
    assert_int_equal(pull(B, A), STATUS_OK);
    struct opening opening = opening_of(B, A);
    restart(A);
    assert_int_equal(
        convergence_meet(store(A), RING_DEFAULT_KEYSPACE, partition(), &opening, true, trio[A].now),
        STATUS_OK);
    opening.heard_position += 5; // of which the log has nothing
    assert_int_equal(
        convergence_meet(store(A), RING_DEFAULT_KEYSPACE, partition(), &opening, true, trio[A].now),
        STATUS_STALE);
    assert_lost_everything(A);
}

TEST(a_copy_that_does_not_reach_a_horizon_was_put_back)
{
    write_everywhere(A, "value");
    purge_all();
    assert_true(shard(A)->horizon.dots.count);
    seen_release((struct seen *)&shard(B)->seen);
    assert_int_equal(meet(B, A, true), STATUS_STALE);
    assert_true(shard(B)->is_lost);
    assert_int_equal(store(B)->counts.losses, 1);
}

TEST(the_older_of_two_processes_with_one_identity_stops)
{
    pass_ms(YOUNG_MS);
    struct opening opening = opening_of(B, A);
    opening.heard_start = actor_parse(actor(A)).start + 5;
    opening.heard_position = 3;
    assert_int_equal(
        convergence_meet(store(A), RING_DEFAULT_KEYSPACE, partition(), &opening, true, trio[A].now),
        STATUS_REFUSED);
    assert_non_null(strstr(store(A)->twin.text, "younger"));
    bench_sync_log(&trio[A]);
    uint32_t start = opening.heard_start;
    restart(A);
    assert_true(actor_parse(actor(A)).start > start); // it takes the place of the other one ...
    opening = opening_of(B, A);
    opening.heard_start = start;
    opening.heard_position = 3;
    assert_int_equal(
        convergence_meet(store(A), RING_DEFAULT_KEYSPACE, partition(), &opening, true, trio[A].now),
        STATUS_STALE); // ... and lacks what that one did
    assert_lost_everything(A);
}

TEST(a_store_that_has_just_begun_with_a_clock_behind_takes_a_later_start_for_its_own)
{
    write_everywhere(A, "value");
    pass_ms(YOUNG_MS);
    restart(A);
    struct opening opening = opening_of(B, A);
    opening.heard_start = actor_parse(actor(A)).start + 5;
    opening.heard_position = 3;
    assert_int_equal(
        convergence_meet(store(A), RING_DEFAULT_KEYSPACE, partition(), &opening, true, trio[A].now),
        STATUS_STALE);
    assert_lost_everything(A);
    assert_false(store(A)->twin.text[0]);
    assert_true(actor_parse(actor(A)).start > opening.heard_start);
    assert_int_equal(
        convergence_meet(store(A), RING_DEFAULT_KEYSPACE, partition(), &opening, true, trio[A].now),
        STATUS_OK); // it knows that now
    assert_int_equal(store(A)->counts.losses, 1);
}

static struct op_pong pong_to(unsigned at, uint64_t node)
{
    struct buf body = {0};
    struct op_pong pong;
    trio[at].teller = node;
    op_encode_ping(&(struct op_ping){.id = 1}, &body);
    bench_tell(&trio[at], MESSAGE_PING, trio[at].ring.epoch, 0, &body);
    struct reader reader = bench_said(&trio[at], 0, MESSAGE_PONG);
    assert_int_equal(op_decode_pong(&pong, &reader), STATUS_OK);
    return pong;
}

TEST(a_pong_tells_what_was_heard_of_the_node_that_asked)
{
    assert_int_equal(pong_to(B, 1).store_start, 0);
    assert_int_equal(meet(B, A, false), STATUS_OK);
    assert_int_equal(pong_to(B, 1).store_start, actor_parse(actor(A)).start);
    assert_int_equal(pong_to(B, 1).hintd_start, 0);
    assert_int_equal(pong_to(B, 3).store_start, 0);
    assert_int_equal(pong_to(B, 0).store_start, 0);
    struct buf body = {0};
    struct actor hintd = {.node = 1, .kind = ACTOR_HINTD, .start = 77};
    op_encode_hello(&(struct op_hello){.node = 1, .actor = actor_make(hintd)}, &body);
    bench_tell(&trio[B], MESSAGE_HELLO, trio[B].ring.epoch, 0, &body);
    assert_int_equal(pong_to(B, 1).hintd_start, 77);
}

TEST(a_store_that_has_a_younger_twin_says_so_and_nothing_else)
{
    pass_ms(YOUNG_MS);
    struct opening opening = opening_of(B, A);
    opening.heard_start = actor_parse(actor(A)).start + 5;
    opening.heard_position = 3;
    assert_int_equal(
        convergence_meet(store(A), RING_DEFAULT_KEYSPACE, partition(), &opening, true, trio[A].now),
        STATUS_REFUSED);
    struct buf body = {0};
    struct op_update update = bench_update_of(&trio[A], 1, "value");
    uint64_t end = lsm_written(store(A)->lsm);
    op_encode_update(&update, &body);
    bench_tell(&trio[A], MESSAGE_UPDATE, trio[A].ring.epoch, 0, &body);
    op_encode_ping(&(struct op_ping){.id = 1}, &body);
    bench_tell_more(&trio[A], MESSAGE_PING, trio[A].ring.epoch, 0, &body);
    assert_int_equal(trio[A].outbox.count, 0);
    assert_int_equal(lsm_written(store(A)->lsm), end);
    op_encode_hello(&(struct op_hello){0}, &body);
    bench_tell(&trio[A], MESSAGE_HELLO, trio[A].ring.epoch, 0, &body);
    struct op_welcome welcome;
    struct reader reader = bench_said(&trio[A], 0, MESSAGE_WELCOME);
    assert_int_equal(op_decode_welcome(&welcome, &reader), STATUS_OK);
    assert_int_equal(welcome.capabilities, CAPABILITY_TWIN);
}

// ---- Ends of starts ------------------------------------------------------------------------

// Finds what has ended of the store of A.
static bool next_ending(unsigned at, struct convergence_ending *ending)
{
    size_t position = 0;
    bool is_found;
    do
        is_found = convergence_next_ending(store(at), RING_DEFAULT_KEYSPACE, partition(),
                                           trio[at].now, &position, ending);
    while (is_found && ending->process != actor_process(actor(A)));
    return is_found;
}

static enum status close_at(unsigned at, const struct convergence_ending *ending)
{
    return convergence_close(store(at), RING_DEFAULT_KEYSPACE, partition(), ending, trio[at].now);
}

// D2: the first dot of A was never sent, and went with its disk.
TEST(a_hole_that_nobody_can_fill_is_closed_some_time_after_the_next_start)
{
    struct convergence_ending ending;
    uint64_t old = actor(A);
    write_at(A, "not sent");
    write_everywhere(A, NULL);
    assert_int_equal(meet(B, A, false), STATUS_OK);
    wipe(A);
    purge_all();
    assert_false(shard(A)->is_lost);
    assert_false(holds_nothing(B));
    assert_true(next_ending(B, &ending));
    assert_int_equal(ending.process, actor_process(old));
    assert_int_equal(ending.start, actor_parse(actor(A)).start - 1);
    for (unsigned i = 0; i < TRIO; i++)
        assert_int_equal(close_at(i, &ending), STATUS_OK);
    purge_all();
    for (unsigned i = 0; i < TRIO; i++) {
        assert_true(holds_nothing(i));
        assert_int_equal(seen_closed(&shard(i)->horizon, actor_process(old)), ending.start);
    }
}

TEST(starts_of_a_hintd_end_when_it_says_hello_with_a_later_one)
{
    struct convergence_ending ending;
    uint64_t hintd = actor_make((struct actor){.node = 2, .kind = ACTOR_HINTD, .start = 70});
    struct op_hello hello = {.version_max = 255, .node = 2, .actor = hintd};
    struct buf body = {0};
    write_everywhere(A, "value");
    op_encode_hello(&hello, &body);
    bench_tell(&trio[A], MESSAGE_HELLO, trio[A].ring.epoch, 0, &body);
    pass_ms(AGE_MS);
    size_t position = 0;
    bool is_found;
    do
        is_found = convergence_next_ending(store(A), RING_DEFAULT_KEYSPACE, partition(),
                                           trio[A].now, &position, &ending);
    while (is_found && ending.process != actor_process(hintd));
    assert_true(is_found);
    assert_int_equal(ending.start, 69);
}

TEST(a_start_is_not_closed_too_early_nor_by_a_lost_copy)
{
    struct convergence_ending ending = {actor_process(actor(A)), 1};
    write_everywhere(A, "value");
    restart(A);
    all_rounds();
    ending.start = actor_parse(actor(A)).start - 1;
    pass_ms(AGE_MS - 1);
    assert_int_equal(close_at(B, &ending), STATUS_REFUSED);
    assert_false(next_ending(B, &ending));
    pass_ms(1);
    assert_true(next_ending(B, &ending));
    ending.start++;
    assert_int_equal(close_at(B, &ending), STATUS_REFUSED); // the present one
    ending.start--;
    lose(B);
    assert_int_equal(close_at(B, &ending), STATUS_REFUSED);
    assert_int_equal(close_at(C, &ending), STATUS_OK);
    assert_int_equal(close_at(C, &ending), STATUS_OK);
}
