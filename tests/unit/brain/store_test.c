#include "unit/brain/store_bench.h"

#include "dkv-store/pair.h"
#include "lsm/file_name.h"

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
        store_on_turn_end(&bench.store, bench.now, &bench.outbox);
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

TEST(what_was_synced_survives_a_power_loss_and_the_rest_is_not_promised)
{
    struct bench bench;
    struct record record = {0};
    bench_init(&bench);
    struct op_update op = bench_update_of(&bench, 1, "first");
    struct dot dot = bench_update(&bench, &op).dot;
    bench_sync_log(&bench);
    op = bench_update_of(&bench, 2, "second");
    bench_update(&bench, &op);
    bench_lose_power(&bench, 101);
    assert_int_equal(bench_fetch(&bench, &record).status, STATUS_OK);
    assert_int_equal(record.count, 1);
    assert_true(dot_equal(record.siblings[0].dot, dot));
    record_release(&record);
    bench_release(&bench);
}

static struct actor actor_of(const struct bench *bench)
{
    return actor_parse(bench->store.ledger.actor);
}

TEST(an_actor_says_which_node_it_is_and_since_when)
{
    struct bench bench;
    bench_init(&bench);
    int index = ring_find_node(&bench.ring, 1);
    assert_int_equal(actor_of(&bench).node, bench.ring.nodes[index].number);
    assert_int_equal(actor_of(&bench).kind, ACTOR_STORE);
    assert_int_equal(actor_of(&bench).start, bench.now.wall_ms / 1000 - 1577836800);
    bench_release(&bench);
}

TEST(a_start_is_above_all_before_whatever_the_clock_says)
{
    struct bench bench;
    bench_init(&bench);
    uint32_t first = actor_of(&bench).start;
    bench_lose_power(&bench, 101); // in the same second
    assert_int_equal(actor_of(&bench).start, first + 1);
    struct op_update op = bench_update_of(&bench, 1, "value");
    bench_update(&bench, &op);
    bench_flush(&bench); // known by the snapshot
    bench.now.wall_ms -= 3600 * 1000;
    bench_lose_power(&bench, 102);
    assert_int_equal(actor_of(&bench).start, first + 2);
    bench.now.wall_ms += 3600 * 1000 + 60000;
    bench_lose_power(&bench, 103);
    assert_int_equal(actor_of(&bench).start, first + 60);
    bench_release(&bench);
}

// A start that this copy lost, but others had heard of.
TEST(a_start_is_above_those_of_which_a_dot_is_known)
{
    struct bench bench;
    struct record record = {0};
    bench_init(&bench);
    struct actor lost = actor_of(&bench);
    lost.start += 500;
    struct record_write write = {.dot = {actor_make(lost), 1}, .hlc = 9};
    record_update(&record, &write, false);
    assert_int_equal(bench_merge(&bench, &record), STATUS_OK);
    bench_sync_log(&bench);
    bench_lose_power(&bench, 101);
    assert_int_equal(actor_of(&bench).start, lost.start + 1);
    record_release(&record);
    bench_release(&bench);
}

// A note as version 1 wrote it, with one dot.
static void note_1(struct lsm_batch *batch, uint32_t partition, struct dot dot)
{
    struct buf note = {0};
    buf_append_u8(&note, 2);
    buf_append_varint(&note, partition);
    buf_append_u64(&note, 12345); // root
    buf_append_u8(&note, 1);      // a new key
    buf_append_u64(&note, 1700000000000);
    buf_append_varint(&note, 1);
    buf_append_u64(&note, dot.actor);
    buf_append_varint(&note, dot.counter);
    buf_append_varint(&note, 0);
    lsm_batch_note(batch, buf_bytes(&note));
    buf_release(&note);
}

