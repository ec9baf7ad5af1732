// The records of a keyspace that was dropped go, and nothing else does, whatever happens meanwhile.
#include "dkv-store/dropping.h"

#include "dkv-store/pair.h"
#include "ring/engine_key.h"
#include "ring/ring_keyspaces.h"
#include "ring/ring_successor.h"
#include "unit/brain/store_bench.h"

enum { FIRST, WITH, WITHOUT, RINGS }; // without the second keyspace, with it, and again without
enum { KEYSPACE = 2, KEYS = 60, CROWD = 300, TICKS_MAX = 1000 };

static struct bench bench;
static struct ring rings[RINGS];
static struct ring_snapshot snapshots[RINGS];
static unsigned written[KEYSPACE + 1]; // keys, by keyspace

static void make_rings(void)
{
    struct ring_keyspace keyspace = rings[FIRST].keyspaces[0];
    struct fault fault;
    snprintf(keyspace.name, sizeof keyspace.name, "other");
    rings[WITH] = copy_of(&rings[FIRST]);
    assert_int_equal(ring_add_keyspace(&rings[WITH], &keyspace, &fault), STATUS_OK);
    ring_succeed(&rings[WITH], &rings[FIRST]);
    assert_int_equal(rings[WITH].keyspaces[1].id, KEYSPACE);
    rings[WITHOUT] = copy_of(&rings[WITH]);
    assert_int_equal(ring_drop_keyspace(&rings[WITHOUT], "other", &fault), STATUS_OK);
    ring_succeed(&rings[WITHOUT], &rings[WITH]);
    for (unsigned i = 0; i < RINGS; i++)
        snapshots[i] = snapshot_of(&rings[i]);
}

static void use(unsigned ring)
{
    store_adopt(&bench.store, &snapshots[ring]); // lets go of the one before
    bench.ring = rings[ring];
    bench.snapshot = snapshots[ring];
    bench.options.ring = &snapshots[ring];
}

static void write_key(uint32_t keyspace, unsigned number)
{
    struct op_update op = bench_update_of(&bench, 1, "value");
    snprintf(bench.key, sizeof bench.key, "key %u", number);
    op.key = bytes_of_text(bench.key);
    op.keyspace = keyspace;
    memcpy(op.request.bytes, &number, sizeof number);
    op.request.bytes[sizeof number] = (uint8_t)keyspace;
    uint32_t partition = ring_partition(&bench.ring, ring_token(keyspace, op.key));
    bench.since = ring_since(&bench.ring, partition, ring_keyspace(&bench.ring, keyspace));
    enum status status = bench_update(&bench, &op).status;
    assert_true(status == STATUS_OK || status == STATUS_NOT_OWNER);
    written[keyspace] += !status;
}

// So many that they do not go in one step.
static void write_crowd(void)
{
    uint16_t owners[RING_OWNERS_MAX];
    unsigned number = KEYS, count = 0;
    uint32_t partition = 0;
    while (!ring_owners(&bench.ring, partition, &bench.ring.keyspaces[1], owners) ||
           (owners[0] != bench.store.node_index))
        partition++;
    for (; count < CROWD; number++) {
        snprintf(bench.key, sizeof bench.key, "key %u", number);
        uint64_t token = ring_token(KEYSPACE, bytes_of_text(bench.key));
        if (ring_partition(&bench.ring, token) != partition)
            continue;
        write_key(KEYSPACE, number);
        count++;
    }
}

static int begin(void **state)
{
    (void)state;
    bench_init(&bench);
    rings[FIRST] = bench.ring;
    make_rings();
    use(WITH);
    memset(written, 0, sizeof written);
    for (unsigned i = 0; i < KEYS; i++) {
        write_key(RING_DEFAULT_KEYSPACE, i);
        write_key(KEYSPACE, i);
    }
    write_crowd();
    bench_sync_log(&bench);
    return 0;
}

static int end(void **state)
{
    (void)state;
    bench.ring = rings[FIRST];
    bench_release(&bench);
    ring_release(&rings[WITH]);
    ring_release(&rings[WITHOUT]);
    return 0;
}

AROUND_EACH(begin, end)

static void work(void)
{
    struct fault fault;
    bench_sync_log(&bench);
    for (struct lsm_job *job; (job = store_next_job(&bench.store, LSM_WORKER_BACKGROUND));
         bench_sync_log(&bench)) {
        lsm_job_run(job);
        assert_int_equal(store_on_job_done(&bench.store, job, &fault), STATUS_OK);
    }
}

static void tick(unsigned count)
{
    while (count--) {
        bench.now.mono_ms += 200;
        outbox_clear(&bench.outbox);
        serve_on_tick(&bench.store, bench.now, &bench.outbox);
        serve_on_turn_end(&bench.store, bench.now, &bench.outbox);
        work();
    }
}

