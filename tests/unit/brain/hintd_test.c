// What a hintd takes in, and what it says of it.
#include "unit/brain/hintd_bench.h"

TEST(hinted_waits_for_the_log)
{
    struct bench bench;
    struct record record = bench_record(7, 1, "value");
    bench_init(&bench);
    assert_int_equal(bench_hint(&bench, 1, &record), STATUS_OK);
    assert_true(bench_find(&bench, ROUTER, MESSAGE_HINTED)->gate > lsm_durable(bench.hintd.lsm));
    bench_sync_log(&bench);
    assert_true(bench_find(&bench, ROUTER, MESSAGE_HINTED)->gate <= lsm_durable(bench.hintd.lsm));
    record_release(&record);
    bench_release(&bench);
}

TEST(a_hint_that_is_there_already_waits_for_the_log_too)
{
    struct bench bench;
    struct record record = bench_record(7, 1, "value");
    bench_init(&bench);
    bench_hint(&bench, 1, &record);
    uint64_t written = lsm_written(bench.hintd.lsm);
    assert_int_equal(bench_hint(&bench, 1, &record), STATUS_OK);
    assert_int_equal(lsm_written(bench.hintd.lsm), written);
    assert_true(bench_find(&bench, ROUTER, MESSAGE_HINTED)->gate > lsm_durable(bench.hintd.lsm));
    assert_int_equal(bench_waiting(&bench, 1), 1);
    record_release(&record);
    bench_release(&bench);
}

TEST(what_was_hinted_is_there_after_a_loss_of_power)
{
    struct bench bench;
    struct record record = bench_record(7, 1, "value"), found = {0};
    bench_init(&bench);
    bench_hint(&bench, 1, &record);
    bench_sync_log(&bench);
    bench_lose_power(&bench);
    assert_int_equal(bench_waiting(&bench, 1), 1);
    assert_int_equal(bench_fetch(&bench, &found).status, STATUS_OK);
    assert_true(record_same_versions(&found, &record));
    bench_check_tally(&bench);
    record_release(&record);
    record_release(&found);
    bench_release(&bench);
}

TEST(a_second_hint_is_joined_into_the_first_and_lists_what_it_no_longer_shows)
{
    struct bench bench;
    struct record first = bench_record(7, 1, "old"), second = {0};
    bench_init(&bench);
    bench_hint(&bench, 1, &first);
    record_copy(&second, &first);
    bench_write(&second, 8, 5, &first.clock, "new");
    assert_int_equal(bench_hint(&bench, 1, &second), STATUS_OK);
    assert_int_equal(bench_waiting(&bench, 1), 1);
    bench_welcome(&bench, 1);
    struct op_merge merge = bench_merge(&bench, 1);
    struct clock dots = {0};
    struct reader reader = reader_of(merge.dots);
    assert_int_equal(clock_decode(&dots, &reader), STATUS_OK);
    assert_true(clock_covers(&dots, (struct dot){7, 1}));
    assert_false(clock_covers(&dots, (struct dot){8, 5}));
    struct record sent = {0};
    assert_int_equal(record_decode(&sent, merge.key, merge.record), STATUS_OK);
    assert_true(record_same_versions(&sent, &second));
    bench_check_tally(&bench);
    clock_release(&dots);
    record_release(&sent);
    record_release(&first);
    record_release(&second);
    bench_release(&bench);
}

TEST(the_request_of_a_write_that_a_joined_hint_superseded_goes_to_the_target)
{
    struct bench bench;
    struct record first = bench_record(7, 1, "old"), second = {0};
    bench_init(&bench);
    bench_hint(&bench, 1, &first);
    record_copy(&second, &first);
    bench_write(&second, 8, 5, &first.clock, "new");
    bench_hint(&bench, 1, &second);
    bench_welcome(&bench, 1);
    struct reader list = reader_of(bench_merge(&bench, 1).requests);
    struct superseded one;
    assert_true(superseded_next(&list, &one));
    assert_true(dot_equal(one.dot, (struct dot){7, 1}));
    assert_int_equal(one.request.bytes[0], 1);
    assert_false(superseded_next(&list, &one));
    record_release(&first);
    record_release(&second);
    bench_release(&bench);
}

