// Any order of requests, answers, losses and time: a router answers every request of a
// client exactly once, by its deadline, and never falls over.
//
// The input is a list of events, one byte for the kind and a few for its details. Answers
// of stores are made from what the router asked, right or wrong; some are arbitrary bytes. Nodes
// come and go.
#include "base/hash.h"
#include "base/xalloc.h"
#include "causal/token.h"
#include "dkv-router/dispatch.h"
#include "fixture/links.h"
#include "fixture/ring.h"
#include "fuzz/must.h"
#include "wire/hello.h"
#include "wire/hint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NODES = 5, ASKED_MAX = 64, REQUESTS_MAX = 64, STRANGER = CLIENT + 1 };

struct asked { // by the router, of a store or a hintd
    link_id link;
    uint8_t type;
    uint64_t id;
    uint64_t target; // of a hint
};

struct bench {
    struct ring ring;
    struct ring_snapshot snapshot;
    struct seals seals;
    struct router router;
    struct outbox outbox;
    struct moment now;
    struct asked asked[ASKED_MAX];
    unsigned asked_count;
    bool waiting[REQUESTS_MAX];
    unsigned request_count;
};

// ---- what the router says ------------------------------------------------------------

static void take_answer(struct bench *bench, uint64_t id)
{
    must(id < bench->request_count, "an answer to nothing");
    must(bench->waiting[id], "a second answer");
    bench->waiting[id] = false;
}

// The first operation: its id stands behind its size, and behind that the target of a hint.
static struct asked first_of(const struct outbox_message *message, struct reader *body)
{
    struct asked asked = {.link = message->link, .type = message->type};
    reader_u32(body);
    asked.id = reader_u64(body);
    asked.target = message->type == MESSAGE_HINT ? reader_u64(body) : 0;
    return asked;
}

static bool is_asked(link_id link)
{
    return link < NODES || (link >= HINTD && link < HINTD + NODES);
}

static void read_message(struct bench *bench, const struct outbox_message *message)
{
    struct reader body = reader_of(buf_bytes(&message->bytes));
    reader_bytes(&body, MESSAGE_HEADER_SIZE);
    for (unsigned i = 0; i < message->count; i++) {
        // Every operation begins with its id; only what goes to the client is read further.
        struct op_put_done put_done;
        struct op_got got;
        struct op_scanned scanned;
        struct op_explained explained;
        if (message->link == CLIENT && message->type == MESSAGE_PUT_DONE) {
            must(!op_decode_put_done(&put_done, &body), "PUT_DONE");
            take_answer(bench, put_done.id);
        } else if (message->link == CLIENT && message->type == MESSAGE_GOT) {
            must(!op_decode_got(&got, &body), "GOT");
            take_answer(bench, got.id);
        } else if (message->link == CLIENT && message->type == MESSAGE_SCANNED) {
            must(!op_decode_scanned(&scanned, &body), "SCANNED");
            take_answer(bench, scanned.id);
        } else if (message->link == CLIENT && message->type == MESSAGE_EXPLAINED) {
            must(!op_decode_explained(&explained, &body), "EXPLAINED");
            take_answer(bench, explained.id);
        } else {
            must(message->link != CLIENT, "a message that a client cannot use");
            if (i == 0 && is_asked(message->link))
                bench->asked[bench->asked_count++ % ASKED_MAX] = first_of(message, &body);
        }
    }
}

static void read_outbox(struct bench *bench)
{
    for (uint32_t i = 0; i < bench->outbox.count; i++)
        read_message(bench, &bench->outbox.messages[i]);
    outbox_clear(&bench->outbox);
}

// ---- what it is told -----------------------------------------------------------------

static void tell(struct bench *bench, link_id link, enum role role, enum message_type type,
                 uint32_t budget_ms, uint64_t boot, struct buf *message)
{
    struct message_header header = {.type = (uint8_t)type,
                                    .count = 1,
                                    .body_size = (uint32_t)(message->size - MESSAGE_HEADER_SIZE),
                                    .boot = boot,
                                    .epoch = bench->ring.epoch,
                                    .ring_hash = (uint32_t)bench->snapshot.hash,
                                    .your_ms = link_clock(9, bench->now.mono_ms),
                                    .budget_ms = budget_ms};
    message_header_encode(&header, message->data);
    struct arrival arrival = {.link = link, .role = role};
    dispatch_on_message(&bench->router, &arrival, buf_bytes(message), bench->now, &bench->outbox);
    read_outbox(bench);
}

