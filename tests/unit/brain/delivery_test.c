// How hints go to their targets.
#include "unit/brain/hintd_bench.h"

TEST(a_hint_goes_when_its_target_has_it_and_not_before)
{
    struct bench bench;
    bench_init(&bench);
    bench_hint_new(&bench, 1, 1);
    bench_end_turn(&bench);
    assert_int_equal(bench_merge_count(&bench, 1), 0); // nobody is there
    bench_welcome(&bench, 1);
    struct op_merge merge = bench_merge(&bench, 1);
    assert_int_equal(bench_waiting(&bench, 1), 1);
    bench_merged(&bench, 1, merge.id, STATUS_OK);
    assert_int_equal(bench_waiting(&bench, 1), 0);
    assert_int_equal(bench.hintd.tally.bytes, 0);
    bench_check_tally(&bench);
    bench_release(&bench);
}

TEST(a_hint_that_was_not_kept_goes_as_well)
{
    struct bench bench;
    bench_init(&bench);
    bench_hint_new(&bench, 1, 1);
    bench_welcome(&bench, 1);
    bench_merged(&bench, 1, bench_merge(&bench, 1).id, STATUS_NOT_KEPT);
    assert_int_equal(bench_waiting(&bench, 1), 0);
    bench_release(&bench);
}

TEST(a_hint_that_was_joined_while_it_was_under_way_stays)
{
    struct bench bench;
    struct record first = bench_record(7, 1, "one"), second = bench_record(8, 2, "two");
    bench_init(&bench);
    bench_hint(&bench, 1, &first);
    bench_welcome(&bench, 1);
    uint64_t id = bench_merge(&bench, 1).id;
    bench_hint(&bench, 1, &second);
    bench_merged(&bench, 1, id, STATUS_OK);
    assert_int_equal(bench_waiting(&bench, 1), 1);
    struct op_merge merge = bench_merge(&bench, 1); // and goes with the next pass
    struct record sent = {0};
    assert_int_equal(record_decode(&sent, merge.key, merge.record), STATUS_OK);
    assert_int_equal(sent.count, 2);
    bench_merged(&bench, 1, merge.id, STATUS_OK);
    assert_int_equal(bench_waiting(&bench, 1), 0);
    bench_check_tally(&bench);
    record_release(&first);
    record_release(&second);
    record_release(&sent);
    bench_release(&bench);
}

TEST(a_target_that_refused_is_left_alone_for_a_while)
{
    struct bench bench;
    bench_init(&bench);
    bench_hint_new(&bench, 1, 1);
    bench_welcome(&bench, 1);
    bench_merged(&bench, 1, bench_merge(&bench, 1).id, STATUS_BUSY);
    assert_int_equal(bench_waiting(&bench, 1), 1);
    bench_pass(&bench, 500, 1);
    assert_int_equal(bench_merge_count(&bench, 1), 0);
    bench_pass(&bench, 500, 1);
    assert_int_equal(bench_merge_count(&bench, 1), 1);
    bench_release(&bench);
}

TEST(a_flush_does_not_wait_for_that)
{
    struct bench bench;
    struct buf body = {0};
    bench_init(&bench);
    bench_hint_new(&bench, 1, 1);
    bench_welcome(&bench, 1);
    bench_merged(&bench, 1, bench_merge(&bench, 1).id, STATUS_BUSY);
    bench_pass(&bench, 10, 1);
    op_encode_ask(
        &(struct op_ask){.topic = bytes_of_text("flush"), .argument = bytes_of_text("n0")}, &body);
    bench_tell(&bench, MESSAGE_ASK, &body);
    bench_end_turn(&bench);
    assert_int_equal(bench_merge_count(&bench, 1), 1);
    bench_release(&bench);
}

TEST(a_merge_that_is_not_answered_is_sent_again)
{
    struct bench bench;
    bench_init(&bench);
    bench_hint_new(&bench, 1, 1);
    bench_welcome(&bench, 1);
    uint64_t late = bench_merge(&bench, 1).id;
    bench_pass(&bench, DELIVERY_BUDGET_MS - 1, 1);
    bench_pass(&bench, 1, 1);
    bench_pass(&bench, 1000, 1);
    uint64_t id = bench_merge(&bench, 1).id;
    assert_int_not_equal(id, late);
    bench_merged(&bench, 1, late, STATUS_OK); // of a request that is over: it says nothing of this
    assert_int_equal(bench_waiting(&bench, 1), 1);
    bench_merged(&bench, 1, id, STATUS_OK);
    assert_int_equal(bench_waiting(&bench, 1), 0);
    bench_release(&bench);
}

