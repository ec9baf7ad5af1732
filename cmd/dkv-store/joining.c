#include "dkv-store/joining.h"

#include "dkv-store/frame.h"
#include "dkv-store/loss.h"

static uint32_t bit_of(const struct store *store, const struct ring_owners *owners)
{
    return ring_owner_bit(owners, (uint32_t)store->node_index);
}

// Whether the shard changes, and this store has it afterwards.
static bool find(const struct store *store, const struct ring_keyspace *keyspace,
                 uint32_t partition, struct ring_owners *owners)
{
    if (!store->ring->move)
        return false;
    ring_find_owners(store->ring, partition, keyspace, owners);
    uint32_t lasting = ring_lasting_owners(store->ring, owners);
    return owners->before != owners->after && lasting & bit_of(store, owners);
}

bool joining_is_dead(const struct store *store)
{
    return store->node_index >= 0 && store->ring->nodes[store->node_index].state == RING_NODE_DEAD;
}

bool joining_has(const struct store *store, uint32_t keyspace, uint32_t partition)
{
    struct ring_owners owners;
    const struct ring_keyspace *found = ring_keyspace(store->ring, keyspace);
    return found && find(store, found, partition, &owners);
}

// The other owner that does not last, from *at on. NULL: there is none.
static struct stability_peer *next_leaving(const struct store *store, struct ledger_shard *shard,
                                           const struct ring_owners *owners, uint8_t *at)
{
    uint32_t lasting = ring_lasting_owners(store->ring, owners);
    while (*at < owners->count &&
           (lasting & (uint32_t)1 << *at || ring_is_ignored(store->ring, owners->nodes[*at])))
        (*at)++;
    if (*at == owners->count)
        return NULL;
    uint16_t number = store->ring->nodes[owners->nodes[(*at)++]].number;
    return stability_peer(&shard->stability, number);
}

static void begin(struct store *store, const struct ring_keyspace *keyspace, uint32_t partition,
                  const struct ring_owners *owners)
{
    bool is_known = ledger_find(&store->ledger, keyspace->id, partition);
    bool was_owner = owners->before & bit_of(store, owners);
    if (!is_known && !was_owner)
        loss_of_given_shard(store, keyspace->id, partition);
    struct ledger_shard *shard = frame_shard(store, keyspace->id, partition);
    struct stability_peer *peer;
    for (uint8_t at = 0; shard && (peer = next_leaving(store, shard, owners, &at));)
        peer->is_heard = false;
}

static uint64_t count_left(const struct store *store)
{
    uint64_t count = 0;
    struct ledger_shard *shard;
    for (size_t at = 0; store->ring->move && (shard = ledger_next(&store->ledger, &at));) {
        struct ring_owners owners;
        const struct ring_keyspace *keyspace = ring_keyspace(store->ring, shard->keyspace);
        if (!keyspace || !find(store, keyspace, shard->partition, &owners))
            continue;
        bool is_left = shard->is_lost || shard->stability.must_lose;
        struct stability_peer *peer;
        for (uint8_t i = 0; !is_left && (peer = next_leaving(store, shard, &owners, &i));)
            is_left = !peer->is_heard;
        count += is_left;
    }
    return count;
}

void joining_on_tick(struct store *store)
{
    struct joins *joining = &store->joining;
    uint64_t left = count_left(store);
    if (left)
        joining->mark = 0;
    else if (!joining->mark)
        joining->mark = lsm_written(store->lsm) + 1;
    joining->left = left || lsm_durable(store->lsm) + 1 >= joining->mark ? left : 1;
}

void joining_follow(struct store *store)
{
    const struct ring *ring = store->ring;
    if (store->joining.epoch == ring->epoch)
        return;
    store->joining.epoch = ring->epoch;
    if (joining_is_dead(store)) // others may forget deletions without it
        loss_found_everywhere(store, "the ring says that this node does not come back");
    for (uint32_t k = 0; ring->move && k < ring->keyspace_count; k++) {
        for (uint32_t p = 0; p < ring->partition_count; p++) {
            struct ring_owners owners;
            if (find(store, &ring->keyspaces[k], p, &owners))
                begin(store, &ring->keyspaces[k], p, &owners);
        }
    }
    joining_on_tick(store);
}
