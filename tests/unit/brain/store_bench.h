// store_bench.h - a store of a cluster of four under test: told messages, asked what it said.
#pragma once

#include "unit/unit.h"

#include "disk/memory_vfs.h"
#include "dkv-store/serve.h"
#include "fixture/ring.h"
#include "wire/age.h"
#include "wire/replica.h"

#include <stdio.h>

enum { NODES = 4 };

// A store of a cluster of four, three of which own a key.
struct bench {
    struct ring ring;
    struct ring_snapshot snapshot;
    struct memory_vfs disk;
    struct store_options options;
    struct store store;
    struct outbox outbox;
    struct moment now;
    link_id link;          // of the router that tells it
    uint64_t teller;       // its node; 0: our own
    uint64_t age_ms;       // of what it is told
    uint32_t received_kib; // as its router says
    uint32_t other_ring;   // what its ring hash differs by
    uint64_t since;        // as its ring says of the shard
    char key[16];          // one that the store owns
    unsigned key_number;
};

static inline void bench_start(struct bench *bench, uint64_t actor)
{
    struct fault fault = {0};
    assert_int_equal(store_open(&bench->store, &bench->options, actor, bench->now, &fault),
                     STATUS_OK);
}

// The next key that node `index` owns, or does not.
static inline void bench_choose_key(struct bench *bench, int index, bool owned)
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

static inline void bench_init_node(struct bench *bench, uint64_t node)
{
    memset(bench, 0, sizeof *bench);
    bench->link = 1;
    assert_int_equal(make_cluster(&bench->ring, NODES), STATUS_OK);
    memory_vfs_init(&bench->disk);
    bench->now = (struct moment){1000, 1700000000000};
    bench->snapshot = snapshot_of(&bench->ring);
    bench->options = (struct store_options){.ring = &bench->snapshot,
                                            .node = node,
                                            .boot = 5,
                                            .value_size_max = 1000,
                                            .record_size_max = 10000,
                                            .request_memory_ms = 600000,
                                            .purge_age_ms = 600000,
                                            .trash_ms = 600000,
                                            .close_after_ms = 600000,
                                            .clock_refuse_ms = 5000,
                                            .lsm = lsm_options_default(),
                                            .software = bytes_of_text("test")};
    bench->options.lsm.vfs = &bench->disk.vfs;
    bench->options.lsm.dir = "store";
    bench->options.lsm.memtable_size = 64 << 10;
    bench->options.lsm.log_segment_size = 64 << 10;
    bench_choose_key(bench, ring_find_node(&bench->ring, node), true);
    bench_start(bench, 100);
}

static inline void bench_init(struct bench *bench)
{
    bench_init_node(bench, 1);
}

static inline void bench_release(struct bench *bench)
{
    store_close(&bench->store);
    outbox_release(&bench->outbox);
    memory_vfs_release(&bench->disk);
    ring_release(&bench->ring);
}

static inline void bench_lose_power(struct bench *bench, uint64_t new_actor)
{
    struct random random;
    random_init(&random, 1);
    memory_vfs_power_off(&bench->disk);
    store_close(&bench->store);
    memory_vfs_crash(&bench->disk, MEMORY_VFS_LOSE_ALL, &random);
    bench_start(bench, new_actor);
}

static inline void bench_sync_log(struct bench *bench)
{
    struct fault fault;
    struct lsm_job *job;
    while ((job = store_next_job(&bench->store, LSM_WORKER_LOG))) {
        lsm_job_run(job);
        assert_int_equal(store_on_job_done(&bench->store, job, &fault), STATUS_OK);
    }
}

// In the same turn: what it has said before is still in the outbox.
static inline void bench_tell_more(struct bench *bench, enum message_type type, uint64_t epoch,
                                   uint32_t budget_ms, struct buf *body)
{
    struct buf message = {0};
    struct message_header header = {
        .type = (uint8_t)type,
        .count = 1,
        .body_size = (uint32_t)body->size,
        .epoch = epoch,
        .since = bench->since,
        .ring_hash = (uint32_t)bench->snapshot.hash + bench->other_ring,
        .your_ms = link_clock(bench->options.boot, bench->now.mono_ms - bench->age_ms),
        .budget_ms = budget_ms,
        .received_kib = bench->received_kib};
    message_header_encode(&header, buf_grow(&message, MESSAGE_HEADER_SIZE));
    buf_append(&message, buf_bytes(body));
    struct arrival arrival = {.link = bench->link, .role = ROLE_PEER, .node = bench->teller};
    serve_on_message(&bench->store, &arrival, buf_bytes(&message), bench->now, &bench->outbox);
    buf_release(&message);
    buf_release(body);
}

