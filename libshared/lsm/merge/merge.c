#include "lsm/merge/merge.h"

#include "base/xalloc.h"

#include <stdlib.h>

enum {
    STEP_ENTRY_COUNT = 1 << 16, // read at most, even if little is written
};

static bool has_table(const struct merge *merge, const struct sstable *table)
{
    size_t i = 0;
    while (i < merge->table_count && merge->tables[i] != table)
        i++;
    return i < merge->table_count;
}

static enum status add_inputs(struct merge *merge, const struct range *range, size_t slice_count,
                              struct fault *fault)
{
    enum status status = STATUS_OK;
    for (size_t s = 0; s < slice_count && !status; s++) {
        merge->size += range->slices[s].size;
        if (has_table(merge, range->slices[s].table))
            continue;
        merge->tables =
            xrealloc(merge->tables, (merge->table_count + 1) * sizeof(struct sstable *));
        status = sstable_pin(range->slices[s].table, fault);
        if (status)
            merge->unreadable = range->slices[s].table;
        else
            merge->tables[merge->table_count++] = range->slices[s].table;
    }
    return status;
}

// Counts the large values of the input: pointed to less, and by the output more.
static void count_input(void *context, const struct entry *entry)
{
    struct merge *merge = context;
    struct value_pointer pointer;
    if (entry->is_pointer && value_pointer_decode(&pointer, entry->value))
        value_counts_add(&merge->input_values, value_id(pointer.place), pointer.size);
}

// `merge` has its span; the input is what the ranges first..last have in it.
static enum status init(struct merge *merge, struct version *version, size_t first, size_t last,
                        size_t slice_count, struct fault *fault)
{
    enum status status = STATUS_OK;
    merge->version = version_retain(version);
    merge->walk = (struct walk){
        .version = version,
        .from = buf_bytes(&merge->span.begin),
        .to = buf_bytes(&merge->span.end),
        .slice_count = slice_count,
        .on_hidden = count_input,
        .context = merge,
    };
    for (size_t i = first; i <= last && !status; i++) {
        const struct range *range = &version->ranges[i];
        size_t count = slice_count < range->count ? slice_count : range->count;
        merge->walk.index = i;
        status = add_inputs(merge, range, count, fault);
    }
    return status;
}

enum status merge_init(struct merge *merge, struct version *version,
                       const struct compaction_choice *choice, struct fault *fault)
{
    *merge = (struct merge){.is_bottom = choice->is_bottom};
    size_t last = choice->first_range + choice->range_count - 1;
    buf_set(&merge->span.begin, buf_bytes(&version->ranges[choice->first_range].begin));
    buf_set(&merge->span.end, version_range_end(version, last));
    return init(merge, version, choice->first_range, last,
                choice->is_bottom ? SIZE_MAX : choice->slice_count, fault);
}

enum status merge_init_drop(struct merge *merge, struct version *version, struct bytes begin,
                            struct bytes end, struct fault *fault)
{
    *merge = (struct merge){.is_bottom = true, .is_drop = true};
    buf_set(&merge->span.begin, begin);
    buf_set(&merge->span.end, end);
    size_t first = version_find(version, begin), last = version->count - 1;
    if (end.size)
        last = version_find(version, end);
    if (last > first && bytes_equal(buf_bytes(&version->ranges[last].begin), end))
        last--;
    enum status status = init(merge, version, first, last, SIZE_MAX, fault);
    merge->is_done = !status && !version->value_count; // there is nothing to count
    return status;
}

static bool is_kept(struct merge *merge, const struct entry *entry)
{
    if (!merge->is_bottom)
        return true;
    return !entry->is_deleted && !merge->is_drop;
}

// Writes an entry; a large value in a file that is to be emptied goes into a new one.
static enum status add(struct merge *merge, struct entry *entry, struct fault *fault)
{
    struct value_pointer pointer;
    if (!entry->is_pointer || !value_pointer_decode(&pointer, entry->value) ||
        !value_counts_find(&merge->moving, value_id(pointer.place)))
        return run_writer_add(&merge->writer, entry, fault);
    enum status status = value_read_stored(&merge->reader, &pointer, &merge->value, fault);
    if (status)
        return status;
    entry->value = buf_bytes(&merge->value);
    entry->is_pointer = false;
    entry->is_packed = pointer.is_packed;
    return run_writer_add_large(&merge->writer, entry, fault);
}

enum status merge_step(struct merge *merge, uint64_t size, struct fault *fault)
{
    enum status status = STATUS_OK;
    uint64_t end = run_writer_size(&merge->writer) + size;
    for (unsigned i = 0; !status && i < STEP_ENTRY_COUNT; i++) {
        if (run_writer_size(&merge->writer) >= end)
            break;
        struct entry entry;
        status = walk_next(&merge->walk, &entry, fault);
        if (!status)
            count_input(merge, &entry);
        if (!status && is_kept(merge, &entry))
            status = add(merge, &entry, fault);
    }
    if (status == STATUS_END) {
        merge->has_ended = true;
        status = run_writer_finish(&merge->writer, fault);
    }
    if (status)
        run_writer_abort(&merge->writer);
    return status;
}

struct version *merge_release(struct merge *merge)
{
    struct version *version = merge->version;
    walk_release(&merge->walk);
    for (size_t i = 0; i < merge->table_count; i++)
        sstable_unpin(merge->tables[i]);
    free(merge->tables);
    buf_release(&merge->span.begin);
    buf_release(&merge->span.end);
    value_counts_release(&merge->moving);
    value_counts_release(&merge->input_values);
    value_reader_release(&merge->reader);
    buf_release(&merge->value);
    run_writer_release(&merge->writer);
    *merge = (struct merge){0};
    return version;
}
