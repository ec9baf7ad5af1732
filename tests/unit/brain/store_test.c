#include "dkv-store/store.h"

#include "lsm/file_name.h"
#include "ring/ring_plan.h"
#include "sim/memory_vfs.h"
#include "unit/unit.h"

#include <stdio.h>

enum { NODES = 4 };

// A store of a cluster of four, three of which own a key.
struct bench {
    struct ring ring;
    struct memory_vfs disk;
    struct store_options options;
    struct store store;
    struct outbox outbox;
    struct moment now;
    char key[16]; // one that the store owns
    unsigned key_number;
};

static void start(struct bench *bench, uint64_t actor)
{
    struct fault fault = {0};
    assert_int_equal(store_open(&bench->store, &bench->options, actor, bench->now, &fault),
                     STATUS_OK);
}

// The next key that node `index` owns, or does not.
static void choose_key(struct bench *bench, int index, bool owned)
{
    for (;;) {
        uint16_t owners[RING_OWNERS_MAX];
        snprintf(bench->key, sizeof bench->key, "key %u", bench->key_number++);
        uint64_t token = ring_token(RING_DEFAULT_KEYSPACE, bytes_of_text(bench->key));
        uint32_t count = ring_owners(&bench->ring, ring_partition(&bench->ring, token),
                                     &bench->ring.keyspaces[0], owners);
        bool is_owner = false;
        for (uint32_t owner = 0; owner < count; owner++)
            is_owner |= owners[owner] == index;
        if (is_owner == owned)
            return;
    }
}

static void init(struct bench *bench)
{
    struct ring_node nodes[NODES] = {0};
    struct fault fault;
    memset(bench, 0, sizeof *bench);
    for (unsigned i = 0; i < NODES; i++) {
        nodes[i] = (struct ring_node){.id = i + 1, .port = 7400, .weight = 100};
        snprintf(nodes[i].name, sizeof nodes[i].name, "n%u", i);
        snprintf(nodes[i].address, sizeof nodes[i].address, "10.0.0.%u", i + 1);
    }
    assert_int_equal(ring_create(&bench->ring, 1, 64, nodes, NODES, &fault), STATUS_OK);
    memory_vfs_init(&bench->disk);
    bench->now = (struct moment){1000, 1700000000000};
    bench->options = (struct store_options){.ring = &bench->ring,
                                            .node = 1,
                                            .boot = 5,
                                            .value_size_max = 1000,
                                            .record_size_max = 10000,
                                            .request_memory_ms = 600000,
                                            .lsm = lsm_options_default(),
                                            .software = bytes_of_text("test")};
    bench->options.lsm.vfs = &bench->disk.vfs;
    bench->options.lsm.dir = "store";
    bench->options.lsm.memtable_size = 64 << 10;
    bench->options.lsm.log_segment_size = 64 << 10;
    choose_key(bench, ring_find_node(&bench->ring, 1), true);
    start(bench, 100);
}

static void release(struct bench *bench)
{
    store_close(&bench->store);
    outbox_release(&bench->outbox);
    memory_vfs_release(&bench->disk);
    ring_release(&bench->ring);
}

static void lose_power(struct bench *bench, uint64_t new_actor)
{
    struct random random;
    random_init(&random, 1);
    memory_vfs_power_off(&bench->disk);
    store_close(&bench->store);
    memory_vfs_crash(&bench->disk, MEMORY_VFS_LOSE_ALL, &random);
    start(bench, new_actor);
}

static void sync_log(struct bench *bench)
{
    struct fault fault;
    struct lsm_job *job;
    while ((job = store_next_job(&bench->store, LSM_WORKER_LOG))) {
        lsm_job_run(job);
        assert_int_equal(store_on_job_done(&bench->store, job, &fault), STATUS_OK);
    }
}

static void tell(struct bench *bench, enum message_type type, uint64_t epoch, uint32_t budget_ms,
                 struct buf *body)
{
    struct buf message = {0};
    struct message_header header = {.type = (uint8_t)type,
                                    .count = 1,
                                    .body_size = (uint32_t)body->size,
                                    .epoch = epoch,
                                    .budget_ms = budget_ms};
    message_header_encode(&header, buf_grow(&message, MESSAGE_HEADER_SIZE));
    buf_append(&message, buf_bytes(body));
    struct arrival arrival = {.link = 1, .role = ROLE_PEER};
    outbox_clear(&bench->outbox);
    store_on_message(&bench->store, &arrival, buf_bytes(&message), bench->now, &bench->outbox);
    buf_release(&message);
    buf_release(body);
}

