#include "base/xalloc.h"
#include "ring/placement.h"

#include <stdlib.h>

// One position of the lists at a time, first to last: which of the owners at this position and
// later ones shall be here? An arc leads from the node that is here in a partition to one
// that is there later: exchanging them moves one count along it. A chain of arcs from a
// node with too many to one with too few changes these two alone.
struct order {
    const struct placement *placement;
    uint16_t *owners;
    uint32_t position;
    uint32_t *partitions; // of all nodes, one after the other
    uint32_t *begin;      // of each node, in partitions; one more than nodes
    int64_t *left;        // of each node, its partitions at this position and later ones
    int64_t *count;       // of each node, its partitions at this position
    uint16_t *queue;      // search: nodes reached
    uint16_t *parent;     // search: from where; RING_NO_OWNER = not reached
    uint32_t *here;       // search: the slots to exchange
    uint32_t *there;
};

// Above or below the fair count here, in parts of one count.
static int64_t excess(const struct order *order, uint32_t node)
{
    int64_t positions = (int64_t)order->placement->copies - order->position;
    return order->count[node] * positions - order->left[node];
}

static void exchange(struct order *order, uint32_t here, uint32_t there)
{
    uint16_t node = order->owners[here];
    order->owners[here] = order->owners[there];
    order->owners[there] = node;
}

static uint32_t rack_in(const struct order *order, uint32_t slot)
{
    return order->placement->nodes[order->owners[slot]].rack;
}

static void spread_racks(struct order *order)
{
    const struct placement *placement = order->placement;
    if (placement->rack_count >= placement->copies)
        return;
    for (uint32_t p = 0; p < placement->partition_count; p++) {
        uint32_t begin = p * placement->copies, seen = 0;
        for (uint32_t position = 0; position < placement->rack_count; position++) {
            uint32_t slot = begin + position;
            while (seen >> rack_in(order, slot) & 1)
                slot++;
            seen |= 1u << rack_in(order, slot);
            exchange(order, begin + position, slot);
        }
    }
}

static bool can_exchange(const struct order *order, uint32_t here, uint32_t there)
{
    uint32_t copies = order->placement->copies, racks = order->placement->rack_count;
    return here % copies >= racks || there % copies < racks ||
           rack_in(order, here) == rack_in(order, there);
}

// Does exchanging `here` and `there` bring a node not yet reached into the search?
static bool reach(struct order *order, uint16_t from, uint16_t node, uint32_t here, uint32_t there)
{
    if (order->parent[node] != RING_NO_OWNER || !can_exchange(order, here, there))
        return false;
    order->parent[node] = from;
    order->here[node] = here;
    order->there[node] = there;
    return true;
}

// Breadth first from a node with a whole count too many (or too few) here to one with too
// few (or too many), and exchanges along the chain. False if there is none.
static bool relieve(struct order *order, uint16_t from)
{
    const struct placement *placement = order->placement;
    bool many = excess(order, from) > 0;
    for (uint32_t i = 0; i < placement->node_count; i++)
        order->parent[i] = RING_NO_OWNER;
    order->parent[from] = from;
    order->queue[0] = from;
    uint32_t queue_count = 1;
    for (uint32_t at = 0; at < queue_count; at++) {
        uint16_t node = order->queue[at];
        if (many ? excess(order, node) < 0 : excess(order, node) > 0) {
            order->count[from] += many ? -1 : 1;
            order->count[node] += many ? 1 : -1;
            for (; node != from; node = order->parent[node])
                exchange(order, order->here[node], order->there[node]);
            return true;
        }
        for (uint32_t i = order->begin[node]; i < order->begin[node + 1]; i++) {
            uint32_t begin = order->partitions[i] * placement->copies;
            uint32_t here = begin + order->position;
            bool is_here = order->owners[here] == node;
            for (uint32_t there = here + 1; there < begin + placement->copies; there++) {
                uint16_t owner = order->owners[there];
                if (many && is_here && reach(order, node, owner, here, there))
                    order->queue[queue_count++] = owner;
                if (!many && owner == node && reach(order, node, order->owners[here], here, there))
                    order->queue[queue_count++] = order->owners[here];
            }
        }
    }
    return false;
}

static void list_partitions(struct order *order)
{
    const struct placement *placement = order->placement;
    uint32_t slot_count = placement->partition_count * placement->copies;
    for (uint32_t slot = 0; slot < slot_count; slot++)
        order->left[order->owners[slot]]++;
    for (uint32_t i = 0; i < placement->node_count; i++)
        order->begin[i + 1] = order->begin[i] + (uint32_t)order->left[i];
    for (uint32_t slot = slot_count; slot-- > 0;) {
        uint16_t node = order->owners[slot];
        order->partitions[order->begin[node + 1] - 1 - (uint32_t)order->count[node]++] =
            slot / placement->copies;
    }
}

// A chain makes no new node a whole count wrong, so once around is enough.
static void order_place(struct order *order)
{
    const struct placement *placement = order->placement;
    int64_t positions = (int64_t)placement->copies - order->position;
    for (uint32_t i = 0; i < placement->node_count; i++)
        order->count[i] = 0;
    for (uint32_t p = 0; p < placement->partition_count; p++)
        order->count[order->owners[p * placement->copies + order->position]]++;
    for (uint16_t i = 0; i < placement->node_count; i++)
        while (excess(order, i) >= positions && relieve(order, i))
            continue;
    for (uint16_t i = 0; i < placement->node_count; i++)
        while (excess(order, i) <= -positions && relieve(order, i))
            continue;
    for (uint32_t i = 0; i < placement->node_count; i++)
        order->left[i] -= order->count[i];
}

void placement_order(struct placement *placement)
{
    uint32_t nodes = placement->node_count;
    uint32_t slots = placement->partition_count * placement->copies;
    struct order order = {
        .placement = placement,
        .owners = placement->owners,
        .partitions = xcalloc(slots, sizeof *order.partitions),
        .begin = xcalloc(nodes + 1, sizeof *order.begin),
        .left = xcalloc(nodes, sizeof *order.left),
        .count = xcalloc(nodes, sizeof *order.count),
        .queue = xcalloc(nodes, sizeof *order.queue),
        .parent = xcalloc(nodes, sizeof *order.parent),
        .here = xcalloc(nodes, sizeof *order.here),
        .there = xcalloc(nodes, sizeof *order.there),
    };
    spread_racks(&order);
    list_partitions(&order);
    for (; order.position + 1 < placement->copies; order.position++)
        order_place(&order);
    free(order.partitions);
    free(order.begin);
    free(order.left);
    free(order.count);
    free(order.queue);
    free(order.parent);
    free(order.here);
    free(order.there);
}
