// The planner: fair, legal, and moving as little as it can.
#include "unit/unit.h"

#include "fixture/nodes.h"
#include "ring/ring_plan.h"
#include "ring/ring_text.h"

static struct ring copy_of(const struct ring *ring)
{
    struct buf text = {0};
    struct ring copy = {0};
    ring_text_format(ring, &text);
    assert_int_equal(ring_text_parse(&copy, buf_bytes(&text), NULL), STATUS_OK);
    buf_release(&text);
    return copy;
}

static bool owns(const struct ring *ring, uint32_t partition, uint64_t id)
{
    for (uint32_t i = 0; i < ring->owner_count; i++)
        if (ring->nodes[ring->owners[partition * ring->owner_count + i]].id == id)
            return true;
    return false;
}

// Replicas of `after` that are not in `before`.
static uint32_t moved(const struct ring *before, const struct ring *after)
{
    uint32_t count = 0;
    for (uint32_t p = 0; p < after->partition_count; p++)
        for (uint32_t i = 0; i < after->owner_count; i++)
            count += !owns(before, p, after->nodes[after->owners[p * after->owner_count + i]].id);
    return count;
}

// The largest load among nodes of one datacenter over the mean there, for the first
// `places` owners there.
static double max_over_mean(const struct ring *ring, const char *dc, uint32_t places)
{
    uint32_t *load = xcalloc(ring->node_count, sizeof *load);
    uint32_t most = 0, sum = 0, nodes = 0;
    for (uint32_t p = 0; p < ring->partition_count; p++) {
        uint32_t place = 0;
        for (uint32_t i = 0; i < ring->owner_count && place < places; i++) {
            uint16_t owner = ring->owners[p * ring->owner_count + i];
            if (strcmp(ring->nodes[owner].dc, dc) != 0)
                continue;
            place++;
            sum++;
            most = ++load[owner] > most ? load[owner] : most;
        }
    }
    for (uint32_t i = 0; i < ring->node_count; i++)
        nodes += strcmp(ring->nodes[i].dc, dc) == 0;
    free(load);
    return (double)most * nodes / sum;
}

static uint32_t rack_repeats(const struct ring *ring, uint32_t places)
{
    uint32_t repeats = 0;
    for (uint32_t p = 0; p < ring->partition_count; p++)
        for (uint32_t i = 0; i < places; i++)
            for (uint32_t k = 0; k < i; k++)
                repeats += strcmp(ring->nodes[ring->owners[p * ring->owner_count + i]].rack,
                                  ring->nodes[ring->owners[p * ring->owner_count + k]].rack) == 0;
    return repeats;
}

TEST(every_prefix_of_the_lists_is_balanced)
{
    for (uint32_t nodes = 3; nodes <= 9; nodes++) {
        struct ring ring = make_ring(nodes, 256, 0, 0);
        for (uint32_t places = 1; places <= 3; places++)
            assert_true(max_over_mean(&ring, "", places) <= 1.02);
        ring_release(&ring);
    }
}

TEST(a_plan_of_a_planned_ring_changes_nothing)
{
    static const uint32_t shapes[][3] = {{5, 0, 0}, {7, 2, 0}, {12, 4, 0}, {10, 2, 2}, {9, 3, 3}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct ring ring = make_ring(shapes[i][0], 256, shapes[i][1], shapes[i][2]);
        uint64_t hash = ring_text_hash(&ring);
        assert_int_equal(ring_plan(&ring, NULL), STATUS_OK);
        assert_true(ring_text_hash(&ring) == hash);
        ring_release(&ring);
    }
}

TEST(the_plan_depends_on_nothing_but_its_input)
{
    struct ring_node nodes[9];
    for (uint32_t i = 0; i < 9; i++)
        nodes[i] = make_node(8 - i, 3, 0);
    struct ring ring = make_ring(9, 128, 3, 0), other = {0};
    assert_int_equal(ring_create(&other, ring.cluster, 128, nodes, 9, NULL), STATUS_OK);
    assert_true(ring_text_hash(&ring) == ring_text_hash(&other));
    ring_release(&ring);
    ring_release(&other);
}

TEST(a_new_node_takes_its_share_and_nothing_else_moves)
{
    static const uint32_t shapes[][2] = {{3, 0}, {4, 0}, {6, 3}, {9, 0}, {12, 4}, {6, 2}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        uint32_t nodes = shapes[i][0], racks = shapes[i][1];
        struct ring before = make_ring(nodes, 256, racks, 0), after = copy_of(&before);
        struct ring_node node = make_node(nodes, racks, 0);
        assert_int_equal(ring_add_node(&after, &node, NULL), STATUS_OK);
        assert_int_equal(ring_plan(&after, NULL), STATUS_OK);
        assert_true(moved(&before, &after) <= 256 * 3 / (nodes + 1) + 256 * 3 / 100);
        ring_release(&before);
        ring_release(&after);
    }
}