// The body of the i-th message of the outbox, which must have this type.
static struct reader said(const struct bench *bench, uint32_t i, enum message_type type)
{
    assert_true(i < bench->outbox.count);
    assert_int_equal(bench->outbox.messages[i].type, type);
    struct reader body = reader_of(buf_bytes(&bench->outbox.messages[i].bytes));
    reader_bytes(&body, MESSAGE_HEADER_SIZE);
    return body;
}

static struct op_update update_of(const struct bench *bench, uint8_t request, const char *value)
{
    struct op_update update = {.id = 1,
                               .flags = UPDATE_BLIND,
                               .keyspace = RING_DEFAULT_KEYSPACE,
                               .key = bytes_of_text(bench->key),
                               .value = bytes_of_text(value)};
    memset(update.request.bytes, request, sizeof update.request.bytes);
    return update;
}

static struct op_updated update(struct bench *bench, const struct op_update *op)
{
    struct buf body = {0};
    struct op_updated updated;
    op_encode_update(op, &body);
    tell(bench, MESSAGE_UPDATE, bench->ring.epoch, 0, &body);
    struct reader reader = said(bench, 0, MESSAGE_UPDATED);
    assert_int_equal(op_decode_updated(&updated, &reader), STATUS_OK);
    return updated;
}

static struct op_fetched fetch(struct bench *bench, struct record *record)
{
    struct buf body = {0};
    struct op_fetched fetched;
    struct op_fetch op = {.keyspace = RING_DEFAULT_KEYSPACE, .key = bytes_of_text(bench->key)};
    op_encode_fetch(&op, &body);
    tell(bench, MESSAGE_FETCH, bench->ring.epoch, 0, &body);
    struct reader reader = said(bench, 0, MESSAGE_FETCHED);
    assert_int_equal(op_decode_fetched(&fetched, &reader), STATUS_OK);
    if (!fetched.status)
        assert_int_equal(record_decode(record, op.key, fetched.record), STATUS_OK);
    return fetched;
}

static enum status merge(struct bench *bench, const struct record *record)
{
    struct buf body = {0}, encoded = {0};
    struct op_done done;
    record_encode(record, bytes_of_text(bench->key), &encoded);
    struct op_merge op = {.keyspace = RING_DEFAULT_KEYSPACE,
                          .key = bytes_of_text(bench->key),
                          .record = buf_bytes(&encoded)};
    op_encode_merge(&op, &body);
    tell(bench, MESSAGE_MERGE, bench->ring.epoch, 0, &body);
    struct reader reader = said(bench, 0, MESSAGE_MERGED);
    assert_int_equal(op_decode_done(&done, &reader), STATUS_OK);
    buf_release(&encoded);
    return done.status;
}

TEST(updated_leaves_at_once_and_durable_waits_for_the_log)
{
    struct bench bench;
    init(&bench);
    struct op_update op = update_of(&bench, 1, "value");
    assert_int_equal(update(&bench, &op).status, STATUS_OK);
    assert_int_equal(bench.outbox.messages[0].gate, 0);
    said(&bench, 1, MESSAGE_DURABLE);
    assert_true(bench.outbox.messages[1].gate > lsm_durable(bench.store.lsm));
    sync_log(&bench);
    assert_true(bench.outbox.messages[1].gate <= lsm_durable(bench.store.lsm));
    release(&bench);
}

TEST(a_disk_that_keeps_up_with_steady_writes_is_never_called_hanging)
{
    struct bench bench;
    struct op_pong pong;
    init(&bench);
    for (uint8_t turn = 1; turn < 100; turn++) { // a write in every turn, synced in the next
        struct lsm_job *job = store_next_job(&bench.store, LSM_WORKER_LOG);
        if (job)
            lsm_job_run(job);
        struct op_update op = update_of(&bench, turn, "value");
        assert_int_equal(update(&bench, &op).status, STATUS_OK);
        if (job)
            assert_int_equal(store_on_job_done(&bench.store, job, NULL), STATUS_OK);
        store_on_turn_end(&bench.store, bench.now, &bench.outbox);
        bench.now.mono_ms += 100;
    }
    struct buf body = {0};
    op_encode_ping(&(struct op_ping){.id = 1}, &body);
    tell(&bench, MESSAGE_PING, bench.ring.epoch, 0, &body);
    struct reader reader = said(&bench, 0, MESSAGE_PONG);
    assert_int_equal(op_decode_pong(&pong, &reader), STATUS_OK);
    assert_in_range(pong.unsynced_age_ms, 1, 300);
    release(&bench);
}

