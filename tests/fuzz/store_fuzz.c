// Any order of requests, jobs, time and restarts: a store answers every request exactly
// once, promises only what its log can keep, and its ledger is that of its records.
//
// The input is a list of events, one byte for the kind and a few for its details.
#include "base/endian.h"
#include "base/xalloc.h"
#include "disk/memory_vfs.h"
#include "dkv-store/pair.h"
#include "dkv-store/serve.h"
#include "fixture/ring.h"
#include "fuzz/must.h"
#include "fuzz/records.h"
#include "wire/age.h"
#include "wire/replica.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct bench {
    struct ring ring;
    struct ring_snapshot snapshot;
    struct memory_vfs disk;
    struct store_options options;
    struct store store;
    struct outbox outbox;
    struct moment now;
    uint64_t lives;
    uint64_t asked, answered; // requests whose bytes were right
    uint64_t promised;        // updates that were accepted
    uint64_t kept;            // DURABLE of them
};

// ---- what the store says -------------------------------------------------------------

static void read_message(struct bench *bench, const struct outbox_message *message)
{
    struct reader body = reader_of(buf_bytes(&message->bytes));
    reader_bytes(&body, MESSAGE_HEADER_SIZE);
    must(message->gate <= lsm_written(bench->store.lsm), "a gate that nothing opens");
    for (unsigned i = 0; i < message->count; i++) {
        struct op_updated updated;
        if (message->type == MESSAGE_UPDATED) {
            must(!op_decode_updated(&updated, &body), "UPDATED");
            bench->promised += updated.status == STATUS_OK;
        }
        bench->kept += message->type == MESSAGE_DURABLE;
        bench->answered += message->type != MESSAGE_DURABLE && message->type != MESSAGE_ERROR;
    }
}

static void end_turn(struct bench *bench)
{
    serve_on_turn_end(&bench->store, bench->now, &bench->outbox);
    for (uint32_t i = 0; i < bench->outbox.count; i++)
        read_message(bench, &bench->outbox.messages[i]);
    outbox_clear(&bench->outbox);
    must(bench->promised == bench->kept, "UPDATED without DURABLE");
}

// ---- what it is told -----------------------------------------------------------------

static void tell(struct bench *bench, enum message_type type, uint64_t epoch, struct buf *message)
{
    struct message_header header = {
        .type = (uint8_t)type,
        .count = 1,
        .body_size = (uint32_t)(message->size - MESSAGE_HEADER_SIZE),
        .epoch = epoch,
        .ring_hash = (uint32_t)bench->snapshot.hash,
        .your_ms = link_clock(bench->store.options.boot, bench->now.mono_ms - 100)};
    message_header_encode(&header, message->data);
    struct arrival arrival = {.link = 1, .role = ROLE_PEER};
    serve_on_message(&bench->store, &arrival, buf_bytes(message), bench->now, &bench->outbox);
}

static void update(struct reader *input, struct buf *message)
{
    uint8_t key = reader_u8(input), flags = reader_u8(input), details = reader_u8(input);
    struct buf context = {0};
    struct op_update op = {.request = request_of(details),
                           .flags = flags,
                           .keyspace = key & 64 ? 1 : key >> 7,
                           .hlc_floor = details,
                           .try = details & 1,
                           .young_ms = details & 128 ? 50 : 300,
                           .key = key_of(key),
                           .context = encode_clock(details, &context),
                           .value = bytes_of_text(flags & UPDATE_DELETE ? "" : "updated")};
    op_encode_update(&op, message);
    buf_release(&context);
}

static enum message_type encode(uint8_t kind, struct reader *input, struct buf *message)
{
    uint8_t key = kind == 0 ? 0 : reader_u8(input), details = kind == 0 ? 0 : reader_u8(input);
    struct buf record = {0};
    struct op_merge merge = {.keyspace = 1, .key = key_of(key)};
    struct op_fetch fetch = {.head = details & 1, .keyspace = 1, .key = key_of(key)};
    struct op_find find = {.try = details >> 7, .keyspace = 1, .key = key_of(key)};
    struct op_scan_local scan = {
        .heads = details & 1, .partition = key, .keyspace = 1, .size_max = details};
    struct op_inspect inspect = {
        .dot = {1 + (details >> 6), details & 15}, .keyspace = 1, .key = key_of(key)};
    memset(find.request.bytes, details % 16, sizeof find.request.bytes);
    inspect.request = find.request;
    switch (kind) {
    case 0:
        update(input, message);
        return MESSAGE_UPDATE;
    case 1:
        make_record(details, merge.key, (struct request_id){{0}}, "merged", &record);
        merge.record = buf_bytes(&record);
        op_encode_merge(&merge, message);
        buf_release(&record);
        return MESSAGE_MERGE;
    case 2:
        op_encode_fetch(&fetch, message);
        return MESSAGE_FETCH;
    case 3:
        op_encode_find(&find, message);
        return MESSAGE_FIND;
    case 4:
        op_encode_scan_local(&scan, message);
        return MESSAGE_SCAN_LOCAL;
    default:
        op_encode_inspect(&inspect, message);
        return MESSAGE_INSPECT;
    }
}

