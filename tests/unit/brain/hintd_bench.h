// hintd_bench.h - a hintd of a cluster of four under test: told messages, asked what it said.
//
// It is that of node 4, which is no owner of the keys; nodes 1 to 3 own each of them.
#pragma once

#include "unit/unit.h"

#include "disk/memory_vfs.h"
#include "dkv-hintd/deliveries.h"
#include "dkv-hintd/reception.h"
#include "fixture/links.h"
#include "fixture/ring.h"
#include "fixture/tally.h"
#include "wire/age.h"
#include "wire/client.h"
#include "wire/hello.h"
#include "wire/hint.h"
#include "wire/ring.h"

#include <stdio.h>
#include <stdlib.h>

enum { NODES = 4, ROUTER = CLIENT + 1 };

struct bench {
    struct ring ring;
    struct ring_snapshot snapshot;
    struct memory_vfs disk;
    struct hintd_options options;
    struct hintd hintd;
    struct outbox outbox;
    struct moment now;
    uint64_t age_ms;              // of what it is told
    uint64_t boot;                // of the stores
    uint32_t other_ring;          // what the hash of its ring differs by, of who tells it
    uint64_t epochs_ahead, since; // of its header
    char key[16];                 // one that nodes 1 to 3 own
    unsigned key_number;
};

static inline void bench_start(struct bench *bench, uint64_t random)
{
    struct fault fault = {0};
    assert_int_equal(hintd_open(&bench->hintd, &bench->options, random, bench->now, &fault),
                     STATUS_OK);
    bench->hintd.tally.is_last = true;
}

static inline bool bench_is_owner(const struct bench *bench, const char *key, int index)
{
    uint16_t owners[RING_OWNERS_MAX];
    uint64_t token = ring_token(RING_DEFAULT_KEYSPACE, bytes_of_text(key));
    uint32_t count = ring_owners(&bench->ring, ring_partition(&bench->ring, token),
                                 &bench->ring.keyspaces[0], owners);
    bool is_owner = false;
    for (uint32_t i = 0; i < count; i++)
        is_owner |= owners[i] == index;
    return is_owner;
}

static inline void bench_choose_key(struct bench *bench)
{
    do {
        snprintf(bench->key, sizeof bench->key, "key %u", bench->key_number++);
    } while (bench_is_owner(bench, bench->key, ring_find_node(&bench->ring, 4)));
}

static inline void bench_init(struct bench *bench)
{
    memset(bench, 0, sizeof *bench);
    assert_int_equal(make_cluster(&bench->ring, NODES), STATUS_OK);
    memory_vfs_init(&bench->disk);
    bench->now = (struct moment){1000, 1700000000000};
    bench->boot = 77;
    bench->snapshot = snapshot_of(&bench->ring);
    bench->options = (struct hintd_options){.ring = &bench->snapshot,
                                            .node = 4,
                                            .boot = 5,
                                            .value_size_max = 1000,
                                            .record_size_max = 10000,
                                            .request_memory_ms = 600000,
                                            .clock_refuse_ms = 5000,
                                            .ping_interval_ms = 200,
                                            .down_after_ms = 600,
                                            .retry_ms = 1000,
                                            .rate = 32 << 20,
                                            .size_max = 1 << 20,
                                            .expire_ms = 3600 * 1000,
                                            .lsm = lsm_options_default(),
                                            .software = bytes_of_text("test"),
                                            .link_of = link_of,
                                            .number_of = number_of};
    bench->options.lsm.vfs = &bench->disk.vfs;
    bench->options.lsm.dir = "hints";
    bench->options.lsm.memtable_size = 64 << 10;
    bench->options.lsm.log_segment_size = 64 << 10;
    bench_choose_key(bench);
    bench_start(bench, 100);
}

static inline void bench_release(struct bench *bench)
{
    hintd_close(&bench->hintd);
    outbox_release(&bench->outbox);
    memory_vfs_release(&bench->disk);
    ring_release(&bench->ring);
}

// What is not synced is lost.
static inline void bench_lose_power(struct bench *bench)
{
    struct random random;
    random_init(&random, 1);
    memory_vfs_power_off(&bench->disk);
    hintd_close(&bench->hintd);
    memory_vfs_crash(&bench->disk, MEMORY_VFS_LOSE_ALL, &random);
    bench->options.boot++;
    bench_start(bench, bench->options.boot);
}