TEST(merged_waits_for_the_log_even_if_nothing_changed)
{
    struct bench bench;
    struct record record = {0};
    init(&bench);
    struct op_update op = update_of(&bench, 1, "value");
    update(&bench, &op);
    fetch(&bench, &record);
    assert_int_equal(merge(&bench, &record), STATUS_OK); // it holds that, but not durably
    assert_true(bench.outbox.messages[0].gate > lsm_durable(bench.store.lsm));
    record_release(&record);
    release(&bench);
}

TEST(what_was_synced_survives_a_power_loss_and_the_rest_is_not_promised)
{
    struct bench bench;
    struct record record = {0};
    init(&bench);
    struct op_update op = update_of(&bench, 1, "first");
    struct dot dot = update(&bench, &op).dot;
    sync_log(&bench);
    op = update_of(&bench, 2, "second");
    update(&bench, &op);
    lose_power(&bench, 101);
    assert_int_equal(fetch(&bench, &record).status, STATUS_OK);
    assert_int_equal(record.count, 1);
    assert_true(dot_equal(record.siblings[0].dot, dot));
    record_release(&record);
    release(&bench);
}

TEST(a_new_life_gives_dots_of_a_new_actor)
{
    struct bench bench;
    init(&bench);
    struct op_update op = update_of(&bench, 1, "value");
    assert_int_equal(update(&bench, &op).dot.actor, 100);
    sync_log(&bench);
    lose_power(&bench, 101);
    op = update_of(&bench, 2, "value");
    assert_int_equal(update(&bench, &op).dot.actor, 101);
    release(&bench);
}

TEST(a_repeated_request_is_applied_once_even_when_superseded_and_after_a_restart)
{
    struct bench bench;
    struct record record = {0};
    init(&bench);
    struct op_update first = update_of(&bench, 1, "first"), second = update_of(&bench, 2, "second");
    struct dot dot = update(&bench, &first).dot;
    assert_true(dot_equal(update(&bench, &first).dot, dot));
    update(&bench, &second);
    sync_log(&bench);
    assert_true(dot_equal(update(&bench, &first).dot, dot));
    lose_power(&bench, 101);
    assert_true(dot_equal(update(&bench, &first).dot, dot));
    fetch(&bench, &record);
    assert_int_equal(record.count, 1);
    assert_true(bytes_equal(record.siblings[0].value, bytes_of_text("second")));
    record_release(&record);
    release(&bench);
}

TEST(a_merge_keeps_concurrent_values_and_repeats_do_nothing)
{
    struct bench bench;
    struct record other = {0}, record = {0};
    struct clock nothing = {0};
    init(&bench);
    struct op_update op = update_of(&bench, 1, "ours");
    update(&bench, &op);
    struct record_write write = {
        .dot = {7, 1}, .hlc = 9, .context = &nothing, .value = bytes_of_text("theirs")};
    record_update(&other, &write, false);
    assert_int_equal(merge(&bench, &other), STATUS_OK);
    uint64_t written = lsm_written(bench.store.lsm);
    assert_int_equal(merge(&bench, &other), STATUS_OK);
    assert_int_equal(lsm_written(bench.store.lsm), written);
    fetch(&bench, &record);
    assert_int_equal(record.count, 2);
    record_release(&record);
    record_release(&other);
    release(&bench);
}

TEST(a_context_that_names_dots_not_given_yet_is_refused)
{
    struct bench bench;
    struct clock forged = {0};
    struct buf context = {0};
    init(&bench);
    clock_add(&forged, (struct interval){100, 1, 50});
    clock_encode(&forged, &context);
    struct op_update op = update_of(&bench, 1, "value");
    op.context = buf_bytes(&context);
    assert_int_equal(update(&bench, &op).status, STATUS_INVALID);
    clock_release(&forged);
    buf_release(&context);
    release(&bench);
}

