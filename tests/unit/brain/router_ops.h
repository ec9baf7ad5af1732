// router_ops.h - what the client and the stores of a router bench say.
#pragma once

#include "unit/brain/router_bench.h"
#include "wire/replica.h"

// What the put was answered with.
static inline struct op_put_done put_answer(const struct bench *bench)
{
    struct reader body;
    struct op_put_done done;
    assert_true(said(bench, CLIENT, MESSAGE_PUT_DONE, &body));
    assert_int_equal(op_decode_put_done(&done, &body), STATUS_OK);
    assert_int_equal(done.id, 7);
    return done;
}

static inline bool is_put_answered(const struct bench *bench)
{
    struct reader body;
    return said(bench, CLIENT, MESSAGE_PUT_DONE, &body);
}

static inline bool put_done(const struct bench *bench, enum status status)
{
    return is_put_answered(bench) && put_answer(bench).status == status;
}

static inline void put(struct bench *bench, uint8_t flags)
{
    struct buf body = {0};
    struct op_put op = {.id = 7,
                        .flags = flags,
                        .key = bytes_of_text("key"),
                        .request = {{1}},
                        .try = 3,
                        .budget_ms = 400,
                        .young_ms = 200,
                        .value = bytes_of_text("value")};
    op_encode_put(&op, &body);
    tell(bench, CLIENT, MESSAGE_PUT, &body);
}

static inline void get(struct bench *bench)
{
    struct buf body = {0};
    op_encode_get(&(struct op_get){.id = 7, .key = bytes_of_text("key")}, &body);
    tell(bench, CLIENT, MESSAGE_GET, &body);
}

static inline void durable(struct bench *bench, uint32_t store, uint64_t id)
{
    struct buf body = {0};
    op_encode_durable(&(struct op_durable){.id = id}, &body);
    tell(bench, store, MESSAGE_DURABLE, &body);
}

static inline void merged(struct bench *bench, uint32_t store, const struct op_merged *op)
{
    struct buf body = {0};
    op_encode_merged(op, &body);
    tell(bench, store, MESSAGE_MERGED, &body);
}

static inline void found(struct bench *bench, uint32_t store, const struct op_found *op)
{
    struct buf body = {0};
    op_encode_found(op, &body);
    tell(bench, store, MESSAGE_FOUND, &body);
}

static inline void fetched(struct bench *bench, uint32_t store, uint64_t id, enum status status)
{
    struct buf body = {0};
    op_encode_fetched(&(struct op_fetched){.id = id, .status = (uint8_t)status}, &body);
    tell(bench, store, MESSAGE_FETCHED, &body);
}

// A put with --sibling, which needs no clocks, up to where its coordinator has minted.
// Returns the coordinator.
static inline uint32_t begin_put(struct bench *bench, uint64_t *id)
{
    put(bench, PUT_KEEP_SIBLINGS);
    int store = asked(bench, MESSAGE_UPDATE, id);
    assert_true(store >= 0);
    struct buf body = {0};
    op_encode_updated(&(struct op_updated){.id = *id, .dot = {9, 1}}, &body);
    tell(bench, (link_id)store, MESSAGE_UPDATED, &body);
    return (uint32_t)store;
}
