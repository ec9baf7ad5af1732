#include "client/spread.h"

#include "base/hash.h"

#include <assert.h>

void spread_release(struct spread *spread)
{
    ring_release(&spread->ring);
}

void spread_add(struct spread *spread, enum spread_kind kind)
{
    assert(spread->count < SPREAD_ENDPOINTS_MAX);
    if (!spread->count || kind < spread->kind) {
        spread->kind = kind;
        spread->nearest_count = 0;
    }
    if (kind == spread->kind && (kind == SPREAD_FAR || !spread->nearest_count))
        spread->nearest[spread->nearest_count++] = (uint8_t)spread->count;
    spread->count++;
}

void spread_on_node(struct spread *spread, uint32_t endpoint, uint64_t node)
{
    spread->nodes[endpoint] = node;
}

void spread_set_ring_take(struct spread *spread, struct ring *ring)
{
    ring_release(&spread->ring);
    spread->ring = *ring;
    *ring = (struct ring){0};
}

// The endpoint of the first owner, -1 if it is at none of the nearest.
static int find_owner(const struct spread *spread, const struct ring_keyspace *keyspace,
                      uint32_t partition)
{
    uint16_t owners[RING_OWNERS_MAX];
    if (!ring_owners(&spread->ring, partition, keyspace, owners))
        return -1;
    uint64_t node = spread->ring.nodes[owners[0]].id;
    for (uint32_t i = 0; i < spread->nearest_count; i++) {
        if (spread->nodes[spread->nearest[i]] == node)
            return spread->nearest[i];
    }
    return -1;
}

static uint32_t of_hash(const struct spread *spread, struct bytes keyspace, uint64_t hash)
{
    return spread->nearest[hash_mix(hash64(keyspace), hash) % spread->nearest_count];
}

uint32_t spread_of_key(const struct spread *spread, struct bytes keyspace, struct bytes key)
{
    const struct ring *ring = &spread->ring;
    if (!spread_is_choice(spread))
        return spread->nearest[0];
    const struct ring_keyspace *in = ring_find_keyspace(ring, keyspace);
    int owner = in ? find_owner(spread, in, ring_partition(ring, ring_token(in->id, key))) : -1;
    return owner >= 0 ? (uint32_t)owner : of_hash(spread, keyspace, hash64(key));
}

uint32_t spread_of_partition(const struct spread *spread, struct bytes keyspace, uint32_t partition)
{
    const struct ring *ring = &spread->ring;
    if (!spread_is_choice(spread))
        return spread->nearest[0];
    const struct ring_keyspace *in = ring_find_keyspace(ring, keyspace);
    int owner = in && partition < ring->partition_count ? find_owner(spread, in, partition) : -1;
    return owner >= 0 ? (uint32_t)owner : of_hash(spread, keyspace, partition);
}