TEST(a_removed_node_gives_its_share_away_and_nothing_else_moves)
{
    struct ring before = make_ring(13, 256, 4, 0), after = copy_of(&before);
    ring_remove_node(&after, 5);
    assert_int_equal(ring_plan(&after, NULL), STATUS_OK);
    assert_true(moved(&before, &after) <= 256 * 3 / 13 + 256 * 3 / 100);
    assert_true(max_over_mean(&after, "", 1) <= 1.04);
    ring_release(&before);
    ring_release(&after);
}

TEST(owners_stand_in_distinct_racks_while_racks_suffice)
{
    struct ring ring = make_ring(7, 256, 3, 0);
    struct ring_balance balance;
    assert_int_equal(rack_repeats(&ring, 3), 0);
    ring_balance(&ring, &balance);
    assert_int_equal(balance.rack_violations, 0);
    assert_true(balance.owner_max_over_mean > 1.15); // the racks of two nodes
    ring_release(&ring);
}

TEST(with_two_racks_the_first_two_of_three_owners_are_apart)
{
    struct ring ring = make_ring(7, 256, 2, 0);
    assert_int_equal(rack_repeats(&ring, 2), 0);
    assert_int_equal(rack_repeats(&ring, 3), 256);
    assert_true(max_over_mean(&ring, "", 1) <= 1.02);
    assert_true(max_over_mean(&ring, "", 3) <= 1.02);
    ring_release(&ring);
}

TEST(two_owners_in_one_rack_are_counted)
{
    struct ring ring = make_ring(6, 64, 3, 0);
    struct ring_balance balance;
    uint16_t first = ring.owners[0];
    for (uint16_t i = 0; i < 6; i++)
        if (i != first && strcmp(ring.nodes[i].rack, ring.nodes[first].rack) == 0)
            ring.owners[1] = i;
    ring_balance(&ring, &balance);
    assert_int_equal(balance.rack_violations, 1);
    assert_int_equal(ring_plan(&ring, NULL), STATUS_OK);
    ring_balance(&ring, &balance);
    assert_int_equal(balance.rack_violations, 0);
    ring_release(&ring);
}

TEST(load_follows_weight)
{
    struct ring ring = make_ring(6, 1024, 0, 0);
    ring.nodes[0].weight = 200;
    ring.nodes[1].weight = 50;
    assert_int_equal(ring_plan(&ring, NULL), STATUS_OK);
    struct ring_balance balance;
    ring_balance(&ring, &balance);
    assert_true(balance.owner_max_over_mean <= 1.02);
    assert_true(balance.primary_max_over_mean <= 1.02);
    ring_release(&ring);
}

TEST(no_weight_makes_a_node_own_a_partition_twice)
{
    struct ring ring = make_ring(4, 64, 0, 0);
    ring.nodes[0].weight = RING_WEIGHT_MAX;
    ring.nodes[1].weight = 1;
    assert_int_equal(ring_plan(&ring, NULL), STATUS_OK);
    assert_int_equal(ring_check(&ring, NULL), STATUS_OK);
    uint32_t count = 0;
    for (uint32_t p = 0; p < 64; p++)
        count += owns(&ring, p, ring.nodes[0].id);
    assert_int_equal(count, 64);
    ring_release(&ring);
}

TEST(a_node_of_weight_zero_owns_nothing)
{
    struct ring ring = make_ring(5, 64, 0, 0);
    ring.nodes[3].weight = 0;
    assert_int_equal(ring_plan(&ring, NULL), STATUS_OK);
    for (uint32_t p = 0; p < 64; p++)
        assert_false(owns(&ring, p, ring.nodes[3].id));
    ring_release(&ring);
}

TEST(every_datacenter_is_balanced_for_itself)
{
    struct ring ring = make_ring(10, 256, 0, 2);
    assert_int_equal(ring.owner_count, 6);
    assert_int_equal(ring.keyspaces[0].copies_count, 2);
    assert_int_equal(ring.keyspaces[0].w, RING_LEVEL_LOCAL_QUORUM);
    for (uint32_t places = 1; places <= 3; places++) {
        assert_true(max_over_mean(&ring, "dc1", places) <= 1.02);
        assert_true(max_over_mean(&ring, "dc2", places) <= 1.02);
    }
    ring_release(&ring);
}

TEST(the_lists_serve_the_keyspace_that_asks_for_most)
{
    struct ring ring = make_ring(8, 64, 0, 0);
    ring.keyspaces = xrealloc(ring.keyspaces, 2 * sizeof *ring.keyspaces);
    ring.keyspaces[1] = ring.keyspaces[0];
    ring.keyspaces[1].id = 2;
    memcpy(ring.keyspaces[1].name, "archive", 8);
    ring.keyspaces[1].copies[0].n = 5;
    ring.keyspace_count = 2;
    struct ring before = copy_of(&ring);
    assert_int_equal(ring_plan(&ring, NULL), STATUS_OK);
    assert_int_equal(ring.owner_count, 5);
    assert_int_equal(moved(&before, &ring), 64 * 2);
    assert_true(max_over_mean(&ring, "", 5) <= 1.02);
    ring_release(&before);
    ring_release(&ring);
}

