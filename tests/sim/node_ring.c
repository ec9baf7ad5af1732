#include "sim/node_ring.h"

#include "dkv-router/dispatch.h"
#include "ring/ring_plan.h"
#include "ring/ring_successor.h"
#include "ring/ring_text.h"

#include <stdio.h>

static const char ghost_name[] = "ghost";

static void add_ghost(struct world *world, struct ring *ring)
{
    struct fault fault = {0};
    struct ring_node ghost = {.id = random_u64(&world->random), .port = 9};
    memcpy(ghost.name, ghost_name, sizeof ghost_name);
    snprintf(ghost.address, sizeof ghost.address, "10.0.1.%u", (unsigned)ring->epoch % 250);
    memcpy(ghost.dc, ring->nodes[0].dc, sizeof ghost.dc);
    if (ring_add_node(ring, &ghost, &fault))
        world_fail(world, "no ghost: %s", fault.text);
    world_sometimes(world, SOMETIMES_NODE_JOINED, true);
}

struct ring_snapshot *node_ring_next(struct world *world, const struct ring_snapshot *before)
{
    struct buf text = {0};
    struct fault fault = {0};
    struct ring ring = {0};
    if (ring_text_parse(&ring, buf_bytes(&before->text), &fault))
        world_fail(world, "a document is damaged: %s", fault.text);
    int ghost = ring_find_node_name(&ring, ghost_name);
    if (ghost >= 0 && world_chance(world, 500)) {
        ring_remove_node(&ring, (uint32_t)ghost);
        world_sometimes(world, SOMETIMES_NODE_LEFT, true);
    } else if (ghost < 0 && world_chance(world, 300)) {
        add_ghost(world, &ring);
    } else {
        ring.nodes[0].weight++;
    }
    ring_succeed(&ring, &before->ring);
    if (ring_check_successor(&before->ring, &ring, &fault) ||
        ring_moves_data(&before->ring, &ring, &fault))
        world_fail(world, "a document cannot follow: %s", fault.text);
    ring_text_format(&ring, &text);
    return ring_snapshot_new_take(&ring, &text);
}

void node_ring_number(struct node *node)
{
    const struct ring *first = &node->settings->ring->ring;
    const struct peers *peers = &node->router.peers;
    for (uint32_t i = 0; i < NETWORK_NODES_MAX; i++)
        network_set_row(node->settings->network, node->index, i, UINT32_MAX);
    for (uint32_t i = 0; i < first->node_count; i++) {
        for (uint32_t row = 0; row < peers->count; row++) {
            if (peers->rows[row]->node == first->nodes[i].id)
                network_set_row(node->settings->network, node->index, i, row);
        }
    }
}

static uint32_t up_count(const struct node *node)
{
    const struct peers *peers = &node->router.peers;
    uint32_t count = 0;
    for (uint32_t number = UINT32_MAX; peers_next(peers, &number);)
        count += peers_link(peers, number)->up;
    return count;
}

void node_ring_hand(struct node *node, struct ring_snapshot *ring)
{
    struct world *world = node->settings->world;
    if (ring->ring.epoch <= node->ring->ring.epoch)
        return;
    ring_snapshot_hold(ring);
    ring_snapshot_drop(node->ring);
    node->ring = ring;
    if (node->store_process.up)
        store_adopt(&node->store, ring);
    if (!node->router_process.up)
        return;
    uint32_t flight_count = node->router.flights.count, links_up = up_count(node);
    world_sometimes(world, SOMETIMES_RING_IN_FLIGHT, flight_count);
    dispatch_adopt(&node->router, ring, node_now(node), &node->router_process.turn.outbox);
    if (node->router.flights.count != flight_count || up_count(node) != links_up)
        world_fail(world, "n%u: a new ring document ended what was in flight", node->index);
    node_ring_number(node);
}