TEST(values_beyond_the_limit_are_refused_whole)
{
    struct bench bench;
    char large[1002];
    struct record record = {0};
    init(&bench);
    memset(large, 'x', sizeof large);
    large[1001] = 0;
    struct op_update op = update_of(&bench, 1, large);
    assert_int_equal(update(&bench, &op).status, STATUS_TOO_LARGE);
    assert_int_equal(fetch(&bench, &record).status, STATUS_NOT_FOUND);
    record_release(&record);
    release(&bench);
}

TEST(another_epoch_and_keys_of_others_are_refused)
{
    struct bench bench;
    struct buf body = {0};
    struct op_updated updated;
    init(&bench);
    struct op_update op = update_of(&bench, 1, "value");
    op_encode_update(&op, &body);
    tell(&bench, MESSAGE_UPDATE, bench.ring.epoch + 1, 0, &body);
    struct reader reader = said(&bench, 0, MESSAGE_UPDATED);
    assert_int_equal(op_decode_updated(&updated, &reader), STATUS_OK);
    assert_int_equal(updated.status, STATUS_STALE);
    choose_key(&bench, ring_find_node(&bench.ring, 1), false);
    op = update_of(&bench, 1, "value");
    assert_int_equal(update(&bench, &op).status, STATUS_NOT_OWNER);
    release(&bench);
}

TEST(after_a_standstill_work_whose_time_is_over_is_dropped)
{
    struct bench bench;
    struct buf body = {0};
    init(&bench);
    struct op_update op = update_of(&bench, 1, "value");
    op_encode_update(&op, &body);
    bench.now.mono_ms += 5000;
    tell(&bench, MESSAGE_UPDATE, bench.ring.epoch, 3000, &body);
    assert_int_equal(bench.outbox.count, 0);
    store_on_turn_end(&bench.store, bench.now, &bench.outbox);
    assert_int_equal(update(&bench, &op).status, STATUS_OK);
    release(&bench);
}

// Everything that was written goes to a table, and merges run until there is nothing to do.
static void flush(struct bench *bench)
{
    struct lsm_job *job;
    lsm_flush(bench->store.lsm);
    do {
        sync_log(bench);
        job = store_next_job(&bench->store, LSM_WORKER_BACKGROUND);
        if (job) {
            lsm_job_run(job);
            assert_int_equal(store_on_job_done(&bench->store, job, NULL), STATUS_OK);
        }
    } while (job);
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
    init(&bench);
    store_close(&bench.store);
    bench.options.lsm.cache_size = 0;
    start(&bench, 101);
    struct op_update op = update_of(&bench, 1, "a value to be damaged");
    assert_int_equal(update(&bench, &op).status, STATUS_OK);
    flush(&bench);
    damage(&bench, "to be damaged");
    assert_int_equal(fetch(&bench, &record).status, STATUS_CORRUPT);
    assert_int_equal(update(&bench, &op).status, STATUS_CORRUPT);
    assert_int_equal(bench.store.counts.damaged_reads, 2);
    assert_non_null(strstr(bench.store.damage.text, ".tbl"));
    assert_non_null(strstr(bench.store.damage.text, "offset"));
    choose_key(&bench, ring_find_node(&bench.ring, 1), true);
    op = update_of(&bench, 2, "another");
    assert_int_equal(update(&bench, &op).status, STATUS_OK);
    assert_int_equal(fetch(&bench, &record).status, STATUS_OK);
    record_release(&record);
    release(&bench);
}

TEST(a_merge_that_meets_damage_ends_and_the_store_goes_on)
{
    struct bench bench;
    init(&bench);
    store_close(&bench.store);
    bench.options.lsm.merge_run_count = 2;
    start(&bench, 101);
    for (uint8_t i = 1; i < 40; i++) {
        choose_key(&bench, ring_find_node(&bench.ring, 1), true);
        struct op_update op = update_of(&bench, i, "a value to be damaged");
        enum status status = update(&bench, &op).status;
        assert_true(!status || status == STATUS_CORRUPT);
        if (i % 4)
            continue;
        flush(&bench);
        if (i == 4)
            damage(&bench, "to be damaged");
    }
    assert_int_equal(bench.store.counts.damaged_merges, 1);
    assert_non_null(strstr(bench.store.damage.text, ".tbl"));
    assert_false(lsm_failed(bench.store.lsm));
    release(&bench);
}

