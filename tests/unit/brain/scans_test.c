// A page of a scan: whom the router asks for it, and what comes of that.
#include "dkv-router/dispatch.h"
#include "unit/brain/router_bench.h"
#include "wire/client.h"

enum { PARTITION = 7 };

static void scan(struct bench *bench, struct op_scan op)
{
    struct buf body = {0};
    op.id = 77;
    op.partition = PARTITION;
    op.size_max = 1000;
    op.keyspace = bytes_of_text("default");
    op_encode_scan(&op, &body);
    tell(bench, CLIENT, MESSAGE_SCAN, &body);
}

// The stores that were just asked for a page, and the id of the last question.
static unsigned asked_for_page(const struct bench *bench, uint64_t *id)
{
    unsigned stores = 0;
    struct reader body;
    for (unsigned store = 0; store < NODES; store++) {
        if (!said(bench, store, MESSAGE_SCAN_LOCAL, &body))
            continue;
        reader_u32(&body); // its size
        *id = reader_u64(&body);
        stores |= 1u << store;
    }
    return stores;
}

// A store's page: one key with one value, and the partition ends.
static void reply(struct bench *bench, uint32_t store, uint64_t id, enum status status,
                  const char *key)
{
    struct record record = {0};
    struct record_write write = {.dot = {store + 1, 1}, .hlc = 1, .value = bytes_of_text("value")};
    struct buf encoded = {0}, items = {0}, body = {0};
    record_update(&record, &write, false);
    record_encode(&record, bytes_of_text(key), &encoded);
    buf_append_short(&items, bytes_of_text(key));
    buf_append_sized(&items, buf_bytes(&encoded));
    struct op_scanned op = {.id = id, .status = (uint8_t)status, .keyspace = 1, .replied = 1};
    if (!status) {
        op.done = 1;
        op.item_count = 1;
        op.items = buf_bytes(&items);
    }
    op_encode_scanned(&op, &body);
    tell(bench, store, MESSAGE_SCANNED_LOCAL, &body);
    record_release(&record);
    buf_release(&encoded);
    buf_release(&items);
}

static struct op_scanned scanned(const struct bench *bench)
{
    struct op_scanned op = {.status = 255};
    struct reader body;
    assert_true(said(bench, CLIENT, MESSAGE_SCANNED, &body));
    assert_int_equal(op_decode_scanned(&op, &body), STATUS_OK);
    assert_int_equal(op.id, 77);
    return op;
}

static bool is_answered(const struct bench *bench)
{
    struct reader body;
    return said(bench, CLIENT, MESSAGE_SCANNED, &body);
}

TEST(a_page_is_what_two_of_three_have_joined)
{
    struct bench bench;
    uint64_t id = 0;
    init(&bench, NODES);
    scan(&bench, (struct op_scan){0});
    unsigned stores = asked_for_page(&bench, &id);
    assert_int_equal(__builtin_popcount(stores), 2);
    uint32_t first = (uint32_t)__builtin_ctz(stores), second = 31 - (uint32_t)__builtin_clz(stores);
    reply(&bench, first, id, STATUS_OK, "a");
    assert_false(is_answered(&bench));
    reply(&bench, second, id, STATUS_OK, "a");
    struct op_scanned op = scanned(&bench);
    assert_int_equal(op.status, STATUS_OK);
    assert_int_equal(op.replied, 2);
    assert_int_equal(op.item_count, 1);
    struct reader items = reader_of(op.items);
    struct record record = {0};
    struct bytes key = reader_short(&items);
    assert_int_equal(record_decode(&record, key, reader_sized(&items)), STATUS_OK);
    assert_int_equal(record.count, 2); // of each store a write
    record_release(&record);
    release(&bench);
}

