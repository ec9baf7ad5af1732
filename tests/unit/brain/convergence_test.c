// Deletes that stay deleted, losses, and roll-backs: three owners of a key.
#include "dkv-store/store_metrics.h"
#include "unit/brain/trio.h"

AROUND_EACH(trio_begin, trio_end)

// ---- Purging -------------------------------------------------------------------------------

TEST(a_deletion_is_purged_once_all_owners_have_known_it_for_long_enough)
{
    struct buf value = {0};
    write_everywhere(A, "value");
    buf_set(&value, buf_bytes(&sent));
    write_everywhere(B, NULL);
    all_rounds();
    pass_ms(AGE_MS - 1000);
    all_rounds();
    assert_false(holds_nothing(A));
    pass_ms(1000);
    for (unsigned i = 0; i < TRIO; i++)
        assert_true(holds_nothing(i));
    assert_int_equal(shard(A)->gone_count, 0);
    assert_int_equal(shard(A)->deleted_root, 0);
    // However late it comes.
    for (unsigned i = 0; i < TRIO; i++) {
        assert_int_equal(merge_into(i, buf_bytes(&value), NULL).status, STATUS_NOT_KEPT);
        assert_int_equal(send_to(i), STATUS_NOT_KEPT);
        assert_true(holds_nothing(i));
        assert_int_equal(store(i)->counts.zombies, 2);
    }
    restart(A); // it is in the log
    assert_int_equal(merge_into(A, buf_bytes(&value), NULL).status, STATUS_NOT_KEPT);
    write_everywhere(A, "new"); // on top of nothing
    assert_false(holds_nothing(C));
    buf_release(&value);
}

// A value that everybody has purged and that this copy shows again, which was lost.
static void put_into_trash(unsigned at)
{
    struct dot dot = write_at(A, "value");
    assert_int_equal(send_to(B), STATUS_OK);
    assert_int_equal(send_to(C), STATUS_OK);
    struct buf value = {0};
    buf_set(&value, buf_bytes(&sent));
    write_everywhere(A, NULL);
    for (unsigned time = 0; time < 3; time++) {
        (void)!pull(A, B), (void)!pull(A, C), (void)!pull(C, A);
        pass_ms(AGE_MS);
    }
    assert_true(holds_nothing(A) && holds_nothing(C));
    // It is put back to a state in which it had the value, and knew nothing of what followed.
    take_away(at);
    seen_release((struct seen *)&shard(at)->seen);
    seen_release((struct seen *)&shard(at)->horizon);
    merge_into(at, buf_bytes(&value), NULL);
    assert_true(holds(at, dot));
    lose(at);
    assert_int_equal(pull(at, A), STATUS_OK);
    assert_true(holds(at, dot)); // not before it is whole
    assert_int_equal(pull(at, C), STATUS_OK);
    assert_false(shard(at)->is_lost);
    assert_true(holds_nothing(at));
    assert_int_equal(store(at)->counts.returned, 1);
    buf_release(&value);
}

static uint64_t trash_of(unsigned at)
{
    return ledger_find(&store(at)->ledger, 0, partition())->live_count;
}

TEST(so_is_a_value_that_has_expired_meanwhile_and_one_that_expires_later_goes_then)
{
    for (ttl_ms = AGE_MS / 2; ttl_ms <= 2 * AGE_MS; ttl_ms *= 4) {
        write_everywhere(A, "value");
        assert_int_equal(pull(A, B), STATUS_OK);
        assert_int_equal(pull(A, C), STATUS_OK);
        pass_ms(200);
        pass_ms(AGE_MS);
        assert_int_equal(holds_nothing(A), ttl_ms < AGE_MS);
    }
    pass_ms(AGE_MS - 200);
    assert_false(holds_nothing(A)); // others may have a clock that is behind
    pass_ms(trio[A].options.clock_refuse_ms);
    assert_true(holds_nothing(A));
}

TEST(the_trash_is_emptied_when_its_time_is_over)
{
    put_into_trash(B);
    assert_int_equal(trash_of(B), 1);
    pass_ms(trio[B].options.trash_ms - 1);
    pass_ms(0); // a pass is made behind those that are due by the clocks above
    assert_int_equal(trash_of(B), 1);
    pass_ms(1);
    assert_int_equal(trash_of(B), 0);
}