// The router's own; another's, which may tell it; nobody's.
static const uint8_t secrets[3][SEAL_SECRET_SIZE] = {{1}, {2}, {3}};

static void make_context(uint8_t byte, struct bytes key, struct buf *out)
{
    struct context context = {0};
    struct seals seals = {0};
    must(!seals_add_own(&seals, secrets[byte % 3]), "no key");
    clock_add(&context.clock, (struct interval){byte, 1, 1});
    context_encode(&context, &seals, RING_DEFAULT_KEYSPACE, key, out);
    context_release(&context);
    seals_release(&seals);
}

static void make_receipt(uint8_t byte, struct bytes key, struct buf *out)
{
    struct receipt receipt = {.keyspace = byte >> 4, .key = key, .dot = {byte, 1}};
    struct seals seals = {0};
    must(!seals_add_own(&seals, secrets[byte % 3]), "no key");
    receipt_encode(&receipt, &seals, out);
    seals_release(&seals);
}

static struct bytes key_of(uint8_t byte)
{
    static const char *const keys[] = {"a", "b", "a longer key", ""};
    return bytes_of_text(keys[byte % 4]);
}

static void request(struct bench *bench, struct reader *input)
{
    if (bench->request_count == REQUESTS_MAX)
        return;
    struct buf message = {0};
    buf_grow(&message, MESSAGE_HEADER_SIZE);
    uint64_t id = bench->request_count++;
    uint8_t kind = reader_u8(input), flags = reader_u8(input);
    uint8_t level = reader_u8(input), details = reader_u8(input);
    enum message_type type = MESSAGE_GET;
    bench->waiting[id] = true;
    if (kind % 3 == 0) {
        struct op_put put = {.id = id,
                             .level = level % 40,
                             .flags = flags,
                             .key = key_of(details),
                             .budget_ms = 600,
                             .young_ms = 300,
                             .wait_ms = kind,
                             .value = bytes_of_text("value")};
        struct buf context = {0};
        if (details & 64)
            make_context(details >> 3, put.key, &context);
        put.context = buf_bytes(&context);
        memset(put.request.bytes, (int)id + 1, sizeof put.request.bytes);
        op_encode_put(&put, &message);
        buf_release(&context);
        type = MESSAGE_PUT;
    } else if (kind % 3 == 1) {
        struct op_get get = {.id = id, .level = level % 40, .flags = flags, .key = key_of(details)};
        op_encode_get(&get, &message);
    } else if (kind % 6 == 5) {
        struct op_explain explain = {.id = id, .level = level % 40, .key = key_of(details)};
        struct buf receipt = {0};
        if (details & 64)
            make_receipt(details >> 3, explain.key, &receipt);
        explain.receipt = buf_bytes(&receipt);
        op_encode_explain(&explain, &message);
        buf_release(&receipt);
        type = MESSAGE_EXPLAIN;
    } else {
        struct op_scan scan = {.id = id,
                               .level = level % 40,
                               .flags = flags,
                               .partition = details % 70,
                               .size_max = 100};
        op_encode_scan(&scan, &message);
        type = MESSAGE_SCAN;
    }
    tell(bench, CLIENT, ROLE_CLIENT, type, kind * 8u, 0, &message);
    buf_release(&message);
}

// A record of one or two siblings, or bytes that are none.
static void make_record(uint8_t byte, struct bytes key, struct buf *out)
{
    struct record record = {0};
    struct clock context = {0};
    for (unsigned i = 0; i <= (byte & 1); i++) {
        struct record_write write = {.dot = {1 + (byte >> 4) + i, 1 + (byte & 3)},
                                     .hlc = byte,
                                     .context = &context,
                                     .value = bytes_of_text("value")};
        record_update(&record, &write, false);
    }
    if (byte & 4)
        buf_append_text(out, "no record");
    else if (byte & 8)
        record_encode_head(&record, key, out);
    else
        record_encode(&record, key, out);
    record_release(&record);
}