// Nobody superseded the second write in the hint for node 2, where a greater one is.
TEST(what_was_superseded_in_a_hint_for_one_owner_was_not_in_that_for_another)
{
    struct bench bench;
    struct record second = bench_record(7, 2, "second"), third = {0}, apart = {0}, sent = {0};
    bench_init(&bench);
    record_copy(&third, &second);
    bench_write(&third, 8, 3, &second.clock, "third");
    bench_hint(&bench, 1, &second);
    bench_hint(&bench, 1, &third);
    bench_write(&apart, 9, 4, NULL, "apart");
    bench_hint(&bench, 2, &apart);
    bench_hint(&bench, 2, &second);
    bench_welcome(&bench, 2);
    struct op_merge merge = bench_merge(&bench, 2);
    assert_int_equal(record_decode(&sent, merge.key, merge.record), STATUS_OK);
    assert_non_null(record_find_dot(&sent, (struct dot){7, 2}));
    assert_non_null(record_find_dot(&sent, (struct dot){9, 4}));
    record_release(&second);
    record_release(&third);
    record_release(&apart);
    record_release(&sent);
    bench_release(&bench);
}

TEST(dots_that_come_with_a_hint_go_on_with_it)
{
    struct bench bench;
    struct record record = bench_record(7, 3, "value");
    struct clock listed = {0}, dots = {0};
    struct buf encoded = {0};
    bench_init(&bench);
    clock_add(&listed, (struct interval){9, 4, 4});
    clock_encode(&listed, &encoded);
    bench_hint_of(&bench, (struct op_hint){.target = 1, .dots = buf_bytes(&encoded)}, &record);
    bench_welcome(&bench, 1);
    struct reader reader = reader_of(bench_merge(&bench, 1).dots);
    assert_int_equal(clock_decode(&dots, &reader), STATUS_OK);
    assert_true(clock_equal(&dots, &listed));
    clock_release(&listed);
    clock_release(&dots);
    buf_release(&encoded);
    record_release(&record);
    bench_release(&bench);
}

TEST(hints_for_different_owners_stay_apart_and_a_fetch_joins_them)
{
    struct bench bench;
    struct record one = bench_record(7, 1, "one"), two = bench_record(8, 1, "two"), both = {0};
    bench_init(&bench);
    bench_hint(&bench, 1, &one);
    bench_hint(&bench, 2, &two);
    assert_int_equal(bench_waiting(&bench, 1), 1);
    assert_int_equal(bench_waiting(&bench, 2), 1);
    assert_int_equal(bench_fetch(&bench, &both).status, STATUS_OK);
    assert_int_equal(both.count, 2);
    bench_choose_key(&bench);
    assert_int_equal(bench_fetch(&bench, &both).status, STATUS_NOT_FOUND);
    bench_check_tally(&bench);
    record_release(&one);
    record_release(&two);
    record_release(&both);
    bench_release(&bench);
}

TEST(a_hint_for_no_node_of_the_ring_is_refused_but_not_for_good_if_the_router_has_another_ring)
{
    struct bench bench;
    struct record record = bench_record(7, 1, "value");
    bench_init(&bench);
    assert_int_equal(bench_hint(&bench, 99, &record), STATUS_INVALID);
    bench.other_ring = 1;
    assert_int_equal(bench_hint(&bench, 99, &record), STATUS_STALE);
    assert_int_equal(bench_hint(&bench, 1, &record), STATUS_OK);
    bench_release(&bench);
    record_release(&record);
}

TEST(a_hint_is_refused_while_its_shard_has_other_owners_by_a_ring_that_only_its_router_has)
{
    struct bench bench;
    struct record record = bench_record(7, 1, "value");
    bench_init(&bench);
    bench.epochs_ahead = 1;
    bench.since = bench.ring.epoch + 1;
    assert_int_equal(bench_hint(&bench, 1, &record), STATUS_STALE);
    bench.since = bench.ring.epoch; // another one moved
    assert_int_equal(bench_hint(&bench, 1, &record), STATUS_OK);
    bench_release(&bench);
    record_release(&record);
}

TEST(a_keyspace_that_is_not_known_is_stale_if_the_router_has_another_ring)
{
    struct bench bench;
    struct buf body = {0};
    struct op_fetched fetched;
    bench_init(&bench);
    for (unsigned i = 0; i < 2; i++) {
        bench.other_ring = i;
        op_encode_fetch(&(struct op_fetch){.keyspace = 9, .key = bytes_of_text("key")}, &body);
        bench_tell(&bench, MESSAGE_FETCH, &body);
        struct reader reader = bench_said(&bench, ROUTER, MESSAGE_FETCHED);
        assert_int_equal(op_decode_fetched(&fetched, &reader), STATUS_OK);
        assert_int_equal(fetched.status, i ? STATUS_STALE : STATUS_INVALID);
    }
    bench_release(&bench);
}

