#include "ring/ring_move.h"

#include "fixture/ring.h"
#include "unit/unit.h"

#include <stdlib.h>

// Four nodes of which the last one owns nothing yet.
static struct ring joined_ring(void)
{
    struct ring ring = {0};
    struct ring_node node = {.id = 4, .port = 7400, .weight = 100, .name = "n3"};
    memcpy(node.address, "10.0.0.4", 9);
    assert_int_equal(make_cluster(&ring, 3), STATUS_OK);
    assert_int_equal(ring_add_node(&ring, &node, NULL), STATUS_OK);
    return ring;
}

// The document that follows by one step.
static struct ring_snapshot *step_from(const struct ring *before)
{
    struct ring next = copy_of(before);
    if (before->move)
        ring_go_on(&next);
    else
        assert_int_equal(ring_begin_move(&next, NULL), STATUS_OK);
    return document_take(&next, before);
}

static bool is_owner(const struct ring *ring, uint32_t partition, uint16_t node)
{
    uint16_t owners[RING_OWNERS_MAX];
    uint32_t count = ring_owners(ring, partition, &ring->keyspaces[0], owners);
    for (uint32_t i = 0; i < count; i++) {
        if (owners[i] == node)
            return true;
    }
    return false;
}

static unsigned count_of(const struct ring *ring, uint16_t node)
{
    unsigned count = 0;
    for (uint32_t p = 0; p < ring->partition_count; p++)
        count += is_owner(ring, p, node);
    return count;
}

TEST(a_move_goes_by_three_documents_and_both_lists_own_meanwhile)
{
    struct ring first = joined_ring();
    struct ring_snapshot *old = step_from(&first), *new = step_from(&old->ring);
    struct ring_snapshot *last = step_from(&new->ring);
    assert_int_equal(old->ring.move, RING_MOVE_READ_OLD);
    assert_int_equal(new->ring.move, RING_MOVE_READ_NEW);
    assert_int_equal(last->ring.move, RING_MOVE_NONE);
    assert_int_equal(count_of(&first, 3), 0);
    assert_int_equal(count_of(&last->ring, 3), 48); // 64 partitions of 3 copies on 4 nodes
    unsigned moved = 0;
    for (uint32_t p = 0; p < first.partition_count; p++) {
        struct ring_owners before, after;
        ring_find_owners(&old->ring, p, &first.keyspaces[0], &before);
        ring_find_owners(&new->ring, p, &first.keyspaces[0], &after);
        bool moves = is_owner(&last->ring, p, 3);
        moved += moves;
        assert_int_equal(before.count, moves ? 4 : 3);
        assert_int_equal(before.reader_count, 3);
        assert_int_equal(before.before, 7);
        assert_int_equal(after.count, before.count);
        assert_int_equal(after.reader_count, 3);
        assert_int_equal(after.after, 7);
        assert_int_equal(__builtin_popcount(before.after), 3);
        assert_int_equal(__builtin_popcount(before.before & before.after), moves ? 2 : 3);
        for (uint16_t node = 0; node < 4; node++)
            assert_true(is_owner(&old->ring, p, node) ==
                        (is_owner(&first, p, node) || is_owner(&last->ring, p, node)));
    }
    assert_int_equal(moved, 48);
    assert_int_equal(ring_move_size(&old->ring).copies, 48);
    struct ring done = copy_of(&last->ring);
    assert_int_equal(ring_begin_move(&done, NULL), STATUS_NOT_FOUND);
    ring_release(&done);
    ring_snapshot_drop(old);
    ring_snapshot_drop(new);
    ring_snapshot_drop(last);
    ring_release(&first);
}