TEST(for_an_owner_that_fails_the_next_one_is_asked_until_there_is_none)
{
    for (int is_lost = 0; is_lost < 2; is_lost++) {
        struct bench bench;
        uint64_t id = 0;
        init(&bench, NODES);
        scan(&bench, (struct op_scan){0});
        unsigned stores = asked_for_page(&bench, &id);
        uint32_t first = (uint32_t)__builtin_ctz(stores), third = (uint32_t)__builtin_ctz(~stores);
        outbox_clear(&bench.outbox);
        if (is_lost)
            dispatch_on_lost(&bench.router, first, bench.now, &bench.outbox);
        else
            reply(&bench, first, id, STATUS_CORRUPT, "a");
        assert_int_equal(asked_for_page(&bench, &id), 1u << third);
        assert_false(is_answered(&bench));
        reply(&bench, third, id, STATUS_IO, "a");
        assert_int_equal(scanned(&bench).status, STATUS_UNAVAILABLE);
        release(&bench);
    }
}

TEST(too_few_owners_are_said_before_anybody_is_asked)
{
    struct bench bench;
    uint64_t id;
    init(&bench, 1);
    scan(&bench, (struct op_scan){0});
    assert_int_equal(scanned(&bench).status, STATUS_UNAVAILABLE);
    assert_int_equal(asked_for_page(&bench, &id), 0);
    scan(&bench, (struct op_scan){.level = 4});
    assert_int_equal(scanned(&bench).status, STATUS_INVALID);
    release(&bench);
}

TEST(a_local_page_is_that_of_the_routers_own_store)
{
    struct bench bench;
    uint64_t id = 0;
    init(&bench, NODES);
    scan(&bench, (struct op_scan){.flags = SCAN_LOCAL});
    assert_int_equal(asked_for_page(&bench, &id), 1u << bench.router.self);
    reply(&bench, bench.router.self, id, STATUS_OK, "a");
    assert_int_equal(scanned(&bench).replied, 1);
    release(&bench);
}

TEST(a_page_that_nobody_answers_ends_at_its_deadline_and_what_comes_then_is_late)
{
    struct bench bench;
    uint64_t id = 0;
    init(&bench, NODES);
    scan(&bench, (struct op_scan){0});
    unsigned stores = asked_for_page(&bench, &id);
    bench.now.mono_ms += 600;
    outbox_clear(&bench.outbox);
    dispatch_on_tick(&bench.router, bench.now, &bench.outbox);
    assert_int_equal(scanned(&bench).status, STATUS_TIMEOUT);
    uint64_t late = bench.router.counts.late;
    reply(&bench, (uint32_t)__builtin_ctz(stores), id, STATUS_OK, "a");
    assert_false(is_answered(&bench));
    assert_int_equal(bench.router.counts.late, late + 1);
    release(&bench);
}

TEST(to_go_on_in_another_partition_is_refused)
{
    struct bench bench;
    uint8_t cursor[20] = {0xff};
    init(&bench, NODES);
    scan(&bench, (struct op_scan){.after = bytes_of(cursor, sizeof cursor)});
    assert_int_equal(scanned(&bench).status, STATUS_INVALID);
    cursor[0] = PARTITION << 2;
    scan(&bench, (struct op_scan){.after = bytes_of(cursor, sizeof cursor)});
    assert_false(is_answered(&bench));
    release(&bench);
}

TEST(a_scan_that_a_store_is_too_busy_for_does_not_speak_of_R)
{
    struct bench bench;
    struct buf body = {0};
    struct reader reader;
    struct op_scanned scanned;
    uint64_t id = 0;
    init(&bench, 3);
    op_encode_scan(&(struct op_scan){.id = 7, .level = 2, .size_max = 1000}, &body);
    tell(&bench, CLIENT, MESSAGE_SCAN, &body);
    int store = asked(&bench, MESSAGE_SCAN_LOCAL, &id);
    assert_true(store >= 0);
    op_encode_scanned(&(struct op_scanned){.id = id, .status = STATUS_BUSY}, &body);
    tell(&bench, (link_id)store, MESSAGE_SCANNED_LOCAL, &body);
    assert_true(said(&bench, CLIENT, MESSAGE_SCANNED, &reader));
    assert_int_equal(op_decode_scanned(&scanned, &reader), STATUS_OK);
    assert_int_equal(scanned.status, STATUS_BUSY);
    assert_true(bytes_equal(scanned.text, bytes_of_text("too much in flight")));
    assert_int_equal(bench.router.flights.count, 0);
    release(&bench);
}