TEST(a_ring_document_of_its_own_router_counts_at_once)
{
    struct bench bench;
    struct buf body = {0};
    struct op_ring_taken taken;
    bench_init(&bench);
    struct ring_snapshot *next = next_document(&bench.ring);
    op_encode_ring(&(struct op_ring){.document = buf_bytes(&next->text)}, &body);
    bench_tell(&bench, MESSAGE_RING, &body);
    struct reader reader = bench_said(&bench, ROUTER, MESSAGE_RING_TAKEN);
    assert_int_equal(op_decode_ring_taken(&taken, &reader), STATUS_OK);
    assert_int_equal(taken.status, STATUS_OK);
    assert_int_equal(bench.hintd.ring->epoch, next->ring.epoch);
    assert_int_equal(bench.hintd.peers.terms.epoch, next->ring.epoch);
    ring_snapshot_drop(next);
    bench_release(&bench);
}

// A store says with PONG what start of our hintd it has heard of.
static void hear_of_self(struct bench *bench, uint32_t start)
{
    struct buf body = {0};
    op_encode_pong(&(struct op_pong){.hintd_start = start}, &body);
    bench_tell_from(bench, bench_link(bench, 1), MESSAGE_PONG, &body);
}

TEST(one_that_has_just_begun_goes_on_with_a_later_start)
{
    struct bench bench;
    bench_init(&bench);
    uint32_t own = actor_parse(bench.hintd.tally.actor).start;
    bench_welcome(&bench, 1);
    hear_of_self(&bench, own + 1000);
    assert_true(actor_parse(bench.hintd.tally.actor).start > own + 1000);
    assert_int_equal(bench_hint_new(&bench, 2, 1), STATUS_OK);
    bench_sync_log(&bench);
    own = actor_parse(bench.hintd.tally.actor).start;
    bench_lose_power(&bench);
    assert_true(actor_parse(bench.hintd.tally.actor).start > own);
    bench_release(&bench);
}

TEST(one_that_has_a_younger_twin_delivers_what_it_has_and_takes_nothing_more)
{
    struct bench bench;
    struct buf body = {0};
    bench_init(&bench);
    uint32_t own = actor_parse(bench.hintd.tally.actor).start;
    hear_of_self(&bench, own);
    assert_int_equal(bench_hint_new(&bench, 1, 1), STATUS_OK);
    bench_welcome(&bench, 2);
    bench.now.mono_ms += 10 * 1000;
    hear_of_self(&bench, own + 1000);
    struct record record = bench_record(9, 2, "value");
    struct buf encoded = {0};
    record_encode(&record, bytes_of_text(bench.key), &encoded);
    struct op_hint op = {.id = 1,
                         .target = 1,
                         .keyspace = RING_DEFAULT_KEYSPACE,
                         .key = bytes_of_text(bench.key),
                         .record = buf_bytes(&encoded)};
    op_encode_hint(&op, &body);
    bench_tell(&bench, MESSAGE_HINT, &body);
    assert_int_equal(bench.outbox.count, 0);
    op_encode_hello(&(struct op_hello){0}, &body);
    bench_tell(&bench, MESSAGE_HELLO, &body);
    struct op_welcome welcome;
    struct reader reader = bench_said(&bench, ROUTER, MESSAGE_WELCOME);
    assert_int_equal(op_decode_welcome(&welcome, &reader), STATUS_OK);
    assert_int_equal(welcome.capabilities, CAPABILITY_TWIN);
    bench_welcome(&bench, 1);
    assert_int_equal(bench_merge_count(&bench, 1), 1);
    bench_merged(&bench, 1, bench_merge(&bench, 1).id, STATUS_OK);
    assert_int_equal(bench_waiting(&bench, 1), 0);
    // It takes the place of the other one when it starts again.
    bench_sync_log(&bench);
    bench_lose_power(&bench);
    assert_true(actor_parse(bench.hintd.tally.actor).start > own + 1000);
    assert_int_equal(bench_hint_new(&bench, 1, 3), STATUS_OK);
    buf_release(&encoded);
    record_release(&record);
    bench_release(&bench);
}

