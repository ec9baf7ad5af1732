#include "sim/levels.h"

#include <string.h>

uint8_t level_dc(const struct ring *ring, uint32_t node)
{
    uint8_t first = 0;
    while (strcmp(ring->nodes[first].dc, ring->nodes[node].dc) != 0)
        first++;
    return first;
}

struct level_owners level_owners_of(const struct ring *ring, const uint16_t *owners, uint32_t n)
{
    struct level_owners all = {.n = n, .dc_count = ring->node_count};
    for (uint32_t i = 0; i < n; i++)
        all.dcs[i] = level_dc(ring, owners[i]);
    return all;
}

static uint32_t everybody(const struct level_owners *owners)
{
    return (1u << owners->n) - 1;
}

static uint32_t those_in(const struct level_owners *owners, uint32_t dc)
{
    uint32_t set = 0;
    for (uint32_t i = 0; i < owners->n; i++)
        set |= owners->dcs[i] == dc ? 1u << i : 0;
    return set;
}

static bool is_quorum(uint32_t have, uint32_t of)
{
    return 2 * __builtin_popcount(have & of) > __builtin_popcount(of);
}

bool level_is_met(const struct level_owners *owners, uint8_t level, uint32_t dc, uint32_t have)
{
    uint32_t local = those_in(owners, dc);
    if (level == RING_LEVEL_ALL)
        return have == everybody(owners);
    if (level == RING_LEVEL_QUORUM)
        return is_quorum(have, everybody(owners));
    if (level == RING_LEVEL_LOCAL_QUORUM)
        return is_quorum(have, local ? local : everybody(owners));
    if (level != RING_LEVEL_EACH_QUORUM)
        return __builtin_popcount(have) >= level;
    for (uint32_t i = 0; i < owners->n; i++) {
        if (!is_quorum(have, those_in(owners, owners->dcs[i])))
            return false;
    }
    return true;
}

static bool is_met_somewhere(const struct level_owners *owners, uint8_t level, uint32_t have)
{
    for (uint32_t dc = 0; dc < owners->dc_count; dc++) {
        if (level_is_met(owners, level, dc, have))
            return true;
    }
    return false;
}

bool levels_meet(const struct level_owners *owners, uint8_t write, uint8_t read, uint32_t lost)
{
    uint32_t all = everybody(owners);
    for (uint32_t have = 1; have <= all; have++) {
        if (is_met_somewhere(owners, write, have) &&
            is_met_somewhere(owners, read, all & ~(have & ~lost)))
            return false;
    }
    return true;
}
