// Routers and a store whose ring documents differ: they agree where nothing moved.
#include "unit/brain/store_bench.h"
#include "wire/replica.h"

// An UPDATE of a router whose ring is of this epoch.
static enum status update_at(struct bench *bench, uint64_t epoch)
{
    struct buf body = {0};
    struct op_updated updated;
    struct op_update op = bench_update_of(bench, 1, "value");
    op_encode_update(&op, &body);
    bench_tell(bench, MESSAGE_UPDATE, epoch, 0, &body);
    struct reader reader = bench_said(bench, 0, MESSAGE_UPDATED);
    assert_int_equal(op_decode_updated(&updated, &reader), STATUS_OK);
    return updated.status;
}

static enum status scan_at(struct bench *bench, uint64_t epoch)
{
    struct buf body = {0};
    struct op_scanned scanned;
    op_encode_scan_local(
        &(struct op_scan_local){.keyspace = RING_DEFAULT_KEYSPACE, .size_max = 1000}, &body);
    bench_tell(bench, MESSAGE_SCAN_LOCAL, epoch, 0, &body);
    struct reader reader = bench_said(bench, 0, MESSAGE_SCANNED_LOCAL);
    assert_int_equal(op_decode_scanned(&scanned, &reader), STATUS_OK);
    return scanned.status;
}

static void adopt_take(struct bench *bench, struct ring_snapshot *document)
{
    store_adopt(&bench->store, document);
    ring_snapshot_drop(document);
}

TEST(another_document_of_one_epoch_and_keys_of_others_are_refused)
{
    struct bench bench;
    bench_init(&bench);
    bench.other_ring = 1; // two that were made apart
    assert_int_equal(update_at(&bench, 1), STATUS_STALE);
    assert_int_equal(scan_at(&bench, 1), STATUS_STALE);
    bench.other_ring = 0;
    bench_choose_key(&bench, ring_find_node(&bench.ring, 1), false);
    assert_int_equal(update_at(&bench, 1), STATUS_NOT_OWNER);
    bench_release(&bench);
}

TEST(a_router_that_is_ahead_is_obeyed_where_nothing_moved)
{
    struct bench bench;
    bench_init(&bench);
    assert_int_equal(update_at(&bench, 2), STATUS_OK);
    assert_int_equal(scan_at(&bench, 2), STATUS_OK);
    bench.since = 2;
    assert_int_equal(update_at(&bench, 2), STATUS_STALE);
    assert_int_equal(scan_at(&bench, 2), STATUS_STALE);
    bench_release(&bench);
}

TEST(a_router_that_is_behind_is_obeyed_where_nothing_moved)
{
    struct bench bench;
    bench_init(&bench);
    adopt_take(&bench, next_document(&bench.ring));
    assert_int_equal(update_at(&bench, 1), STATUS_OK);
    assert_int_equal(scan_at(&bench, 1), STATUS_OK);
    adopt_take(&bench, moved_document(&bench.store.snapshot->ring));
    assert_int_equal(update_at(&bench, 2), STATUS_STALE);
    assert_int_equal(scan_at(&bench, 1), STATUS_STALE);
    bench_release(&bench);
}

TEST(what_is_no_shard_of_ours_is_stale_for_another_epoch)
{
    struct bench bench;
    bench_init(&bench);
    bench_choose_key(&bench, ring_find_node(&bench.ring, 1), false);
    assert_int_equal(update_at(&bench, 2), STATUS_STALE); // it may be ours by then
    bench_release(&bench);
}

TEST(answers_carry_the_new_epoch)
{
    struct bench bench;
    bench_init(&bench);
    adopt_take(&bench, next_document(&bench.ring));
    assert_int_equal(update_at(&bench, 1), STATUS_OK);
    serve_on_turn_end(&bench.store, bench.now, &bench.outbox);
    assert_int_equal(bench.outbox.header.epoch, 2);
    bench_release(&bench);
}
