#include "lsm/table/cache.h"

#include "base/hash.h"
#include "base/xalloc.h"

#include <stdlib.h>

enum {
    SMALL,
    MAIN,
    SLOT_COUNT_MIN = 64,
    SMALL_SHARE = 10, // the small queue has one part in this many
    KEPT_SHARE = 4,   // no block is kept that would take more
    USE_COUNT_MAX = 3,
    ALLOCATION_OVERHEAD = 16, // of malloc, for a block
};

static uint64_t key_of(const struct sstable *table, uint32_t index)
{
    return table->info.number << 32 | index;
}

static uint64_t hash_of(uint64_t key)
{
    return hash_mix(key, key >> 32);
}

static size_t table_size(size_t slot_count)
{
    return slot_count * (sizeof(struct cache_slot) + sizeof(uint64_t));
}

static size_t size_of(const struct block *block)
{
    return sizeof *block + block->capacity + BLOCK_PADDING + ALLOCATION_OVERHEAD;
}

void cache_init(struct cache *cache, size_t size_max)
{
    *cache = (struct cache){.size_max = size_max, .slot_mask = SLOT_COUNT_MIN - 1};
    cache->slots = xcalloc(SLOT_COUNT_MIN, sizeof *cache->slots);
    cache->ghosts = xcalloc(SLOT_COUNT_MIN, sizeof *cache->ghosts);
    cache->size = table_size(SLOT_COUNT_MIN);
}

static void release_damage(struct cache_damage *damage)
{
    buf_release(&damage->from);
    buf_release(&damage->to);
}

void cache_release(struct cache *cache)
{
    for (size_t i = 0; cache->slots && i <= cache->slot_mask; i++)
        block_release(cache->slots[i].block);
    free(cache->slots);
    free(cache->ghosts);
    block_release(cache->loose);
    buf_release(&cache->stored);
    for (size_t i = 0; i < cache->damage_count; i++)
        release_damage(&cache->damages[i]);
    free(cache->damages);
    *cache = (struct cache){0};
}

// ---- The table -----------------------------------------------------------------------

// The slot of the key, or the free one where it belongs.
static struct cache_slot *find_slot(const struct cache *cache, uint64_t key)
{
    for (size_t i = hash_of(key);; i++) {
        struct cache_slot *slot = &cache->slots[i & cache->slot_mask];
        if (!slot->block || slot->key == key)
            return slot;
    }
}

// Closes the gap, so that a search may stop at the first free slot.
static void free_slot(struct cache *cache, struct cache_slot *slot)
{
    size_t mask = cache->slot_mask, gap = (size_t)(slot - cache->slots);
    for (size_t i = (gap + 1) & mask; cache->slots[i].block; i = (i + 1) & mask) {
        size_t home = hash_of(cache->slots[i].key) & mask;
        if (((i - home) & mask) < ((i - gap) & mask))
            continue;
        cache->slots[gap] = cache->slots[i];
        gap = i;
    }
    cache->slots[gap] = (struct cache_slot){0};
    cache->count--;
}

static void grow(struct cache *cache)
{
    struct cache_slot *old = cache->slots;
    size_t count = cache->slot_mask + 1;
    cache->slot_mask = 2 * count - 1;
    cache->slots = xcalloc(2 * count, sizeof *cache->slots);
    free(cache->ghosts);
    cache->ghosts = xcalloc(2 * count, sizeof *cache->ghosts);
    cache->size += table_size(count);
    for (size_t i = 0; i < count; i++) {
        if (old[i].block)
            *find_slot(cache, old[i].key) = old[i];
    }
    free(old);
}

// ---- The queues ----------------------------------------------------------------------

static void enqueue(struct cache *cache, unsigned queue_index, struct block *block)
{
    struct cache_queue *queue = &cache->queues[queue_index];
    block->queue = (uint8_t)queue_index;
    block->next = NULL;
    block->previous = queue->newest;
    *(queue->newest ? &queue->newest->next : &queue->oldest) = block;
    queue->newest = block;
    queue->size += size_of(block);
}

static void dequeue(struct cache *cache, struct block *block)
{
    struct cache_queue *queue = &cache->queues[block->queue];
    *(block->previous ? &block->previous->next : &queue->oldest) = block->next;
    *(block->next ? &block->next->previous : &queue->newest) = block->previous;
    queue->size -= size_of(block);
}

static void drop(struct cache *cache, struct block *block)
{
    free_slot(cache, find_slot(cache, block->key));
    dequeue(cache, block);
    cache->size -= size_of(block);
    block_release(block);
}

