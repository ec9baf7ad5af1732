// What a router says of the copies of a key.
#include "unit/brain/router_ops.h"

#include "dkv-router/answers.h"

static const char *const KEY_TEXT = "key";

static void explain(struct bench *bench, const char *key, struct bytes receipt)
{
    struct buf body = {0};
    struct op_explain op = {.id = 7, .key = bytes_of_text(key), .receipt = receipt};
    op_encode_explain(&op, &body);
    tell(bench, CLIENT, MESSAGE_EXPLAIN, &body);
}

static bool explained(const struct bench *bench, struct op_explained *op)
{
    struct reader body;
    if (!said(bench, CLIENT, MESSAGE_EXPLAINED, &body))
        return false;
    assert_int_equal(op_decode_explained(op, &body), STATUS_OK);
    assert_int_equal(op->id, 7);
    return true;
}

// The replica of the answer that is on this node.
static struct explained_replica replica_on(const struct op_explained *op, const char *node)
{
    struct reader list = reader_of(op->replicas);
    struct explained_replica replica;
    while (explained_next(&list, &replica)) {
        if (bytes_equal(replica.node, bytes_of_text(node)))
            return replica;
    }
    fail_msg("no replica on %s", node);
    return replica;
}

static void inspected(struct bench *bench, uint32_t store, uint64_t id, enum status status,
                      bool has_write)
{
    struct buf body = {0};
    struct op_inspected op = {.id = id, .status = (uint8_t)status, .has_write = has_write};
    op_encode_inspected(&op, &body);
    tell(bench, store, MESSAGE_INSPECTED, &body);
}

static void encode_receipt(struct bench *bench, struct buf *out)
{
    struct receipt receipt = {.keyspace = RING_DEFAULT_KEYSPACE,
                              .key = bytes_of_text(KEY_TEXT),
                              .request = {{8}},
                              .dot = {9, 1}};
    receipt_encode(&receipt, &bench->seals, out);
}

TEST(all_owners_are_asked_and_each_is_told_of)
{
    struct bench bench;
    struct op_explained op;
    uint64_t id = 0;
    init(&bench, 3);
    explain(&bench, KEY_TEXT, (struct bytes){0});
    assert_int_equal(asked(&bench, MESSAGE_INSPECT, &id), 0);
    inspected(&bench, 0, id, STATUS_NOT_FOUND, false);
    inspected(&bench, 0, id, STATUS_NOT_FOUND, false); // again: nothing
    inspected(&bench, 1, id, STATUS_CORRUPT, false);
    assert_false(explained(&bench, &op));
    inspected(&bench, 2, id, STATUS_NOT_FOUND, false);
    assert_true(explained(&bench, &op));
    assert_int_equal(op.status, STATUS_OK);
    assert_int_equal(op.replica_count, 3);
    assert_int_equal(op.need_count, 1);
    assert_int_equal(replica_on(&op, "n0").status, STATUS_NOT_FOUND);
    assert_int_equal(replica_on(&op, "n1").status, STATUS_CORRUPT);
    assert_int_equal(bench.router.flights.count, 0);
    release(&bench);
}

