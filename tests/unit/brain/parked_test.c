// Operations whose record is on the disk wait aside, in order, within limits, and are answered
// once.
#include "unit/brain/store_bench.h"
#include "wire/replica.h"

// Some keys with a value of their own, each in a cold table and in no cache.
enum { COLD_COUNT = 400 };

static char cold_keys[COLD_COUNT][16];

static void init_cold_with(struct bench *bench, size_t separate_size)
{
    bench_init(bench);
    store_close(&bench->store);
    bench->options.lsm.cache_size = 0;
    bench->options.lsm.block_size = 512;
    bench->options.lsm.memtable_size = 1 << 20;
    bench->options.lsm.log_segment_size = 1 << 20;
    bench->options.lsm.separate_size = separate_size;
    bench_start(bench, 101);
    for (unsigned i = 0; i < COLD_COUNT; i++) {
        char value[600];
        snprintf(value, sizeof value, "%0*u", 550, i);
        bench_choose_key(bench, ring_find_node(&bench->ring, 1), true);
        memcpy(cold_keys[i], bench->key, sizeof bench->key);
        struct op_update op = bench_update_of(bench, 0, value);
        assert_int_equal(bench_update(bench, &op).status, STATUS_OK);
        if (i % 50 == 49)
            bench_flush(bench);
    }
    memory_vfs_cool(&bench->disk);
}

static void init_cold(struct bench *bench)
{
    init_cold_with(bench, lsm_options_default().separate_size);
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
    bench_tell(bench, MESSAGE_FETCH, bench->ring.epoch, budget_ms, &body);
}

static void ask_update(struct bench *bench, uint64_t id, const char *value)
{
    struct buf body = {0};
    struct op_update op = bench_update_of(bench, (uint8_t)id, value);
    op.id = id;
    op_encode_update(&op, &body);
    bench_tell(bench, MESSAGE_UPDATE, bench->ring.epoch, 0, &body);
}

// Reads of files by the owner's thread; the others are a worker's.
static unsigned owner_read_count;
static struct vfs bench_vfs;

static enum status counted_read(struct vfs *vfs, struct vfs_file *file, uint64_t offset, void *data,
                                size_t size, size_t *size_read, struct fault *fault)
{
    owner_read_count++;
    return bench_vfs.read(vfs, file, offset, data, size, size_read, fault);
}

// What a worker does, and the turn that takes it back. False if there is nothing to read.
static bool read_cold(struct bench *bench)
{
    struct lsm_job *job = store_next_job(&bench->store, LSM_WORKER_READ);
    if (!job)
        return false;
    lsm_job_run(job);
    bench_vfs = bench->disk.vfs;
    bench->disk.vfs.read = counted_read;
    assert_int_equal(store_on_job_done(&bench->store, job, NULL), STATUS_OK);
    outbox_clear(&bench->outbox);
    serve_on_turn_end(&bench->store, bench->now, &bench->outbox);
    bench->disk.vfs = bench_vfs;
    return true;
}

// The answers of the outbox's i-th message, which are of this type; the first has this id.
static uint16_t answers(struct bench *bench, uint32_t i, enum message_type type, uint64_t id)
{
    struct reader body = bench_said(bench, i, type);
    reader_u32(&body); // its size
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
    bench_choose_key(&bench, ring_find_node(&bench.ring, 1), true);
    struct op_update op = bench_update_of(&bench, 1, "another");
    assert_int_equal(bench_update(&bench, &op).status, STATUS_OK);
    serve_on_turn_end(&bench.store, bench.now, &bench.outbox);
    assert_int_equal(bench.store.parked.count, 1);
    assert_true(read_cold(&bench));
    assert_int_equal(bench.store.parked.count, 0);
    assert_int_equal(bench.outbox.count, 1);
    assert_int_equal(bench.outbox.messages[0].link, 1);
    assert_int_equal(answers(&bench, 0, MESSAGE_FETCHED, 55), 1);
    use_key(&bench, 5);
    assert_int_equal(bench_fetch(&bench, &record).status, STATUS_OK); // warm now
    assert_int_equal(record.count, 1);
    assert_int_equal(bench.store.counts.fetches, 2);
    assert_int_equal(bench.store.counts.parked, 1);
    record_release(&record);
    bench_release(&bench);
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
    serve_on_turn_end(&bench.store, bench.now, &bench.outbox);
    assert_int_equal(bench.store.parked.count, 0);
    assert_int_equal(answers(&bench, 0, MESSAGE_UPDATED, 1), 2);
    assert_int_equal(answers(&bench, 1, MESSAGE_DURABLE, 1), 2);
    assert_true(bench.outbox.messages[1].gate > lsm_durable(bench.store.lsm));
    struct reader body = bench_said(&bench, 2, MESSAGE_FETCHED);
    struct op_fetched fetched;
    assert_int_equal(op_decode_fetched(&fetched, &body), STATUS_OK);
    assert_int_equal(record_decode(&record, bytes_of_text(bench.key), fetched.record), STATUS_OK);
    assert_int_equal(record.count, 1);
    assert_true(bytes_equal(record.siblings[0].value, bytes_of_text("second")));
    record_release(&record);
    bench_release(&bench);
}

enum { PARTITION_COUNT = 64 };

// A scan of all partitions.
struct survey {
    struct buf after[PARTITION_COUNT]; // the last key seen
    bool is_wanted[PARTITION_COUNT];   // the next page is to be asked for
    unsigned done_count;               // partitions of which the last page was seen
    unsigned page_count;
    unsigned item_count;
};

