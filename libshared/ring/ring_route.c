#include "ring/ring_route.h"

#include <string.h>

void ring_route(struct ring_route *route, const struct ring *ring,
                const struct ring_keyspace *keyspace, uint32_t partition)
{
    route->keyspace = keyspace;
    route->partition = partition;
    route->owner_count = (uint8_t)ring_owners(ring, partition, keyspace, route->nodes);
    route->count = route->owner_count;
}

void ring_route_add_fallbacks(struct ring_route *route, const struct ring *ring, unsigned max)
{
    unsigned room = RING_TARGETS_MAX - route->owner_count;
    route->count =
        (uint8_t)(route->owner_count + ring_fallbacks(ring, route->partition, route->keyspace,
                                                      &route->nodes[route->owner_count],
                                                      max < room ? max : room));
}

target_set ring_route_owners_in(const struct ring_route *route, const struct ring *ring,
                                const char *dc)
{
    target_set there = 0;
    for (unsigned i = 0; i < route->owner_count; i++) {
        if (!strcmp(ring->nodes[route->nodes[i]].dc, dc))
            there |= target_bit(i);
    }
    return there;
}
