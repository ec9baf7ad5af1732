// What of a write is known when it was deleted and purged: by a store, and to its router.
#include "unit/brain/trio.h"

static int make(void **state)
{
    trio_begin(state);
    for (unsigned i = 0; i < TRIO; i++)
        store(i)->ledger.requests.memory_ms = UINT64_MAX / 2; // as after restarts
    return 0;
}

AROUND_EACH(make, trio_end)

static struct op_found find(unsigned at, const struct op_update *op)
{
    struct buf body = {0};
    struct op_found found;
    struct op_find find = {.request = op->request, .try = 9, .keyspace = 1, .key = op->key};
    op_encode_find(&find, &body);
    bench_tell(&trio[at], MESSAGE_FIND, trio[at].ring.epoch, 0, &body);
    struct reader reader = bench_said(&trio[at], 0, MESSAGE_FOUND);
    assert_int_equal(op_decode_found(&found, &reader), STATUS_OK);
    return found;
}

static struct op_inspected inspect(unsigned at, const struct op_update *op)
{
    struct buf body = {0};
    struct op_inspected inspected;
    struct op_inspect inspect = {.request = op->request, .keyspace = 1, .key = op->key};
    op_encode_inspect(&inspect, &body);
    bench_tell(&trio[at], MESSAGE_INSPECT, trio[at].ring.epoch, 0, &body);
    struct reader reader = bench_said(&trio[at], 0, MESSAGE_INSPECTED);
    assert_int_equal(op_decode_inspected(&inspected, &reader), STATUS_OK);
    return inspected;
}

// Repeated, it would bring back what was deleted.
TEST(a_write_that_was_deleted_and_purged_is_found_and_not_minted_again)
{
    write_everywhere(A, "value");
    struct op_update op = bench_update_of(&trio[A], request_number, "value");
    assert_int_equal(find(A, &op).state, FIND_LIVE);
    write_everywhere(B, NULL);
    assert_int_equal(find(A, &op).state, FIND_SUPERSEDED);
    purge_all();
    assert_true(holds_nothing(A));
    struct op_found found = find(A, &op);
    assert_int_equal(found.status, STATUS_OK);
    assert_int_equal(found.state, FIND_PURGED);
    assert_int_equal(found.record.size, 0);
    assert_int_equal(bench_update(&trio[A], &op).status, STATUS_NOT_KEPT);
    assert_true(holds_nothing(A));
    struct op_inspected inspected = inspect(A, &op); // a receipt may have no dot
    assert_true(inspected.has_write);
    assert_int_equal(inspected.state, FIND_PURGED);
    op.request.bytes[0]++;
    assert_int_equal(find(A, &op).status, STATUS_NOT_FOUND);
    assert_false(inspect(A, &op).has_write);
}

TEST(a_write_whose_record_was_lost_is_not_taken_for_purged)
{
    write_everywhere(A, "value");
    struct op_update op = bench_update_of(&trio[A], request_number, "value");
    write_everywhere(B, "other");
    take_away(A);
    assert_int_equal(find(A, &op).status, STATUS_NOT_FOUND);
}