// Two keys as version 1 had them, one of them deleted; their partitions are returned.
static void write_version_1(struct bench *bench, uint32_t partitions[2])
{
    struct lsm *lsm;
    struct lsm_batch batch = {0};
    struct lsm_options options = bench->options.lsm;
    options.owner = (struct lsm_owner){0};
    options.dir = "old";
    assert_int_equal(lsm_open(&lsm, &options, NULL), STATUS_OK);
    for (uint32_t i = 0; i < 2; i++) {
        struct record record = {0};
        struct buf key = {0}, encoded = {0};
        bench_choose_key(bench, ring_find_node(&bench->ring, 1), true);
        struct bytes name = bytes_of_text(bench->key);
        uint64_t token = ring_token(RING_DEFAULT_KEYSPACE, name), position;
        struct record_write write = {
            .dot = {77, i + 1}, .hlc = 9, .flags = i ? SIBLING_TOMBSTONE : 0};
        ring_engine_key_append(&(struct ring_engine_key){token, RING_DEFAULT_KEYSPACE, name}, &key);
        record_update(&record, &write, false);
        record_encode(&record, name, &encoded);
        lsm_batch_put(&batch, buf_bytes(&key), buf_bytes(&encoded));
        partitions[i] = ring_partition(&bench->ring, token);
        note_1(&batch, partitions[i], write.dot);
        assert_int_equal(lsm_write(lsm, &batch, &position), STATUS_OK);
        lsm_batch_clear(&batch);
        record_release(&record);
        buf_release(&key);
        buf_release(&encoded);
    }
    struct lsm_job *job = lsm_next_job(lsm, LSM_WORKER_LOG);
    lsm_job_run(job);
    assert_int_equal(lsm_on_done(lsm, job, NULL), STATUS_OK);
    lsm_batch_release(&batch);
    lsm_close(lsm);
}

static void check_counted(const struct bench *bench, const uint32_t partitions[2])
{
    const struct ledger *ledger = &bench->store.ledger;
    struct ledger counted;
    uint64_t count;
    ledger_init(&counted, ledger->partition_count, 0);
    assert_int_equal(pair_recount(bench->store.lsm, &counted, &count, NULL), STATUS_OK);
    assert_int_equal(count, 2);
    assert_null(ledger_difference(ledger, &counted));
    assert_int_equal(ledger->entries, 2);
    assert_false(ledger->is_old);
    for (uint32_t i = 0; i < 2; i++) {
        const struct ledger_shard *shard =
            ledger_find(ledger, RING_DEFAULT_KEYSPACE, partitions[i]);
        assert_true(seen_has(&shard->seen, (struct dot){77, i + 1}));
    }
    ledger_release(&counted);
}

TEST(the_data_of_another_node_is_refused)
{
    struct bench bench;
    struct fault fault = {0};
    bench_init(&bench);
    store_close(&bench.store);
    bench.options.node = 2;
    assert_int_equal(store_open(&bench.store, &bench.options, 7, bench.now, &fault),
                     STATUS_INVALID);
    assert_non_null(strstr(fault.text, "this is the data of node n0 (number 1), not of n1 "));
    bench.options.node = 1;
    bench_start(&bench, 8);
    bench_release(&bench);
}

TEST(a_store_of_version_1_is_counted_anew)
{
    struct bench bench;
    uint32_t partitions[2];
    bench_init(&bench);
    store_close(&bench.store);
    write_version_1(&bench, partitions);
    bench.options.lsm.dir = "old";
    bench_start(&bench, 1);
    check_counted(&bench, partitions);
    bench_lose_power(&bench, 2); // before that was in a snapshot
    check_counted(&bench, partitions);
    bench_flush(&bench);
    bench_lose_power(&bench, 3); // after that
    check_counted(&bench, partitions);
    bench_release(&bench);
}

TEST(a_new_life_gives_dots_of_a_new_actor)
{
    struct bench bench;
    bench_init(&bench);
    struct op_update op = bench_update_of(&bench, 1, "value");
    uint64_t before = bench.store.ledger.actor;
    assert_int_equal(bench_update(&bench, &op).dot.actor, before);
    bench_sync_log(&bench);
    bench_lose_power(&bench, 101);
    op = bench_update_of(&bench, 2, "value");
    uint64_t actor = bench_update(&bench, &op).dot.actor;
    assert_true(actor > before && actor_process(actor) == actor_process(before));
    bench_release(&bench);
}