TEST(a_link_that_is_lost_ends_what_was_under_way_and_all_is_sent_again)
{
    struct bench bench;
    bench_init(&bench);
    for (uint64_t i = 1; i <= 5; i++)
        bench_hint_new(&bench, 1, i);
    bench_welcome(&bench, 1);
    assert_int_equal(bench_merge_count(&bench, 1), 5);
    uint64_t id = bench_merge(&bench, 1).id;
    bench_lose(&bench, 1);
    bench_welcome(&bench, 1);
    assert_int_equal(bench_merge_count(&bench, 1), 5);
    bench_merged(&bench, 1, id, STATUS_OK);
    assert_int_equal(bench_waiting(&bench, 1), 5);
    bench_release(&bench);
}

TEST(no_more_than_the_bound_is_under_way)
{
    struct bench bench;
    bench_init(&bench);
    for (uint64_t i = 1; i <= DELIVERY_OPS_MAX + 10; i++)
        bench_hint_new(&bench, 1, i);
    bench_welcome(&bench, 1);
    assert_int_equal(bench_merge_count(&bench, 1), DELIVERY_OPS_MAX);
    bench_merged(&bench, 1, bench_merge(&bench, 1).id, STATUS_OK);
    assert_int_equal(bench_merge_count(&bench, 1), 1);
    bench_release(&bench);
}

TEST(a_target_is_sent_no_more_than_the_rate)
{
    struct bench bench;
    bench_init(&bench);
    bench.hintd.options.rate = 100; // a hint is larger: it takes what comes in a second
    for (uint64_t i = 1; i <= 3; i++)
        bench_hint_new(&bench, 1, i);
    bench_welcome(&bench, 1);
    assert_int_equal(bench_merge_count(&bench, 1), 1);
    bench_pass(&bench, 50, 1);
    assert_int_equal(bench_merge_count(&bench, 1), 0);
    bench_pass(&bench, 1000, 1);
    assert_int_equal(bench_merge_count(&bench, 1), 1);
    bench_release(&bench);
}

TEST(a_hintd_that_lost_power_begins_to_deliver_anew)
{
    struct bench bench;
    bench_init(&bench);
    for (uint64_t i = 1; i <= 4; i++)
        bench_hint_new(&bench, 1, i);
    bench_welcome(&bench, 1);
    uint64_t id = bench_merge(&bench, 1).id;
    bench_sync_log(&bench);
    bench_merged(&bench, 1, id, STATUS_OK); // its end is not durable yet
    assert_int_equal(bench_waiting(&bench, 1), 3);
    bench_lose_power(&bench);
    assert_int_equal(bench_waiting(&bench, 1), 4);
    bench_check_tally(&bench);
    bench_welcome(&bench, 1);
    assert_int_equal(bench_merge_count(&bench, 1), 4);
    bench_release(&bench);
}

// ---- passes ------------------------------------------------------------------------------

static void deliver_all(struct bench *bench, uint64_t node)
{
    for (unsigned i = 0; bench_waiting(bench, node); i++) {
        assert_true(i < 1000);
        struct delivery *delivery = hintd_delivery(&bench->hintd, node);
        struct flying *flying = delivery->flying;
        while (flying < delivery->flying + DELIVERY_OPS_MAX && !flying->id)
            flying++;
        if (flying == delivery->flying + DELIVERY_OPS_MAX)
            bench_pass(bench, 10, node);
        else
            bench_merged(bench, node, flying->id, STATUS_OK);
    }
    bench_pass(bench, 10, node);
}

TEST(a_clean_pass_has_delivered_everything_from_before_it)
{
    struct bench bench;
    bench_init(&bench);
    bench_hint_new(&bench, 1, 1);
    bench_hint_new(&bench, 1, 2);
    bench_welcome(&bench, 1);
    const struct delivery *delivery = hintd_delivery(&bench.hintd, 1);
    assert_int_equal(delivery->accepted, 2);
    bench_hint_new(&bench, 1, 3); // the pass may have gone by its key
    bench_merged(&bench, 1, delivery->flying[0].id, STATUS_OK);
    assert_int_equal(hintd_delivery(&bench.hintd, 1)->delivered, 0);
    bench_merged(&bench, 1, hintd_delivery(&bench.hintd, 1)->flying[1].id, STATUS_OK);
    bench_pass(&bench, 10, 1);
    assert_true(hintd_delivery(&bench.hintd, 1)->delivered >= 2 || bench_waiting(&bench, 1));
    deliver_all(&bench, 1);
    assert_int_equal(hintd_delivery(&bench.hintd, 1)->delivered, 3);
    bench_release(&bench);
}

TEST(a_pass_in_which_something_was_refused_has_delivered_nothing_for_sure)
{
    struct bench bench;
    bench_init(&bench);
    bench_hint_new(&bench, 1, 1);
    bench_hint_new(&bench, 1, 2);
    bench_welcome(&bench, 1);
    bench_merged(&bench, 1, hintd_delivery(&bench.hintd, 1)->flying[0].id, STATUS_DISK_FULL);
    bench_merged(&bench, 1, hintd_delivery(&bench.hintd, 1)->flying[1].id, STATUS_OK);
    bench_pass(&bench, 10, 1);
    assert_int_equal(hintd_delivery(&bench.hintd, 1)->delivered, 0);
    bench_pass(&bench, 1000, 1);
    deliver_all(&bench, 1);
    assert_int_equal(hintd_delivery(&bench.hintd, 1)->delivered, 2);
    bench_release(&bench);
}