TEST(a_hint_of_a_request_whose_time_is_over_is_not_taken)
{
    struct bench bench;
    struct buf body = {0}, encoded = {0};
    struct record record = bench_record(7, 1, "value");
    bench_init(&bench);
    record_encode(&record, bytes_of_text(bench.key), &encoded);
    struct op_hint op = {.target = 1,
                         .keyspace = RING_DEFAULT_KEYSPACE,
                         .key = bytes_of_text(bench.key),
                         .record = buf_bytes(&encoded)};
    op_encode_hint(&op, &body);
    bench.age_ms = 1001;
    bench.now.mono_ms += 2000;
    bench_tell(&bench, MESSAGE_HINT, &body);
    assert_null(bench_find(&bench, ROUTER, MESSAGE_HINTED));
    assert_int_equal(bench_waiting(&bench, 1), 0);
    buf_release(&encoded);
    record_release(&record);
    bench_release(&bench);
}

// ---- bounds ------------------------------------------------------------------------------

TEST(beyond_the_limit_a_hint_is_refused_and_a_debt_is_left)
{
    struct bench bench;
    bench_init(&bench);
    bench.hintd.options.size_max = 100;
    assert_int_equal(bench_hint_new(&bench, 1, 1), STATUS_OK);
    assert_int_equal(bench_hint_new(&bench, 1, 2), STATUS_DISK_FULL);
    assert_int_equal(bench.hintd.tally.debt_count, 1);
    assert_int_equal(bench.hintd.tally.debts[0].target, 1);
    assert_int_equal(bench.hintd.tally.debts[0].since_ms, bench.now.wall_ms);
    bench_pass(&bench, 100, 0);
    bench_sync_log(&bench);
    bench_lose_power(&bench);
    assert_int_equal(bench.hintd.tally.debt_count, 1);
    bench_release(&bench);
}

TEST(a_debt_goes_when_repair_has_done_it_but_not_if_it_grew_since)
{
    struct bench bench;
    struct buf body = {0}, lines = {0};
    struct op_answer answer;
    bench_init(&bench);
    bench.hintd.options.size_max = 0;
    bench_hint_new(&bench, 1, 1);
    struct tally_debt debt = bench.hintd.tally.debts[0];
    tally_owe(&bench.hintd.tally, debt.target, debt.partition, bench.now.wall_ms);
    for (unsigned i = 0; i < 2; i++) {
        buf_clear(&lines);
        buf_printf(&lines, "%016llx %u %llu\n", (unsigned long long)debt.target, debt.partition,
                   (unsigned long long)debt.mark + i);
        op_encode_ask(
            &(struct op_ask){.topic = bytes_of_text("settle"), .argument = buf_bytes(&lines)},
            &body);
        bench_tell(&bench, MESSAGE_ASK, &body);
        struct reader reader = bench_said(&bench, ROUTER, MESSAGE_ANSWER);
        assert_int_equal(op_decode_answer(&answer, &reader), STATUS_OK);
        assert_int_equal(answer.status, STATUS_OK);
        assert_int_equal(bench.hintd.tally.debt_count, 1 - i);
    }
    bench_sync_log(&bench);
    bench_lose_power(&bench);
    assert_int_equal(bench.hintd.tally.debt_count, 0);
    buf_release(&lines);
    bench_release(&bench);
}

TEST(debts_are_told_to_repair_of_the_node_that_they_are_owed_to)
{
    struct bench bench;
    struct buf body = {0}, line = {0};
    struct op_answer answer;
    bench_init(&bench);
    bench.hintd.options.size_max = 0;
    bench_hint_new(&bench, 1, 1);
    struct tally_debt debt = bench.hintd.tally.debts[0];
    buf_printf(&line, "%u %llu\n", debt.partition, (unsigned long long)debt.mark);
    for (unsigned node = 1; node <= 2; node++) {
        char id[17];
        snprintf(id, sizeof id, "%016x", node);
        op_encode_ask(
            &(struct op_ask){.topic = bytes_of_text("debts"), .argument = bytes_of_text(id)},
            &body);
        bench_tell(&bench, MESSAGE_ASK, &body);
        struct reader reader = bench_said(&bench, ROUTER, MESSAGE_ANSWER);
        assert_int_equal(op_decode_answer(&answer, &reader), STATUS_OK);
        assert_int_equal(answer.status, STATUS_OK);
        assert_true(bytes_equal(answer.text, node == 1 ? buf_bytes(&line) : bytes_of_text("")));
    }
    buf_release(&line);
    bench_release(&bench);
}

