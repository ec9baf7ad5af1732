#include "unit/brain/store_bench.h"

#include "disk/memory_vfs_damage.h"
#include "wire/hello.h"
#include "wire/replica.h"

TEST(updated_leaves_at_once_and_durable_waits_for_the_log)
{
    struct bench bench;
    bench_init(&bench);
    struct op_update op = bench_update_of(&bench, 1, "value");
    assert_int_equal(bench_update(&bench, &op).status, STATUS_OK);
    assert_int_equal(bench.outbox.messages[0].gate, 0);
    bench_said(&bench, 1, MESSAGE_DURABLE);
    assert_true(bench.outbox.messages[1].gate > lsm_durable(bench.store.lsm));
    bench_sync_log(&bench);
    assert_true(bench.outbox.messages[1].gate <= lsm_durable(bench.store.lsm));
    bench_release(&bench);
}

TEST(a_disk_that_keeps_up_with_steady_writes_is_never_called_hanging)
{
    struct bench bench;
    struct op_pong pong;
    bench_init(&bench);
    for (uint8_t turn = 1; turn < 100; turn++) { // a write in every turn, synced in the next
        struct lsm_job *job = store_next_job(&bench.store, LSM_WORKER_LOG);
        if (job)
            lsm_job_run(job);
        struct op_update op = bench_update_of(&bench, turn, "value");
        assert_int_equal(bench_update(&bench, &op).status, STATUS_OK);
        if (job)
            assert_int_equal(store_on_job_done(&bench.store, job, NULL), STATUS_OK);
        serve_on_turn_end(&bench.store, bench.now, &bench.outbox);
        bench.now.mono_ms += 100;
    }
    struct buf body = {0};
    op_encode_ping(&(struct op_ping){.id = 1}, &body);
    bench_tell(&bench, MESSAGE_PING, bench.ring.epoch, 0, &body);
    struct reader reader = bench_said(&bench, 0, MESSAGE_PONG);
    assert_int_equal(op_decode_pong(&pong, &reader), STATUS_OK);
    assert_in_range(pong.unsynced_age_ms, 1, 300);
    bench_release(&bench);
}

TEST(merged_waits_for_the_log_even_if_nothing_changed)
{
    struct bench bench;
    struct record record = {0};
    bench_init(&bench);
    struct op_update op = bench_update_of(&bench, 1, "value");
    bench_update(&bench, &op);
    bench_fetch(&bench, &record);
    assert_int_equal(bench_merge(&bench, &record), STATUS_OK); // it holds that, but not durably
    assert_true(bench.outbox.messages[0].gate > lsm_durable(bench.store.lsm));
    record_release(&record);
    bench_release(&bench);
}

TEST(a_merge_keeps_concurrent_values_and_repeats_do_nothing)
{
    struct bench bench;
    struct record other = {0}, record = {0};
    struct clock nothing = {0};
    bench_init(&bench);
    struct op_update op = bench_update_of(&bench, 1, "ours");
    bench_update(&bench, &op);
    struct record_write write = {
        .dot = {7, 1}, .hlc = 9, .context = &nothing, .value = bytes_of_text("theirs")};
    record_update(&other, &write, false);
    assert_int_equal(bench_merge(&bench, &other), STATUS_OK);
    uint64_t written = lsm_written(bench.store.lsm);
    assert_int_equal(bench_merge(&bench, &other), STATUS_OK);
    assert_int_equal(lsm_written(bench.store.lsm), written);
    bench_fetch(&bench, &record);
    assert_int_equal(record.count, 2);
    record_release(&record);
    record_release(&other);
    bench_release(&bench);
}

TEST(a_context_that_names_dots_not_given_yet_is_refused)
{
    struct bench bench;
    struct clock forged = {0};
    struct buf context = {0};
    bench_init(&bench);
    clock_add(&forged, (struct interval){bench.store.ledger.actor, 1, 50});
    clock_encode(&forged, &context);
    struct op_update op = bench_update_of(&bench, 1, "value");
    op.context = buf_bytes(&context);
    assert_int_equal(bench_update(&bench, &op).status, STATUS_INVALID);
    assert_int_equal(bench.store.counts.forged, 1);
    assert_non_null(strstr(bench.store.forged.text, "names the write 50"));
    assert_null(strstr(bench.store.forged.text, bench.key));
    clock_release(&forged);
    buf_release(&context);
    bench_release(&bench);
}

TEST(values_beyond_the_limit_are_refused_whole)
{
    struct bench bench;
    char large[1002];
    struct record record = {0};
    bench_init(&bench);
    memset(large, 'x', sizeof large);
    large[1001] = 0;
    struct op_update op = bench_update_of(&bench, 1, large);
    assert_int_equal(bench_update(&bench, &op).status, STATUS_TOO_LARGE);
    assert_int_equal(bench_fetch(&bench, &record).status, STATUS_NOT_FOUND);
    record_release(&record);
    bench_release(&bench);
}