static inline void bench_tell(struct bench *bench, enum message_type type, uint64_t epoch,
                              uint32_t budget_ms, struct buf *body)
{
    outbox_clear(&bench->outbox);
    bench_tell_more(bench, type, epoch, budget_ms, body);
}

// The body of the i-th message of the outbox, which must have this type.
static inline struct reader bench_said(const struct bench *bench, uint32_t i,
                                       enum message_type type)
{
    assert_true(i < bench->outbox.count);
    assert_int_equal(bench->outbox.messages[i].type, type);
    struct reader body = reader_of(buf_bytes(&bench->outbox.messages[i].bytes));
    reader_bytes(&body, MESSAGE_HEADER_SIZE);
    return body;
}

static inline struct op_update bench_update_of(const struct bench *bench, uint8_t request,
                                               const char *value)
{
    struct op_update update = {.id = 1,
                               .flags = UPDATE_BLIND,
                               .young_ms = 300,
                               .keyspace = RING_DEFAULT_KEYSPACE,
                               .key = bytes_of_text(bench->key),
                               .value = bytes_of_text(value)};
    memset(update.request.bytes, request, sizeof update.request.bytes);
    return update;
}

static inline struct op_updated bench_update(struct bench *bench, const struct op_update *op)
{
    struct buf body = {0};
    struct op_updated updated;
    op_encode_update(op, &body);
    bench_tell(bench, MESSAGE_UPDATE, bench->ring.epoch, 0, &body);
    struct reader reader = bench_said(bench, 0, MESSAGE_UPDATED);
    assert_int_equal(op_decode_updated(&updated, &reader), STATUS_OK);
    return updated;
}

static inline struct op_fetched bench_fetch(struct bench *bench, struct record *record)
{
    struct buf body = {0};
    struct op_fetched fetched;
    struct op_fetch op = {.keyspace = RING_DEFAULT_KEYSPACE, .key = bytes_of_text(bench->key)};
    op_encode_fetch(&op, &body);
    bench_tell(bench, MESSAGE_FETCH, bench->ring.epoch, 0, &body);
    struct reader reader = bench_said(bench, 0, MESSAGE_FETCHED);
    assert_int_equal(op_decode_fetched(&fetched, &reader), STATUS_OK);
    if (!fetched.status)
        assert_int_equal(record_decode(record, op.key, fetched.record), STATUS_OK);
    return fetched;
}

static inline enum status bench_merge(struct bench *bench, const struct record *record)
{
    struct buf body = {0}, encoded = {0};
    struct op_merged done;
    record_encode(record, bytes_of_text(bench->key), &encoded);
    struct op_merge op = {.keyspace = RING_DEFAULT_KEYSPACE,
                          .key = bytes_of_text(bench->key),
                          .record = buf_bytes(&encoded)};
    op_encode_merge(&op, &body);
    bench_tell(bench, MESSAGE_MERGE, bench->ring.epoch, 0, &body);
    struct reader reader = bench_said(bench, 0, MESSAGE_MERGED);
    assert_int_equal(op_decode_merged(&done, &reader), STATUS_OK);
    buf_release(&encoded);
    return done.status;
}

// Everything that was written goes to a table, and merges run until there is nothing to do.
static inline void bench_flush(struct bench *bench)
{
    struct lsm_job *job;
    lsm_flush(bench->store.lsm);
    do {
        bench_sync_log(bench);
        job = store_next_job(&bench->store, LSM_WORKER_BACKGROUND);
        if (job) {
            lsm_job_run(job);
            assert_int_equal(store_on_job_done(&bench->store, job, NULL), STATUS_OK);
        }
    } while (job);
}
