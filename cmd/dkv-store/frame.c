#include "dkv-store/frame.h"

#include "dkv-store/ledger_format.h"

#include <assert.h>

void frame_begin(struct store *store)
{
    buf_clear(&store->frame.note);
    lsm_batch_clear(&store->frame.batch);
}

enum status frame_write(struct store *store, struct moment now)
{
    struct fault fault;
    uint64_t position;
    struct bytes note = buf_bytes(&store->frame.note);
    lsm_batch_note(&store->frame.batch, note);
    enum status status = lsm_write(store->lsm, &store->frame.batch, &position);
    if (status)
        return status;
    store->ledger.now_ms = now.mono_ms;
    status = ledger_format_replay(&store->ledger, note, &fault);
    assert(!status);
    return status;
}

int frame_others(const struct store *store, uint32_t keyspace_id, uint32_t partition,
                 uint16_t numbers[RING_OWNERS_MAX])
{
    const struct ring *ring = store->ring;
    const struct ring_keyspace *keyspace = ring_keyspace(ring, keyspace_id);
    uint16_t owners[RING_OWNERS_MAX];
    if (!keyspace || partition >= ring->partition_count)
        return -1;
    uint32_t count = ring_owners(ring, partition, keyspace, owners);
    int others = 0;
    bool is_ours = false;
    for (uint32_t i = 0; i < count; i++) {
        if (owners[i] == store->node_index)
            is_ours = true;
        else if (!ring_is_ignored(ring, owners[i]))
            numbers[others++] = ring->nodes[owners[i]].number;
    }
    return is_ours ? others : -1;
}

struct ledger_shard *frame_shard(struct store *store, uint32_t keyspace, uint32_t partition)
{
    uint16_t numbers[RING_OWNERS_MAX];
    int others = frame_others(store, keyspace, partition, numbers);
    if (others < 0)
        return NULL;
    struct ledger_shard *shard = ledger_shard(&store->ledger, keyspace, partition);
    stability_set_owners(&shard->stability, numbers, (uint32_t)others);
    return shard;
}