// Of a MERGE or a HINT.
static void encode_told(const struct asked *asked, uint8_t status, uint8_t details,
                        enum message_type *type, struct buf *message)
{
    struct buf told = {0};
    struct clock clock = {0};
    clock_add(&clock, (struct interval){details, 1, 1});
    clock_encode(&clock, &told);
    struct op_merged merged = {.id = asked->id,
                               .status = status,
                               .hlc_told = details,
                               .told = details & 32 ? buf_bytes(&told) : (struct bytes){0}};
    struct op_hinted hinted = {.id = asked->id,
                               .target = asked->target,
                               .status = status,
                               .hlc_told = details,
                               .told = merged.told};
    *type = asked->type == MESSAGE_MERGE ? MESSAGE_MERGED : MESSAGE_HINTED;
    if (*type == MESSAGE_MERGED)
        op_encode_merged(&merged, message);
    else
        op_encode_hinted(&hinted, message);
    clock_release(&clock);
    buf_release(&told);
}

static void encode_reply(const struct asked *asked, uint8_t status, uint8_t details,
                         struct bytes record, enum message_type *type, struct buf *message)
{
    struct op_updated updated = {.id = asked->id,
                                 .status = status,
                                 .dot = {1 + (details >> 4), 1 + (details & 3)},
                                 .record = record};
    struct op_durable done = {.id = asked->id, .status = status};
    struct op_found found = {.id = asked->id,
                             .status = status,
                             .state = FIND_LIVE,
                             .dot = {1 + (details >> 4), 1 + (details & 3)},
                             .record = record};
    struct op_fetched fetched = {.id = asked->id, .status = status, .record = record};
    struct op_scanned scanned = {.id = asked->id, .status = status, .done = details & 1};
    struct op_inspected inspected = {.id = asked->id,
                                     .status = status,
                                     .has_write = details & 1,
                                     .head = record,
                                     .purge = details >> 1,
                                     .behind = record,
                                     .seen = record};
    switch (asked->type) {
    case MESSAGE_UPDATE:
    case MESSAGE_HINT_UPDATE:
        *type = details & 64 ? MESSAGE_DURABLE : MESSAGE_UPDATED;
        if (*type == MESSAGE_UPDATED)
            op_encode_updated(&updated, message);
        else
            op_encode_durable(&done, message);
        break;
    case MESSAGE_MERGE:
    case MESSAGE_HINT:
        encode_told(asked, status, details, type, message);
        break;
    case MESSAGE_SCAN_LOCAL:
        *type = MESSAGE_SCANNED_LOCAL;
        op_encode_scanned(&scanned, message);
        break;
    case MESSAGE_FIND:
        *type = MESSAGE_FOUND;
        op_encode_found(&found, message);
        break;
    case MESSAGE_INSPECT:
        *type = MESSAGE_INSPECTED;
        op_encode_inspected(&inspected, message);
        break;
    default:
        *type = MESSAGE_FETCHED;
        op_encode_fetched(&fetched, message);
    }
}

static void reply(struct bench *bench, struct reader *input)
{
    static const uint8_t statuses[] = {STATUS_OK,        STATUS_OK,       STATUS_OK,
                                       STATUS_NOT_FOUND, STATUS_BUSY,     STATUS_DISK_FULL,
                                       STATUS_STALE,     STATUS_TOO_LARGE};
    unsigned known = bench->asked_count < ASKED_MAX ? bench->asked_count : ASKED_MAX;
    uint8_t which = reader_u8(input), how = reader_u8(input), details = reader_u8(input);
    if (!known)
        return;
    const struct asked *asked = &bench->asked[which % known];
    struct buf message = {0}, record = {0};
    enum message_type type;
    buf_grow(&message, MESSAGE_HEADER_SIZE);
    make_record(details, key_of(how >> 3), &record);
    encode_reply(asked, statuses[how % 8], details, buf_bytes(&record), &type, &message);
    tell(bench, asked->link, ROLE_PEER, type, 0, asked->link + 1, &message);
    buf_release(&message);
    buf_release(&record);
}

static void welcome(struct bench *bench, link_id link, uint64_t boot)
{
    struct buf message = {0};
    struct op_welcome welcome = {.version = MESSAGE_VERSION,
                                 .version_min = MESSAGE_VERSION,
                                 .version_max = MESSAGE_VERSION,
                                 .cluster = CLUSTER,
                                 .node = link % OTHER + 1};
    buf_grow(&message, MESSAGE_HEADER_SIZE);
    op_encode_welcome(&welcome, &message);
    tell(bench, link, ROLE_PEER, MESSAGE_WELCOME, 0, boot, &message);
    buf_release(&message);
}