TEST(acknowledgements_wait_while_the_engine_wants_writers_to)
{
    struct bench bench;
    init(&bench);
    store_close(&bench.store);
    bench.options.lsm.log_segment_size = 1 << 20;
    start(&bench, 101);
    flush(&bench); // and a segment is prepared
    char value[900];
    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = 0;
    uint64_t gate = 0;
    for (uint8_t i = 1; i < 150 && !bench.store.held_until_ms; i++) { // nothing is flushed
        choose_key(&bench, ring_find_node(&bench.ring, 1), true);
        struct op_update op = update_of(&bench, i, value);
        assert_int_equal(update(&bench, &op).status, STATUS_OK);
        gate = bench.outbox.messages[1].gate;
        store_on_turn_end(&bench.store, bench.now, &bench.outbox);
    }
    sync_log(&bench);
    assert_true(lsm_durable(bench.store.lsm) >= gate);
    assert_true(store_durable(&bench.store) < gate);
    assert_in_range(store_tick_within_ms(&bench.store, 200), 1, 20);
    bench.now.mono_ms += store_tick_within_ms(&bench.store, 200);
    store_on_turn_end(&bench.store, bench.now, &bench.outbox);
    assert_true(store_durable(&bench.store) >= gate);
    assert_int_equal(store_tick_within_ms(&bench.store, 200), 200);
    release(&bench);
}

TEST(an_interval_between_syncs_is_kept)
{
    struct bench bench;
    init(&bench);
    store_close(&bench.store);
    bench.options.lsm.durability = LSM_DURABILITY_INTERVAL;
    bench.options.lsm.interval_ms = 10;
    start(&bench, 101);
    store_on_tick(&bench.store, bench.now, &bench.outbox);
    store_on_turn_end(&bench.store, bench.now, &bench.outbox);
    assert_int_equal(store_tick_within_ms(&bench.store, 200), 200);
    struct op_update op = update_of(&bench, 1, "value");
    update(&bench, &op);
    store_on_turn_end(&bench.store, bench.now, &bench.outbox);
    assert_int_equal(store_tick_within_ms(&bench.store, 200), 10);
    release(&bench);
}

// ---- Reads that have to wait for the disk ------------------------------------------------

// Some keys with a value of their own, each in a cold table and in no cache.
enum { COLD_COUNT = 400 };

static char cold_keys[COLD_COUNT][16];

static void init_cold(struct bench *bench)
{
    init(bench);
    store_close(&bench->store);
    bench->options.lsm.cache_size = 0;
    bench->options.lsm.block_size = 512;
    bench->options.lsm.memtable_size = 1 << 20;
    bench->options.lsm.log_segment_size = 1 << 20;
    start(bench, 101);
    for (unsigned i = 0; i < COLD_COUNT; i++) {
        char value[600];
        snprintf(value, sizeof value, "%0*u", 550, i);
        choose_key(bench, ring_find_node(&bench->ring, 1), true);
        memcpy(cold_keys[i], bench->key, sizeof bench->key);
        struct op_update op = update_of(bench, 0, value);
        assert_int_equal(update(bench, &op).status, STATUS_OK);
        if (i % 50 == 49)
            flush(bench);
    }
    memory_vfs_cool(&bench->disk);
}

static void use_key(struct bench *bench, unsigned i)
{
    memcpy(bench->key, cold_keys[i], sizeof bench->key);
}

// One operation, of which the answer may come later; it carries `id`.
static void ask_fetch(struct bench *bench, uint64_t id, uint32_t budget_ms)
{
    struct buf body = {0};
    struct op_fetch op = {
        .id = id, .keyspace = RING_DEFAULT_KEYSPACE, .key = bytes_of_text(bench->key)};
    op_encode_fetch(&op, &body);
    tell(bench, MESSAGE_FETCH, bench->ring.epoch, budget_ms, &body);
}

static void ask_update(struct bench *bench, uint64_t id, const char *value)
{
    struct buf body = {0};
    struct op_update op = update_of(bench, (uint8_t)id, value);
    op.id = id;
    op_encode_update(&op, &body);
    tell(bench, MESSAGE_UPDATE, bench->ring.epoch, 0, &body);
}

