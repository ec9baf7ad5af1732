#include "lsm/merge/walk.h"

void walk_release(struct walk *walk)
{
    iterator_release(&walk->iterator);
}

// Begins the range at `index` where the walk comes into it.
static enum status enter(struct walk *walk, struct fault *fault)
{
    const struct range *range = &walk->version->ranges[walk->index];
    struct bytes begin = buf_bytes(&range->begin);
    if (bytes_compare(begin, walk->from) < 0)
        begin = walk->from;
    walk->end = version_range_end(walk->version, walk->index);
    if (walk->to.size && (!walk->end.size || bytes_compare(walk->to, walk->end) < 0))
        walk->end = walk->to;
    iterator_release(&walk->iterator);
    walk->iterator.cache = walk->cache;
    walk->iterator.on_hidden = walk->on_hidden;
    walk->iterator.context = walk->context;
    walk->iterator.to = walk->end;
    for (size_t i = 0; i < walk->order_count; i++)
        iterator_add_order(&walk->iterator, walk->orders[i].memtable, walk->orders[i].order);
    for (size_t s = 0; s < range->count && s < walk->slice_count; s++)
        iterator_add_table(&walk->iterator, range->slices[s].table);
    return iterator_seek(&walk->iterator, begin, fault);
}

// Goes on to the next range. END behind the last one.
static enum status leave(struct walk *walk, struct fault *fault)
{
    bool is_last = walk->index + 1 == walk->version->count;
    if (is_last || (walk->to.size && bytes_equal(walk->end, walk->to)))
        return STATUS_END;
    walk->index++;
    return enter(walk, fault);
}

enum status walk_next(struct walk *walk, struct entry *entry, struct fault *fault)
{
    enum status status = STATUS_OK;
    if (!walk->is_begun) {
        walk->is_begun = true;
        walk->index = version_find(walk->version, walk->from);
        status = enter(walk, fault);
    }
    while (!status) {
        status = iterator_next(&walk->iterator, entry, fault);
        if (!status)
            return STATUS_OK;
        if (status == STATUS_END)
            status = leave(walk, fault);
    }
    return status;
}