// What another router answers when it is asked for its keys.
static void tell_keys(struct bench *bench, uint8_t details)
{
    struct buf message = {0};
    struct op_answer answer = {.text = bytes_of(secrets, (details % 4) * SEAL_SECRET_SIZE / 2)};
    buf_grow(&message, MESSAGE_HEADER_SIZE);
    op_encode_answer(&answer, &message);
    tell(bench, OTHER + 1 + details / 4 % 2, ROLE_PEER, MESSAGE_ANSWER, 0, 1, &message);
    buf_release(&message);
}

static void tell_anything(struct bench *bench, struct reader *input)
{
    struct buf message = {0};
    uint8_t type = reader_u8(input), from = reader_u8(input);
    buf_grow(&message, MESSAGE_HEADER_SIZE);
    buf_append(&message, reader_short(input));
    link_id link = from % 8 < NODES ? from % 8 + (from & 32 ? HINTD : 0u) : STRANGER;
    tell(bench, link, from & 64 ? ROLE_PEER : ROLE_READER, (enum message_type)type, 0, 1, &message);
    buf_release(&message);
}

static void pass_time(struct bench *bench, uint64_t duration_ms)
{
    bench->now.mono_ms += duration_ms;
    dispatch_on_tick(&bench->router, bench->now, &bench->outbox);
    read_outbox(bench);
}

// A document with two, three or four nodes follows the one that there is.
static void adopt(struct bench *bench)
{
    struct ring ring = {0};
    const struct ring *before = bench->router.ring;
    must(!make_cluster(&ring, 2 + (unsigned)before->epoch % 3), "no ring");
    struct ring_snapshot *next = document_take(&ring, before);
    dispatch_adopt(&bench->router, next, bench->now, &bench->outbox);
    ring_snapshot_drop(next);
    read_outbox(bench);
}

static link_id pick_link(uint8_t byte)
{
    return byte % NODES + (byte & 64 ? OTHER : byte & 32 ? HINTD : 0u);
}

static void happen(struct bench *bench, struct reader *input)
{
    uint8_t which;
    switch (reader_u8(input) % 8) {
    case 0:
    case 1:
        request(bench, input);
        break;
    case 2:
    case 3:
    case 4:
        reply(bench, input);
        break;
    case 5:
        which = reader_u8(input);
        pass_time(bench, which);
        if (which % 32 == 31)
            adopt(bench);
        break;
    case 6:
        dispatch_on_lost(&bench->router, pick_link(reader_u8(input)), bench->now, &bench->outbox);
        read_outbox(bench);
        break;
    default:
        which = reader_u8(input);
        if (which & 1)
            tell_anything(bench, input);
        else if (which & 2)
            tell_keys(bench, which >> 2);
        else
            welcome(bench, pick_link(reader_u8(input)), reader_u8(input) % 4);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bench *bench = xcalloc(1, sizeof *bench);
    must(!make_cluster(&bench->ring, NODES), "no ring");
    bench->snapshot = snapshot_of(&bench->ring);
    bench->now = (struct moment){1000, 1700000000000};
    struct buf votes = {0};
    votes_encode_none(&votes);
    struct router_options options = {.ring = &bench->snapshot,
                                     .node = 1,
                                     .boot = 9,
                                     .value_size_max = 1000,
                                     .record_size_max = 10000,
                                     .ping_interval_ms = 100,
                                     .down_after_ms = 500,
                                     .clock_refuse_ms = 5000,
                                     .timeout_ms = 1000,
                                     .software = bytes_of_text("fuzz"),
                                     .seals = &bench->seals,
                                     .votes = buf_bytes(&votes),
                                     .link_of = link_of,
                                     .number_of = number_of};
    struct fault fault;
    must(!seals_add_own(&bench->seals, secrets[0]), "no key");
    must(!router_init(&bench->router, &options, bench->now, &fault), "no router");
    buf_release(&votes);
    for (uint32_t i = 0; i < NODES; i++) {
        welcome(bench, i, i + 1);
        welcome(bench, HINTD + i, HINTD + i + 1);
    }
    struct reader input = reader_of(bytes_of(data, size));
    while (reader_left(&input) && !input.bad)
        happen(bench, &input);
    for (unsigned i = 0; i < 10; i++)
        pass_time(bench, 300);
    for (unsigned i = 0; i < bench->request_count; i++)
        must(!bench->waiting[i], "a request that is never answered");
    router_release(&bench->router);
    outbox_release(&bench->outbox);
    seals_release(&bench->seals);
    ring_release(&bench->ring);
    free(bench);
    return 0;
}
