#include "dkv-router/router.h"

#include "ring/ring_plan.h"
#include "unit/unit.h"

#include <stdio.h>

enum { NODES = 3, CLIENT = 1 << 20 };

// A router of a cluster of three whose stores are this test.
struct bench {
    struct ring ring;
    struct router router;
    struct outbox outbox;
    struct moment now;
};

static link_id address(uint32_t number)
{
    return number;
}

static uint32_t number(link_id link)
{
    return link >= CLIENT ? UINT32_MAX : (uint32_t)link;
}

static void tell(struct bench *bench, link_id link, enum message_type type, struct buf *body)
{
    struct buf message = {0};
    struct message_header header = {.type = (uint8_t)type,
                                    .count = 1,
                                    .body_size = (uint32_t)body->size,
                                    .epoch = bench->ring.epoch,
                                    .boot = link + 1,
                                    .budget_ms = 500};
    message_header_encode(&header, buf_grow(&message, MESSAGE_HEADER_SIZE));
    buf_append(&message, buf_bytes(body));
    struct arrival arrival = {.link = link, .role = link == CLIENT ? ROLE_CLIENT : ROLE_PEER};
    outbox_clear(&bench->outbox);
    router_on_message(&bench->router, &arrival, buf_bytes(&message), bench->now, &bench->outbox);
    buf_release(&message);
    buf_release(body);
}

static void welcome(struct bench *bench, uint32_t store)
{
    struct buf body = {0};
    op_encode_welcome(&(struct op_welcome){.version = MESSAGE_VERSION, .actor = store}, &body);
    tell(bench, store, MESSAGE_WELCOME, &body);
}

static void init(struct bench *bench, unsigned up)
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
    bench->now = (struct moment){1000, 1700000000000};
    struct router_options options = {.ring = &bench->ring,
                                     .ring_text = bytes_of_text("a ring"),
                                     .node = 1,
                                     .boot = 5,
                                     .value_size_max = 1000,
                                     .record_size_max = 10000,
                                     .ping_interval_ms = 200,
                                     .down_after_ms = 1000,
                                     .timeout_ms = 1000,
                                     .software = bytes_of_text("test"),
                                     .address = address,
                                     .number = number};
    assert_int_equal(router_init(&bench->router, &options, bench->now, &fault), STATUS_OK);
    for (uint32_t i = 0; i < up; i++)
        welcome(bench, i);
}

static void release(struct bench *bench)
{
    router_release(&bench->router);
    outbox_release(&bench->outbox);
    ring_release(&bench->ring);
}

