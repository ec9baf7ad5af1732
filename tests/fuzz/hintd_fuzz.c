// Any order of requests, answers of stores, jobs, time and restarts: a hintd answers every request
// exactly once, promises only what its log can keep, and its tally is that of its hints.
//
// The input is a list of events, one byte for the kind and a few for its details.
#include "base/xalloc.h"
#include "disk/memory_vfs.h"
#include "dkv-hintd/reception.h"
#include "fixture/links.h"
#include "fixture/ring.h"
#include "fixture/tally.h"
#include "fuzz/must.h"
#include "fuzz/records.h"
#include "wire/age.h"
#include "wire/client.h"
#include "wire/hello.h"
#include "wire/hint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NODES = 4, SELF = 4, STORES_BOOT = 9, SENT_MAX = 64 };

struct bench {
    struct ring ring;
    struct ring_snapshot snapshot;
    struct memory_vfs disk;
    struct hintd_options options;
    struct hintd hintd;
    struct outbox outbox;
    struct moment now;
    uint64_t lives;
    uint64_t asked, answered; // requests whose bytes were right
    uint64_t promised;        // updates that were accepted
    uint64_t kept;            // DURABLE of them
    struct {
        link_id link;
        uint64_t id;
    } sent[SENT_MAX]; // the last MERGEs, a circle
    uint64_t sent_count;
};

// ---- what the hintd says -------------------------------------------------------------

static void read_operation(struct bench *bench, const struct outbox_message *message,
                           struct reader *body)
{
    struct op_updated updated;
    struct op_merge merge;
    if (message->type == MESSAGE_UPDATED) {
        must(!op_decode_updated(&updated, body), "UPDATED");
        bench->promised += updated.status == STATUS_OK;
    } else if (message->type == MESSAGE_MERGE) {
        must(!op_decode_merge(&merge, body), "MERGE");
        must(number_of(message->link) % SERVICE_COUNT == SERVICE_STORE, "MERGE to no store");
        bench->sent[bench->sent_count % SENT_MAX].link = message->link;
        bench->sent[bench->sent_count++ % SENT_MAX].id = merge.id;
    }
    bench->kept += message->type == MESSAGE_DURABLE;
    bench->answered += message->link >= CLIENT && message->type != MESSAGE_DURABLE &&
                       message->type != MESSAGE_ERROR;
}

static void end_turn(struct bench *bench)
{
    reception_on_turn_end(&bench->hintd, bench->now, &bench->outbox);
    for (uint32_t i = 0; i < bench->outbox.count; i++) {
        const struct outbox_message *message = &bench->outbox.messages[i];
        struct reader body = reader_of(buf_bytes(&message->bytes));
        reader_bytes(&body, MESSAGE_HEADER_SIZE);
        must(message->gate <= lsm_written(bench->hintd.lsm), "a gate that nothing opens");
        for (unsigned o = 0; o < message->count; o++)
            read_operation(bench, message, &body);
    }
    outbox_clear(&bench->outbox);
    must(bench->promised == bench->kept, "UPDATED without DURABLE");
}

// ---- what it is told -----------------------------------------------------------------

static void tell(struct bench *bench, link_id link, enum message_type type, struct buf *message)
{
    struct message_header header = {
        .type = (uint8_t)type,
        .count = 1,
        .body_size = (uint32_t)(message->size - MESSAGE_HEADER_SIZE),
        .epoch = bench->ring.epoch,
        .boot = STORES_BOOT,
        .ring_hash = (uint32_t)bench->snapshot.hash,
        .your_ms = link_clock(bench->hintd.options.boot, bench->now.mono_ms - 100)};
    message_header_encode(&header, message->data);
    struct arrival arrival = {.link = link, .role = ROLE_PEER};
    reception_on_message(&bench->hintd, &arrival, buf_bytes(message), bench->now, &bench->outbox);
}

static void hint(uint8_t key, uint8_t details, struct buf *message)
{
    struct buf record = {0}, dots = {0}, requests = {0};
    struct superseded one = {.dot = {3, details}, .request = {{1, details % 4}}};
    make_record(details, key_of(key), request_of(details), "hinted", &record);
    superseded_append(&one, &requests);
    struct op_hint op = {.target = key >> 5, // 0 and above 4: none
                         .keyspace = 1,
                         .dot = {1 + (details >> 6), key & 16 ? 8 + (details & 15) : 0},
                         .key = key_of(key),
                         .dots = encode_clock((uint8_t)~details, &dots),
                         .requests = key & 8 ? buf_bytes(&requests) : (struct bytes){0},
                         .record = buf_bytes(&record)};
    op_encode_hint(&op, message);
    buf_release(&record);
    buf_release(&dots);
    buf_release(&requests);
}

