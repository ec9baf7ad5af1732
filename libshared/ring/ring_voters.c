#include "ring/ring_voters.h"

#include <string.h>

// How close a node is to those that vote already: first how many are in its datacenter, then how
// many of these in its rack.
static uint32_t closeness(const struct ring *ring, const bool *is_voter, uint32_t node)
{
    const struct ring_node *a = &ring->nodes[node];
    uint32_t in_dc = 0, in_rack = 0;
    for (uint32_t i = 0; i < ring->node_count; i++) {
        const struct ring_node *b = &ring->nodes[i];
        if (!is_voter[i] || strcmp(a->dc, b->dc) != 0)
            continue;
        in_dc++;
        in_rack += strcmp(a->rack, b->rack) == 0;
    }
    return in_dc * (RING_VOTERS_MAX + 1) + in_rack;
}

// The first of those that are furthest from all voters.
static uint32_t find_next(const struct ring *ring, const bool *is_voter)
{
    uint32_t best = UINT32_MAX, least = UINT32_MAX;
    for (uint32_t i = 0; i < ring->node_count; i++) {
        uint32_t close = is_voter[i] ? UINT32_MAX : closeness(ring, is_voter, i);
        if (close < least) {
            least = close;
            best = i;
        }
    }
    return best;
}

uint32_t ring_voters(const struct ring *ring, uint16_t voters[RING_VOTERS_MAX])
{
    bool is_voter[RING_NODES_MAX] = {false};
    uint32_t count = ring->node_count < RING_VOTERS_MAX ? ring->node_count : RING_VOTERS_MAX;
    for (uint32_t i = 0; i < count; i++)
        is_voter[find_next(ring, is_voter)] = true;
    uint32_t found = 0;
    for (uint32_t i = 0; i < ring->node_count; i++) {
        if (is_voter[i])
            voters[found++] = (uint16_t)i;
    }
    return found;
}