// What a worker does, and the turn that takes it back. False if there is nothing to read.
static bool read_cold(struct bench *bench)
{
    struct lsm_job *job = store_next_job(&bench->store, LSM_WORKER_READ);
    if (!job)
        return false;
    lsm_job_run(job);
    assert_int_equal(store_on_job_done(&bench->store, job, NULL), STATUS_OK);
    outbox_clear(&bench->outbox);
    store_on_turn_end(&bench->store, bench->now, &bench->outbox);
    return true;
}

// The answers of the outbox's i-th message, which are of this type; the first has this id.
static uint16_t answers(struct bench *bench, uint32_t i, enum message_type type, uint64_t id)
{
    struct reader body = said(bench, i, type);
    assert_int_equal(reader_u64(&body), id);
    return bench->outbox.messages[i].count;
}

TEST(a_cold_read_holds_nobody_up_and_is_answered_when_it_is_done)
{
    static struct bench bench;
    struct record record = {0};
    init_cold(&bench);
    use_key(&bench, 5);
    ask_fetch(&bench, 55, 0);
    assert_int_equal(bench.outbox.count, 0);
    choose_key(&bench, ring_find_node(&bench.ring, 1), true);
    struct op_update op = update_of(&bench, 1, "another");
    assert_int_equal(update(&bench, &op).status, STATUS_OK);
    store_on_turn_end(&bench.store, bench.now, &bench.outbox);
    assert_int_equal(bench.store.parked.count, 1);
    assert_true(read_cold(&bench));
    assert_int_equal(bench.store.parked.count, 0);
    assert_int_equal(bench.outbox.count, 1);
    assert_int_equal(bench.outbox.messages[0].link, 1);
    assert_int_equal(answers(&bench, 0, MESSAGE_FETCHED, 55), 1);
    use_key(&bench, 5);
    assert_int_equal(fetch(&bench, &record).status, STATUS_OK); // warm now
    assert_int_equal(record.count, 1);
    assert_int_equal(bench.store.counts.fetches, 2);
    assert_int_equal(bench.store.counts.parked, 1);
    record_release(&record);
    release(&bench);
}

TEST(operations_on_one_key_keep_their_order)
{
    static struct bench bench;
    struct record record = {0};
    init_cold(&bench);
    use_key(&bench, 5);
    ask_update(&bench, 1, "first");
    struct lsm_job *job = store_next_job(&bench.store, LSM_WORKER_READ);
    lsm_job_run(job);
    ask_update(&bench, 2, "second"); // what it needs is there, but its turn has not come
    ask_fetch(&bench, 3, 0);
    assert_int_equal(bench.outbox.count, 0);
    assert_int_equal(bench.store.parked.count, 3);
    assert_int_equal(store_on_job_done(&bench.store, job, NULL), STATUS_OK);
    store_on_turn_end(&bench.store, bench.now, &bench.outbox);
    assert_int_equal(bench.store.parked.count, 0);
    assert_int_equal(answers(&bench, 0, MESSAGE_UPDATED, 1), 2);
    assert_int_equal(answers(&bench, 1, MESSAGE_DURABLE, 1), 2);
    assert_true(bench.outbox.messages[1].gate > lsm_durable(bench.store.lsm));
    struct reader body = said(&bench, 2, MESSAGE_FETCHED);
    struct op_fetched fetched;
    assert_int_equal(op_decode_fetched(&fetched, &body), STATUS_OK);
    assert_int_equal(record_decode(&record, bytes_of_text(bench.key), fetched.record), STATUS_OK);
    assert_int_equal(record.count, 1);
    assert_true(bytes_equal(record.siblings[0].value, bytes_of_text("second")));
    record_release(&record);
    release(&bench);
}

TEST(those_behind_wait_on_when_the_first_misses_again)
{
    static struct bench bench;
    init_cold(&bench);
    use_key(&bench, 5);
    ask_update(&bench, 1, "first");
    ask_update(&bench, 2, "second");
    struct lsm_job *job = store_next_job(&bench.store, LSM_WORKER_READ);
    lsm_job_run(job);
    memory_vfs_cool(&bench.disk);
    assert_int_equal(store_on_job_done(&bench.store, job, NULL), STATUS_OK);
    store_on_turn_end(&bench.store, bench.now, &bench.outbox);
    assert_int_equal(bench.outbox.count, 0);
    assert_int_equal(bench.store.parked.count, 2);
    assert_true(read_cold(&bench));
    assert_int_equal(answers(&bench, 0, MESSAGE_UPDATED, 1), 2);
    release(&bench);
}