static void hint_update(uint8_t key, uint8_t details, struct buf *message)
{
    struct buf context = {0}, targets = {0};
    for (uint64_t node = 1; node <= 3; node++) {
        if (key >> (3 + node) & 1)
            buf_append_u64(&targets, node);
    }
    struct op_hint_update op = {
        .update = {.request = request_of(details),
                   .flags = details % 32,
                   .keyspace = 1,
                   .hlc_floor = details,
                   .try = details & 1,
                   .young_ms = details & 128 ? 50 : 300,
                   .key = key_of(key),
                   .context = encode_clock(details, &context),
                   .value = bytes_of_text(details & UPDATE_DELETE ? "" : "updated")},
        .targets = buf_bytes(&targets)};
    op_encode_hint_update(&op, message);
    buf_release(&context);
    buf_release(&targets);
}

static enum message_type encode(uint8_t kind, uint8_t key, uint8_t details, struct buf *message)
{
    struct op_fetch fetch = {.head = details & 1, .keyspace = 1, .key = key_of(key)};
    struct op_find find = {.try = details >> 7, .keyspace = 1, .key = key_of(key)};
    struct op_held held = {
        .keyspace = 1, .partition = key % RING_PARTITIONS_MIN, .process = 0, .start = details};
    static const char *const topics[] = {"list", "flush", "settle", "else"};
    static const char *const arguments[] = {"n0", "n9", "", "0000000000000001 5 1\n"};
    struct op_ask ask = {.topic = bytes_of_text(topics[key % 4]),
                         .argument = bytes_of_text(arguments[details % 4])};
    memset(find.request.bytes, details % 16, sizeof find.request.bytes);
    switch (kind) {
    case 0:
        hint_update(key, details, message);
        return MESSAGE_HINT_UPDATE;
    case 1:
        op_encode_fetch(&fetch, message);
        return MESSAGE_FETCH;
    case 2:
        op_encode_find(&find, message);
        return MESSAGE_FIND;
    case 3:
        op_encode_held(&held, message);
        return MESSAGE_HELD;
    case 4:
        op_encode_ask(&ask, message);
        return MESSAGE_ASK;
    default:
        hint(key, details, message);
        return MESSAGE_HINT;
    }
}

static void request(struct bench *bench, uint8_t kind, struct reader *input)
{
    struct buf message = {0};
    uint8_t key = reader_u8(input), details = reader_u8(input);
    buf_grow(&message, MESSAGE_HEADER_SIZE);
    enum message_type type = encode(kind, key, details, &message);
    bench->asked++;
    tell(bench, CLIENT + 1, type, &message);
    end_turn(bench);
    must(bench->asked == bench->answered + bench->hintd.parked.count,
         "not one answer to one request");
    buf_release(&message);
}

static void tell_anything(struct bench *bench, struct reader *input)
{
    struct buf message = {0};
    uint8_t type = reader_u8(input), where = reader_u8(input);
    buf_grow(&message, MESSAGE_HEADER_SIZE);
    buf_append(&message, reader_short(input));
    tell(bench, where & 1 ? CLIENT + 1 : where % NODES, (enum message_type)type, &message);
    end_turn(bench);
    bench->asked = bench->answered + bench->hintd.parked.count; // it may have been right
    buf_release(&message);
}

// ---- what stores say -----------------------------------------------------------------

static void welcome(struct bench *bench, uint8_t node)
{
    struct buf message = {0};
    struct op_welcome op = {.version_min = MESSAGE_VERSION,
                            .version_max = MESSAGE_VERSION,
                            .cluster = CLUSTER,
                            .node = node % NODES + 1u};
    buf_grow(&message, MESSAGE_HEADER_SIZE);
    op_encode_welcome(&op, &message);
    tell(bench, node % NODES, MESSAGE_WELCOME, &message);
    end_turn(bench);
    buf_release(&message);
}

static void merged(struct bench *bench, uint8_t which, uint8_t status)
{
    static const enum status statuses[] = {STATUS_OK,        STATUS_OK,    STATUS_NOT_KEPT,
                                           STATUS_BUSY,      STATUS_STALE, STATUS_NOT_OWNER,
                                           STATUS_DISK_FULL, STATUS_OK};
    if (!bench->sent_count)
        return;
    struct buf message = {0};
    uint64_t at = (bench->sent_count - 1 - which % SENT_MAX) % SENT_MAX;
    struct op_merged op = {.id = bench->sent[at].id, .status = (uint8_t)statuses[status % 8]};
    buf_grow(&message, MESSAGE_HEADER_SIZE);
    op_encode_merged(&op, &message);
    tell(bench, bench->sent[at].link, MESSAGE_MERGED, &message);
    end_turn(bench);
    buf_release(&message);
}

