#include "ring/ring_audit.h"

#include <string.h>

// The owners of a shard in one datacenter (NULL: in all), and how many of them are up.
struct owners {
    uint32_t count, up;
};

static struct owners count_owners(const struct ring *ring, const uint16_t *nodes, uint32_t count,
                                  const char *dc, const bool *is_down)
{
    struct owners owners = {0};
    for (uint32_t i = 0; i < count; i++) {
        bool is_there = !dc || strcmp(ring->nodes[nodes[i]].dc, dc) == 0;
        owners.count += is_there;
        owners.up += is_there && !is_down[nodes[i]];
    }
    return owners;
}

// Levels of one datacenter are wanted of each that has owners: clients may be in any.
static bool is_met(const struct ring *ring, const uint16_t *nodes, uint32_t count, uint8_t level,
                   const bool *is_down)
{
    bool is_of_each = level == RING_LEVEL_LOCAL_QUORUM || level == RING_LEVEL_EACH_QUORUM;
    for (uint32_t i = 0; i < count; i++) {
        const char *dc = is_of_each ? ring->nodes[nodes[i]].dc : NULL;
        struct owners owners = count_owners(ring, nodes, count, dc, is_down);
        if (owners.up < ring_level_count(level, owners.count))
            return false;
    }
    return true;
}

struct ring_audit ring_audit(const struct ring *ring, const struct ring_keyspace *keyspace,
                             const bool *is_down)
{
    struct ring_audit audit = {.shards = ring->partition_count};
    for (uint32_t p = 0; p < ring->partition_count; p++) {
        uint16_t nodes[RING_COPIES_MAX];
        bool is_after = ring->move == RING_MOVE_READ_NEW;
        uint32_t count = ring_list(ring, p, keyspace, is_after, nodes);
        audit.below_r += !is_met(ring, nodes, count, keyspace->r, is_down);
        audit.below_w += !is_met(ring, nodes, count, keyspace->w, is_down);
        audit.gone += !count_owners(ring, nodes, count, NULL, is_down).up;
    }
    return audit;
}
