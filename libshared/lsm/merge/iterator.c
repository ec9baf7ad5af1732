#include "lsm/merge/iterator.h"

#include "base/endian.h"
#include "base/xalloc.h"
#include "lsm/entry/key.h"

#include <stdlib.h>

struct source {
    uint64_t head; // of the key; UINT64_MAX at the end
    struct entry entry;
    bool is_done;
    bool is_hidden; // a newer source has the key, too

    const struct memtable *memtable; // of an order
    const struct order *order;
    size_t at;
    size_t end;

    struct sstable *table;
    struct blocks blocks;
    const struct block *block;
    uint32_t entry_at; // the next one
    uint32_t entry_end;
    uint32_t tail_at; // of the next entry
    uint32_t value_at;
    uint64_t prefix_head; // what the prefix of the block gives to the heads
    unsigned head_shift;  // how far it moves those of the block
    bool is_prefix_short; // a head must be taken from the key
    struct buf key;       // the prefix stays in place
};

static struct source *add_source(struct iterator *iterator)
{
    if (iterator->count == iterator->capacity) {
        iterator->capacity = iterator->capacity ? 2 * iterator->capacity : 8;
        iterator->sources =
            xrealloc(iterator->sources, iterator->capacity * sizeof *iterator->sources);
    }
    struct source *source = &iterator->sources[iterator->count++];
    *source = (struct source){0};
    return source;
}

void iterator_add_order(struct iterator *iterator, const struct memtable *memtable,
                        const struct order *order)
{
    struct source *source = add_source(iterator);
    source->memtable = memtable;
    source->order = order;
}

void iterator_add_table(struct iterator *iterator, struct sstable *table)
{
    add_source(iterator)->table = table;
}

void iterator_release(struct iterator *iterator)
{
    for (size_t i = 0; i < iterator->count; i++) {
        blocks_release(&iterator->sources[i].blocks);
        buf_release(&iterator->sources[i].key);
    }
    free(iterator->sources);
    free(iterator->players);
    *iterator = (struct iterator){0};
}

// ---- One source ----------------------------------------------------------------------

static void finish(struct source *source)
{
    source->is_done = true;
    source->head = UINT64_MAX;
}

static void show_order(struct source *source, size_t depth)
{
    if (source->at == source->end) {
        finish(source);
        return;
    }
    source->entry = order_entry(source->order, source->memtable, source->at++);
    source->head = key_head(source->entry.key, depth);
}

// Prepares for the entries [begin, end) of a block.
static void enter_block(struct source *source, uint32_t begin, uint32_t end, size_t depth)
{
    const struct block *block = source->block;
    struct bytes prefix = block_prefix(block);
    source->entry_at = begin;
    source->entry_end = end;
    source->tail_at = begin ? block_tail_end(block, begin - 1) : 0;
    source->value_at = begin ? block_value_end(block, begin - 1) : 0;
    source->is_prefix_short = prefix.size < depth;
    source->prefix_head = source->is_prefix_short ? 0 : key_head(prefix, depth);
    source->head_shift = 64;
    if (prefix.size < depth + 8)
        source->head_shift = (unsigned)(8 * (prefix.size - depth));
    // Any key of the block fits, and whole words may be copied.
    buf_set(&source->key, prefix);
    buf_reserve(&source->key, BLOCK_HEAD_SIZE + block->values - block->tails + BLOCK_PADDING);
}

// The next entry of the block, of which there is one.
static void show_block(struct source *source, size_t depth)
{
    const struct block *block = source->block;
    uint32_t index = source->entry_at++;
    uint64_t head = load_u64(block_heads(block) + (size_t)index * BLOCK_HEAD_SIZE);
    size_t head_size = block_head_size(block, index);
    uint32_t tail_end = block_tail_end(block, index), value_end = block_value_end(block, index);
    size_t tail_size = tail_end - source->tail_at;

    uint8_t *at = source->key.data + block->prefix_size;
    store_u64(at, head);
    const uint8_t *tail = block->raw + block->tails + source->tail_at;
    memcpy(at + head_size, tail, tail_size <= BLOCK_PADDING ? BLOCK_PADDING : tail_size);
    source->entry = (struct entry){
        .key = bytes_of(source->key.data, block->prefix_size + head_size + tail_size),
        .value =
            bytes_of(block->raw + block->values + source->value_at, value_end - source->value_at),
        .is_deleted = block_is_deleted(block, index),
        .is_pointer = block_is_pointer(block, index),
    };
    source->tail_at = tail_end;
    source->value_at = value_end;
    head = __builtin_bswap64(head);
    source->head = source->prefix_head | (source->head_shift < 64 ? head >> source->head_shift : 0);
    if (source->is_prefix_short)
        source->head = key_head(source->entry.key, depth);
}

// The next block that has keys of [from, to), where only the last one has others behind.
static enum status next_block(struct iterator *iterator, struct source *source, struct bytes from,
                              struct fault *fault)
{
    for (;;) {
        enum status status = blocks_next(&source->blocks, &source->block, fault);
        if (status == STATUS_END) {
            finish(source);
            return STATUS_OK;
        }
        if (status)
            return status;
        bool is_equal;
        uint32_t begin = from.size ? block_find(source->block, from, &is_equal) : 0;
        uint32_t end = source->block->count;
        if (iterator->to.size && source->blocks.at == source->blocks.end)
            end = block_find(source->block, iterator->to, &is_equal);
        if (begin >= end)
            continue;
        enter_block(source, begin, end, iterator->depth);
        show_block(source, iterator->depth);
        return STATUS_OK;
    }
}