TEST(every_step_is_one_and_none_is_left_out)
{
    struct ring first = joined_ring();
    struct ring_snapshot *steps[4] = {0};
    struct fault fault;
    for (unsigned i = 0; i < 3; i++)
        steps[i] = step_from(i ? &steps[i - 1]->ring : &first);
    struct ring *all[] = {&first, &steps[0]->ring, &steps[1]->ring, &steps[2]->ring};
    for (unsigned i = 0; i + 1 < 4; i++)
        assert_int_equal(ring_check_step(all[i], all[i + 1], &fault), STATUS_OK);
    for (unsigned i = 0; i + 2 < 4; i++)
        assert_int_equal(ring_check_step(all[i], all[i + 2], &fault), STATUS_REFUSED);
    assert_int_equal(ring_check_step(all[0], all[3], &fault), STATUS_REFUSED);
    for (unsigned i = 0; i < 3; i++)
        ring_snapshot_drop(steps[i]);
    ring_release(&first);
}

TEST(owners_change_by_a_move_alone)
{
    struct ring first = joined_ring();
    struct fault fault;
    struct ring_snapshot *moved = moved_document(&first), *same = next_document(&first);
    assert_int_equal(ring_check_step(&first, &same->ring, &fault), STATUS_OK);
    assert_int_equal(ring_check_step(&first, &moved->ring, &fault), STATUS_REFUSED);
    assert_non_null(strstr(fault.text, "partition 0 of keyspace default has other owners"));
    struct ring fewer = copy_of(&first);
    fewer.keyspaces[0].copies[0].n = 2;
    assert_int_equal(ring_check_step(&first, &fewer, &fault), STATUS_REFUSED);
    struct ring silent = copy_of(&first);
    assert_int_equal(ring_begin_move(&silent, NULL), STATUS_OK);
    silent.epoch++;
    assert_int_equal(ring_check_step(&first, &silent, &fault), STATUS_REFUSED);
    assert_non_null(strstr(fault.text, "has changed and does not say so"));
    ring_release(&silent);
    ring_release(&fewer);
    ring_snapshot_drop(moved);
    ring_snapshot_drop(same);
    ring_release(&first);
}

TEST(a_move_goes_back_from_anywhere)
{
    struct ring first = joined_ring();
    struct fault fault;
    assert_int_equal(ring_go_back(&first, &fault), STATUS_REFUSED);
    struct ring_snapshot *old = step_from(&first), *new = step_from(&old->ring);
    struct ring at_once = copy_of(&old->ring), back = copy_of(&new->ring);
    assert_int_equal(ring_go_back(&at_once, NULL), STATUS_OK);
    assert_int_equal(at_once.move, RING_MOVE_NONE);
    assert_int_equal(ring_go_back(&back, NULL), STATUS_OK);
    assert_int_equal(back.move, RING_MOVE_BACK);
    struct ring_snapshot *returns = document_take(&back, &new->ring);
    struct ring_snapshot *there = step_from(&returns->ring);
    assert_int_equal(ring_check_step(&new->ring, &returns->ring, &fault), STATUS_OK);
    assert_int_equal(ring_check_step(&returns->ring, &there->ring, &fault), STATUS_OK);
    for (uint32_t p = 0; p < first.partition_count; p++) {
        struct ring_owners owners;
        ring_find_owners(&returns->ring, p, &first.keyspaces[0], &owners);
        assert_int_equal(owners.before, 7);
        assert_false(is_owner(&there->ring, p, 3));
    }
    ring_snapshot_drop(old);
    ring_snapshot_drop(new);
    ring_snapshot_drop(returns);
    ring_snapshot_drop(there);
    ring_release(&at_once);
    ring_release(&first);
}

TEST(who_leaves_owns_nothing_afterwards)
{
    struct ring first = {0};
    assert_int_equal(make_cluster(&first, 5), STATUS_OK);
    first.nodes[2].state = RING_NODE_LEAVING;
    struct ring_snapshot *old = step_from(&first), *new = step_from(&old->ring);
    struct ring_snapshot *last = step_from(&new->ring);
    assert_true(count_of(&first, 2) > 30);
    assert_int_equal(count_of(&last->ring, 2), 0);
    assert_int_equal(count_of(&last->ring, 1), 48);
    ring_snapshot_drop(old);
    ring_snapshot_drop(new);
    ring_snapshot_drop(last);
    ring_release(&first);
}

