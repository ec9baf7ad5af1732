#include "dkv-store/damage.h"

#include "dkv-store/frame.h"
#include "dkv-store/loss.h"

// The partition of an engine key, or of what one begins with.
static uint32_t partition_of(const struct store *store, struct bytes key)
{
    uint64_t token = 0;
    for (size_t i = 0; i < sizeof token; i++)
        token = token << 8 | (i < key.size ? key.data[i] : 0);
    return ring_partition_of(store->ring->partition_count, token);
}

// Nobody else has what this copy has.
static bool is_alone(const struct ledger_shard *shard)
{
    return shard && shard->live_count + shard->gone_count && !shard->stability.peer_count;
}

static bool has_alone(struct store *store, uint32_t first, uint32_t last)
{
    for (uint32_t p = first; p <= last; p++) {
        for (uint32_t i = 0; i < store->ring->keyspace_count; i++) {
            if (is_alone(frame_shard(store, store->ring->keyspaces[i].id, p)))
                return true;
        }
    }
    return false;
}

// The partitions of a block that is to be passed over. False: it is already, or is kept.
static bool is_due(struct store *store, size_t index, uint32_t *first, uint32_t *last)
{
    struct lsm_damage damage = lsm_damage(store->lsm, index);
    if (damage.is_passed_over)
        return false;
    *first = partition_of(store, damage.from);
    *last = partition_of(store, damage.to);
    return !has_alone(store, *first, *last);
}

void damage_mark(struct store *store)
{
    uint32_t partition, last;
    for (size_t i = 0; i < lsm_damage_count(store->lsm); i++) {
        if (!is_due(store, i, &partition, &last))
            continue;
        while (partition <= last)
            loss_of_block(store, partition++);
    }
}

void damage_pass_over(struct store *store)
{
    uint32_t first, last;
    for (size_t i = 0; i < lsm_damage_count(store->lsm); i++) {
        if (is_due(store, i, &first, &last))
            lsm_pass_over(store->lsm, i);
    }
}