TEST(a_value_that_gives_way_to_a_deletion_during_a_round_is_not_adopted_unseen)
{
    struct dot value = write_at(A, "value");
    assert_int_equal(begin(B, A), STATUS_OK);
    write_at(A, NULL); // now both trees of values are alike
    assert_int_equal(finish(B, A), STATUS_BUSY);
    assert_false(seen_has(&shard(B)->seen, value));
    assert_int_equal(send_to(B), STATUS_OK); // the deletion, which covers the value
    assert_int_equal(finish(B, A), STATUS_OK);
    assert_true(seen_has(&shard(B)->seen, value));
    assert_true(clock_covers(&held(B)->clock, value));
    assert_int_equal(store(B)->counts.lost_again, 0);
}

TEST(an_owner_that_is_silent_delays_a_purge)
{
    write_everywhere(A, "value");
    write_everywhere(A, NULL);
    for (unsigned time = 0; time < 5; time++) {
        (void)!pull(A, B);
        (void)!pull(B, A);
        pass_ms(AGE_MS);
    }
    assert_false(holds_nothing(A));
    assert_int_equal(shard(A)->horizon.dots.count, 0);
    (void)!pull(A, C);
    pass_ms(AGE_MS);
    assert_true(holds_nothing(A));
    assert_false(holds_nothing(B));
    assert_int_equal(pull(B, A), STATUS_OK); // told, and not found out
    pass_ms(1);
    assert_true(holds_nothing(B));
}

TEST(what_one_owner_does_not_know_is_above_the_horizon)
{
    struct dot dot = write_at(A, "value");
    assert_int_equal(send_to(B), STATUS_OK);
    for (unsigned time = 0; time < 3; time++) {
        for (unsigned i = 0; i < TRIO; i++)
            assert_int_equal(meet(i, (i + 1) % TRIO, false), STATUS_OK);
        for (unsigned i = 0; i < TRIO; i++)
            assert_int_equal(meet((i + 1) % TRIO, i, false), STATUS_OK);
        pass_ms(AGE_MS);
    }
    assert_false(seen_has(&shard(A)->horizon, dot));
    purge_all();
    assert_true(seen_has(&shard(A)->horizon, dot));
    assert_true(holds(C, dot));
    struct record expected = {0}; // and nothing but values is left in the clocks
    record_copy(&expected, held(C));
    assert_int_equal(expected.clock.count, 1);
    record_release(&expected);
}

// E15, with stores.
TEST(a_value_that_one_owner_never_had_does_not_come_back_from_under_its_deletion)
{
    struct buf value = {0};
    write_at(B, "value");
    buf_set(&value, buf_bytes(&sent));
    assert_int_equal(send_to(A), STATUS_OK);
    struct dot dot = write_at(A, NULL); // covers it
    assert_int_equal(send_to(B), STATUS_OK);
    assert_int_equal(send_to(C), STATUS_OK);
    for (unsigned time = 0; time < 4; time++) {
        for (unsigned i = 0; i < 2 * TRIO; i++)
            assert_int_equal(meet(i % TRIO, (i + 1 + i / TRIO) % TRIO, false), STATUS_OK);
        pass_ms(AGE_MS);
    }
    assert_true(seen_has(&shard(C)->horizon, dot));
    assert_false(holds_nothing(C)); // C never had the value
    merge_into(C, buf_bytes(&value), NULL);
    assert_int_equal(held(C)->count, 1);
    assert_true(held(C)->siblings[0].flags & SIBLING_TOMBSTONE);
    buf_release(&value);
}

// E14: a hint that stands for two dots.
TEST(the_dots_that_a_hint_lists_leave_no_hole)
{
    struct clock first = {0};
    struct dot dot = write_at(A, "value");
    clock_add(&first, (struct interval){dot.actor, dot.counter, dot.counter});
    write_at(A, NULL);
    merge_into(B, buf_bytes(&sent), &first);
    merge_into(C, buf_bytes(&sent), &first);
    assert_int_equal(seen_base(&shard(B)->seen, dot.actor), 2);
    purge_all();
    assert_true(holds_nothing(C));
    clock_release(&first);
}

// ---- Rounds --------------------------------------------------------------------------------

