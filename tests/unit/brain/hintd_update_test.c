// Writes that no owner could coordinate, and requests that come again.
#include "unit/brain/hintd_bench.h"

static struct op_update update_of(const struct bench *bench, uint8_t request, const char *value)
{
    struct op_update update = {.id = 1,
                               .flags = UPDATE_BLIND,
                               .young_ms = 300,
                               .keyspace = RING_DEFAULT_KEYSPACE,
                               .key = bytes_of_text(bench->key),
                               .value = bytes_of_text(value)};
    memset(update.request.bytes, request, sizeof update.request.bytes);
    return update;
}

static struct op_updated hint_update(struct bench *bench, const struct op_update *update,
                                     const uint64_t *targets, unsigned count)
{
    struct buf body = {0}, list = {0};
    struct op_updated updated;
    for (unsigned i = 0; i < count; i++)
        buf_append_u64(&list, targets[i]);
    struct op_hint_update op = {.update = *update, .targets = buf_bytes(&list)};
    op_encode_hint_update(&op, &body);
    bench_tell(bench, MESSAGE_HINT_UPDATE, &body);
    struct reader reader = bench_said(bench, ROUTER, MESSAGE_UPDATED);
    assert_int_equal(op_decode_updated(&updated, &reader), STATUS_OK);
    buf_release(&list);
    return updated;
}

static const uint64_t all[] = {1, 2, 3};

TEST(a_write_without_owners_gets_a_dot_of_the_hintd_and_a_hint_for_each)
{
    struct bench bench;
    bench_init(&bench);
    struct op_update update = update_of(&bench, 1, "value");
    struct op_updated updated = hint_update(&bench, &update, all, 3);
    assert_int_equal(updated.status, STATUS_OK);
    assert_int_equal(actor_parse(updated.dot.actor).kind, ACTOR_HINTD);
    assert_int_equal(updated.dot.counter, 1);
    assert_int_equal(bench_find(&bench, ROUTER, MESSAGE_UPDATED)->gate, 0);
    assert_true(bench_find(&bench, ROUTER, MESSAGE_DURABLE)->gate > lsm_durable(bench.hintd.lsm));
    for (uint64_t node = 1; node <= 3; node++)
        assert_int_equal(bench_waiting(&bench, node), 1);
    bench_check_tally(&bench);
    bench_release(&bench);
}

TEST(a_dot_of_a_hintd_stands_alone_in_its_interval)
{
    struct bench bench;
    struct record record = {0};
    bench_init(&bench);
    struct op_update update = update_of(&bench, 1, "one");
    hint_update(&bench, &update, all, 3);
    char first[sizeof bench.key];
    memcpy(first, bench.key, sizeof first);
    // Another key of the same shard takes dot 2.
    uint64_t *counter =
        hintd_counter(&bench.hintd, RING_DEFAULT_KEYSPACE, bench.hintd.keeping.partition);
    assert_int_equal((*counter)++, 1);
    update = update_of(&bench, 2, "two");
    struct op_updated updated = hint_update(&bench, &update, all, 3);
    assert_int_equal(updated.dot.counter, 3);
    assert_int_equal(record_decode(&record, update.key, updated.record), STATUS_OK);
    assert_int_equal(record.count, 1);
    assert_false(clock_covers(&record.clock, (struct dot){updated.dot.actor, 2}));
    assert_true(clock_covers(&record.clock, (struct dot){updated.dot.actor, 1}));
    record_release(&record);
    bench_release(&bench);
}

TEST(a_blind_write_without_owners_supersedes_what_is_kept_for_any_of_them)
{
    struct bench bench;
    struct record old = bench_record(7, 1, "old"), record = {0};
    bench_init(&bench);
    bench_hint(&bench, 2, &old);
    struct op_update update = update_of(&bench, 9, "new");
    assert_int_equal(hint_update(&bench, &update, all, 3).status, STATUS_OK);
    bench_fetch(&bench, &record);
    assert_int_equal(record.count, 1);
    bench_welcome(&bench, 2);
    struct clock dots = {0};
    struct reader reader = reader_of(bench_merge(&bench, 2).dots);
    assert_int_equal(clock_decode(&dots, &reader), STATUS_OK);
    assert_true(clock_covers(&dots, (struct dot){7, 1}));
    bench_check_tally(&bench);
    clock_release(&dots);
    record_release(&old);
    record_release(&record);
    bench_release(&bench);
}