TEST(what_a_purge_waits_for_is_passed_on_with_owners_for_numbers_of_nodes)
{
    struct bench bench;
    struct op_explained op;
    struct buf body = {0}, numbers = {0};
    uint64_t id = 0;
    init(&bench, 3);
    explain(&bench, KEY_TEXT, (struct bytes){0});
    assert_int_equal(asked(&bench, MESSAGE_INSPECT, &id), 0);
    buf_append_u16(&numbers, (uint16_t)bench.router.ring->nodes[2].number);
    buf_append_u16(&numbers, 999); // no owner any more
    struct op_inspected waits = {.id = id,
                                 .status = STATUS_NOT_FOUND,
                                 .purge = PURGE_WAITS,
                                 .purge_ms = 8,
                                 .behind = buf_bytes(&numbers)};
    op_encode_inspected(&waits, &body);
    tell(&bench, 0, MESSAGE_INSPECTED, &body);
    inspected(&bench, 1, id, STATUS_NOT_FOUND, false);
    inspected(&bench, 2, id, STATUS_NOT_FOUND, false);
    assert_true(explained(&bench, &op));
    struct explained_replica replica = replica_on(&op, "n0");
    assert_int_equal(replica.purge, PURGE_WAITS);
    assert_int_equal(replica.purge_ms, 8);
    assert_int_equal(__builtin_popcount(replica.behind), 1);
    struct reader list = reader_of(op.replicas);
    for (unsigned i = 0; explained_next(&list, &replica); i++)
        assert_int_equal(!!bytes_equal(replica.node, bytes_of_text("n2")),
                         replica_on(&op, "n0").behind >> i & 1);
    assert_int_equal(replica_on(&op, "n1").purge, PURGE_NOT_TOLD);
    buf_release(&numbers);
    release(&bench);
}

// What the owner on n0 says that it has seen, of which this much is passed on.
static size_t seen_passed_on(enum status status, struct bytes seen)
{
    struct bench bench;
    struct op_explained op;
    struct buf body = {0};
    uint64_t id = 0;
    init(&bench, 2);
    explain(&bench, KEY_TEXT, (struct bytes){0});
    asked(&bench, MESSAGE_INSPECT, &id);
    struct op_inspected one = {.id = id, .status = (uint8_t)status, .seen = seen};
    op_encode_inspected(&one, &body);
    tell(&bench, 0, MESSAGE_INSPECTED, &body);
    inspected(&bench, 1, id, STATUS_NOT_FOUND, false);
    assert_true(explained(&bench, &op));
    assert_int_equal(replica_on(&op, "n1").seen.size, 0);
    struct explained_replica replica = replica_on(&op, "n0");
    assert_int_equal(replica.head.size, 0);
    assert_true(!replica.seen.size || bytes_equal(replica.seen, seen));
    size_t size = replica.seen.size;
    release(&bench);
    return size;
}

TEST(what_an_owner_has_seen_is_passed_on_also_if_it_has_nothing_of_the_key)
{
    struct buf large = {0};
    memset(buf_grow(&large, INSPECTED_SEEN_SIZE_MAX + 1), 0, INSPECTED_SEEN_SIZE_MAX + 1);
    assert_int_equal(seen_passed_on(STATUS_NOT_FOUND, bytes_of_text("seen")), 4);
    assert_int_equal(seen_passed_on(STATUS_NOT_FOUND, (struct bytes){0}), 0);
    assert_int_equal(seen_passed_on(STATUS_NOT_FOUND, buf_bytes(&large)), 0);
    assert_int_equal(seen_passed_on(STATUS_IO, bytes_of_text("seen")), 0);
    buf_release(&large);
}

TEST(an_answer_that_does_not_fit_beside_what_is_unread_is_busy)
{
    struct bench bench;
    struct op_explained op;
    uint64_t id = 0;
    init(&bench, 1);
    explain(&bench, KEY_TEXT, (struct bytes){0});
    asked(&bench, MESSAGE_INSPECT, &id);
    meters_sent(&bench.router.meters, CLIENT, ANSWERS_UNREAD_MAX);
    inspected(&bench, 0, id, STATUS_NOT_FOUND, false);
    assert_true(explained(&bench, &op));
    assert_int_equal(op.status, STATUS_BUSY);
    assert_int_equal(bench.router.flights.count, 0);
    release(&bench);
}

