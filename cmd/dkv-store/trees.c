#include "dkv-store/trees.h"

#include "base/xalloc.h"
#include "ring/ring.h"

#include <assert.h>
#include <stdlib.h>

static void free_partition(struct trees_partition *partition)
{
    if (!partition)
        return;
    for (uint32_t i = 0; i < partition->shard_count; i++) {
        for (unsigned kind = 0; kind < TREES_KINDS; kind++)
            tree_release(&partition->shards[i].of[kind]);
    }
    free(partition->shards);
    free(partition);
}

void trees_release(struct trees *trees)
{
    for (uint32_t i = 0; i < trees->partition_count; i++)
        free_partition(trees->partitions[i]);
    free(trees->partitions);
    *trees = (struct trees){0};
}

void trees_forget(struct trees *trees, uint32_t partition)
{
    if (partition >= trees->partition_count)
        return;
    free_partition(trees->partitions[partition]);
    trees->partitions[partition] = NULL;
}

struct trees_partition *trees_begin(struct trees *trees, uint32_t count, uint32_t partition)
{
    assert(partition < count && (!trees->partition_count || count == trees->partition_count));
    if (!trees->partition_count) {
        trees->partition_count = count;
        trees->partitions = xcalloc(count, sizeof(struct trees_partition *));
    }
    trees_forget(trees, partition);
    struct trees_partition *made = xcalloc(1, sizeof *made);
    made->next_token = ring_partition_begin(count, partition);
    trees->partitions[partition] = made;
    return made;
}

struct trees_partition *trees_find(const struct trees *trees, uint32_t partition)
{
    return partition < trees->partition_count ? trees->partitions[partition] : NULL;
}

static struct trees_shard *find_shard(const struct trees_partition *partition, uint32_t keyspace)
{
    for (uint32_t i = 0; i < partition->shard_count; i++) {
        if (partition->shards[i].keyspace == keyspace)
            return &partition->shards[i];
    }
    return NULL;
}

const struct trees_shard *trees_shard(const struct trees_partition *partition, uint32_t keyspace)
{
    return find_shard(partition, keyspace);
}

struct trees_shard *trees_add(struct trees_partition *partition, uint32_t keyspace,
                              const unsigned levels[TREES_KINDS])
{
    struct trees_shard *shard = find_shard(partition, keyspace);
    if (shard)
        return shard;
    uint32_t count = partition->shard_count + 1;
    partition->shards = xrealloc(partition->shards, count * sizeof *partition->shards);
    partition->shard_count = count;
    shard = &partition->shards[count - 1];
    shard->keyspace = keyspace;
    shard->live_count = shard->gone_count = 0;
    for (unsigned kind = 0; kind < TREES_KINDS; kind++)
        tree_init(&shard->of[kind], levels[kind]);
    return shard;
}

void trees_count(const struct trees *trees, struct trees_partition *partition, uint32_t keyspace,
                 uint64_t token, const struct leaf_delta *delta)
{
    // A shard that comes into being later begins with few leaves.
    static const unsigned fewest[TREES_KINDS] = {TREE_LEVEL_MIN, TREE_LEVEL_MIN};
    struct trees_shard *shard = trees_add(partition, keyspace, fewest);
    uint64_t place = token << __builtin_ctz(trees->partition_count);
    shard->live_count += delta->live_count;
    shard->gone_count += delta->gone_count;
    tree_add(&shard->of[TREES_VALUES], place, delta->live_root);
    tree_add(&shard->of[TREES_DELETIONS], place, delta->deleted_root);
}

void trees_apply(struct trees *trees, uint32_t keyspace, uint64_t token,
                 const struct leaf_delta *delta)
{
    if (!trees->partition_count)
        return;
    uint32_t number = ring_partition_of(trees->partition_count, token);
    struct trees_partition *partition = trees->partitions[number];
    if (partition && (partition->is_whole || token < partition->next_token))
        trees_count(trees, partition, keyspace, token, delta);
}