TEST(a_repeated_write_without_owners_gets_the_same_dot)
{
    struct bench bench;
    bench_init(&bench);
    struct op_update update = update_of(&bench, 1, "value");
    struct dot dot = hint_update(&bench, &update, all, 2).dot;
    struct op_updated again = hint_update(&bench, &update, all, 3);
    assert_int_equal(again.status, STATUS_OK);
    assert_true(dot_equal(again.dot, dot));
    assert_int_equal(bench_waiting(&bench, 3), 1);
    bench_check_tally(&bench);
    bench_release(&bench);
}

TEST(a_write_that_waited_too_long_gets_no_dot)
{
    struct bench bench;
    bench_init(&bench);
    struct op_update update = update_of(&bench, 1, "value");
    bench.age_ms = 301;
    assert_int_equal(hint_update(&bench, &update, all, 3).status, STATUS_LATE);
    assert_int_equal(bench_waiting(&bench, 1), 0);
    bench_release(&bench);
}

TEST(two_hints_for_one_target_of_a_write_are_refused)
{
    static const uint64_t twice[] = {1, 2, 1};
    struct bench bench;
    bench_init(&bench);
    struct op_update update = update_of(&bench, 1, "value");
    assert_int_equal(hint_update(&bench, &update, twice, 3).status, STATUS_INVALID);
    assert_int_equal(hint_update(&bench, &update, NULL, 0).status, STATUS_INVALID);
    bench_release(&bench);
}

TEST(every_life_mints_with_an_actor_above_those_before)
{
    struct bench bench;
    bench_init(&bench);
    struct op_update update = update_of(&bench, 1, "value");
    uint64_t first = hint_update(&bench, &update, all, 3).dot.actor;
    bench.now.wall_ms -= 3600 * 1000; // and the clock was set back
    bench_lose_power(&bench);
    bench_choose_key(&bench);
    update = update_of(&bench, 2, "value");
    uint64_t second = hint_update(&bench, &update, all, 3).dot.actor;
    assert_int_equal(actor_process(first), actor_process(second));
    assert_true(actor_parse(second).start > actor_parse(first).start);
    bench_release(&bench);
}

// ---- FIND ----------------------------------------------------------------------------------

static struct op_found find(struct bench *bench, uint8_t request, uint64_t try)
{
    struct buf body = {0};
    struct op_found found;
    struct op_find op = {
        .try = try, .keyspace = RING_DEFAULT_KEYSPACE, .key = bytes_of_text(bench->key)};
    memset(op.request.bytes, request, sizeof op.request.bytes);
    op_encode_find(&op, &body);
    bench_tell(bench, MESSAGE_FIND, &body);
    struct reader reader = bench_said(bench, ROUTER, MESSAGE_FOUND);
    assert_int_equal(op_decode_found(&found, &reader), STATUS_OK);
    return found;
}

TEST(a_request_is_found_in_a_hint_live_and_superseded)
{
    struct bench bench;
    struct record first = bench_record(7, 1, "old"), second = {0};
    bench_init(&bench);
    bench_hint(&bench, 1, &first);
    assert_int_equal(find(&bench, 1, 5).state, FIND_LIVE);
    record_copy(&second, &first);
    bench_write(&second, 8, 5, &first.clock, "new");
    bench_hint(&bench, 1, &second);
    assert_int_equal(find(&bench, 1, 5).state, FIND_SUPERSEDED);
    assert_int_equal(find(&bench, 5, 5).state, FIND_LIVE);
    bench_sync_log(&bench);
    bench_lose_power(&bench);
    assert_int_equal(find(&bench, 1, 5).state, FIND_SUPERSEDED);
    record_release(&first);
    record_release(&second);
    bench_release(&bench);
}

TEST(a_request_of_a_hint_that_was_delivered_is_not_found_in_another_one)
{
    struct bench bench;
    struct record first = bench_record(7, 1, "old"), second = {0};
    struct record other = bench_record(9, 6, "other");
    bench_init(&bench);
    bench_hint(&bench, 1, &first);
    record_copy(&second, &first);
    bench_write(&second, 8, 5, &first.clock, "new");
    bench_hint(&bench, 1, &second);
    bench_welcome(&bench, 1);
    bench_merged(&bench, 1, bench_merge(&bench, 1).id, STATUS_OK);
    assert_int_equal(bench_waiting(&bench, 1), 0);
    bench_hint(&bench, 1, &other);
    struct op_found found = find(&bench, 1, 5); // it would be told with what does not have it
    assert_int_equal(found.status, STATUS_NOT_FOUND);
    assert_int_equal(found.state, 0);
    assert_int_equal(find(&bench, 6, 5).state, FIND_LIVE);
    record_release(&first);
    record_release(&second);
    record_release(&other);
    bench_release(&bench);
}