static inline void bench_work(struct bench *bench, enum lsm_worker worker)
{
    struct fault fault;
    struct lsm_job *job;
    while ((job = hintd_next_job(&bench->hintd, worker))) {
        lsm_job_run(job);
        assert_int_equal(hintd_on_job_done(&bench->hintd, job, &fault), STATUS_OK);
    }
}

static inline void bench_sync_log(struct bench *bench)
{
    bench_work(bench, LSM_WORKER_LOG);
}

static inline void bench_end_turn(struct bench *bench)
{
    reception_on_turn_end(&bench->hintd, bench->now, &bench->outbox);
}

static inline void bench_tell_from(struct bench *bench, link_id link, enum message_type type,
                                   struct buf *body)
{
    struct buf message = {0};
    struct message_header header = {
        .type = (uint8_t)type,
        .count = 1,
        .body_size = (uint32_t)body->size,
        .epoch = bench->ring.epoch + bench->epochs_ahead,
        .since = bench->since,
        .boot = bench->boot,
        .ring_hash = (uint32_t)bench->snapshot.hash + bench->other_ring,
        .your_ms = link_clock(bench->options.boot, bench->now.mono_ms - bench->age_ms),
        .budget_ms = 1000};
    message_header_encode(&header, buf_grow(&message, MESSAGE_HEADER_SIZE));
    buf_append(&message, buf_bytes(body));
    struct arrival arrival = {.link = link, .role = ROLE_PEER};
    outbox_clear(&bench->outbox);
    reception_on_message(&bench->hintd, &arrival, buf_bytes(&message), bench->now, &bench->outbox);
    buf_release(&message);
    buf_release(body);
}

static inline void bench_tell(struct bench *bench, enum message_type type, struct buf *body)
{
    bench_tell_from(bench, ROUTER, type, body);
}

// The i-th message of this type that it said to this link; NULL: there is none.
static inline const struct outbox_message *bench_find(const struct bench *bench, link_id link,
                                                      enum message_type type)
{
    for (uint32_t i = 0; i < bench->outbox.count; i++) {
        const struct outbox_message *message = &bench->outbox.messages[i];
        if (message->link == link && message->type == type)
            return message;
    }
    return NULL;
}

static inline struct reader bench_said(const struct bench *bench, link_id link,
                                       enum message_type type)
{
    const struct outbox_message *message = bench_find(bench, link, type);
    assert_non_null(message);
    struct reader body = reader_of(buf_bytes(&message->bytes));
    reader_bytes(&body, MESSAGE_HEADER_SIZE);
    return body;
}

// ---- records -----------------------------------------------------------------------------

// A write of this dot on top of the record; NULL: it supersedes nothing.
static inline void bench_write(struct record *record, uint64_t actor, uint64_t counter,
                               const struct clock *context, const char *value)
{
    struct record_write write = {.dot = {actor, counter},
                                 .hlc = counter,
                                 .context = context,
                                 .keep_siblings = !context,
                                 .value = bytes_of_text(value)};
    memset(write.request.bytes, (int)counter, sizeof write.request.bytes);
    record_update(record, &write, false);
}

static inline struct record bench_record(uint64_t actor, uint64_t counter, const char *value)
{
    struct record record = {0};
    bench_write(&record, actor, counter, NULL, value);
    return record;
}

// ---- routers -----------------------------------------------------------------------------

static inline struct op_hinted bench_hint_of(struct bench *bench, struct op_hint op,
                                             const struct record *record)
{
    struct buf body = {0}, encoded = {0};
    struct op_hinted hinted;
    record_encode(record, bytes_of_text(bench->key), &encoded);
    op.keyspace = RING_DEFAULT_KEYSPACE;
    op.key = bytes_of_text(bench->key);
    op.record = buf_bytes(&encoded);
    op_encode_hint(&op, &body);
    bench_tell(bench, MESSAGE_HINT, &body);
    struct reader reader = bench_said(bench, ROUTER, MESSAGE_HINTED);
    assert_int_equal(op_decode_hinted(&hinted, &reader), STATUS_OK);
    buf_release(&encoded);
    return hinted;
}

static inline enum status bench_hint(struct bench *bench, uint64_t target,
                                     const struct record *record)
{
    return bench_hint_of(bench, (struct op_hint){.id = 1, .target = target}, record).status;
}