TEST(a_target_that_was_silent_for_long_gets_no_more_hints_and_keeps_those_it_has)
{
    struct bench bench;
    bench_init(&bench);
    bench_hint_new(&bench, 1, 1);
    bench_pass(&bench, bench.options.expire_ms, 0);
    assert_int_equal(bench_hint_new(&bench, 1, 2), STATUS_OK);
    bench_pass(&bench, 1, 0);
    assert_int_equal(bench_hint_new(&bench, 1, 3), STATUS_DISK_FULL);
    assert_int_equal(bench_hint_new(&bench, 2, 4), STATUS_OK);
    assert_int_equal(bench_waiting(&bench, 1), 2);
    bench_welcome(&bench, 1);
    assert_int_equal(bench_hint_new(&bench, 1, 5), STATUS_OK);
    bench_release(&bench);
}

TEST(more_dots_than_a_hint_may_list_leave_a_debt_and_the_hint_is_kept)
{
    struct bench bench;
    struct record record = bench_record(7, 3, "value");
    struct clock listed = {0};
    struct buf encoded = {0};
    bench_init(&bench);
    clock_add(&listed, (struct interval){9, 1, HINT_DOTS_MAX});
    clock_encode(&listed, &encoded);
    struct op_hint op = {.target = 1, .dots = buf_bytes(&encoded)};
    assert_int_equal(bench_hint_of(&bench, op, &record).status, STATUS_OK);
    assert_int_equal(bench.hintd.tally.debt_count, 0);
    buf_clear(&encoded);
    clock_add(&listed, (struct interval){9, 1, HINT_DOTS_MAX + 1});
    clock_encode(&listed, &encoded);
    op.dots = buf_bytes(&encoded);
    assert_int_equal(bench_hint_of(&bench, op, &record).status, STATUS_OK);
    assert_int_equal(bench.hintd.tally.debt_count, 1);
    bench_welcome(&bench, 1);
    struct reader reader = reader_of(bench_merge(&bench, 1).dots);
    assert_int_equal(clock_decode(&listed, &reader), STATUS_OK);
    assert_int_equal(clock_high(&listed, 9), HINT_DOTS_MAX);
    clock_release(&listed);
    buf_release(&encoded);
    record_release(&record);
    bench_release(&bench);
}

// ---- HELD ----------------------------------------------------------------------------------

static struct op_held_told held(struct bench *bench, uint64_t actor, uint32_t start)
{
    struct buf body = {0};
    struct op_held_told told;
    uint64_t token = ring_token(RING_DEFAULT_KEYSPACE, bytes_of_text(bench->key));
    struct op_held op = {.keyspace = RING_DEFAULT_KEYSPACE,
                         .partition = ring_partition(&bench->ring, token),
                         .process = actor_process(actor),
                         .start = start};
    op_encode_held(&op, &body);
    bench_tell(bench, MESSAGE_HELD, &body);
    struct reader reader = bench_said(bench, ROUTER, MESSAGE_HELD_TOLD);
    assert_int_equal(op_decode_held_told(&told, &reader), STATUS_OK);
    return told;
}

TEST(held_knows_dots_that_a_hint_shows_or_lists_and_no_others)
{
    struct bench bench;
    uint64_t old = actor_make((struct actor){.node = 1, .start = 10});
    uint64_t new = actor_make((struct actor){.node = 2, .start = 20});
    struct record first = bench_record(old, 1, "old"), second = {0};
    bench_init(&bench);
    bench_hint(&bench, 1, &first);
    record_copy(&second, &first);
    bench_write(&second, new, 5, &first.clock, "new");
    bench_hint(&bench, 1, &second);
    assert_true(held(&bench, old, 10).is_held); // listed
    assert_true(held(&bench, new, 20).is_held); // shown
    assert_false(held(&bench, old, 9).is_held);
    assert_false(held(&bench, new, 19).is_held);
    assert_int_equal(held(&bench, new, 20).hint_count, 1);
    bench_welcome(&bench, 1);
    bench_merged(&bench, 1, bench_merge(&bench, 1).id, STATUS_OK);
    assert_false(held(&bench, old, 10).is_held);
    assert_false(held(&bench, new, 20).is_held);
    assert_int_equal(held(&bench, new, 20).hint_count, 0);
    record_release(&first);
    record_release(&second);
    bench_release(&bench);
}