static void request(struct bench *bench, uint8_t kind, struct reader *input)
{
    struct buf message = {0};
    buf_grow(&message, MESSAGE_HEADER_SIZE);
    enum message_type type = encode(kind, input, &message);
    bench->asked++;
    tell(bench, type, bench->ring.epoch, &message);
    end_turn(bench);
    must(bench->asked == bench->answered + bench->store.parked.count,
         "not one answer to one request");
    buf_release(&message);
}

static void tell_anything(struct bench *bench, struct reader *input)
{
    struct buf message = {0};
    uint8_t type = reader_u8(input);
    buf_grow(&message, MESSAGE_HEADER_SIZE);
    buf_append(&message, reader_short(input));
    tell(bench, (enum message_type)type, 1, &message);
    end_turn(bench);
    bench->asked = bench->answered + bench->store.parked.count; // it may have been right
    buf_release(&message);
}

static void work(struct bench *bench, enum lsm_worker worker)
{
    struct fault fault;
    struct lsm_job *job = store_next_job(&bench->store, worker);
    if (!job)
        return;
    lsm_job_run(job);
    must(!store_on_job_done(&bench->store, job, &fault), "a job fails on a good disk");
    end_turn(bench);
}

// A worker is done with its job; before that the system may have forgotten all files.
static void work_somewhere(struct bench *bench, uint8_t where)
{
    if (where & 4)
        memory_vfs_cool(&bench->disk);
    if (where & 2)
        work(bench, LSM_WORKER_READ);
    else
        work(bench, where & 1 ? LSM_WORKER_LOG : LSM_WORKER_BACKGROUND);
}

// ---- life ----------------------------------------------------------------------------

static void start(struct bench *bench)
{
    struct fault fault = {0};
    if (store_open(&bench->store, &bench->options, (uint64_t)1 << 40 | ++bench->lives, bench->now,
                   &fault))
        must(false, fault.text);
}

static void restart(struct bench *bench, uint8_t how)
{
    struct random random;
    random_init(&random, how);
    bench->asked -= bench->store.parked.count; // their answers will never come
    memory_vfs_power_off(&bench->disk);
    store_close(&bench->store);
    memory_vfs_crash(&bench->disk, (enum memory_vfs_policy)(how % MEMORY_VFS_POLICY_COUNT),
                     &random);
    start(bench);
}

static void check(struct bench *bench)
{
    const struct ledger *ledger = &bench->store.ledger;
    struct ledger counted;
    uint64_t count;
    ledger_init(&counted, ledger->partition_count, 0);
    must(!pair_recount(bench->store.lsm, &counted, &count, NULL), "a record is damaged");
    must(!ledger_difference(ledger, &counted), "a ledger of other records");
    ledger_release(&counted);
}

static void happen(struct bench *bench, struct reader *input)
{
    uint8_t kind = reader_u8(input) % 16;
    if (kind < 12) {
        request(bench, kind / 2, input);
    } else if (kind == 12) {
        bench->now.mono_ms += 100;
        serve_on_tick(&bench->store, bench->now, &bench->outbox);
        end_turn(bench);
    } else if (kind == 13) {
        work_somewhere(bench, reader_u8(input));
    } else if (kind == 14) {
        tell_anything(bench, input);
    } else {
        restart(bench, reader_u8(input));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bench *bench = xcalloc(1, sizeof *bench);
    must(!make_cluster(&bench->ring, 1), "no ring");
    memory_vfs_init(&bench->disk);
    bench->now = (struct moment){1000, 1700000000000};
    bench->snapshot = snapshot_of(&bench->ring);
    bench->options = (struct store_options){.ring = &bench->snapshot,
                                            .node = 1,
                                            .boot = 1,
                                            .value_size_max = 100,
                                            .record_size_max = 2000,
                                            .request_memory_ms = 60000,
                                            .purge_age_ms = 60000,
                                            .close_after_ms = 60000,
                                            .lsm = lsm_options_default(),
                                            .software = bytes_of_text("fuzz")};
    bench->options.lsm.vfs = &bench->disk.vfs;
    bench->options.lsm.dir = "store";
    bench->options.lsm.memtable_size = 16 << 10;
    bench->options.lsm.range_size = 16 << 10;
    bench->options.lsm.log_segment_size = 64 << 10;
    bench->options.lsm.cache_size = 0;
    start(bench);
    struct reader input = reader_of(bytes_of(data, size));
    while (reader_left(&input) && !input.bad)
        happen(bench, &input);
    check(bench);
    restart(bench, MEMORY_VFS_KEEP_ALL);
    check(bench);
    store_close(&bench->store);
    outbox_release(&bench->outbox);
    memory_vfs_release(&bench->disk);
    ring_release(&bench->ring);
    free(bench);
    return 0;
}