// The next key, with one value of this dot.
static inline enum status bench_hint_new(struct bench *bench, uint64_t target, uint64_t counter)
{
    struct record record = bench_record(7, counter, "value");
    bench_choose_key(bench);
    enum status status = bench_hint(bench, target, &record);
    record_release(&record);
    return status;
}

static inline struct op_fetched bench_fetch(struct bench *bench, struct record *record)
{
    struct buf body = {0};
    struct op_fetched fetched;
    struct op_fetch op = {.keyspace = RING_DEFAULT_KEYSPACE, .key = bytes_of_text(bench->key)};
    op_encode_fetch(&op, &body);
    bench_tell(bench, MESSAGE_FETCH, &body);
    struct reader reader = bench_said(bench, ROUTER, MESSAGE_FETCHED);
    assert_int_equal(op_decode_fetched(&fetched, &reader), STATUS_OK);
    if (!fetched.status)
        assert_int_equal(record_decode(record, op.key, fetched.record), STATUS_OK);
    return fetched;
}

// ---- stores ------------------------------------------------------------------------------

static inline link_id bench_link(const struct bench *bench, uint64_t node)
{
    return link_of(bench->hintd.peers.row_of[ring_find_node(&bench->ring, node)] *
                   (uint32_t)SERVICE_COUNT);
}

// The store of this node answers, and the hintd says what it has for it.
static inline void bench_welcome(struct bench *bench, uint64_t node)
{
    struct buf body = {0};
    struct op_welcome welcome = {.version_min = MESSAGE_VERSION,
                                 .version_max = MESSAGE_VERSION,
                                 .cluster = CLUSTER,
                                 .node = node};
    op_encode_welcome(&welcome, &body);
    bench_tell_from(bench, bench_link(bench, node), MESSAGE_WELCOME, &body);
    bench_end_turn(bench);
}

static inline void bench_lose(struct bench *bench, uint64_t node)
{
    outbox_clear(&bench->outbox);
    reception_on_lost(&bench->hintd, bench_link(bench, node), bench->now);
    bench_end_turn(bench);
}

// The first MERGE to this node of the last turn; borrowed from the outbox.
static inline struct op_merge bench_merge(const struct bench *bench, uint64_t node)
{
    struct op_merge merge;
    struct reader reader = bench_said(bench, bench_link(bench, node), MESSAGE_MERGE);
    assert_int_equal(op_decode_merge(&merge, &reader), STATUS_OK);
    return merge;
}

static inline unsigned bench_merge_count(const struct bench *bench, uint64_t node)
{
    unsigned count = 0;
    for (uint32_t i = 0; i < bench->outbox.count; i++) {
        const struct outbox_message *message = &bench->outbox.messages[i];
        if (message->type == MESSAGE_MERGE && message->link == bench_link(bench, node))
            count += message->count;
    }
    return count;
}

static inline void bench_merged(struct bench *bench, uint64_t node, uint64_t id, enum status status)
{
    struct buf body = {0};
    struct op_merged merged = {.id = id, .status = (uint8_t)status};
    op_encode_merged(&merged, &body);
    bench_tell_from(bench, bench_link(bench, node), MESSAGE_MERGED, &body);
    bench_end_turn(bench);
}

// Time goes on, and a turn with a tick ends. The link to this node stays up (0: to none).
static inline void bench_pass(struct bench *bench, uint64_t ms, uint64_t alive)
{
    bench->now.mono_ms += ms;
    bench->now.wall_ms += ms;
    if (alive) {
        struct buf body = {0};
        op_encode_pong(&(struct op_pong){.id = 0}, &body);
        bench_tell_from(bench, bench_link(bench, alive), MESSAGE_PONG, &body);
    }
    outbox_clear(&bench->outbox);
    reception_on_tick(&bench->hintd, bench->now, &bench->outbox);
    bench_end_turn(bench);
}

static inline uint64_t bench_waiting(const struct bench *bench, uint64_t node)
{
    const struct tally_target *target = tally_find(&bench->hintd.tally, node);
    return target ? target->count : 0;
}

// What the engine holds, counted anew, is what the tally says.
static inline void bench_check_tally(struct bench *bench)
{
    struct tally counted;
    assert_int_equal(tally_recount(&counted, bench->hintd.lsm, bench->ring.partition_count),
                     STATUS_OK);
    assert_true(tally_equal(&counted, &bench->hintd.tally));
    tally_release(&counted);
}