// The body of the first message of this type for the link. False if there is none.
static bool said(const struct bench *bench, link_id link, enum message_type type,
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
static int asked(const struct bench *bench, enum message_type type, uint64_t *id)
{
    struct reader body;
    for (int store = 0; store < NODES; store++) {
        if (said(bench, (link_id)store, type, &body)) {
            *id = reader_u64(&body);
            return store;
        }
    }
    return -1;
}

static bool put_done(const struct bench *bench, enum status status)
{
    struct reader body;
    struct op_put_done done;
    return said(bench, CLIENT, MESSAGE_PUT_DONE, &body) && !op_decode_put_done(&done, &body) &&
           done.id == 7 && done.status == status;
}

static void put(struct bench *bench, uint8_t flags)
{
    struct buf body = {0};
    struct op_put op = {.id = 7,
                        .flags = flags,
                        .key = bytes_of_text("key"),
                        .request = {{1}},
                        .value = bytes_of_text("value")};
    op_encode_put(&op, &body);
    tell(bench, CLIENT, MESSAGE_PUT, &body);
}

static void get(struct bench *bench)
{
    struct buf body = {0};
    op_encode_get(&(struct op_get){.id = 7, .key = bytes_of_text("key")}, &body);
    tell(bench, CLIENT, MESSAGE_GET, &body);
}

static void done(struct bench *bench, uint32_t store, enum message_type type, uint64_t id)
{
    struct buf body = {0};
    op_encode_done(&(struct op_done){.id = id}, &body);
    tell(bench, store, type, &body);
}

static void fetched(struct bench *bench, uint32_t store, uint64_t id, enum status status)
{
    struct buf body = {0};
    op_encode_fetched(&(struct op_fetched){.id = id, .status = (uint8_t)status}, &body);
    tell(bench, store, MESSAGE_FETCHED, &body);
}

// A put with --sibling, which needs no clocks, up to where its coordinator has minted.
// Returns the coordinator.
static uint32_t begin_put(struct bench *bench, uint64_t *id)
{
    put(bench, PUT_KEEP_SIBLINGS);
    int store = asked(bench, MESSAGE_UPDATE, id);
    assert_true(store >= 0);
    struct buf body = {0};
    op_encode_updated(&(struct op_updated){.id = *id, .dot = {9, 1}}, &body);
    tell(bench, (link_id)store, MESSAGE_UPDATED, &body);
    return (uint32_t)store;
}

TEST(a_put_is_written_when_two_of_three_have_it_durably)
{
    struct bench bench;
    struct reader body;
    uint64_t id;
    init(&bench, 3);
    uint32_t coordinator = begin_put(&bench, &id);
    uint32_t other = (coordinator + 1) % NODES, third = (coordinator + 2) % NODES;
    assert_true(said(&bench, other, MESSAGE_MERGE, &body));
    assert_true(said(&bench, third, MESSAGE_MERGE, &body));
    done(&bench, coordinator, MESSAGE_DURABLE, id);
    assert_int_equal(bench.outbox.count, 0);
    done(&bench, coordinator, MESSAGE_DURABLE, id); // once more is not one more
    assert_int_equal(bench.outbox.count, 0);
    done(&bench, other, MESSAGE_MERGED, id);
    assert_true(put_done(&bench, STATUS_OK));
    release(&bench);
}

TEST(a_put_without_enough_owners_is_refused_before_anything_is_sent)
{
    struct bench bench;
    uint64_t id;
    init(&bench, 1);
    put(&bench, 0);
    assert_true(put_done(&bench, STATUS_UNAVAILABLE));
    assert_int_equal(asked(&bench, MESSAGE_UPDATE, &id), -1);
    release(&bench);
}

TEST(a_put_whose_coordinator_is_lost_is_indeterminate)
{
    struct bench bench;
    uint64_t id;
    init(&bench, 3);
    put(&bench, PUT_KEEP_SIBLINGS);
    int store = asked(&bench, MESSAGE_UPDATE, &id);
    outbox_clear(&bench.outbox);
    router_on_lost(&bench.router, (link_id)store, bench.now, &bench.outbox);
    assert_true(put_done(&bench, STATUS_INDETERMINATE));
    release(&bench);
}

TEST(a_new_life_of_a_store_ends_what_the_old_one_was_asked)
{
    struct bench bench;
    struct buf message = {0};
    uint64_t id;
    init(&bench, 3);
    put(&bench, PUT_KEEP_SIBLINGS);
    int store = asked(&bench, MESSAGE_UPDATE, &id);
    struct message_header header = {.type = MESSAGE_PONG, .boot = 99};
    message_header_encode(&header, buf_grow(&message, MESSAGE_HEADER_SIZE));
    struct arrival arrival = {.link = (link_id)store, .role = ROLE_PEER};
    outbox_clear(&bench.outbox);
    router_on_message(&bench.router, &arrival, buf_bytes(&message), bench.now, &bench.outbox);
    assert_true(put_done(&bench, STATUS_INDETERMINATE));
    buf_release(&message);
    release(&bench);
}

TEST(an_unsettled_blind_put_asks_for_clocks_first)
{
    struct bench bench;
    uint64_t id;
    init(&bench, 3);
    put(&bench, 0);
    assert_int_equal(asked(&bench, MESSAGE_UPDATE, &id), -1);
    int store = asked(&bench, MESSAGE_FETCH, &id);
    assert_true(store >= 0);
    fetched(&bench, (uint32_t)store, id, STATUS_NOT_FOUND);
    assert_true(asked(&bench, MESSAGE_UPDATE, &id) >= 0);
    release(&bench);
}

TEST(a_repeated_put_asks_every_owner_for_its_first_try)
{
    struct bench bench;
    struct reader body;
    init(&bench, 3);
    put(&bench, PUT_RETRY);
    for (uint32_t store = 0; store < NODES; store++)
        assert_true(said(&bench, store, MESSAGE_FIND, &body));
    release(&bench);
}

TEST(a_get_is_answered_when_two_of_three_replied)
{
    struct bench bench;
    struct reader body;
    struct op_got got;
    uint64_t id;
    init(&bench, 3);
    get(&bench);
    uint32_t first = (uint32_t)asked(&bench, MESSAGE_FETCH, &id);
    uint32_t second = 0;
    while (second == first || !said(&bench, second, MESSAGE_FETCH, &body))
        second++;
    fetched(&bench, first, id, STATUS_NOT_FOUND);
    assert_int_equal(bench.outbox.count, 0);
    fetched(&bench, second, id, STATUS_NOT_FOUND);
    assert_true(said(&bench, CLIENT, MESSAGE_GOT, &body));
    assert_int_equal(op_decode_got(&got, &body), STATUS_OK);
    assert_int_equal(got.status, STATUS_NOT_FOUND);
    assert_int_equal(got.replied, 2);
    release(&bench);
}

TEST(a_repair_that_is_refused_is_counted)
{
    struct bench bench;
    struct buf body = {0};
    init(&bench, 3);
    done(&bench, 0, MESSAGE_MERGED, 0);
    assert_int_equal(bench.router.counts.repairs_refused, 0);
    op_encode_done(&(struct op_done){.status = STATUS_BUSY}, &body);
    tell(&bench, 0, MESSAGE_MERGED, &body);
    assert_int_equal(bench.router.counts.repairs_refused, 1);
    release(&bench);
}

TEST(a_reply_that_comes_again_changes_nothing)
{
    struct bench bench;
    uint64_t id;
    init(&bench, 3);
    get(&bench);
    uint32_t store = (uint32_t)asked(&bench, MESSAGE_FETCH, &id);
    fetched(&bench, store, id, STATUS_NOT_FOUND);
    fetched(&bench, store, id, STATUS_NOT_FOUND);
    assert_int_equal(bench.outbox.count, 0);
    assert_int_equal(bench.router.counts.late, 1);
    release(&bench);
}

TEST(every_operation_is_answered_by_its_deadline)
{
    struct bench bench;
    struct reader body;
    init(&bench, 3);
    get(&bench);
    outbox_clear(&bench.outbox);
    bench.now.mono_ms += 300;
    router_on_tick(&bench.router, bench.now, &bench.outbox);
    assert_false(said(&bench, CLIENT, MESSAGE_GOT, &body));
    bench.now.mono_ms += 210;
    router_on_tick(&bench.router, bench.now, &bench.outbox);
    assert_true(said(&bench, CLIENT, MESSAGE_GOT, &body));
    assert_int_equal(bench.router.flights.count, 0);
    release(&bench);
}

TEST(equal_roots_of_all_owners_settle_a_partition)
{
    struct bench bench;
    uint64_t id, roots[64] = {0};
    init(&bench, 3);
    assert_int_equal(bench.router.unsettled_count, 64);
    outbox_clear(&bench.outbox);
    router_on_tick(&bench.router, bench.now, &bench.outbox);
    assert_true(asked(&bench, MESSAGE_ROOTS, &id) >= 0);
    for (uint32_t store = 0; store < NODES; store++) {
        struct buf body = {0};
        roots[5] = store; // but this one differs
        op_encode_roots_are(
            &(struct op_roots_are){.id = id, .roots = bytes_of(roots, sizeof roots)}, &body);
        tell(&bench, store, MESSAGE_ROOTS_ARE, &body);
    }
    assert_int_equal(bench.router.unsettled_count, 1);
    assert_false(bench.router.settled[5]);
    outbox_clear(&bench.outbox);
    router_on_lost(&bench.router, 1, bench.now, &bench.outbox);
    welcome(&bench, 1); // it may have missed something
    assert_int_equal(bench.router.unsettled_count, 64);
    release(&bench);
}

TESTS(RUN(a_put_is_written_when_two_of_three_have_it_durably),
      RUN(a_put_without_enough_owners_is_refused_before_anything_is_sent),
      RUN(a_put_whose_coordinator_is_lost_is_indeterminate),
      RUN(a_new_life_of_a_store_ends_what_the_old_one_was_asked),
      RUN(an_unsettled_blind_put_asks_for_clocks_first),
      RUN(a_repeated_put_asks_every_owner_for_its_first_try),
      RUN(a_get_is_answered_when_two_of_three_replied), RUN(a_repair_that_is_refused_is_counted),
      RUN(a_reply_that_comes_again_changes_nothing),
      RUN(every_operation_is_answered_by_its_deadline),
      RUN(equal_roots_of_all_owners_settle_a_partition))