TEST(owners_that_are_down_or_go_down_are_named_with_the_reason)
{
    struct bench bench;
    struct op_explained op;
    uint64_t id = 0;
    init(&bench, 2);
    explain(&bench, KEY_TEXT, (struct bytes){0});
    asked(&bench, MESSAGE_INSPECT, &id);
    inspected(&bench, 0, id, STATUS_NOT_FOUND, false);
    outbox_clear(&bench.outbox);
    dispatch_on_lost(&bench.router, 1, bench.now, &bench.outbox);
    assert_true(explained(&bench, &op));
    for (unsigned i = 1; i <= 2; i++) {
        struct explained_replica replica = replica_on(&op, i == 1 ? "n1" : "n2");
        assert_int_equal(replica.status, STATUS_UNREACHABLE);
        assert_true(bytes_equal(replica.state, bytes_of_text("down")));
        assert_true(bytes_equal(replica.problem, bytes_of_text("does not answer")));
    }
    release(&bench);
}

TEST(nobody_to_ask_is_an_answer_too)
{
    struct bench bench;
    struct op_explained op;
    init(&bench, 0);
    explain(&bench, KEY_TEXT, (struct bytes){0});
    assert_true(explained(&bench, &op));
    assert_int_equal(op.status, STATUS_OK);
    assert_int_equal(bench.router.flights.count, 0);
    release(&bench);
}

TEST(who_is_silent_to_the_end_is_told_of_at_the_end)
{
    struct bench bench;
    struct op_explained op;
    uint64_t id = 0;
    init(&bench, 3);
    explain(&bench, KEY_TEXT, (struct bytes){0});
    asked(&bench, MESSAGE_INSPECT, &id);
    inspected(&bench, 2, id, STATUS_NOT_FOUND, true);
    outbox_clear(&bench.outbox);
    bench.now.mono_ms += 510;
    dispatch_on_tick(&bench.router, bench.now, &bench.outbox);
    assert_true(explained(&bench, &op));
    assert_int_equal(replica_on(&op, "n0").status, STATUS_TIMEOUT);
    assert_int_equal(replica_on(&op, "n2").status, STATUS_NOT_FOUND);
    release(&bench);
}

TEST(a_receipt_gives_the_key_and_the_write_that_is_looked_for)
{
    struct bench bench;
    struct op_explained op;
    struct buf receipt = {0};
    struct op_inspect inspect;
    struct reader body;
    init(&bench, 3);
    encode_receipt(&bench, &receipt);
    explain(&bench, "", buf_bytes(&receipt));
    assert_true(said(&bench, 1, MESSAGE_INSPECT, &body));
    assert_int_equal(op_decode_inspect(&inspect, &body), STATUS_OK);
    assert_true(bytes_equal(inspect.key, bytes_of_text(KEY_TEXT)));
    assert_int_equal(inspect.request.bytes[0], 8);
    assert_true(dot_equal(inspect.dot, (struct dot){9, 1}));
    uint64_t id = inspect.id;
    inspected(&bench, 0, id, STATUS_NOT_FOUND, true); // purged, and known
    inspected(&bench, 1, id, STATUS_NOT_FOUND, false);
    inspected(&bench, 2, id, STATUS_IO, false);
    assert_true(explained(&bench, &op));
    assert_true(bytes_equal(op.key, bytes_of_text(KEY_TEXT)));
    assert_true(replica_on(&op, "n0").has_write);
    assert_false(replica_on(&op, "n1").has_write);
    buf_release(&receipt);
    release(&bench);
}

TEST(a_receipt_of_another_key_or_one_that_was_changed_is_refused)
{
    struct bench bench;
    struct op_explained op;
    struct buf receipt = {0};
    init(&bench, 3);
    encode_receipt(&bench, &receipt);
    explain(&bench, "other", buf_bytes(&receipt));
    assert_true(explained(&bench, &op));
    assert_int_equal(op.status, STATUS_INVALID);
    receipt.data[9] ^= 1;
    explain(&bench, "", buf_bytes(&receipt));
    assert_true(explained(&bench, &op));
    assert_int_equal(op.status, STATUS_INVALID);
    assert_int_equal(bench.router.flights.count, 0);
    buf_release(&receipt);
    release(&bench);
}
