// What a store says of its copy of a key, and of one write of it, and what is durable of that.
#include "unit/brain/store_bench.h"

static struct op_inspected inspect(struct bench *bench, uint8_t request, struct dot dot)
{
    struct buf body = {0};
    struct op_inspected inspected;
    struct op_inspect op = {.dot = dot, .keyspace = 1, .key = bytes_of_text(bench->key)};
    memset(op.request.bytes, request, sizeof op.request.bytes);
    op_encode_inspect(&op, &body);
    bench_tell(bench, MESSAGE_INSPECT, bench->ring.epoch, 0, &body);
    struct reader reader = bench_said(bench, 0, MESSAGE_INSPECTED);
    assert_int_equal(op_decode_inspected(&inspected, &reader), STATUS_OK);
    return inspected;
}

TEST(a_key_of_which_nothing_is_known_is_told_so)
{
    struct bench bench;
    bench_init(&bench);
    struct op_inspected inspected = inspect(&bench, 1, (struct dot){9, 1});
    assert_int_equal(inspected.status, STATUS_NOT_FOUND);
    assert_false(inspected.has_write);
    bench_release(&bench);
}

TEST(a_write_is_known_by_its_dot_or_its_request_also_if_it_was_superseded)
{
    struct bench bench;
    struct record record = {0};
    bench_init(&bench);
    struct op_update first = bench_update_of(&bench, 1, "first");
    struct dot dot = bench_update(&bench, &first).dot;
    struct op_update second = bench_update_of(&bench, 2, "second");
    bench_update(&bench, &second);
    struct op_inspected inspected = inspect(&bench, 1, (struct dot){0});
    assert_true(inspected.has_write);
    assert_int_equal(inspected.state, FIND_SUPERSEDED);
    assert_true(inspect(&bench, 0, dot).has_write);
    assert_false(inspect(&bench, 3, (struct dot){dot.actor, dot.counter + 7}).has_write);
    assert_int_equal(inspected.status, STATUS_OK);
    assert_int_equal(record_decode(&record, bytes_of_text(bench.key), inspected.head), STATUS_OK);
    assert_true(record.head);
    assert_int_equal(record.siblings[0].value_size, 6);
    record_release(&record);
    bench_release(&bench);
}

TEST(a_write_is_known_whose_record_is_gone)
{
    struct bench bench;
    bench_init(&bench);
    struct ledger_shard *shard =
        ledger_shard(&bench.store.ledger, 1,
                     ring_partition(&bench.ring, ring_token(1, bytes_of_text(bench.key))));
    assert_true(seen_add(&shard->seen, (struct dot){9, 4}));
    assert_true(inspect(&bench, 0, (struct dot){9, 4}).has_write);
    assert_false(inspect(&bench, 0, (struct dot){9, 3}).has_write);
    bench_release(&bench);
}

static bool tells_that_it_has_seen(struct bench *bench, struct dot dot)
{
    struct op_inspected inspected = inspect(bench, 0, (struct dot){0});
    struct reader reader = reader_of(inspected.seen);
    struct seen seen = {0};
    assert_int_equal(seen_decode(&seen, &reader), STATUS_OK);
    bool has = seen_has(&seen, dot);
    seen_release(&seen);
    return has;
}

TEST(what_the_shard_has_seen_is_told_with_and_without_a_record)
{
    struct bench bench;
    bench_init(&bench);
    assert_int_equal(inspect(&bench, 0, (struct dot){0}).seen.size, 0); // nothing of the shard
    struct ledger_shard *shard =
        ledger_shard(&bench.store.ledger, 1,
                     ring_partition(&bench.ring, ring_token(1, bytes_of_text(bench.key))));
    assert_true(seen_add(&shard->seen, (struct dot){9, 4}));
    assert_true(tells_that_it_has_seen(&bench, (struct dot){9, 4}));
    struct op_update op = bench_update_of(&bench, 1, "value");
    struct dot dot = bench_update(&bench, &op).dot;
    assert_true(tells_that_it_has_seen(&bench, (struct dot){9, 4}));
    assert_true(tells_that_it_has_seen(&bench, dot));
    assert_false(tells_that_it_has_seen(&bench, (struct dot){9, 3}));
    bench_release(&bench);
}

TEST(a_seen_clock_that_is_too_large_for_an_answer_is_left_out)
{
    struct bench bench;
    bench_init(&bench);
    struct ledger_shard *shard =
        ledger_shard(&bench.store.ledger, 1,
                     ring_partition(&bench.ring, ring_token(1, bytes_of_text(bench.key))));
    for (uint64_t i = 0; i < INSPECTED_SEEN_SIZE_MAX / 8; i++)
        seen_add(&shard->seen, (struct dot){9, 2 + 2 * i});
    assert_int_equal(inspect(&bench, 0, (struct dot){0}).seen.size, 0);
    bench_release(&bench);
}

TEST(what_is_told_of_a_write_is_durable)
{
    struct bench bench;
    bench_init(&bench);
    struct op_update op = bench_update_of(&bench, 1, "value");
    bench_update(&bench, &op);
    assert_true(inspect(&bench, 1, (struct dot){0}).has_write);
    assert_true(bench.outbox.messages[0].gate > 0);
    bench_release(&bench);
}

TEST(a_fetch_waits_for_the_log_if_it_is_asked_to)
{
    struct bench bench;
    bench_init(&bench);
    struct op_update op = bench_update_of(&bench, 1, "value");
    bench_update(&bench, &op);
    for (uint8_t is_gated = 0; is_gated <= 1; is_gated++) {
        struct buf body = {0};
        struct op_fetch fetch = {
            .keyspace = 1, .key = bytes_of_text(bench.key), .is_gated = is_gated};
        op_encode_fetch(&fetch, &body);
        bench_tell(&bench, MESSAGE_FETCH, bench.ring.epoch, 0, &body);
        bench_said(&bench, 0, MESSAGE_FETCHED);
        assert_int_equal(bench.outbox.messages[0].gate > 0, is_gated);
    }
    bench_release(&bench);
}

TEST(to_ask_fences_nobody)
{
    struct bench bench;
    bench_init(&bench);
    struct op_update op = bench_update_of(&bench, 1, "value");
    assert_false(inspect(&bench, 1, (struct dot){0}).has_write);
    assert_int_equal(bench_update(&bench, &op).status, STATUS_OK);
    bench_release(&bench);
}