TEST(a_small_cluster_has_as_many_copies_as_nodes)
{
    for (uint32_t nodes = 1; nodes <= 4; nodes++) {
        struct ring ring = make_ring(nodes, 64, 0, 0);
        assert_int_equal(ring.keyspaces[0].copies[0].n, nodes < 3 ? nodes : 3);
        assert_int_equal(ring.epoch, 1);
        assert_int_equal(ring_check(&ring, NULL), STATUS_OK);
        ring_release(&ring);
    }
}

TEST(what_cannot_be_planned_is_refused_with_a_reason)
{
    struct fault fault = {0};
    struct ring ring = make_ring(3, 64, 0, 0);
    ring.keyspaces[0].copies[0].n = 4;
    assert_int_equal(ring_plan(&ring, &fault), STATUS_INVALID);
    assert_string_equal(fault.text, "4 copies need more than 3 nodes");
    memcpy(ring.keyspaces[0].copies[0].dc, "mars", 5);
    assert_int_equal(ring_plan(&ring, &fault), STATUS_INVALID);
    assert_string_equal(fault.text,
                        "keyspace default asks for 4 copies in datacenter mars, which has 0 nodes");
    ring_release(&ring);
}

TEST(a_first_document_needs_distinct_nodes)
{
    struct ring ring = {0};
    struct ring_node nodes[2] = {make_node(0, 0, 0), make_node(0, 0, 0)};
    assert_int_equal(ring_create(&ring, 1, 64, nodes, 2, NULL), STATUS_INVALID);
    nodes[1].id++;
    assert_int_equal(ring_create(&ring, 1, 64, nodes, 2, NULL), STATUS_INVALID);
    memcpy(nodes[1].name, "n2", 3);
    assert_int_equal(ring_create(&ring, 1, 64, nodes, 2, NULL), STATUS_INVALID);
    nodes[1].port++;
    assert_int_equal(ring_create(&ring, 1, 100, nodes, 2, NULL), STATUS_INVALID);
    assert_int_equal(ring_create(&ring, 1, 32, nodes, 2, NULL), STATUS_INVALID);
    assert_int_equal(ring_create(&ring, 1, 64, nodes, 0, NULL), STATUS_INVALID);
    assert_int_equal(ring_create(&ring, 1, 64, nodes, 2, NULL), STATUS_OK);
    ring_release(&ring);
}

TEST(a_number_is_never_given_twice)
{
    struct ring ring = make_ring(3, 64, 0, 0);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(ring.nodes[i].number, i + 1);
    struct ring_node node = make_node(7, 0, 0), other = make_node(8, 0, 0);
    assert_int_equal(ring_add_node(&ring, &node, NULL), STATUS_OK);
    assert_int_equal(ring.nodes[ring_find_node(&ring, node.id)].number, 4);
    ring_remove_node(&ring, (uint32_t)ring_find_node(&ring, node.id));
    assert_int_equal(ring_add_node(&ring, &other, NULL), STATUS_OK);
    assert_int_equal(ring.nodes[ring_find_node(&ring, other.id)].number, 5);
    assert_int_equal(ring_add_node(&ring, &other, NULL), STATUS_INVALID); // it is there
    assert_int_equal(ring.number_max, 5);
    ring.number_max = RING_NUMBER_MAX;
    struct fault fault;
    assert_int_equal(ring_add_node(&ring, &node, &fault), STATUS_INVALID);
    assert_string_equal(fault.text, "all 65535 numbers were given to nodes already");
    ring.nodes[0].number = ring.nodes[1].number;
    assert_int_equal(ring_check(&ring, &fault), STATUS_INVALID);
    assert_non_null(strstr(fault.text, "have the same number"));
    ring_release(&ring);
}

TEST(a_thousand_nodes_are_planned_in_seconds)
{
    struct ring ring = make_ring(1000, 65536, 10, 0);
    assert_int_equal(ring_check(&ring, NULL), STATUS_OK);
    for (uint32_t places = 1; places <= 3; places++)
        assert_true(max_over_mean(&ring, "", places) <= 1.02);
    struct ring after = copy_of(&ring);
    struct ring_node node = make_node(1000, 10, 0);
    assert_int_equal(ring_add_node(&after, &node, NULL), STATUS_OK);
    assert_int_equal(ring_plan(&after, NULL), STATUS_OK);
    assert_int_equal(moved(&ring, &after), 65536 * 3 / 1001);
    ring_release(&after);
    ring_release(&ring);
}
