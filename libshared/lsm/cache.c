#include "lsm/cache.h"

#include "base/hash.h"
#include "base/xalloc.h"

#include <stdlib.h>

enum {
    BLOCK_SIZE_EXPECTED = 4096,
    BUCKET_COUNT_MIN = 16,
};

static struct block **bucket_of(const struct cache *cache, uint64_t table, uint64_t offset)
{
    return &cache->buckets[hash_mix(table, offset) & cache->bucket_mask];
}

void cache_init(struct cache *cache, size_t size_max)
{
    size_t count = BUCKET_COUNT_MIN;
    while (count < size_max / BLOCK_SIZE_EXPECTED)
        count *= 2;
    *cache = (struct cache){
        .size_max = size_max,
        .buckets = xcalloc(count, sizeof(struct block *)),
        .bucket_mask = count - 1,
    };
}

void cache_release(struct cache *cache)
{
    for (size_t i = 0; i < cache->count; i++)
        block_release(cache->blocks[i]);
    free(cache->blocks);
    free(cache->buckets);
    *cache = (struct cache){0};
}

static void evict(struct cache *cache)
{
    for (;;) {
        if (cache->hand >= cache->count)
            cache->hand = 0;
        struct block *block = cache->blocks[cache->hand];
        if (block->is_recent) {
            block->is_recent = false;
            cache->hand++;
            continue;
        }
        struct block **link = bucket_of(cache, block->table, block->offset);
        while (*link != block)
            link = &(*link)->next;
        *link = block->next;
        cache->blocks[cache->hand] = cache->blocks[--cache->count];
        cache->size -= block->size;
        block_release(block);
        return;
    }
}

static void add(struct cache *cache, struct block *block)
{
    if (block->size > cache->size_max / 2)
        return;
    while (cache->size + block->size > cache->size_max)
        evict(cache);
    if (cache->count == cache->capacity) {
        cache->capacity = cache->capacity ? 2 * cache->capacity : 64;
        cache->blocks = xrealloc(cache->blocks, cache->capacity * sizeof(struct block *));
    }
    struct block **bucket = bucket_of(cache, block->table, block->offset);
    block->next = *bucket;
    *bucket = block_retain(block);
    cache->blocks[cache->count++] = block;
    cache->size += block->size;
}

enum status cache_read(struct cache *cache, struct sstable *table, uint32_t index, bool is_kept,
                       struct block **block, struct fault *fault)
{
    uint64_t offset = sstable_block_offset(table, index);
    for (struct block *at = *bucket_of(cache, table->info.number, offset); at; at = at->next) {
        if (at->offset == offset && at->table == table->info.number) {
            at->is_recent = true;
            cache->hit_count++;
            *block = block_retain(at);
            return STATUS_OK;
        }
    }
    cache->miss_count++;
    enum status status = sstable_use(table, fault);
    if (!status)
        status = sstable_read_block(table, index, block, fault);
    if (!status && is_kept)
        add(cache, *block);
    return status;
}