TEST(a_dead_node_is_ignored_as_long_as_data_moves_away_from_it)
{
    struct ring first = {0};
    assert_int_equal(make_cluster(&first, 5), STATUS_OK);
    first.nodes[2].state = RING_NODE_DEAD;
    assert_false(ring_is_ignored(&first, 2));
    assert_true(ring_is_listed(&first, 2));
    struct ring_snapshot *old = step_from(&first), *new = step_from(&old->ring);
    struct ring_snapshot *last = step_from(&new->ring);
    assert_true(ring_is_ignored(&old->ring, 2));
    assert_true(ring_is_ignored(&new->ring, 2));
    assert_false(ring_is_ignored(&new->ring, 1));
    assert_true(ring_is_listed(&new->ring, 2));
    assert_false(ring_is_listed(&last->ring, 2));
    assert_non_null(strstr(buf_text(&last->text), "state=dead"));
    assert_int_equal(ring_move_size(&old->ring).orphans, 0);
    ring_snapshot_drop(old);
    ring_snapshot_drop(new);
    ring_snapshot_drop(last);
    ring_release(&first);
}

TEST(shards_that_dead_nodes_alone_have_are_counted)
{
    struct ring first = {0};
    assert_int_equal(make_cluster(&first, 5), STATUS_OK);
    uint64_t count = 0;
    for (uint32_t i = 0; i < 3; i++)
        first.nodes[i].state = RING_NODE_DEAD;
    first.keyspaces[0].next_copies[0].n = 2;
    first.keyspaces[0].next_copies_count = 1;
    for (uint32_t p = 0; p < first.partition_count; p++) {
        uint16_t nodes[RING_COPIES_MAX];
        uint32_t n = ring_list(&first, p, &first.keyspaces[0], false, nodes), dead = 0;
        for (uint32_t i = 0; i < n; i++)
            dead += nodes[i] < 3;
        count += dead == n;
    }
    struct ring_snapshot *old = step_from(&first);
    assert_true(count > 0);
    assert_int_equal(ring_move_size(&old->ring).orphans, count);
    ring_snapshot_drop(old);
    ring_release(&first);
}

TEST(a_keyspace_has_other_copies_when_the_move_is_over)
{
    struct ring first = joined_ring();
    first.keyspaces[0].next_copies[0].n = 2;
    first.keyspaces[0].next_copies_count = 1;
    struct ring_snapshot *old = step_from(&first), *new = step_from(&old->ring);
    struct ring_snapshot *last = step_from(&new->ring);
    struct ring_owners owners;
    ring_find_owners(&old->ring, 0, &old->ring.keyspaces[0], &owners);
    assert_int_equal(owners.reader_count, 3);
    ring_find_owners(&new->ring, 0, &new->ring.keyspaces[0], &owners);
    assert_int_equal(owners.reader_count, 2);
    assert_int_equal(last->ring.keyspaces[0].copies[0].n, 2);
    assert_int_equal(last->ring.keyspaces[0].next_copies_count, 0);
    ring_snapshot_drop(old);
    ring_snapshot_drop(new);
    ring_snapshot_drop(last);
    ring_release(&first);
}

TEST(the_text_of_a_move_is_read_as_it_was_written)
{
    struct ring first = joined_ring();
    first.nodes[0].state = RING_NODE_LEAVING;
    first.keyspaces[0].next_copies[0].n = 2;
    first.keyspaces[0].next_copies_count = 1;
    struct ring_snapshot *old = step_from(&first);
    const char *text = buf_text(&old->text);
    assert_memory_equal(text, "dkv-ring 3\n", 11);
    assert_non_null(strstr(text, "\nmove read-old owners=2\n"));
    assert_non_null(strstr(text, " n=3 next=2 "));
    assert_non_null(strstr(text, "state=leaving"));
    struct ring_snapshot *read = ring_snapshot_parse(buf_bytes(&old->text), NULL);
    assert_non_null(read);
    struct buf again = {0};
    ring_text_format(&read->ring, &again);
    assert_true(bytes_equal(buf_bytes(&again), buf_bytes(&old->text)));
    buf_release(&again);
    ring_snapshot_drop(read);
    ring_snapshot_drop(old);
    ring_release(&first);
}