static enum status advance(struct iterator *iterator, struct source *source, struct fault *fault)
{
    source->is_hidden = false;
    if (source->order) {
        show_order(source, iterator->depth);
        return STATUS_OK;
    }
    if (source->entry_at < source->entry_end) {
        show_block(source, iterator->depth);
        return STATUS_OK;
    }
    return next_block(iterator, source, (struct bytes){0}, fault);
}

static enum status seek(struct iterator *iterator, struct source *source, struct bytes from,
                        struct fault *fault)
{
    source->is_done = source->is_hidden = false;
    if (source->order) {
        source->at = order_find(source->order, source->memtable, from);
        source->end = source->order->count;
        if (iterator->to.size)
            source->end = order_find(source->order, source->memtable, iterator->to);
        if (source->end < source->at)
            source->end = source->at;
        show_order(source, iterator->depth);
        return STATUS_OK;
    }
    uint32_t begin, end;
    sstable_range_blocks(source->table, from, iterator->to, &begin, &end);
    blocks_start(&source->blocks, source->table, iterator->cache, begin, end);
    return next_block(iterator, source, from, fault);
}

// ---- All of them -----------------------------------------------------------------------

// Compares two of which the heads are equal. The older one of the same key is hidden: the
// smallest key of all meets every other like it in the tree before it comes out.
static bool is_before(struct iterator *iterator, size_t a, size_t b)
{
    struct source *x = &iterator->sources[a], *y = &iterator->sources[b];
    if (x->is_done || y->is_done)
        return !x->is_done;
    int order = bytes_compare(x->entry.key, y->entry.key);
    if (order)
        return order < 0;
    (a < b ? y : x)->is_hidden = true;
    return a < b;
}

// Lets a source whose key has changed play on its way up.
static void play(struct iterator *iterator, size_t source)
{
    struct player winner = {iterator->sources[source].head, source};
    struct player *players = iterator->players;
    for (size_t at = (iterator->count + source) / 2; at; at /= 2) {
        struct player other = players[at];
        if (other.head > winner.head ||
            (other.head == winner.head && !is_before(iterator, other.source, winner.source)))
            continue;
        players[at] = winner;
        winner = other;
    }
    players[0] = winner;
}

// All play against each other; node `at` of the tree has children 2at and 2at + 1, and the
// sources are the leaves.
static struct player play_below(struct iterator *iterator, size_t at)
{
    if (at >= iterator->count) {
        size_t source = at - iterator->count;
        return (struct player){iterator->sources[source].head, source};
    }
    struct player a = play_below(iterator, 2 * at), b = play_below(iterator, 2 * at + 1);
    bool is_a = a.head != b.head ? a.head < b.head : is_before(iterator, a.source, b.source);
    iterator->players[at] = is_a ? b : a;
    return is_a ? a : b;
}

// Widens [least, largest] by what a source has.
static void widen(const struct source *source, struct bytes *least, struct bytes *largest)
{
    struct bytes first, last;
    if (source->order) {
        if (!source->order->count)
            return;
        first = order_entry(source->order, source->memtable, 0).key;
        last = order_entry(source->order, source->memtable, source->order->count - 1).key;
    } else {
        first = buf_bytes(&source->table->info.smallest);
        last = buf_bytes(&source->table->info.largest);
    }
    if (!largest->size || bytes_compare(first, *least) < 0)
        *least = first;
    if (!largest->size || bytes_compare(last, *largest) > 0)
        *largest = last;
}

// What all keys from the least to the largest begin with.
static size_t find_depth(const struct iterator *iterator, struct bytes from)
{
    struct bytes least = {0}, largest = {0};
    for (size_t i = 0; i < iterator->count; i++)
        widen(&iterator->sources[i], &least, &largest);
    if (bytes_compare(from, least) > 0)
        least = from;
    if (iterator->to.size && bytes_compare(iterator->to, largest) < 0)
        largest = iterator->to;
    return key_common_size(least, largest);
}

enum status iterator_seek(struct iterator *iterator, struct bytes from, struct fault *fault)
{
    iterator->depth = find_depth(iterator, from);
    iterator->is_shown = false;
    iterator->players =
        xrealloc(iterator->players, (iterator->count + 1) * sizeof *iterator->players);
    bool is_busy = false;
    for (size_t i = 0; i < iterator->count; i++) {
        enum status status = seek(iterator, &iterator->sources[i], from, fault);
        is_busy |= status == STATUS_BUSY;
        if (status && status != STATUS_BUSY)
            return status;
    }
    if (is_busy)
        return STATUS_BUSY;
    if (iterator->count)
        iterator->players[0] = play_below(iterator, 1);
    return STATUS_OK;
}

enum status iterator_next(struct iterator *iterator, struct entry *entry, struct fault *fault)
{
    if (!iterator->count)
        return STATUS_END;
    struct source *winner;
    do {
        if (iterator->is_shown) {
            size_t source = iterator->players[0].source;
            if (iterator->on_hidden && iterator->sources[source].is_hidden)
                iterator->on_hidden(iterator->context, &iterator->sources[source].entry);
            enum status status = advance(iterator, &iterator->sources[source], fault);
            if (status)
                return status;
            play(iterator, source);
        }
        iterator->is_shown = true;
        winner = &iterator->sources[iterator->players[0].source];
        if (winner->is_done) {
            iterator->is_shown = false;
            return STATUS_END;
        }
    } while (winner->is_hidden);
    *entry = winner->entry;
    return STATUS_OK;
}
