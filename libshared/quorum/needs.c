#include "quorum/needs.h"

#include <assert.h>

void needs_add(struct needs *needs, target_set of, uint8_t count)
{
    assert(needs->count < NEEDS_MAX);
    needs->items[needs->count++] = (struct need){of, count};
}

struct needs needs_of(uint8_t n, uint8_t count)
{
    struct needs needs = {.count = 0};
    needs_add(&needs, targets_below(n), count);
    return needs;
}

bool needs_met(const struct needs *needs, target_set have)
{
    for (uint8_t i = 0; i < needs->count; i++) {
        if (target_count(have & needs->items[i].of) < needs->items[i].count)
            return false;
    }
    return true;
}

bool needs_help_of(const struct needs *needs, target_set have, unsigned target)
{
    target_set bit = target_bit(target);
    for (uint8_t i = 0; i < needs->count && !(have & bit); i++) {
        const struct need *need = &needs->items[i];
        if ((need->of & bit) && target_count(have & need->of) < need->count)
            return true;
    }
    return false;
}

static void add_quorum(struct needs *needs, target_set of)
{
    needs_add(needs, of, (uint8_t)(target_count(of) / 2 + 1));
}

static void add_quorum_of_each(struct needs *needs, const struct ring *ring,
                               const struct ring_route *route, target_set of)
{
    target_set seen = 0;
    for (unsigned i = 0; i < route->owner_count; i++) {
        if (!(of & ~seen & target_bit(i)))
            continue;
        target_set there = ring_route_owners_in(route, ring, ring->nodes[route->nodes[i]].dc) & of;
        add_quorum(needs, there);
        seen |= there;
    }
}

bool needs_add_level(struct needs *needs, const struct ring *ring, const struct ring_route *route,
                     target_set of, uint8_t level, const char *dc)
{
    target_set local =
        level == RING_LEVEL_LOCAL_QUORUM ? ring_route_owners_in(route, ring, dc) & of : 0;
    uint8_t first = needs->count;
    if (local)
        add_quorum(needs, local);
    else if (level == RING_LEVEL_EACH_QUORUM)
        add_quorum_of_each(needs, ring, route, of);
    else
        needs_add(needs, of, (uint8_t)ring_level_count(level, target_count(of)));
    return needs->count > first && needs->items[first].count;
}