TEST(a_request_that_is_not_found_is_fenced)
{
    struct bench bench;
    bench_init(&bench);
    assert_int_equal(find(&bench, 1, 5).status, STATUS_NOT_FOUND);
    struct op_update update = update_of(&bench, 1, "value");
    update.try = 4;
    assert_int_equal(hint_update(&bench, &update, all, 3).status, STATUS_LATE);
    update.try = 5;
    assert_int_equal(hint_update(&bench, &update, all, 3).status, STATUS_OK);
    bench_release(&bench);
}

// ---- the last start ----------------------------------------------------------------------

static void welcome_of(struct bench *bench, unsigned node, uint32_t heard_start)
{
    struct buf body = {0};
    struct op_welcome op = {.version_min = MESSAGE_VERSION,
                            .version_max = MESSAGE_VERSION,
                            .cluster = bench->ring.cluster,
                            .node = node,
                            .actor = node,
                            .heard_start = heard_start};
    op_encode_welcome(&op, &body);
    bench_tell_from(bench, node - 1, MESSAGE_WELCOME, &body);
}

static uint32_t start_of(const struct bench *bench)
{
    return actor_parse(bench->hintd.tally.actor).start;
}

TEST(an_empty_hintd_gives_out_no_dots_before_all_stores_have_told_of_its_starts)
{
    struct bench bench;
    bench_init(&bench);
    bench.hintd.tally.is_last = false;
    struct op_update update = update_of(&bench, 1, "value");
    uint32_t own = start_of(&bench);
    assert_int_equal(hint_update(&bench, &update, all, 3).status, STATUS_BUSY);
    for (unsigned node = 1; node < NODES; node++)
        welcome_of(&bench, node, node == 2 ? own + 1000 : own);
    assert_int_equal(start_of(&bench), own + 1001);
    assert_int_equal(hint_update(&bench, &update, all, 3).status, STATUS_BUSY);
    welcome_of(&bench, NODES, 0);
    // A copy of what was refused is not obeyed when it comes; another try is.
    assert_int_equal(hint_update(&bench, &update, all, 3).status, STATUS_LATE);
    update = update_of(&bench, 2, "value");
    struct op_updated updated = hint_update(&bench, &update, all, 3);
    assert_int_equal(updated.status, STATUS_OK);
    assert_int_equal(actor_parse(updated.dot.actor).start, own + 1001);
    assert_int_equal(updated.dot.counter, 1);
    bench_sync_log(&bench);
    bench_check_tally(&bench);
    bench_lose_power(&bench);
    assert_int_equal(start_of(&bench), own + 1002);
    bench_release(&bench);
}

TEST(that_the_start_is_the_last_is_in_the_log_and_in_snapshots)
{
    for (unsigned is_flushed = 0; is_flushed < 2; is_flushed++) {
        struct bench bench;
        struct fault fault;
        bench_init(&bench);
        bench.hintd.tally.is_last = false;
        for (unsigned node = 1; node <= NODES; node++)
            welcome_of(&bench, node, 0);
        assert_true(bench.hintd.tally.is_last);
        if (is_flushed)
            lsm_flush(bench.hintd.lsm);
        bench_sync_log(&bench);
        bench_work(&bench, LSM_WORKER_BACKGROUND);
        hintd_close(&bench.hintd);
        assert_int_equal(hintd_open(&bench.hintd, &bench.options, 8, bench.now, &fault), STATUS_OK);
        assert_true(bench.hintd.tally.is_last);
        bench_release(&bench);
    }
}

TEST(a_start_that_a_store_knows_better_is_left_behind_with_its_counters)
{
    struct bench bench;
    bench_init(&bench);
    struct op_update update = update_of(&bench, 1, "value");
    assert_int_equal(hint_update(&bench, &update, all, 3).dot.counter, 1);
    uint32_t own = start_of(&bench);
    welcome_of(&bench, 1, own + 5);
    update = update_of(&bench, 2, "other");
    struct op_updated updated = hint_update(&bench, &update, all, 3);
    assert_int_equal(actor_parse(updated.dot.actor).start, own + 6);
    assert_int_equal(updated.dot.counter, 1);
    welcome_of(&bench, 2, own + 5);
    assert_int_equal(start_of(&bench), own + 6);
    bench_check_tally(&bench);
    bench_release(&bench);
}