TEST(a_round_brings_what_is_missing_and_adopts_what_was_known)
{
    struct dot dot = write_at(A, "value");
    assert_int_equal(pull(B, A), STATUS_OK);
    assert_true(holds(B, dot));
    assert_int_equal(seen_base(&shard(B)->seen, dot.actor), 1);
    assert_int_equal(store(B)->counts.lost_again, 0);
}

TEST(a_round_adopts_nothing_before_it_ends)
{
    struct dot first = write_at(A, "value");
    write_at(A, "another");
    assert_int_equal(begin(B, A), STATUS_OK);
    take(A);
    apply(B);
    assert_int_equal(seen_base(&shard(B)->seen, first.actor), 0);
    assert_int_equal(finish(B, A), STATUS_OK);
    assert_int_equal(seen_base(&shard(B)->seen, first.actor), 2);
    assert_int_equal(finish(B, A), STATUS_STALE); // once
}

// D3: an owner that restarted may have told of what it lost.
TEST(an_owner_that_restarted_or_lost_something_ends_the_round)
{
    write_at(A, "value");
    assert_int_equal(begin(B, A), STATUS_OK);
    restart(A);
    assert_int_equal(finish(B, A), STATUS_STALE);
    assert_int_equal(begin(B, A), STATUS_OK);
    lose(A);
    assert_int_equal(finish(B, A), STATUS_STALE);
    assert_int_equal(begin(B, A), STATUS_OK);
    lose(B);
    assert_int_equal(finish(B, A), STATUS_STALE);
    assert_int_equal(seen_base(&shard(B)->seen, actor(A)), 0);
}

// A was put back to an older state between its opening and the record that it gave.
TEST(a_record_of_another_life_than_that_of_the_opening_is_not_taken)
{
    struct dot dot = write_at(A, "value");
    assert_int_equal(begin(B, A), STATUS_OK);
    restart(A);
    take(A);
    apply(B);
    assert_false(holds(B, dot));
    assert_int_equal(begin(B, A), STATUS_OK);
    take(A);
    apply(B);
    assert_true(holds(B, dot));
}

// E6
TEST(a_record_that_was_read_before_its_deletion_was_purged_does_not_bring_it_back)
{
    write_everywhere(A, "value");
    assert_int_equal(begin(B, A), STATUS_OK);
    take(A);
    struct buf old = {0};
    buf_set(&old, buf_bytes(&in_hand));
    write_everywhere(A, NULL);
    for (unsigned time = 0; time < 3; time++) { // B is told of everything meanwhile
        for (unsigned i = 0; i < 2 * TRIO; i++)
            assert_int_equal(meet(i % TRIO, (i + 1 + i / TRIO) % TRIO, false), STATUS_OK);
        pass_ms(AGE_MS);
    }
    assert_true(holds_nothing(B));
    buf_set(&in_hand, buf_bytes(&old));
    assert_int_equal(apply(B), RECONCILE_LEFT_OUT);
    assert_true(holds_nothing(B));
    assert_int_equal(finish(B, A), STATUS_CHECK_FAILED);
    buf_release(&old);
}

// ---- Losses --------------------------------------------------------------------------------

TEST(a_lost_copy_answers_no_reads_until_it_has_pulled_from_every_other_owner)
{
    write_everywhere(A, "value");
    take_away(B);
    uint64_t before = actor(B);
    lose(B);
    assert_true(shard(B)->is_lost);
    assert_true(actor(B) > before); // D5
    assert_int_equal(bench_fetch(&trio[B], &shown).status, STATUS_LOST);
    assert_int_equal(pull(B, A), STATUS_OK);
    assert_true(shard(B)->is_lost);
    assert_int_equal(pull(B, A), STATUS_OK);
    assert_true(shard(B)->is_lost);
    assert_int_equal(merge_into(B, buf_bytes(&sent), NULL).flags, MERGED_LOST);
    assert_int_equal(pull(B, C), STATUS_OK);
    assert_false(shard(B)->is_lost);
    assert_int_equal(bench_fetch(&trio[B], &shown).status, STATUS_OK);
    assert_int_equal(store(B)->counts.lost_again, 0);
    restart(B);
    assert_false(shard(B)->is_lost);
}

TEST(a_loss_survives_a_restart_and_begins_all_rounds_anew)
{
    write_everywhere(A, "value");
    lose(B);
    assert_int_equal(pull(B, A), STATUS_OK);
    restart(B);
    assert_true(shard(B)->is_lost);
    assert_int_equal(pull(B, C), STATUS_OK);
    assert_true(shard(B)->is_lost);
    assert_int_equal(pull(B, A), STATUS_OK);
    assert_false(shard(B)->is_lost);
}

