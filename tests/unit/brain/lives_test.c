// What a store has of its lives before: data, actors, requests, other versions.
#include "unit/brain/store_bench.h"

#include "dkv-store/pair.h"
#include "wire/replica.h"

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
        engine_key_encode(&(struct engine_key){token, RING_DEFAULT_KEYSPACE, name}, &key);
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