TEST(a_look_at_hints_of_a_target_that_is_down_delivers_nothing)
{
    struct bench bench;
    bench_init(&bench);
    bench_hint_new(&bench, 1, 1);
    for (unsigned i = 0; i < 5; i++)
        bench_pass(&bench, 2000, 0);
    assert_int_equal(hintd_delivery(&bench.hintd, 1)->delivered, 0);
    assert_int_equal(bench_waiting(&bench, 1), 1);
    bench_welcome(&bench, 1);
    assert_int_equal(bench_merge_count(&bench, 1), 1);
    bench_release(&bench);
}

// ---- other rings -------------------------------------------------------------------------

// The document that follows, in which node 4 stands in for `gone` in every list; with `is_left`
// that one is no node any more.
static struct ring_snapshot *document_of(const struct ring *before, uint64_t gone, bool is_left)
{
    struct ring ring = copy_of(before);
    uint16_t from = (uint16_t)ring_find_node(&ring, gone), to = (uint16_t)ring_find_node(&ring, 4);
    for (uint32_t p = 0; p < ring.partition_count; p++) {
        uint16_t *owners = ring.owners + (size_t)p * ring.owner_count;
        bool has_it = false;
        for (uint32_t i = 0; i < ring.owner_count; i++)
            has_it |= owners[i] == to;
        for (uint32_t i = 0; !has_it && i < ring.owner_count; i++)
            owners[i] = owners[i] == from ? to : owners[i];
    }
    if (is_left) {
        ring.node_count--;
        memmove(&ring.nodes[from], &ring.nodes[from + 1],
                (ring.node_count - from) * sizeof *ring.nodes);
        for (uint32_t i = 0; i < ring.partition_count * ring.owner_count; i++)
            ring.owners[i] = (uint16_t)(ring.owners[i] - (ring.owners[i] > from));
    }
    return document_take(&ring, before);
}

static struct ring_snapshot *document_without(const struct ring *before, uint64_t gone)
{
    return document_of(before, gone, false);
}

TEST(a_hint_whose_target_owns_the_key_no_more_goes_to_those_that_do)
{
    struct bench bench;
    struct record record = bench_record(7, 1, "value");
    bench_init(&bench);
    bench_hint(&bench, 1, &record);
    struct ring_snapshot *next = document_without(&bench.ring, 1);
    outbox_clear(&bench.outbox);
    reception_adopt(&bench.hintd, next, bench.now);
    for (unsigned i = 0; i < 3; i++)
        bench_pass(&bench, 2000, 0);
    assert_int_equal(bench_waiting(&bench, 1), 0);
    for (uint64_t node = 2; node <= 4; node++) // its own store is one of them
        assert_int_equal(bench_waiting(&bench, node), 1);
    assert_int_equal(bench.hintd.counts.rerouted, 1);
    bench_check_tally(&bench);
    bench_sync_log(&bench);
    ring_snapshot_drop(next);
    record_release(&record);
    bench_release(&bench);
}

TEST(debts_to_a_node_that_left_are_owed_to_those_that_own_the_partition_now)
{
    struct bench bench;
    bench_init(&bench);
    bench.hintd.options.size_max = 0;
    assert_int_equal(bench_hint_new(&bench, 1, 1), STATUS_DISK_FULL);
    struct tally *tally = &bench.hintd.tally;
    uint64_t since_ms = tally->debts[0].since_ms;
    uint32_t partition = tally->debts[0].partition;
    bench_pass(&bench, 2000, 0);
    assert_int_equal(tally->debt_count, 1); // it is in the ring
    struct ring_snapshot *next = document_of(&bench.ring, 1, true);
    outbox_clear(&bench.outbox);
    reception_adopt(&bench.hintd, next, bench.now);
    bench_pass(&bench, 2000, 0);
    for (unsigned life = 0; life < 2; life++) {
        assert_int_equal(tally->debt_count, 3);
        for (uint32_t i = 0; i < 3; i++) {
            assert_int_equal(tally->debts[i].target, 2 + i);
            assert_int_equal(tally->debts[i].partition, partition);
            assert_true(tally->debts[i].since_ms == since_ms);
        }
        assert_int_equal(tally_find(tally, 2)->debt_count, 1);
        bench_sync_log(&bench);
        bench.options.ring = next;
        bench_lose_power(&bench);
        bench_pass(&bench, 2000, 0);
    }
    bench_sync_log(&bench);
    ring_snapshot_drop(next);
    bench_release(&bench);
}
