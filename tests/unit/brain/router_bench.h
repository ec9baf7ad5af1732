// router_bench.h - a router of a cluster, whose stores, hintds and other routers are the test.
//
// Includes of a test: this file alone. Links are those of fixture/links.h.
#pragma once

#include "dkv-router/dispatch.h"

#include "fixture/links.h"
#include "fixture/ring.h"
#include "unit/unit.h"
#include "wire/hello.h"

enum { NODES = 3, BOOT = 5 };

struct bench {
    struct ring ring;
    struct ring_snapshot snapshot;
    struct seals seals;
    struct router router;
    struct outbox outbox;
    struct moment now;
    uint64_t age_ms;       // of what it is told
    uint32_t received_kib; // as its client says
};

static inline void tell(struct bench *bench, link_id link, enum message_type type, struct buf *body)
{
    struct buf message = {0};
    struct message_header header = {.type = (uint8_t)type,
                                    .count = 1,
                                    .body_size = (uint32_t)body->size,
                                    .epoch = bench->ring.epoch,
                                    .boot = link + 1,
                                    .ring_hash = (uint32_t)bench->snapshot.hash,
                                    .your_ms = link_clock(BOOT, bench->now.mono_ms - bench->age_ms),
                                    .budget_ms = 500,
                                    .received_kib = bench->received_kib};
    message_header_encode(&header, buf_grow(&message, MESSAGE_HEADER_SIZE));
    buf_append(&message, buf_bytes(body));
    struct arrival arrival = {.link = link, .role = link == CLIENT ? ROLE_CLIENT : ROLE_PEER};
    outbox_clear(&bench->outbox);
    dispatch_on_message(&bench->router, &arrival, buf_bytes(&message), bench->now, &bench->outbox);
    buf_release(&message);
    buf_release(body);
}

static inline void welcome(struct bench *bench, link_id link)
{
    struct buf body = {0};
    struct op_welcome op = {.version_min = MESSAGE_VERSION,
                            .version_max = MESSAGE_VERSION,
                            .cluster = bench->ring.cluster,
                            .node = link % OTHER + 1,
                            .actor = link % OTHER};
    op_encode_welcome(&op, &body);
    tell(bench, link, MESSAGE_WELCOME, &body);
}

// Of a cluster of so many, the stores of the first `up` of which answer.
static inline void init_of(struct bench *bench, unsigned nodes, unsigned up)
{
    struct fault fault;
    memset(bench, 0, sizeof *bench);
    assert_int_equal(make_cluster(&bench->ring, nodes), STATUS_OK);
    bench->now = (struct moment){1000, 1700000000000};
    uint8_t secret[SEAL_SECRET_SIZE] = {1};
    assert_int_equal(seals_add_own(&bench->seals, secret), STATUS_OK);
    bench->snapshot = snapshot_of(&bench->ring);
    struct buf votes = {0};
    votes_encode_none(&votes);
    struct router_options options = {.ring = &bench->snapshot,
                                     .node = 1,
                                     .boot = BOOT,
                                     .value_size_max = 1000,
                                     .record_size_max = 10000,
                                     .ping_interval_ms = 200,
                                     .down_after_ms = 1000,
                                     .clock_refuse_ms = 5000,
                                     .timeout_ms = 1000,
                                     .software = bytes_of_text("test"),
                                     .seals = &bench->seals,
                                     .votes = buf_bytes(&votes),
                                     .link_of = link_of,
                                     .number_of = number_of};
    assert_int_equal(router_init(&bench->router, &options, bench->now, &fault), STATUS_OK);
    buf_release(&votes);
    for (uint32_t i = 0; i < up; i++)
        welcome(bench, i);
}

static inline void init(struct bench *bench, unsigned up)
{
    init_of(bench, NODES, up);
}

static inline void release(struct bench *bench)
{
    router_release(&bench->router);
    outbox_release(&bench->outbox);
    seals_release(&bench->seals);
    ring_release(&bench->ring);
}

// The body of the first message of this type for the link. False if there is none.
static inline bool said(const struct bench *bench, link_id link, enum message_type type,
                        struct reader *body)
{
    for (uint32_t i = 0; i < bench->outbox.count; i++) {
        const struct outbox_message *message = &bench->outbox.messages[i];
        if (message->link != link || message->type != type)
            continue;
        *body = reader_of(buf_bytes(&message->bytes));
        reader_bytes(body, MESSAGE_HEADER_SIZE);
        return true;
    }
    return false;
}

// The store that was asked this, and the id of the question. -1 if none was.
static inline int asked(const struct bench *bench, enum message_type type, uint64_t *id)
{
    struct reader body;
    for (int store = 0; store < (int)bench->ring.node_count; store++) {
        if (said(bench, (link_id)store, type, &body)) {
            reader_u32(&body); // its size
            *id = reader_u64(&body);
            return store;
        }
    }
    return -1;
}