TEST(what_waited_for_longer_than_its_budget_is_dropped)
{
    struct bench bench;
    struct buf body = {0};
    struct op_fetch op = {.keyspace = RING_DEFAULT_KEYSPACE};
    bench_init(&bench);
    op.key = bytes_of_text(bench.key);
    for (bench.age_ms = 2999; bench.age_ms <= 3000; bench.age_ms++) {
        op_encode_fetch(&op, &body);
        bench_tell(&bench, MESSAGE_FETCH, bench.ring.epoch, 3000, &body);
        assert_int_equal(bench.outbox.count, bench.age_ms < 3000);
    }
    assert_int_equal(bench.store.counts.expired, 1);
    bench.age_ms = (uint64_t)1 << 50; // it was said to another life; the answer tells of this one
    op_encode_fetch(&op, &body);
    bench_tell(&bench, MESSAGE_FETCH, bench.ring.epoch, 3000, &body);
    assert_int_equal(bench.outbox.count, 1);
    assert_int_equal(bench.store.counts.expired, 1);
    bench_release(&bench);
}

// Flips a bit of the text, which a table has.
static void damage(struct bench *bench, const char *text)
{
    struct buf path = {0}, content = {0};
    for (unsigned number = 0; number < 100; number++) {
        buf_clear(&path);
        buf_printf(&path, "store/%06u.tbl", number);
        if (!memory_vfs_has(&bench->disk, buf_text(&path)))
            continue;
        memory_vfs_load(&bench->disk, buf_text(&path), &content);
        const uint8_t *at = memmem(content.data, content.size, text, strlen(text));
        if (at)
            memory_vfs_flip(&bench->disk, buf_text(&path), (uint64_t)(at - content.data), 1);
    }
    buf_release(&path);
    buf_release(&content);
}

TEST(a_damaged_block_fails_what_is_read_from_it_and_nothing_else)
{
    struct bench bench;
    struct record record = {0};
    bench_init(&bench);
    store_close(&bench.store);
    bench.options.lsm.cache_size = 0;
    bench_start(&bench, 101);
    struct op_update op = bench_update_of(&bench, 1, "a value to be damaged");
    assert_int_equal(bench_update(&bench, &op).status, STATUS_OK);
    bench_flush(&bench);
    damage(&bench, "to be damaged");
    assert_int_equal(bench_fetch(&bench, &record).status, STATUS_CORRUPT);
    uint64_t actor = bench.store.ledger.actor;
    serve_on_turn_end(&bench.store, bench.now, &bench.outbox);
    assert_int_equal(bench.store.counts.damaged_reads, 1);
    // The copy is lost: it takes writes, as an actor that has minted nothing before ...
    assert_int_equal(bench_fetch(&bench, &record).status, STATUS_LOST);
    assert_int_equal(bench_update(&bench, &op).status, STATUS_BUSY);
    bench_sync_log(&bench);
    struct op_updated updated = bench_update(&bench, &op);
    assert_int_equal(updated.status, STATUS_OK);
    assert_true(updated.is_lost && updated.dot.actor == bench.store.ledger.actor);
    assert_true(updated.dot.actor > actor);
    // ... and answers no reads.
    assert_int_equal(bench_fetch(&bench, &record).status, STATUS_LOST);
    assert_int_equal(bench.store.counts.losses, 1);
    assert_non_null(strstr(bench.store.damage.text, ".tbl"));
    assert_non_null(strstr(bench.store.damage.text, "offset"));
    bench_choose_key(&bench, ring_find_node(&bench.ring, 1), true);
    op = bench_update_of(&bench, 2, "another");
    assert_int_equal(bench_update(&bench, &op).status, STATUS_OK);
    assert_int_equal(bench_fetch(&bench, &record).status, STATUS_OK);
    record_release(&record);
    bench_release(&bench);
}

TEST(a_merge_that_meets_damage_ends_and_the_store_goes_on)
{
    struct bench bench;
    bench_init(&bench);
    store_close(&bench.store);
    bench.options.lsm.merge_run_count = 2;
    bench_start(&bench, 101);
    for (uint8_t i = 1; i < 40; i++) {
        bench_choose_key(&bench, ring_find_node(&bench.ring, 1), true);
        struct op_update op = bench_update_of(&bench, i, "a value to be damaged");
        enum status status = bench_update(&bench, &op).status;
        assert_true(!status || status == STATUS_CORRUPT);
        if (i % 4)
            continue;
        bench_flush(&bench);
        if (i == 4)
            damage(&bench, "to be damaged");
    }
    assert_int_equal(bench.store.counts.damaged_merges, 1);
    assert_non_null(strstr(bench.store.damage.text, ".tbl"));
    assert_false(lsm_failed(bench.store.lsm));
    bench_release(&bench);
}