// Records of a keyspace in the engine.
static unsigned count_of(uint32_t keyspace)
{
    struct bytes nothing = {0}, key, value;
    struct engine_key parts;
    struct fault fault;
    unsigned count = 0;
    struct lsm_scan *scan = lsm_scan_open(bench.store.lsm, nothing, nothing);
    while (!lsm_scan_next(scan, &key, &value, &fault))
        count += engine_key_decode(&parts, key) && parts.keyspace == keyspace;
    lsm_scan_close(scan);
    return count;
}

static bool has_shard_of(uint32_t keyspace)
{
    const struct ledger_shard *shard;
    for (size_t at = 0; (shard = ledger_next(&bench.store.ledger, &at));) {
        if (shard->keyspace == keyspace)
            return true;
    }
    return false;
}

// The ledger says what is there.
static void assert_sound(void)
{
    struct ledger counted;
    struct fault fault;
    uint64_t count;
    ledger_init(&counted, bench.ring.partition_count, 1000);
    assert_int_equal(pair_recount(bench.store.lsm, &counted, &count, &fault), STATUS_OK);
    assert_null(ledger_difference(&bench.store.ledger, &counted));
    assert_int_equal(bench.store.ledger.entries, count);
    ledger_release(&counted);
}

static void assert_dropped(void)
{
    for (unsigned i = 0; i < TICKS_MAX && has_shard_of(KEYSPACE); i++)
        tick(1);
    assert_false(has_shard_of(KEYSPACE));
    assert_int_equal(count_of(KEYSPACE), 0);
    assert_int_equal(count_of(RING_DEFAULT_KEYSPACE), written[RING_DEFAULT_KEYSPACE]);
    tick(2);
    assert_true(serve_is_quiet(&bench.store));
    assert_sound();
}

TEST(its_records_and_shards_go_and_those_of_others_stay)
{
    assert_in_range(written[KEYSPACE], CROWD + KEYS / 2, CROWD + KEYS);
    tick(10);
    assert_int_equal(count_of(KEYSPACE), written[KEYSPACE]);
    use(WITHOUT);
    assert_dropped();
}

TEST(they_go_from_tables_too)
{
    bench_flush(&bench);
    use(WITHOUT);
    assert_dropped();
    bench_lose_power(&bench, 7);
    assert_dropped();
}

TEST(what_is_no_record_goes_too)
{
    struct engine_key parts = engine_key_of(KEYSPACE, bytes_of_text("damaged"));
    struct lsm_batch batch = {0};
    struct buf key = {0};
    uint64_t position;
    engine_key_encode(&parts, &key);
    while (!ledger_find(&bench.store.ledger, KEYSPACE,
                        ring_partition(&bench.ring, parts.token))) { // one that is dropped
        parts.token += UINT64_MAX / bench.ring.partition_count;
        buf_clear(&key);
        engine_key_encode(&parts, &key);
    }
    lsm_batch_put(&batch, buf_bytes(&key), bytes_of_text("no record"));
    assert_int_equal(lsm_write(bench.store.lsm, &batch, &position), STATUS_OK);
    lsm_batch_release(&batch);
    buf_release(&key);
    use(WITHOUT);
    assert_dropped();
}

TEST(after_a_crash_on_the_way_the_rest_is_found_and_goes)
{
    use(WITHOUT);
    unsigned before = written[KEYSPACE];
    for (unsigned crash = 0; crash < 2; crash++) {
        tick(1);
        bench_lose_power(&bench, 10 + crash);
        assert_sound();
        assert_true(count_of(KEYSPACE) < before);
        before = count_of(KEYSPACE);
    }
    assert_true(before > 0);
    assert_dropped();
}

TEST(a_drop_that_a_crash_forgot_is_made_again)
{
    bench_flush(&bench);
    use(WITHOUT);
    for (unsigned i = 0; i < 5; i++) { // nothing is synced
        bench.now.mono_ms += 200;
        serve_on_tick(&bench.store, bench.now, &bench.outbox);
    }
    bench_lose_power(&bench, 7);
    assert_int_equal(count_of(KEYSPACE), written[KEYSPACE]);
    assert_dropped();
}

TEST(one_that_is_still_to_come_stays)
{
    bench_flush(&bench);
    use(FIRST); // an older document, from the disk
    bench_lose_power(&bench, 7);
    tick(200);
    assert_int_equal(count_of(KEYSPACE), written[KEYSPACE]);
    use(WITH);
    tick(200);
    assert_int_equal(count_of(KEYSPACE), written[KEYSPACE]);
    use(WITHOUT);
    assert_dropped();
}
