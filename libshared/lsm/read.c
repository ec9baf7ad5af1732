#include "lsm/engine.h"

#include "base/hash.h"

static enum status get_from_table(struct lsm *lsm, struct sstable *table, struct bytes key,
                                  struct buf *value, struct fault *fault)
{
    struct block *block = NULL;
    enum status status =
        cache_read(&lsm->cache, table, sstable_find_block(table, key), true, &block, fault);
    if (status)
        return status;
    bool is_equal;
    uint32_t index = block_find(block, key, &is_equal);
    if (!is_equal) {
        lsm->stats.filter_miss_count++;
        status = STATUS_END; // look further
    } else if (block_is_deleted(block, index)) {
        status = STATUS_NOT_FOUND;
    } else {
        buf_set(value, block_value(block, index));
    }
    block_release(block);
    return status;
}

enum status lsm_get(struct lsm *lsm, struct bytes key, struct buf *value, struct fault *fault)
{
    if (!key.size)
        return STATUS_NOT_FOUND;
    uint64_t hash = hash64_seeded(key, lsm->database);
    const struct memtable *memtables[] = {lsm->active, lsm->sealed};
    for (size_t i = 0; i < 2 && memtables[i]; i++) {
        struct bytes found;
        enum memtable_result result = memtable_find(memtables[i], hash, key, &found);
        if (result == MEMTABLE_FOUND)
            buf_set(value, found);
        if (result != MEMTABLE_ABSENT)
            return result == MEMTABLE_FOUND ? STATUS_OK : STATUS_NOT_FOUND;
    }
    const struct version *version = lsm->version;
    const struct range *range = &version->ranges[version_find(version, key)];
    for (size_t s = 0; s < range->count; s++) {
        struct sstable *table = range->slices[s].table;
        if (!filter_may_have(buf_bytes(&table->filter), hash))
            continue;
        enum status status = get_from_table(lsm, table, key, value, fault);
        if (status != STATUS_END)
            return status;
    }
    return STATUS_NOT_FOUND;
}