// E5: what A knew is known when all it had is here, not before.
TEST(a_lost_copy_adopts_nothing_before_it_is_whole)
{
    struct dot dot = write_at(A, "value");
    struct clock all = {0};
    clock_add(&all, (struct interval){dot.actor, 1, 1});
    lose(B);
    assert_int_equal(begin(B, A), STATUS_OK);
    assert_int_equal(finish(B, A), STATUS_OK); // nothing differed, says who drives the round
    assert_false(seen_has(&shard(B)->seen, dot));
    assert_int_equal(send_to(B), STATUS_OK);
    assert_true(holds(B, dot));
    clock_release(&all);
}

// E10: S := G, so that a hint of what was lost is no zombie.
TEST(a_write_that_only_a_hint_still_holds_is_not_lost_by_a_loss)
{
    struct dot dot = write_at(A, "value"); // acknowledged by A, and by a hint for B
    struct buf hint = {0};
    buf_set(&hint, buf_bytes(&sent));
    take_away(A);
    lose(A);
    for (unsigned time = 0; time < 5; time++)
        purge_all();
    assert_false(shard(A)->is_lost);
    assert_int_equal(merge_into(B, buf_bytes(&hint), NULL).status, STATUS_OK);
    all_rounds();
    for (unsigned i = 0; i < TRIO; i++)
        assert_true(holds(i, dot));
    buf_release(&hint);
}

// E17: B has ended its round with A, which has purged the value.
TEST(a_lost_copy_takes_no_zombie_between_its_rounds)
{
    struct buf late = {0};
    write_everywhere(A, "value");
    buf_set(&late, buf_bytes(&sent));
    write_everywhere(A, NULL);
    for (unsigned time = 0; time < 3; time++) {
        assert_int_equal(meet(A, B, false), STATUS_OK);
        assert_int_equal(meet(A, C, false), STATUS_OK);
        pass_ms(AGE_MS);
    }
    assert_true(holds_nothing(A)); // A alone knows that it may be purged
    take_away(B);
    lose(B);
    assert_int_equal(pull(B, A), STATUS_OK);
    assert_int_equal(begin(B, C), STATUS_OK);
    assert_int_equal(merge_into(B, buf_bytes(&late), NULL).status, STATUS_NOT_KEPT);
    take(C);
    apply(B);
    assert_int_equal(finish(B, C), STATUS_OK);
    purge_all();
    for (unsigned i = 0; i < TRIO; i++)
        assert_true(holds_nothing(i));
    buf_release(&late);
}

// E18: A told that it knows a write, and lost it.
TEST(a_lost_owner_takes_back_what_it_told)
{
    struct dot dot = write_at(C, "value");
    assert_int_equal(send_to(A), STATUS_OK);
    assert_int_equal(send_to(B), STATUS_OK);
    assert_int_equal(meet(B, A, false), STATUS_OK);
    assert_int_equal(meet(B, C, false), STATUS_OK);
    take_away(A);
    lose(A);
    assert_int_equal(meet(B, A, false), STATUS_OK);
    pass_ms(AGE_MS);
    pass_ms(AGE_MS);
    assert_false(seen_has(&shard(B)->horizon, dot));
}

TEST(what_a_lost_copy_had_and_everybody_purged_goes_to_the_trash)
{
    put_into_trash(B);
    const struct ledger_shard *trash = ledger_find(&store(B)->ledger, 0, partition());
    assert_int_equal(trash->live_count, 1);
    struct metrics metrics;
    store_metrics(store(B), trio[B].now, &metrics);
    assert_int_equal(metrics.values[METRIC_KEYS], 0);
    pass_ms(AGE_MS); // of the trash, too
    pass_ms(AGE_MS);
    for (unsigned i = 0; i < 40; i++)
        pass_ms(200);
    assert_int_equal(trash->live_count, 0);
    assert_int_equal(trash->live_root, 0);
}

TEST(somebody_may_accept_a_loss)
{
    lose(B);
    assert_int_equal(
        convergence_accept_loss(store(B), RING_DEFAULT_KEYSPACE, partition(), trio[B].now),
        STATUS_OK);
    assert_false(shard(B)->is_lost);
}