// ---- life ----------------------------------------------------------------------------

static void work(struct bench *bench, enum lsm_worker worker)
{
    struct fault fault;
    struct lsm_job *job = hintd_next_job(&bench->hintd, worker);
    if (!job)
        return;
    lsm_job_run(job);
    must(!hintd_on_job_done(&bench->hintd, job, &fault), "a job fails on a good disk");
    end_turn(bench);
}

// A worker is done with its job; before that the system may have forgotten all files.
static void work_somewhere(struct bench *bench, uint8_t where)
{
    if (where & 4)
        memory_vfs_cool(&bench->disk);
    if (where & 8)
        lsm_flush(bench->hintd.lsm);
    work(bench, where & 2 ? LSM_WORKER_READ : where & 1 ? LSM_WORKER_LOG : LSM_WORKER_BACKGROUND);
}

static void start(struct bench *bench)
{
    struct fault fault = {0};
    bench->options.boot++;
    if (hintd_open(&bench->hintd, &bench->options, ++bench->lives, bench->now, &fault))
        must(false, fault.text);
}

static void restart(struct bench *bench, uint8_t how)
{
    struct random random;
    random_init(&random, how);
    bench->asked -= bench->hintd.parked.count; // their answers will never come
    memory_vfs_power_off(&bench->disk);
    hintd_close(&bench->hintd);
    memory_vfs_crash(&bench->disk, (enum memory_vfs_policy)(how % MEMORY_VFS_POLICY_COUNT),
                     &random);
    start(bench);
}

static void pass(struct bench *bench, uint8_t ms)
{
    bench->now.mono_ms += ms * 10u;
    bench->now.wall_ms += ms * 10u;
    reception_on_tick(&bench->hintd, bench->now, &bench->outbox);
    end_turn(bench);
}

static void check(struct bench *bench)
{
    struct tally counted;
    must(!tally_recount(&counted, bench->hintd.lsm, bench->ring.partition_count),
         "a hint is damaged");
    must(tally_equal(&counted, &bench->hintd.tally), "a tally of other hints");
    tally_release(&counted);
}

static void happen(struct bench *bench, struct reader *input)
{
    uint8_t kind = reader_u8(input) % 16;
    if (kind < 8)
        request(bench, kind, input);
    else if (kind < 10)
        merged(bench, reader_u8(input), kind == 8 ? 0 : reader_u8(input));
    else if (kind == 10)
        welcome(bench, reader_u8(input));
    else if (kind == 11)
        reception_on_lost(&bench->hintd, reader_u8(input) % NODES, bench->now);
    else if (kind == 12)
        pass(bench, reader_u8(input));
    else if (kind == 13)
        work_somewhere(bench, reader_u8(input));
    else if (kind == 14)
        tell_anything(bench, input);
    else
        restart(bench, reader_u8(input));
}

static void init(struct bench *bench)
{
    must(!make_cluster(&bench->ring, NODES), "no ring");
    memory_vfs_init(&bench->disk);
    bench->now = (struct moment){1000, 1700000000000};
    bench->snapshot = snapshot_of(&bench->ring);
    bench->options = (struct hintd_options){.ring = &bench->snapshot,
                                            .node = SELF,
                                            .value_size_max = 100,
                                            .record_size_max = 2000,
                                            .request_memory_ms = 60000,
                                            .ping_interval_ms = 200,
                                            .down_after_ms = 600,
                                            .retry_ms = 100,
                                            .rate = 1 << 20,
                                            .size_max = 2000,
                                            .expire_ms = 20000,
                                            .lsm = lsm_options_default(),
                                            .software = bytes_of_text("fuzz"),
                                            .link_of = link_of,
                                            .number_of = number_of};
    bench->options.lsm.vfs = &bench->disk.vfs;
    bench->options.lsm.dir = "hints";
    bench->options.lsm.memtable_size = 16 << 10;
    bench->options.lsm.range_size = 16 << 10;
    bench->options.lsm.log_segment_size = 64 << 10;
    bench->options.lsm.cache_size = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bench *bench = xcalloc(1, sizeof *bench);
    init(bench);
    start(bench);
    struct reader input = reader_of(bytes_of(data, size));
    while (reader_left(&input) && !input.bad)
        happen(bench, &input);
    check(bench);
    restart(bench, MEMORY_VFS_KEEP_ALL);
    check(bench);
    hintd_close(&bench->hintd);
    outbox_release(&bench->outbox);
    memory_vfs_release(&bench->disk);
    ring_release(&bench->ring);
    free(bench);
    return 0;
}
