#include "lsm/read.h"

#include "base/hash.h"

enum status read_value(struct lsm *lsm, const struct entry *entry, struct buf *value,
                       struct fault *fault)
{
    struct value_pointer pointer;
    if (entry->is_pointer && value_pointer_decode(&pointer, entry->value))
        return value_read(&lsm->values, &pointer, value, fault);
    if (entry->is_pointer)
        return fault_set(fault, STATUS_CORRUPT, "%s: a pointer that makes no sense", lsm->dir);
    if (entry->is_packed && !value_unpack(value, entry->value))
        return fault_set(fault, STATUS_CORRUPT, "%s: a packed value that makes no sense in the log",
                         lsm->dir);
    if (!entry->is_packed)
        buf_set(value, entry->value);
    return STATUS_OK;
}

void read_begin_try(struct lsm *lsm, uint64_t ahead_size)
{
    lsm->reads.found = 0;
    lsm->reads.ahead_size = ahead_size;
    lsm->cache.reads = lsm->values.reads = &lsm->reads;
}

uint64_t read_end_try(struct lsm *lsm)
{
    lsm->cache.reads = lsm->values.reads = NULL;
    return lsm->reads.found;
}

// One key on its way through memtables and slices. Each step begins to load what the next
// one looks at, so that the steps of several keys can be taken in turn.
struct lookup {
    struct bytes key;
    uint64_t hash;
    const struct range *range;
    size_t slice; // the next one to ask
    struct sstable *table;
    uint32_t block_index;
    struct block *block;
    struct entry found;
};

static void begin(const struct lsm *lsm, struct lookup *lookup, struct bytes key)
{
    *lookup = (struct lookup){.key = key, .hash = hash64_seeded(key, lsm->database)};
    const struct memtable *memtables[] = {lsm->active.memtable, lsm->sealed.memtable};
    for (size_t i = 0; i < 2 && memtables[i]; i++)
        memtable_prefetch(memtables[i], lookup->hash);
}

static void find_range(const struct lsm *lsm, struct lookup *lookup)
{
    lookup->range = &lsm->version->ranges[version_find(lsm->version, lookup->key)];
    for (size_t s = 0; s < lookup->range->count; s++)
        filter_prefetch(&lookup->range->slices[s].table->filter, lookup->hash);
}

// OK, NOT_FOUND: deleted; END: look further.
static enum status find_in_memory(const struct lsm *lsm, struct lookup *lookup)
{
    const struct memtable *memtables[] = {lsm->active.memtable, lsm->sealed.memtable};
    for (size_t i = 0; i < 2 && memtables[i]; i++) {
        switch (memtable_find(memtables[i], lookup->hash, lookup->key, &lookup->found)) {
        case MEMTABLE_FOUND:
            return STATUS_OK;
        case MEMTABLE_DELETED:
            return STATUS_NOT_FOUND;
        case MEMTABLE_ABSENT:
            break;
        }
    }
    return STATUS_END;
}

// The next slice that may have the key. False if there is none.
static bool find_slice(struct lsm *lsm, struct lookup *lookup)
{
    lookup->block = NULL;
    while (lookup->slice < lookup->range->count) {
        struct sstable *table = lookup->range->slices[lookup->slice++].table;
        if (!filter_may_have(&table->filter, lookup->hash))
            continue;
        lsm->stats.table_look_count++;
        lookup->table = table;
        lookup->block_index = sstable_find_block(table, lookup->key);
        cache_prefetch(&lsm->cache, table, lookup->block_index);
        return true;
    }
    return false;
}

// Looks for the block where the key would be; false if it is not in memory.
static bool find_block(const struct lsm *lsm, struct lookup *lookup)
{
    lookup->block = cache_find(&lsm->cache, lookup->table, lookup->block_index);
    if (lookup->block)
        block_prefetch(lookup->block);
    return lookup->block;
}

// OK, NOT_FOUND: deleted; END: look further.
static enum status find_in_block(struct lsm *lsm, struct lookup *lookup)
{
    bool is_equal;
    uint32_t index = block_find(lookup->block, lookup->key, &is_equal);
    if (!is_equal) {
        lsm->stats.filter_miss_count++;
        return STATUS_END;
    }
    if (block_is_deleted(lookup->block, index))
        return STATUS_NOT_FOUND;
    lookup->found = (struct entry){.value = block_value(lookup->block, index),
                                   .is_pointer = block_is_pointer(lookup->block, index)};
    __builtin_prefetch(lookup->found.value.data);
    return STATUS_OK;
}

static enum status find_in_cache(struct lsm *lsm, struct lookup *lookup)
{
    cache_use(&lsm->cache, lookup->block);
    return find_in_block(lsm, lookup);
}

// The same, after the block was read.
static enum status find_in_file(struct lsm *lsm, struct lookup *lookup, struct fault *fault)
{
    enum status status =
        cache_read(&lsm->cache, lookup->table, lookup->block_index, &lookup->block, fault);
    return status ? status : find_in_block(lsm, lookup);
}

