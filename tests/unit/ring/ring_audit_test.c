// What is left of a ring without some of its nodes.
#include "fixture/ring.h"
#include "ring/ring_audit.h"
#include "unit/unit.h"

#include <stdio.h>

enum { NODES = 5 };

static struct ring ring;
static bool is_down[NODES];

static int begin(void **state)
{
    (void)state;
    memset(is_down, 0, sizeof is_down);
    return make_cluster(&ring, NODES) != STATUS_OK;
}

static int end(void **state)
{
    (void)state;
    ring_release(&ring);
    return 0;
}

AROUND_EACH(begin, end)

static struct ring_audit audit(void)
{
    return ring_audit(&ring, &ring.keyspaces[0], is_down);
}

// Of how many partitions at least so many owners are down.
static uint64_t with_down(uint32_t least)
{
    uint64_t found = 0;
    for (uint32_t p = 0; p < ring.partition_count; p++) {
        uint16_t nodes[RING_COPIES_MAX];
        uint32_t count = ring_list(&ring, p, &ring.keyspaces[0], false, nodes), down = 0;
        for (uint32_t i = 0; i < count; i++)
            down += is_down[nodes[i]];
        found += down >= least;
    }
    return found;
}

TEST(nothing_is_missing_where_all_are_up)
{
    struct ring_audit all = audit();
    assert_int_equal(all.shards, ring.partition_count);
    assert_int_equal(all.below_r + all.below_w + all.gone, 0);
}

TEST(a_quorum_of_three_bears_one_and_all_bears_none)
{
    is_down[1] = true;
    assert_int_equal(audit().below_w, 0);
    ring.keyspaces[0].w = RING_LEVEL_ALL;
    assert_int_equal(audit().below_w, with_down(1));
    assert_int_equal(audit().below_r, 0);
    ring.keyspaces[0].r = 3;
    assert_int_equal(audit().below_r, with_down(1));
}

TEST(of_two_that_are_down_some_shards_have_both)
{
    is_down[1] = is_down[3] = true;
    assert_in_range(with_down(2), 1, ring.partition_count - 1);
    assert_int_equal(audit().below_w, with_down(2));
    assert_int_equal(audit().gone, 0);
    is_down[0] = true;
    assert_int_equal(audit().gone, with_down(3));
}

TEST(a_quorum_of_a_datacenter_is_wanted_of_each)
{
    struct ring_keyspace *keyspace = &ring.keyspaces[0];
    for (uint32_t i = 0; i < NODES; i++)
        snprintf(ring.nodes[i].dc, sizeof ring.nodes[i].dc, "dc%u", i == 1);
    keyspace->w = RING_LEVEL_EACH_QUORUM;
    is_down[1] = true; // alone in its datacenter
    assert_int_equal(audit().below_w, with_down(1));
}