TEST(acknowledgements_wait_while_the_engine_wants_writers_to)
{
    struct bench bench;
    bench_init(&bench);
    store_close(&bench.store);
    bench.options.lsm.log_segment_size = 1 << 20;
    bench_start(&bench, 101);
    bench_flush(&bench); // and a segment is prepared
    char value[900];
    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = 0;
    uint64_t gate = 0;
    for (uint8_t i = 1; i < 150 && !bench.store.brake.until_ms; i++) { // nothing is flushed
        bench_choose_key(&bench, ring_find_node(&bench.ring, 1), true);
        struct op_update op = bench_update_of(&bench, i, value);
        assert_int_equal(bench_update(&bench, &op).status, STATUS_OK);
        gate = bench.outbox.messages[1].gate;
        serve_on_turn_end(&bench.store, bench.now, &bench.outbox);
    }
    bench_sync_log(&bench);
    assert_true(lsm_durable(bench.store.lsm) >= gate);
    assert_true(store_durable(&bench.store) < gate);
    assert_in_range(store_tick_within_ms(&bench.store, 200), 1, 20);
    bench.now.mono_ms += store_tick_within_ms(&bench.store, 200);
    serve_on_turn_end(&bench.store, bench.now, &bench.outbox);
    assert_true(store_durable(&bench.store) >= gate);
    assert_int_equal(store_tick_within_ms(&bench.store, 200), 200);
    bench_release(&bench);
}

TEST(an_interval_between_syncs_is_kept)
{
    struct bench bench;
    bench_init(&bench);
    store_close(&bench.store);
    bench.options.lsm.durability = LSM_DURABILITY_INTERVAL;
    bench.options.lsm.interval_ms = 10;
    bench_start(&bench, 101);
    store_on_tick(&bench.store, bench.now, &bench.outbox);
    serve_on_turn_end(&bench.store, bench.now, &bench.outbox);
    assert_int_equal(store_tick_within_ms(&bench.store, 200), 200);
    struct op_update op = bench_update_of(&bench, 1, "value");
    bench_update(&bench, &op);
    serve_on_turn_end(&bench.store, bench.now, &bench.outbox);
    assert_int_equal(store_tick_within_ms(&bench.store, 200), 10);
    bench_release(&bench);
}

TEST(a_router_that_takes_no_answers_is_told_to_come_back_until_it_has)
{
    enum { MOST = 16 << 20 };
    struct bench bench;
    struct record record = {0};
    char value[901];
    uint64_t sent = 0;
    link_id link;
    bench_init(&bench);
    assert_false(meters_oldest(&bench.store.meters, &link)); // nobody was heard so far
    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = 0;
    struct op_update update = bench_update_of(&bench, 1, value);
    assert_int_equal(bench_update(&bench, &update).status, STATUS_OK);
    while (bench_fetch(&bench, &record).status == STATUS_OK) {
        serve_on_turn_end(&bench.store, bench.now, &bench.outbox);
        sent += 900;
        assert_true(sent < 2 * MOST);
    }
    assert_true(sent > MOST / 2);
    assert_int_equal(bench_fetch(&bench, &record).status, STATUS_BUSY);
    assert_int_equal(bench.store.counts.behind, 2);
    bench.received_kib = MOST / 1024;
    assert_int_equal(bench_fetch(&bench, &record).status, STATUS_OK);
    record_release(&record);
    bench_release(&bench);
}

static void fetch_in_turn(struct bench *bench, link_id link)
{
    struct buf body = {0};
    struct op_fetch op = {.keyspace = RING_DEFAULT_KEYSPACE, .key = bytes_of_text(bench->key)};
    bench->link = link;
    op_encode_fetch(&op, &body);
    bench_tell_more(bench, MESSAGE_FETCH, bench->ring.epoch, 0, &body);
}

TEST(answers_to_one_router_make_no_other_come_back)
{
    enum { MOST = 16 << 20, SLOW = 2, OTHER = 3 };
    struct bench bench;
    char value[901];
    uint64_t asked = 0;
    bench_init(&bench);
    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = 0;
    struct op_update update = bench_update_of(&bench, 1, value);
    assert_int_equal(bench_update(&bench, &update).status, STATUS_OK);
    outbox_clear(&bench.outbox);
    while (!bench.store.counts.behind) { // within one turn
        fetch_in_turn(&bench, SLOW);
        assert_true(++asked < 2 * MOST / 900);
    }
    assert_true(asked > MOST / 2 / 900);
    fetch_in_turn(&bench, OTHER);
    assert_int_equal(bench.store.counts.behind, 1);
    serve_on_turn_end(&bench.store, bench.now, &bench.outbox);
    fetch_in_turn(&bench, OTHER); // and from then on
    assert_int_equal(bench.store.counts.behind, 1);
    fetch_in_turn(&bench, SLOW);
    assert_int_equal(bench.store.counts.behind, 2);
    bench_release(&bench);
}