TEST(who_misses_again_and_again_waits_for_the_disk)
{
    static struct bench bench;
    init_cold(&bench);
    bench.disk.keeps_cold = true;
    use_key(&bench, 5);
    ask_fetch(&bench, 1, 0);
    unsigned attempts = 0;
    while (bench.store.parked.count && attempts++ < 10)
        assert_true(read_cold(&bench));
    assert_int_equal(attempts, PARKED_MISSES_MAX);
    assert_int_equal(answers(&bench, 0, MESSAGE_FETCHED, 1), 1);
    release(&bench);
}

TEST(there_is_a_limit_to_what_waits_and_all_are_answered_once)
{
    static struct bench bench;
    static unsigned counts[COLD_COUNT];
    uint32_t answered = 0;
    memset(counts, 0, sizeof counts);
    init_cold(&bench);
    bool is_reading = true;
    for (unsigned i = 0; i < COLD_COUNT || is_reading; i++) {
        if (i < COLD_COUNT) {
            use_key(&bench, i % 100); // fewer places than the engine remembers
            ask_fetch(&bench, i, 0);
        } else {
            is_reading = read_cold(&bench);
        }
        assert_true(bench.store.parked.count <= PARKED_COUNT_MAX);
        for (uint32_t m = 0; is_reading && m < bench.outbox.count; m++) {
            struct reader body = said(&bench, m, MESSAGE_FETCHED);
            struct op_fetched fetched;
            for (unsigned op = 0; op < bench.outbox.messages[m].count; op++, answered++) {
                assert_int_equal(op_decode_fetched(&fetched, &body), STATUS_OK);
                assert_int_equal(fetched.status, STATUS_OK);
                assert_int_equal(++counts[fetched.id], 1);
            }
        }
    }
    assert_int_equal(answered, COLD_COUNT);
    assert_int_equal(bench.store.counts.parked, COLD_COUNT);
    release(&bench);
}

TEST(what_waited_until_its_time_was_over_is_dropped)
{
    static struct bench bench;
    init_cold(&bench);
    use_key(&bench, 5);
    ask_fetch(&bench, 1, 100);
    bench.now.mono_ms += 100;
    assert_true(read_cold(&bench));
    assert_int_equal(bench.outbox.count, 0);
    assert_int_equal(bench.store.parked.count, 0);
    assert_int_equal(bench.store.counts.expired, 1);
    release(&bench);
}

TEST(a_store_may_close_while_operations_wait)
{
    static struct bench bench;
    init_cold(&bench);
    use_key(&bench, 5);
    ask_update(&bench, 1, "first");
    lose_power(&bench, 102);
    assert_int_equal(bench.store.parked.count, 0);
    release(&bench);
}

TESTS(RUN(updated_leaves_at_once_and_durable_waits_for_the_log),
      RUN(a_disk_that_keeps_up_with_steady_writes_is_never_called_hanging),
      RUN(merged_waits_for_the_log_even_if_nothing_changed),
      RUN(what_was_synced_survives_a_power_loss_and_the_rest_is_not_promised),
      RUN(a_new_life_gives_dots_of_a_new_actor),
      RUN(a_repeated_request_is_applied_once_even_when_superseded_and_after_a_restart),
      RUN(a_merge_keeps_concurrent_values_and_repeats_do_nothing),
      RUN(a_context_that_names_dots_not_given_yet_is_refused),
      RUN(values_beyond_the_limit_are_refused_whole),
      RUN(another_epoch_and_keys_of_others_are_refused),
      RUN(after_a_standstill_work_whose_time_is_over_is_dropped),
      RUN(a_damaged_block_fails_what_is_read_from_it_and_nothing_else),
      RUN(a_merge_that_meets_damage_ends_and_the_store_goes_on),
      RUN(acknowledgements_wait_while_the_engine_wants_writers_to),
      RUN(an_interval_between_syncs_is_kept),
      RUN(a_cold_read_holds_nobody_up_and_is_answered_when_it_is_done),
      RUN(operations_on_one_key_keep_their_order),
      RUN(those_behind_wait_on_when_the_first_misses_again),
      RUN(who_misses_again_and_again_waits_for_the_disk),
      RUN(there_is_a_limit_to_what_waits_and_all_are_answered_once),
      RUN(what_waited_until_its_time_was_over_is_dropped),
      RUN(a_store_may_close_while_operations_wait))
