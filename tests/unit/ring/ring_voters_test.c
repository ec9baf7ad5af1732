#include "ring/ring_voters.h"

#include "fixture/nodes.h"
#include "unit/unit.h"

#include <string.h>

static uint32_t count_in(const struct ring *ring, const uint16_t *voters, uint32_t count,
                         const char *dc, const char *rack)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct ring_node *node = &ring->nodes[voters[i]];
        found += (!dc || !strcmp(node->dc, dc)) && (!rack || !strcmp(node->rack, rack));
    }
    return found;
}

TEST(all_nodes_vote_up_to_five)
{
    for (uint32_t n = 1; n <= 8; n++) {
        struct ring ring = make_ring(n, 64, 0, 0);
        uint16_t voters[RING_VOTERS_MAX];
        uint32_t count = ring_voters(&ring, voters);
        assert_int_equal(count, n < 5 ? n : 5);
        for (uint32_t i = 1; i < count; i++)
            assert_true(voters[i - 1] < voters[i]);
        ring_release(&ring);
    }
}

TEST(five_of_many_are_of_different_racks_and_datacenters)
{
    uint16_t voters[RING_VOTERS_MAX];
    struct ring racks = make_ring(30, 64, 6, 0);
    assert_int_equal(ring_voters(&racks, voters), 5);
    for (uint32_t r = 1; r <= 6; r++) {
        char name[4];
        snprintf(name, sizeof name, "r%u", r);
        assert_true(count_in(&racks, voters, 5, NULL, name) <= 1);
    }
    ring_release(&racks);
    struct ring dcs = make_ring(12, 64, 4, 3); // node i: rack i % 4, datacenter i % 3
    assert_int_equal(ring_voters(&dcs, voters), 5);
    for (uint32_t d = 1; d <= 3; d++) {
        char dc[4];
        snprintf(dc, sizeof dc, "dc%u", d);
        assert_in_range(count_in(&dcs, voters, 5, dc, NULL), 1, 2);
        for (uint32_t r = 1; r <= 4; r++) {
            char rack[4];
            snprintf(rack, sizeof rack, "r%u", r);
            assert_true(count_in(&dcs, voters, 5, dc, rack) <= 1);
        }
    }
    ring_release(&dcs);
}
