#include "dkv-store/epoch.h"

bool epoch_is_same(const struct ring_snapshot *ring, const struct message_header *header)
{
    return header->epoch == ring->ring.epoch && header->ring_hash == (uint32_t)ring->hash;
}

bool epoch_agrees(const struct ring_snapshot *ring, const struct message_header *header,
                  uint32_t keyspace_id, uint32_t partition)
{
    const struct ring *ours = &ring->ring;
    if (header->epoch == ours->epoch)
        return epoch_is_same(ring, header);
    if (header->epoch > ours->epoch)
        return header->since <= ours->epoch;
    const struct ring_keyspace *keyspace = ring_keyspace(ours, keyspace_id);
    return partition < ours->partition_count && keyspace &&
           ring_since(ours, partition, keyspace) <= header->epoch;
}
