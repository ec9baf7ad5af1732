#include "lsm/iterator.h"

#include "base/endian.h"
#include "base/xalloc.h"

#include <stdlib.h>

struct source {
    size_t rank;   // 0 is the newest
    uint64_t head; // first eight bytes of the key
    struct entry entry;

    const struct memtable *memtable; // of an order
    const struct order *order;
    size_t at; // in the order, or in the tables

    struct sstable *const *tables; // of a run
    size_t table_count;
    uint32_t block_at;
    uint32_t entry_at;
    struct block *block;
    struct buf key;
};

static struct source *add_source(struct iterator *iterator)
{
    iterator->sources =
        xrealloc(iterator->sources, (iterator->count + 1) * sizeof *iterator->sources);
    struct source *source = &iterator->sources[iterator->count];
    *source = (struct source){.rank = iterator->count++};
    return source;
}

void iterator_add_order(struct iterator *iterator, const struct memtable *memtable,
                        const struct order *order)
{
    struct source *source = add_source(iterator);
    source->memtable = memtable;
    source->order = order;
}

void iterator_add_run(struct iterator *iterator, struct sstable *const *tables, size_t count)
{
    struct source *source = add_source(iterator);
    source->tables = tables;
    source->table_count = count;
}

void iterator_release(struct iterator *iterator)
{
    for (size_t i = 0; i < iterator->count; i++) {
        block_release(iterator->sources[i].block);
        buf_release(&iterator->sources[i].key);
    }
    free(iterator->sources);
    free(iterator->heap);
    *iterator = (struct iterator){0};
}

// ---- One source ----------------------------------------------------------------------

static void set_entry(struct source *source, struct entry entry)
{
    source->entry = entry;
    uint8_t head[8] = {0};
    memcpy(head, entry.key.data, entry.key.size < 8 ? entry.key.size : 8);
    source->head = load_u64_be(head);
}

static enum status show_order(struct source *source)
{
    if (source->at == source->order->count)
        return STATUS_END;
    set_entry(source, order_entry(source->order, source->memtable, source->at));
    return STATUS_OK;
}

static enum status load_block(struct iterator *iterator, struct source *source, struct fault *fault)
{
    struct sstable *table = source->tables[source->at];
    block_release(source->block);
    source->block = NULL;
    if (iterator->cache)
        return cache_read(iterator->cache, table, source->block_at, false, &source->block, fault);
    return sstable_read_block(table, source->block_at, &source->block, fault);
}

// Shows the entry at the place, which may be just behind its block or its table.
static enum status show_run(struct iterator *iterator, struct source *source, struct fault *fault)
{
    while (source->at < source->table_count) {
        if (source->block && source->entry_at < source->block->count) {
            block_key(source->block, source->entry_at, &source->key);
            set_entry(source, (struct entry){
                                  .key = buf_bytes(&source->key),
                                  .value = block_value(source->block, source->entry_at),
                                  .is_deleted = block_is_deleted(source->block, source->entry_at),
                              });
            return STATUS_OK;
        }
        source->block_at += source->block != NULL;
        source->entry_at = 0;
        if (source->block_at == source->tables[source->at]->block_count) {
            source->at++;
            source->block_at = 0;
            block_release(source->block);
            source->block = NULL;
            if (source->at == source->table_count)
                break;
        }
        enum status status = load_block(iterator, source, fault);
        if (status)
            return status;
    }
    return STATUS_END;
}

static enum status seek(struct iterator *iterator, struct source *source, struct bytes from,
                        struct fault *fault)
{
    if (source->order) {
        source->at = order_find(source->order, source->memtable, from);
        return show_order(source);
    }
    source->at = 0;
    while (source->at < source->table_count &&
           bytes_compare(buf_bytes(&source->tables[source->at]->info.greatest), from) < 0)
        source->at++;
    if (source->at == source->table_count)
        return STATUS_END;
    source->block_at = sstable_find_block(source->tables[source->at], from);
    enum status status = load_block(iterator, source, fault);
    if (status)
        return status;
    bool is_equal;
    source->entry_at = block_find(source->block, from, &is_equal);
    return show_run(iterator, source, fault);
}

static enum status advance(struct iterator *iterator, struct source *source, struct fault *fault)
{
    if (source->order) {
        source->at++;
        return show_order(source);
    }
    source->entry_at++;
    return show_run(iterator, source, fault);
}

// ---- All of them -----------------------------------------------------------------------

static bool is_before(const struct source *a, const struct source *b)
{
    if (a->head != b->head)
        return a->head < b->head;
    int order = bytes_compare(a->entry.key, b->entry.key);
    return order ? order < 0 : a->rank < b->rank;
}

static void sift_down(struct iterator *iterator, size_t at)
{
    struct source **heap = iterator->heap;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= iterator->heap_count)
            return;
        if (child + 1 < iterator->heap_count && is_before(heap[child + 1], heap[child]))
            child++;
        if (is_before(heap[at], heap[child]))
            return;
        struct source *swap = heap[at];
        heap[at] = heap[child];
        heap[child] = swap;
        at = child;
    }
}

// Puts the current source, which has moved on, back into the heap.
static void push(struct iterator *iterator, struct source *source)
{
    struct source **heap = iterator->heap;
    size_t at = iterator->heap_count++;
    heap[at] = source;
    while (at && is_before(heap[at], heap[(at - 1) / 2])) {
        struct source *swap = heap[at];
        heap[at] = heap[(at - 1) / 2];
        heap[(at - 1) / 2] = swap;
        at = (at - 1) / 2;
    }
}

static void pop(struct iterator *iterator)
{
    iterator->heap[0] = iterator->heap[--iterator->heap_count];
    sift_down(iterator, 0);
}

enum status iterator_seek(struct iterator *iterator, struct bytes from, struct fault *fault)
{
    iterator->heap = xrealloc(iterator->heap, (iterator->count + 1) * sizeof(struct source *));
    iterator->heap_count = 0;
    iterator->current = NULL;
    for (size_t i = 0; i < iterator->count; i++) {
        enum status status = seek(iterator, &iterator->sources[i], from, fault);
        if (status == STATUS_OK)
            push(iterator, &iterator->sources[i]);
        else if (status != STATUS_END)
            return status;
    }
    return STATUS_OK;
}

enum status iterator_next(struct iterator *iterator, struct entry *entry, struct fault *fault)
{
    struct source *current = iterator->current;
    if (current) {
        enum status status = advance(iterator, current, fault);
        if (status && status != STATUS_END)
            return status;
        iterator->current = NULL;
        if (!status)
            push(iterator, current);
    }
    if (!iterator->heap_count)
        return STATUS_END;
    current = iterator->heap[0];
    pop(iterator);
    // Older sources that have the key too are passed over while it still stands.
    while (iterator->heap_count && iterator->heap[0]->head == current->head &&
           bytes_equal(iterator->heap[0]->entry.key, current->entry.key)) {
        enum status status = advance(iterator, iterator->heap[0], fault);
        if (status == STATUS_END)
            pop(iterator);
        else if (status)
            return status;
        else
            sift_down(iterator, 0);
    }
    iterator->current = current;
    *entry = current->entry;
    return STATUS_OK;
}
