#include "ring/ring_route.h"

#include <string.h>

void ring_route(struct ring_route *route, const struct ring *ring,
                const struct ring_keyspace *keyspace, uint32_t partition)
{
    route->keyspace = keyspace;
    route->partition = partition;
    struct ring_owners owners;
    ring_find_owners(ring, partition, keyspace, &owners);
    memcpy(route->nodes, owners.nodes, owners.count * sizeof *owners.nodes);
    route->owner_count = route->count = owners.count;
    route->reader_count = owners.reader_count;
    route->before = owners.before;
    route->after = owners.after;
}

void ring_route_narrow_to_readers(struct ring_route *route)
{
    route->owner_count = route->count = route->reader_count;
    route->before = route->after = targets_below(route->reader_count);
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