// Whether a second try of the first request is known as such: it was superseded.
static bool is_remembered(struct bench *bench)
{
    uint64_t repeated = bench->store.counts.repeated;
    struct op_update again = bench_update_of(bench, 1, "first");
    store_on_tick(&bench->store, bench->now, &bench->outbox);
    assert_int_equal(bench_update(bench, &again).status, STATUS_OK);
    return bench->store.counts.repeated == repeated + 1;
}

static void supersede_a_request(struct bench *bench)
{
    bench_init(bench);
    struct op_update first = bench_update_of(bench, 1, "first");
    struct op_update second = bench_update_of(bench, 2, "second");
    bench_update(bench, &first);
    bench_update(bench, &second);
    bench_sync_log(bench);
}

TEST(a_step_of_the_wall_clock_forgets_no_request)
{
    struct bench bench;
    supersede_a_request(&bench);
    bench.now.mono_ms += 1000;
    bench.now.wall_ms += 11 * 60 * 1000;
    assert_true(is_remembered(&bench));
    bench.now.wall_ms -= 30 * 60 * 1000;
    assert_true(is_remembered(&bench));
    bench.now.mono_ms += bench.options.request_memory_ms - 1000;
    assert_true(is_remembered(&bench));
    bench.now.mono_ms++;
    assert_false(is_remembered(&bench));
    bench_release(&bench);
}

TEST(after_a_restart_a_request_is_remembered_for_the_whole_time_again)
{
    for (unsigned is_flushed = 0; is_flushed < 2; is_flushed++) {
        struct bench bench;
        supersede_a_request(&bench);
        if (is_flushed) // from a snapshot, not from the log
            bench_flush(&bench);
        bench.now.wall_ms += 3600 * 1000; // a machine that was off, and begins to count anew
        bench.now.mono_ms = 10;
        bench_lose_power(&bench, 101);
        bench.now.mono_ms += bench.options.request_memory_ms;
        assert_true(is_remembered(&bench));
        bench.now.mono_ms++;
        assert_false(is_remembered(&bench));
        bench_release(&bench);
    }
}

