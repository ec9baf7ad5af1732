#include "lsm/table/blocks.h"

enum {
    KEPT_COUNT_MAX = 2,
    AHEAD_SIZE = 64 << 10,        // read at once by the owner's thread, which waits
    AHEAD_SIZE_MERGE = 256 << 10, // by others
};

void blocks_start(struct blocks *blocks, struct sstable *table, struct cache *cache, uint32_t begin,
                  uint32_t end)
{
    blocks->table = table;
    blocks->cache = cache;
    blocks->at = begin;
    blocks->end = end;
    blocks->kept_count = 0;
    blocks->stored_end = 0;
}

void blocks_release(struct blocks *blocks)
{
    buf_release(&blocks->stored);
    block_release(blocks->own);
    block_release(blocks->borrowed);
    *blocks = (struct blocks){0};
}

static void borrow(struct blocks *blocks, struct block *block)
{
    blocks->borrowed = block_retain(block);
    blocks->at++;
}

// The next block from the cache, perhaps by reading it into that. OK without a block: no.
static enum status read_cached(struct blocks *blocks, struct fault *fault)
{
    block_release(blocks->borrowed);
    blocks->borrowed = NULL;
    struct block *block = cache_find(blocks->cache, blocks->table, blocks->at);
    enum status status = STATUS_OK;
    if (!block && blocks->kept_count < KEPT_COUNT_MAX) {
        blocks->kept_count++;
        status = cache_read(blocks->cache, blocks->table, blocks->at, &block, fault);
    }
    if (!status && block)
        borrow(blocks, block);
    return status;
}

static enum status read_ahead(struct blocks *blocks, struct fault *fault)
{
    bool is_owner = blocks->cache;
    enum status status = is_owner ? sstable_use(blocks->table, fault) : STATUS_OK;
    if (!status)
        status = sstable_read_blocks(
            blocks->table, blocks->at, blocks->end, is_owner ? AHEAD_SIZE : AHEAD_SIZE_MERGE,
            is_owner ? blocks->cache->reads : NULL, &blocks->stored, &blocks->stored_end, fault);
    if (status)
        blocks->stored_end = 0;
    blocks->left = buf_bytes(&blocks->stored);
    return status;
}

// Leaves out what the owner has taken for lost. Other threads do not know of that.
static void pass_over(struct blocks *blocks)
{
    const struct sstable_place *places = blocks->table->places;
    while (blocks->cache && blocks->cache->damage_count && blocks->at < blocks->end &&
           cache_passes_over(blocks->cache, blocks->table, blocks->at)) {
        size_t size = (size_t)(places[blocks->at + 1].offset - places[blocks->at].offset);
        if (blocks->at < blocks->stored_end)
            blocks->left = bytes_of(blocks->left.data + size, blocks->left.size - size);
        blocks->at++;
    }
}

enum status blocks_next(struct blocks *blocks, const struct block **block, struct fault *fault)
{
    pass_over(blocks);
    if (blocks->at == blocks->end)
        return STATUS_END;
    enum status status = STATUS_OK;
    if (blocks->at >= blocks->stored_end) {
        if (blocks->cache)
            status = read_cached(blocks, fault);
        if (status || blocks->borrowed) {
            *block = blocks->borrowed;
            return status;
        }
        status = read_ahead(blocks, fault);
    }
    if (!status)
        status =
            sstable_decode_block(blocks->table, blocks->at, &blocks->left, &blocks->own, fault);
    if (status == STATUS_CORRUPT && blocks->cache)
        cache_note_damage(blocks->cache, blocks->table, blocks->at);
    *block = blocks->own;
    blocks->at += !status;
    return status;
}
