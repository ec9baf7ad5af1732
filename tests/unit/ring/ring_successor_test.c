#include "ring/ring_successor.h"

#include "base/xalloc.h"
#include "fixture/ring.h"
#include "unit/unit.h"

#include <stdlib.h>

static struct ring first_ring(void)
{
    struct ring ring = {0};
    assert_int_equal(make_cluster(&ring, 4), STATUS_OK);
    return ring;
}

static uint64_t since(const struct ring_snapshot *document, uint32_t partition)
{
    return ring_since(&document->ring, partition, &document->ring.keyspaces[0]);
}

TEST(what_stays_where_it_is_keeps_its_epoch)
{
    struct ring first = first_ring();
    struct ring_snapshot *second = next_document(&first);
    assert_int_equal(second->ring.epoch, 2);
    assert_true(second->ring.parent == ring_text_hash(&first));
    assert_int_equal(since(second, 0), 1);
    ring_snapshot_drop(second);
    ring_release(&first);
}

TEST(what_has_other_owners_is_there_since_the_new_epoch)
{
    struct ring first = first_ring();
    struct ring_snapshot *second = next_document(&first);
    struct ring moved = copy_of(&second->ring);
    moved.owners[0] = second->ring.owners[1];
    moved.owners[1] = second->ring.owners[0];
    struct ring_snapshot *third = document_take(&moved, &second->ring);
    struct ring_snapshot *fourth = next_document(&third->ring);
    assert_int_equal(since(third, 0), 3);
    assert_int_equal(since(third, 1), 1);
    assert_int_equal(since(fourth, 0), 3);
    ring_snapshot_drop(second);
    ring_snapshot_drop(third);
    ring_snapshot_drop(fourth);
    ring_release(&first);
}

TEST(a_keyspace_with_other_copies_is_there_since_the_new_epoch)
{
    struct ring first = first_ring(), next = copy_of(&first);
    next.keyspaces[0].copies[0].n = 2;
    struct ring_snapshot *second = document_take(&next, &first);
    assert_int_equal(since(second, 5), 2);
    assert_int_equal(ring_since(&second->ring, 5, NULL), 1);
    ring_snapshot_drop(second);
    ring_release(&first);
}

TEST(the_text_says_since_when_and_only_where_something_moved)
{
    struct ring first = first_ring(), next = copy_of(&first);
    next.owners[0] = first.owners[1];
    next.owners[1] = first.owners[0];
    struct ring_snapshot *second = document_take(&next, &first);
    const char *text = buf_text(&second->text), *found = strstr(text, " since=2\n");
    assert_non_null(found);
    assert_null(strstr(found + 2, "since="));
    struct ring_snapshot *read = ring_snapshot_parse(buf_bytes(&second->text), NULL);
    assert_non_null(read);
    assert_true(read->hash == second->hash);
    assert_int_equal(since(read, 0), 2);
    ring_snapshot_drop(read);
    ring_snapshot_drop(second);
    ring_release(&first);
}

static enum status check(const struct ring *before, const struct ring *next, const char *reason)
{
    struct fault fault = {0};
    enum status status = ring_check_successor(before, next, &fault);
    if (status)
        assert_non_null(strstr(fault.text, reason));
    return status;
}

TEST(only_a_later_document_of_the_same_cluster_may_follow)
{
    struct ring first = first_ring();
    struct ring_snapshot *second = next_document(&first);
    struct ring_snapshot *third = next_document(&second->ring);
    assert_int_equal(check(&first, &second->ring, ""), STATUS_OK);
    assert_int_equal(check(&first, &third->ring, ""), STATUS_OK); // one may have been missed
    assert_int_equal(check(&second->ring, &first, "1, but 2 is known"), STATUS_INVALID);
    assert_int_equal(check(&first, &first, "is known already"), STATUS_INVALID);
    struct ring other = copy_of(&second->ring);
    other.cluster++;
    assert_int_equal(check(&first, &other, "of another cluster"), STATUS_INVALID);
    other.cluster--;
    other.parent++;
    assert_int_equal(check(&first, &other, "another document of epoch 1"), STATUS_INVALID);
    other.parent--;
    other.nodes[1].number++;
    assert_int_equal(check(&first, &other, "has number 3 instead of 2"), STATUS_INVALID);
    other.nodes[1].number--;
    other.keyspaces[0].conflict = RING_CONFLICT_LWW;
    assert_int_equal(check(&first, &other, "default has another conflict policy"), STATUS_INVALID);
    other.keyspaces[0].conflict = RING_CONFLICT_VERSIONS;
    other.keyspaces[0].id = 2;
    assert_int_equal(check(&first, &other, "no keyspace default"), STATUS_INVALID);
    other.keyspaces[0].id = 1;
    other.partition_count *= 2;
    assert_int_equal(check(&first, &other, "128 partitions instead of 64"), STATUS_INVALID);
    ring_release(&other);
    ring_snapshot_drop(third);
    ring_snapshot_drop(second);
    ring_release(&first);
}

TEST(a_snapshot_lives_as_long_as_somebody_holds_it)
{
    struct ring first = first_ring();
    struct ring_snapshot *snapshot = next_document(&first);
    struct ring_snapshot *held = ring_snapshot_hold(snapshot);
    ring_snapshot_drop(snapshot);
    assert_int_equal(held->holders, 1);
    assert_int_equal(held->ring.epoch, 2);
    ring_snapshot_drop(held);
    ring_snapshot_drop(NULL);
    ring_release(&first);
}

TEST(a_new_keyspace_that_makes_lists_longer_moves_nothing)
{
    struct ring first = first_ring(), next = copy_of(&first);
    struct ring_keyspace *keyspaces = xcalloc(2, sizeof *keyspaces);
    keyspaces[0] = keyspaces[1] = next.keyspaces[0];
    keyspaces[1].id = 2;
    keyspaces[1].copies[0].n = 4;
    memcpy(keyspaces[1].name, "wide", 5);
    free(next.keyspaces);
    next.keyspaces = keyspaces;
    next.keyspace_count = 2;
    assert_int_equal(ring_plan(&next, NULL), STATUS_OK);
    struct ring_snapshot *second = document_take(&next, &first);
    for (uint32_t p = 0; p < first.partition_count; p++) {
        uint16_t before[RING_OWNERS_MAX], after[RING_OWNERS_MAX];
        ring_owners(&first, p, &first.keyspaces[0], before);
        ring_owners(&second->ring, p, &second->ring.keyspaces[0], after);
        bool has_stayed = !memcmp(before, after, 3 * sizeof *before);
        assert_int_equal(since(second, p), has_stayed ? 1 : 2);
    }
    assert_int_equal(second->ring.keyspaces[1].since, 2);
    ring_snapshot_drop(second);
    ring_release(&first);
}

TEST(what_moved_and_came_back_has_moved)
{
    struct ring first = first_ring();
    struct ring_snapshot *second = moved_document(&first);
    struct ring_snapshot *third = moved_document(&second->ring); // as it was at first
    assert_int_equal(since(third, 0), 3);
    ring_snapshot_drop(second);
    ring_snapshot_drop(third);
    ring_release(&first);
}

TEST(a_number_is_never_given_to_another_node)
{
    struct ring first = first_ring();
    struct ring next = copy_of(&first);
    next.nodes[3].id = 99;
    struct ring_snapshot *second = document_take(&next, &first);
    assert_int_equal(check(&first, &second->ring, "has a number that was given before"),
                     STATUS_INVALID);
    ring_snapshot_drop(second);
    ring_release(&first);
}
