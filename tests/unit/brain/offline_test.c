// The database of a store that does not run: printed, checked, left as it is.
#include "dkv-store/offline.h"

#include "disk/memory_vfs.h"
#include "dkv-store/ledger_format.h"
#include "ring/engine_key.h"
#include "unit/unit.h"

struct bench {
    struct memory_vfs disk;
    struct buf output;
    struct offline offline;
};

static bool print(void *context, struct bytes text)
{
    struct bench *bench = context;
    buf_append(&bench->output, text);
    return true;
}

static struct lsm *open_engine(struct bench *bench)
{
    struct lsm *lsm;
    struct lsm_options options = lsm_options_default();
    options.vfs = &bench->disk.vfs;
    options.dir = "store";
    options.seed = 1;
    options.owner.features = ledger_format_features;
    assert_int_equal(lsm_open(&lsm, &options, NULL), STATUS_OK);
    return lsm;
}

static void put(struct lsm *lsm, const char *key, const char *value)
{
    struct buf engine_key = {0}, encoded = {0};
    struct lsm_batch batch = {0};
    struct record record = {0};
    struct record_write write = {.dot = {7, 1}, .hlc = 5, .value = bytes_of_text(value)};
    uint64_t position;
    struct engine_key parts = engine_key_of(RING_DEFAULT_KEYSPACE, bytes_of_text(key));
    engine_key_encode(&parts, &engine_key);
    record_update(&record, &write, false);
    record_encode(&record, bytes_of_text(key), &encoded);
    lsm_batch_put(&batch, buf_bytes(&engine_key), buf_bytes(&encoded));
    assert_int_equal(lsm_write(lsm, &batch, &position), STATUS_OK);
    lsm_batch_release(&batch);
    record_release(&record);
    buf_release(&engine_key);
    buf_release(&encoded);
}

static void sync_log(struct lsm *lsm)
{
    struct lsm_job *job;
    while ((job = lsm_next_job(lsm, LSM_WORKER_LOG))) {
        lsm_job_run(job);
        assert_int_equal(lsm_on_done(lsm, job, NULL), STATUS_OK);
    }
}

static void init(struct bench *bench)
{
    *bench = (struct bench){0};
    memory_vfs_init(&bench->disk);
    bench->offline = (struct offline){
        .vfs = &bench->disk.vfs, .dir = "store", .seed = 2, .print = print, .context = bench};
    struct lsm *lsm = open_engine(bench);
    put(lsm, "a \"key\"\n", "value");
    sync_log(lsm);
    lsm_close(lsm);
}

static void release(struct bench *bench)
{
    buf_release(&bench->output);
    memory_vfs_release(&bench->disk);
}

TEST(a_dump_has_a_line_of_json_for_each_record)
{
    struct bench bench;
    struct fault fault;
    init(&bench);
    assert_int_equal(offline_dump(&bench.offline, &fault), STATUS_OK);
    const char *head = "{\"v\":1,\"keyspace\":1,\"key\":\"a \\\"key\\\"\\u000a\",\"values\":1,"
                       "\"tombstone\":false,\"record\":{\"b64\":\"";
    assert_true(bytes_has_prefix(buf_bytes(&bench.output), bytes_of_text(head)));
    assert_string_equal(buf_text(&bench.output) + bench.output.size - 4, "\"}}\n");
    release(&bench);
}

TEST(a_raw_dump_has_a_line_of_hex_for_each_pair)
{
    struct bench bench;
    struct fault fault;
    init(&bench);
    bench.offline.is_raw = true;
    assert_int_equal(offline_dump(&bench.offline, &fault), STATUS_OK);
    const char *text = buf_text(&bench.output);
    assert_int_equal(strspn(text, "0123456789abcdef"), 2 * (ENGINE_KEY_PREFIX_SIZE + 8));
    assert_int_equal(strcspn(text, "\t"), 2 * (ENGINE_KEY_PREFIX_SIZE + 8));
    assert_int_equal(strcspn(text, "\n"), bench.output.size - 1);
    release(&bench);
}

TEST(a_directory_without_a_database_stays_so)
{
    struct bench bench;
    struct fault fault;
    init(&bench);
    bench.offline.dir = "none";
    uint64_t changes = bench.disk.change_count;
    assert_int_equal(offline_dump(&bench.offline, &fault), STATUS_INVALID);
    assert_int_equal(offline_verify(&bench.offline, &fault), STATUS_INVALID);
    assert_int_equal(bench.disk.change_count, changes);
    release(&bench);
}

TEST(a_store_that_runs_is_left_alone)
{
    struct bench bench;
    struct fault fault;
    init(&bench);
    struct lsm *lsm = open_engine(&bench);
    assert_int_equal(offline_dump(&bench.offline, &fault), STATUS_LOCKED);
    assert_non_null(strstr(fault.text, "stop the store first"));
    lsm_close(lsm);
    release(&bench);
}

TEST(verify_ends_with_ok_or_finds_a_record_that_is_none)
{
    struct bench bench;
    struct fault fault;
    init(&bench);
    assert_int_equal(offline_verify(&bench.offline, &fault), STATUS_OK);
    assert_non_null(strstr(buf_text(&bench.output), "records\t1\n"));
    assert_string_equal(buf_text(&bench.output) + bench.output.size - 4, "\nOK\n");
    struct lsm *lsm = open_engine(&bench);
    struct lsm_batch batch = {0};
    uint64_t position;
    lsm_batch_put(&batch, bytes_of_text("0123456789abc"), bytes_of_text("no record"));
    assert_int_equal(lsm_write(lsm, &batch, &position), STATUS_OK);
    sync_log(lsm);
    lsm_close(lsm);
    assert_int_equal(offline_verify(&bench.offline, &fault), STATUS_CORRUPT);
    lsm_batch_release(&batch);
    release(&bench);
}

// A ledger that says nothing of the record that is there.
TEST(verify_compares_what_was_counted_with_what_is_there)
{
    struct bench bench;
    struct fault fault;
    init(&bench);
    struct lsm *lsm = open_engine(&bench);
    struct lsm_batch batch = {0};
    struct buf note = {0};
    struct ledger ledger;
    uint64_t position;
    ledger_init(&ledger, 64, 1000);
    ledger_start_actor(&ledger, 77);
    ledger_format_start(&ledger, &note);
    lsm_batch_note(&batch, buf_bytes(&note));
    assert_int_equal(lsm_write(lsm, &batch, &position), STATUS_OK);
    sync_log(lsm);
    lsm_close(lsm);
    assert_int_equal(offline_verify(&bench.offline, &fault), STATUS_CORRUPT);
    assert_non_null(strstr(fault.text, "the ledger is not that of the records: keyspace 1"));
    assert_int_equal(offline_dump(&bench.offline, &fault), STATUS_OK);
    ledger_release(&ledger);
    lsm_batch_release(&batch);
    buf_release(&note);
    release(&bench);
}

TEST(what_a_newer_store_has_written_is_no_damage)
{
    struct bench bench;
    struct fault fault;
    init(&bench);
    struct lsm *lsm = open_engine(&bench);
    struct lsm_batch batch = {0};
    uint64_t position;
    lsm_batch_note(&batch, bytes_of("\x28\x00", 2));
    assert_int_equal(lsm_write(lsm, &batch, &position), STATUS_OK);
    sync_log(lsm);
    lsm_close(lsm);
    assert_int_equal(offline_verify(&bench.offline, &fault), STATUS_INVALID);
    assert_string_equal(fault.text, "store: written by a newer dkv (needs notes of kind 40)");
    lsm_batch_release(&batch);
    release(&bench);
}