enum status lsm_get(struct lsm *lsm, struct bytes key, struct buf *value, struct fault *fault)
{
    struct lookup lookup;
    lsm->stats.get_count++;
    begin(lsm, &lookup, key);
    find_range(lsm, &lookup);
    enum status status = key.size ? find_in_memory(lsm, &lookup) : STATUS_NOT_FOUND;
    while (status == STATUS_END && find_slice(lsm, &lookup)) {
        if (find_block(lsm, &lookup))
            status = find_in_cache(lsm, &lookup);
        else
            status = find_in_file(lsm, &lookup, fault);
    }
    if (!status)
        return read_value(lsm, &lookup.found, value, fault);
    return status == STATUS_END ? STATUS_NOT_FOUND : status;
}

enum status lsm_try_get(struct lsm *lsm, struct bytes key, struct buf *value, uint64_t *position,
                        struct fault *fault)
{
    read_begin_try(lsm, 0);
    enum status status = lsm_get(lsm, key, value, fault);
    *position = read_end_try(lsm);
    return status;
}

uint64_t lsm_loaded(const struct lsm *lsm)
{
    return lsm->reads.done;
}

size_t lsm_damage_count(const struct lsm *lsm)
{
    return lsm->cache.damage_count;
}

struct lsm_damage lsm_damage(const struct lsm *lsm, size_t index)
{
    const struct cache_damage *damage = &lsm->cache.damages[index];
    return (struct lsm_damage){buf_bytes(&damage->from), buf_bytes(&damage->to),
                               damage->is_passed_over};
}

void lsm_pass_over(struct lsm *lsm, size_t index)
{
    lsm->cache.damages[index].is_passed_over = true;
}

// ---- Many at once --------------------------------------------------------------------

enum {
    GROUP_SIZE = 32,
};

// Keys of which the steps are taken in turn.
struct group {
    struct lsm *lsm;
    size_t first; // index of the first key
    struct lookup lookups[GROUP_SIZE];
    struct lookup *open[GROUP_SIZE]; // those without an answer
    size_t open_count;
    void (*found)(void *context, size_t index, enum status status, struct bytes value);
    void *context;
    struct buf value;   // a large one
    enum status status; // the first failure
    struct fault *fault;
};

// Gives the answer, or keeps the key for the next round.
static void answer(struct group *group, struct lookup *lookup, enum status status)
{
    if (status == STATUS_END) {
        group->open[group->open_count++] = lookup;
        return;
    }
    size_t index = group->first + (size_t)(lookup - group->lookups);
    struct bytes value = lookup->found.value;
    if (!status && !entry_is_plain(&lookup->found)) {
        bool is_first = !group->status;
        status =
            read_value(group->lsm, &lookup->found, &group->value, is_first ? group->fault : NULL);
        if (status && is_first)
            group->status = status;
        value = buf_bytes(&group->value);
    }
    group->found(group->context, index, status, value);
}

// Asks one more slice for every open key. Blocks in memory come first, since reading a
// block may push another one out.
static void ask_slices(struct group *group)
{
    struct lookup *open[GROUP_SIZE];
    enum status statuses[GROUP_SIZE];
    size_t count = 0, round_count = group->open_count;
    for (size_t i = 0; i < round_count; i++) {
        open[count] = group->open[i];
        if (find_slice(group->lsm, open[count]))
            count++;
        else
            answer(group, open[count], STATUS_NOT_FOUND);
    }
    group->open_count = 0;
    for (size_t i = 0; i < count; i++)
        find_block(group->lsm, open[i]);
    for (size_t i = 0; i < count; i++) {
        if (open[i]->block)
            statuses[i] = find_in_cache(group->lsm, open[i]);
    }
    for (size_t i = 0; i < count; i++) {
        if (open[i]->block)
            answer(group, open[i], statuses[i]);
    }
    for (size_t i = 0; i < count; i++) {
        if (open[i]->block)
            continue;
        bool is_first = !group->status;
        statuses[i] = find_in_file(group->lsm, open[i], is_first ? group->fault : NULL);
        if (is_first && (statuses[i] == STATUS_CORRUPT || statuses[i] == STATUS_IO))
            group->status = statuses[i];
        answer(group, open[i], statuses[i]);
    }
}

static void ask(struct group *group, const struct bytes *keys, size_t count)
{
    group->open_count = 0;
    group->lsm->stats.get_count += count;
    for (size_t i = 0; i < count; i++)
        begin(group->lsm, &group->lookups[i], keys[i]);
    for (size_t i = 0; i < count; i++)
        find_range(group->lsm, &group->lookups[i]);
    for (size_t i = 0; i < count; i++) {
        struct lookup *lookup = &group->lookups[i];
        answer(group, lookup, keys[i].size ? find_in_memory(group->lsm, lookup) : STATUS_NOT_FOUND);
    }
    while (group->open_count)
        ask_slices(group);
}

enum status lsm_multi_get(struct lsm *lsm, const struct bytes *keys, size_t count,
                          void (*found)(void *context, size_t index, enum status status,
                                        struct bytes value),
                          void *context, struct fault *fault)
{
    struct group group = {.lsm = lsm, .found = found, .context = context, .fault = fault};
    for (; group.first < count; group.first += GROUP_SIZE) {
        size_t left = count - group.first;
        ask(&group, keys + group.first, left < GROUP_SIZE ? left : GROUP_SIZE);
    }
    buf_release(&group.value);
    return group.status;
}