// Lets the oldest block of a queue go on or out.
static void evict(struct cache *cache)
{
    struct cache_queue *small = &cache->queues[SMALL], *main_queue = &cache->queues[MAIN];
    bool is_small =
        !main_queue->oldest || (small->oldest && small->size > cache->size_max / SMALL_SHARE);
    struct block *block = is_small ? small->oldest : main_queue->oldest;
    if (block->use_count) {
        dequeue(cache, block);
        block->use_count = is_small ? 0 : (uint8_t)(block->use_count - 1);
        enqueue(cache, MAIN, block);
        return;
    }
    if (is_small)
        cache->ghosts[hash_of(block->key) & cache->slot_mask] = block->key;
    drop(cache, block);
}

static void add(struct cache *cache, struct block *block, uint64_t key)
{
    block->key = key;
    block->use_count = 0;
    if (cache->count >= (cache->slot_mask + 1) / 4 * 3)
        grow(cache);
    while (cache->count && cache->size + size_of(block) > cache->size_max)
        evict(cache);
    bool is_ghost = cache->ghosts[hash_of(key) & cache->slot_mask] == key;
    enqueue(cache, is_ghost ? MAIN : SMALL, block);
    *find_slot(cache, key) = (struct cache_slot){key, block};
    cache->count++;
    cache->size += size_of(block);
}

// ---- Damage --------------------------------------------------------------------------

static struct cache_damage *find_damage(const struct cache *cache, uint64_t key)
{
    size_t i = 0;
    while (i < cache->damage_count && cache->damages[i].key != key)
        i++;
    return i < cache->damage_count ? &cache->damages[i] : NULL;
}

bool cache_passes_over(const struct cache *cache, const struct sstable *table, uint32_t index)
{
    const struct cache_damage *damage = find_damage(cache, key_of(table, index));
    return damage && damage->is_passed_over;
}

void cache_note_damage(struct cache *cache, const struct sstable *table, uint32_t index)
{
    uint64_t key = key_of(table, index);
    if (cache->damage_count == CACHE_DAMAGES_MAX || find_damage(cache, key))
        return;
    if (!cache->damages)
        cache->damages = xcalloc(CACHE_DAMAGES_MAX, sizeof *cache->damages);
    struct cache_damage *damage = &cache->damages[cache->damage_count++];
    struct bytes from, to;
    sstable_block_span(table, index, &from, &to);
    *damage = (struct cache_damage){.key = key};
    buf_set(&damage->from, from);
    buf_set(&damage->to, to);
}

static void forget_damages(struct cache *cache, const struct sstable *table)
{
    for (size_t i = cache->damage_count; i--;) {
        if (cache->damages[i].key >> 32 != table->info.number)
            continue;
        release_damage(&cache->damages[i]);
        cache->damages[i] = cache->damages[--cache->damage_count];
    }
}

// ---- Reading -------------------------------------------------------------------------

void cache_prefetch(const struct cache *cache, const struct sstable *table, uint32_t index)
{
    __builtin_prefetch(&cache->slots[hash_of(key_of(table, index)) & cache->slot_mask]);
}

struct block *cache_find(const struct cache *cache, const struct sstable *table, uint32_t index)
{
    return find_slot(cache, key_of(table, index))->block;
}

void cache_use(struct cache *cache, struct block *block)
{
    cache->hit_count++;
    if (block->use_count < USE_COUNT_MAX)
        block->use_count++;
}

enum status cache_read(struct cache *cache, struct sstable *table, uint32_t index,
                       struct block **block, struct fault *fault)
{
    *block = cache_find(cache, table, index);
    if (*block) {
        cache_use(cache, *block);
        return STATUS_OK;
    }
    if (cache_passes_over(cache, table, index))
        return STATUS_END;
    block_release(cache->loose);
    cache->loose = NULL;
    enum status status = sstable_use(table, fault);
    if (status)
        return status;
    status = sstable_try_block(table, index, cache->reads, &cache->stored, &cache->loose, fault);
    if (status == STATUS_CORRUPT)
        cache_note_damage(cache, table, index);
    cache->miss_count += status != STATUS_BUSY;
    if (status)
        return status;
    *block = cache->loose;
    if (size_of(cache->loose) <= cache->size_max / KEPT_SHARE) {
        add(cache, cache->loose, key_of(table, index));
        cache->loose = NULL;
    }
    return STATUS_OK;
}

void cache_forget(struct cache *cache, const struct sstable *table)
{
    forget_damages(cache, table);
    for (uint32_t i = 0; i < table->block_count && cache->count; i++) {
        struct block *block = cache_find(cache, table, i);
        if (block)
            drop(cache, block);
    }
}