static void survey_release(struct survey *survey)
{
    for (uint32_t i = 0; i < PARTITION_COUNT; i++)
        buf_release(&survey->after[i]);
}

// Takes in the pages of the outbox.
static void take_pages(struct bench *bench, struct survey *survey)
{
    for (uint32_t m = 0; m < bench->outbox.count; m++) {
        struct reader body = bench_said(bench, m, MESSAGE_SCANNED_LOCAL);
        struct op_scanned scanned;
        for (unsigned op = 0; op < bench->outbox.messages[m].count; op++) {
            assert_int_equal(op_decode_scanned(&scanned, &body), STATUS_OK);
            assert_int_equal(scanned.status, STATUS_OK);
            assert_true(scanned.done || scanned.item_count);
            buf_set(&survey->after[scanned.id], scanned.last);
            survey->is_wanted[scanned.id] = !scanned.done;
            survey->done_count += scanned.done;
            survey->page_count++;
            survey->item_count += scanned.item_count;
        }
    }
    outbox_clear(&bench->outbox);
}

static void ask_page(struct bench *bench, uint32_t partition, struct bytes after)
{
    struct buf body = {0};
    struct op_scan_local op = {.id = partition,
                               .partition = partition,
                               .keyspace = RING_DEFAULT_KEYSPACE,
                               .size_max = 1 << 20,
                               .after = after};
    op_encode_scan_local(&op, &body);
    bench_tell(bench, MESSAGE_SCAN_LOCAL, bench->ring.epoch, 0, &body);
}

// Asks for what is wanted, until all of it has to wait.
static void survey_on(struct bench *bench, struct survey *survey)
{
    take_pages(bench, survey);
    for (uint32_t i = 0; i < PARTITION_COUNT; i++) {
        while (survey->is_wanted[i]) {
            survey->is_wanted[i] = false;
            ask_page(bench, i, buf_bytes(&survey->after[i]));
            take_pages(bench, survey);
        }
    }
}

static void survey_begin(struct bench *bench, struct survey *survey)
{
    *survey = (struct survey){0};
    assert_int_equal(bench->ring.partition_count, PARTITION_COUNT);
    for (uint32_t i = 0; i < PARTITION_COUNT; i++)
        survey->is_wanted[i] = true;
    outbox_clear(&bench->outbox);
    survey_on(bench, survey);
    assert_int_equal(survey->item_count, 0);
    assert_int_equal(bench->store.parked.count, PARTITION_COUNT - survey->done_count);
}

TEST(a_cold_scan_holds_nobody_up_and_has_every_record_once)
{
    static struct bench bench;
    struct survey survey;
    init_cold(&bench);
    survey_begin(&bench, &survey);
    bench_choose_key(&bench, ring_find_node(&bench.ring, 1), true);
    struct op_update op = bench_update_of(&bench, 1, "another");
    assert_int_equal(bench_update(&bench, &op).status, STATUS_OK);
    outbox_clear(&bench.outbox);
    owner_read_count = 0;
    while (read_cold(&bench))
        survey_on(&bench, &survey);
    assert_int_equal(owner_read_count, 0);
    assert_int_equal(survey.done_count, PARTITION_COUNT);
    assert_int_equal(survey.item_count, COLD_COUNT + 1);
    assert_int_equal(bench.store.counts.scans, survey.page_count);
    assert_int_equal(bench.store.parked.count, 0);
    survey_release(&survey);
    bench_release(&bench);
}

TEST(a_page_of_many_large_values_ends_early_rather_than_wait_for_the_disk)
{
    static struct bench bench;
    struct survey survey;
    init_cold_with(&bench, 256);
    survey_begin(&bench, &survey);
    owner_read_count = 0;
    while (read_cold(&bench))
        survey_on(&bench, &survey);
    assert_int_equal(owner_read_count, 0);
    assert_int_equal(survey.item_count, COLD_COUNT);
    survey_release(&survey);
    bench_release(&bench);
}

TEST(a_scan_that_misses_again_and_again_waits_for_the_disk_for_one_pair)
{
    static struct bench bench;
    struct survey survey;
    init_cold(&bench);
    bench.disk.keeps_cold = true;
    survey_begin(&bench, &survey);
    for (unsigned rounds = 0; bench.store.parked.count && rounds < 10000; rounds++) {
        assert_true(read_cold(&bench));
        survey_on(&bench, &survey);
    }
    assert_int_equal(survey.done_count, PARTITION_COUNT);
    assert_int_equal(survey.item_count, COLD_COUNT);
    survey_release(&survey);
    bench_release(&bench);
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
    serve_on_turn_end(&bench.store, bench.now, &bench.outbox);
    assert_int_equal(bench.outbox.count, 0);
    assert_int_equal(bench.store.parked.count, 2);
    assert_true(read_cold(&bench));
    assert_int_equal(answers(&bench, 0, MESSAGE_UPDATED, 1), 2);
    bench_release(&bench);
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
    bench_release(&bench);
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
            struct reader body = bench_said(&bench, m, MESSAGE_FETCHED);
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
    bench_release(&bench);
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
    bench_release(&bench);
}

TEST(a_store_may_close_while_operations_wait)
{
    static struct bench bench;
    init_cold(&bench);
    use_key(&bench, 5);
    ask_update(&bench, 1, "first");
    bench_lose_power(&bench, 102);
    assert_int_equal(bench.store.parked.count, 0);
    bench_release(&bench);
}