TEST(a_repeated_request_is_applied_once_even_when_superseded_and_after_a_restart)
{
    struct bench bench;
    struct record record = {0};
    bench_init(&bench);
    struct op_update first = bench_update_of(&bench, 1, "first"),
                     second = bench_update_of(&bench, 2, "second");
    struct dot dot = bench_update(&bench, &first).dot;
    assert_true(dot_equal(bench_update(&bench, &first).dot, dot));
    bench_update(&bench, &second);
    bench_sync_log(&bench);
    assert_true(dot_equal(bench_update(&bench, &first).dot, dot));
    bench_lose_power(&bench, 101);
    assert_true(dot_equal(bench_update(&bench, &first).dot, dot));
    bench_fetch(&bench, &record);
    assert_int_equal(record.count, 1);
    assert_true(bytes_equal(record.siblings[0].value, bytes_of_text("second")));
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

TEST(another_epoch_and_keys_of_others_are_refused)
{
    struct bench bench;
    struct buf body = {0};
    struct op_updated updated;
    bench_init(&bench);
    struct op_update op = bench_update_of(&bench, 1, "value");
    op_encode_update(&op, &body);
    bench_tell(&bench, MESSAGE_UPDATE, bench.ring.epoch + 1, 0, &body);
    struct reader reader = bench_said(&bench, 0, MESSAGE_UPDATED);
    assert_int_equal(op_decode_updated(&updated, &reader), STATUS_OK);
    assert_int_equal(updated.status, STATUS_STALE);
    bench.other_ring = 1; // of the same epoch: two that were made apart
    assert_int_equal(bench_update(&bench, &op).status, STATUS_STALE);
    bench.other_ring = 0;
    bench_choose_key(&bench, ring_find_node(&bench.ring, 1), false);
    op = bench_update_of(&bench, 1, "value");
    assert_int_equal(bench_update(&bench, &op).status, STATUS_NOT_OWNER);
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
    for (uint64_t number = 0; number < 100; number++) {
        if (!memory_vfs_has(&bench->disk, file_path(&path, "store", FILE_TABLE, number)))
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
    assert_int_equal(bench_update(&bench, &op).status, STATUS_CORRUPT);
    assert_int_equal(bench.store.counts.damaged_reads, 2);
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
    for (uint8_t i = 1; i < 150 && !bench.store.held_until_ms; i++) { // nothing is flushed
        bench_choose_key(&bench, ring_find_node(&bench.ring, 1), true);
        struct op_update op = bench_update_of(&bench, i, value);
        assert_int_equal(bench_update(&bench, &op).status, STATUS_OK);
        gate = bench.outbox.messages[1].gate;
        store_on_turn_end(&bench.store, bench.now, &bench.outbox);
    }
    bench_sync_log(&bench);
    assert_true(lsm_durable(bench.store.lsm) >= gate);
    assert_true(store_durable(&bench.store) < gate);
    assert_in_range(store_tick_within_ms(&bench.store, 200), 1, 20);
    bench.now.mono_ms += store_tick_within_ms(&bench.store, 200);
    store_on_turn_end(&bench.store, bench.now, &bench.outbox);
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
    store_on_turn_end(&bench.store, bench.now, &bench.outbox);
    assert_int_equal(store_tick_within_ms(&bench.store, 200), 200);
    struct op_update op = bench_update_of(&bench, 1, "value");
    bench_update(&bench, &op);
    store_on_turn_end(&bench.store, bench.now, &bench.outbox);
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
        store_on_turn_end(&bench.store, bench.now, &bench.outbox);
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
    store_on_turn_end(&bench.store, bench.now, &bench.outbox);
    fetch_in_turn(&bench, OTHER); // and from then on
    assert_int_equal(bench.store.counts.behind, 1);
    fetch_in_turn(&bench, SLOW);
    assert_int_equal(bench.store.counts.behind, 2);
    bench_release(&bench);
}

TESTS(RUN(updated_leaves_at_once_and_durable_waits_for_the_log),
      RUN(a_disk_that_keeps_up_with_steady_writes_is_never_called_hanging),
      RUN(merged_waits_for_the_log_even_if_nothing_changed),
      RUN(what_was_synced_survives_a_power_loss_and_the_rest_is_not_promised),
      RUN(a_new_life_gives_dots_of_a_new_actor), RUN(an_actor_says_which_node_it_is_and_since_when),
      RUN(a_start_is_above_all_before_whatever_the_clock_says),
      RUN(a_start_is_above_those_of_which_a_dot_is_known), RUN(the_data_of_another_node_is_refused),
      RUN(a_store_of_version_1_is_counted_anew), RUN(a_step_of_the_wall_clock_forgets_no_request),
      RUN(after_a_restart_a_request_is_remembered_for_the_whole_time_again),
      RUN(a_repeated_request_is_applied_once_even_when_superseded_and_after_a_restart),
      RUN(a_merge_keeps_concurrent_values_and_repeats_do_nothing),
      RUN(a_context_that_names_dots_not_given_yet_is_refused),
      RUN(values_beyond_the_limit_are_refused_whole),
      RUN(another_epoch_and_keys_of_others_are_refused),
      RUN(what_waited_for_longer_than_its_budget_is_dropped),
      RUN(a_damaged_block_fails_what_is_read_from_it_and_nothing_else),
      RUN(a_merge_that_meets_damage_ends_and_the_store_goes_on),
      RUN(acknowledgements_wait_while_the_engine_wants_writers_to),
      RUN(an_interval_between_syncs_is_kept),
      RUN(a_router_that_takes_no_answers_is_told_to_come_back_until_it_has),
      RUN(answers_to_one_router_make_no_other_come_back))
