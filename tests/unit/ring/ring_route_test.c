#include "ring/ring_route.h"

#include "fixture/ring.h"
#include "fixture/targets.h"
#include "unit/unit.h"

TEST(the_targets_of_a_shard_are_its_owners_in_order_and_then_fallbacks)
{
    struct ring ring = {0};
    assert_int_equal(make_cluster(&ring, 5), STATUS_OK);
    for (uint32_t p = 0; p < ring.partition_count; p++) {
        struct ring_route route;
        uint16_t owners[RING_OWNERS_MAX];
        uint32_t seen = 0;
        ring_route(&route, &ring, &ring.keyspaces[0], p);
        assert_int_equal(route.count, 3);
        ring_route_add_fallbacks(&route, &ring, 9);
        assert_int_equal(route.owner_count, ring_owners(&ring, p, &ring.keyspaces[0], owners));
        assert_memory_equal(route.nodes, owners, 3 * sizeof *owners);
        assert_int_equal(route.count, 5); // there are no more nodes
        for (unsigned i = 0; i < route.count; i++)
            seen |= 1u << route.nodes[i];
        assert_int_equal(seen, 31);
    }
    ring_release(&ring);
}

TEST(a_route_has_as_many_fallbacks_as_asked_for)
{
    struct ring ring = {0};
    struct ring_route route;
    assert_int_equal(make_cluster(&ring, 5), STATUS_OK);
    ring_route(&route, &ring, &ring.keyspaces[0], 7);
    ring_route_add_fallbacks(&route, &ring, 1);
    assert_int_equal(route.count, 4);
    ring_release(&ring);
}

TEST(the_owners_in_a_datacenter_are_a_set_of_targets)
{
    struct ring ring = {0};
    struct ring_route route;
    assert_int_equal(make_cluster(&ring, 3), STATUS_OK);
    ring_route(&route, &ring, &ring.keyspaces[0], 0);
    memcpy(ring.nodes[route.nodes[1]].dc, "west", 5);
    assert_int_equal(ring_route_owners_in(&route, &ring, "west"), targets("1"));
    assert_int_equal(ring_route_owners_in(&route, &ring, ""), targets("0 2"));
    assert_int_equal(ring_route_owners_in(&route, &ring, "north"), targets(""));
    ring_release(&ring);
}
