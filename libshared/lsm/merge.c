#include "lsm/merge.h"

#include "base/xalloc.h"

#include <stdlib.h>

size_t merge_choose(const struct version *version, size_t run_count_max)
{
    const struct run *runs = version->runs;
    size_t count = version->run_count;
    if (count < 2 || count < run_count_max)
        return 0;
    size_t least = (count + 1) / 2 < 2 ? 2 : (count + 1) / 2;
    uint64_t size = 0;
    size_t i = 0;
    while (i < count && (i < least || runs[i].size <= 2 * size))
        size += runs[i++].size;
    return i;
}

enum status merge_init(struct merge *merge, const struct version *version, size_t run_count,
                       struct fault *fault)
{
    *merge = (struct merge){.is_oldest = run_count == version->run_count};
    size_t table_count = 0;
    for (size_t i = 0; i < run_count; i++) {
        table_count += version->runs[i].count;
        merge->size += version->runs[i].size;
    }
    merge->tables = xmalloc(table_count * sizeof(struct sstable *));
    for (size_t i = 0; i < table_count; i++) {
        struct sstable *table = version->tables[i];
        enum status status = sstable_pin(table, fault);
        if (status) {
            merge_release(merge);
            return status;
        }
        merge->tables[merge->table_count++] = sstable_retain(table);
    }
    size_t begin = 0;
    for (size_t i = 0; i < run_count; i++) {
        iterator_add_run(&merge->iterator, merge->tables + begin, version->runs[i].count);
        begin += version->runs[i].count;
    }
    return STATUS_OK;
}

enum status merge_step(struct merge *merge, uint64_t size, struct fault *fault)
{
    enum status status = STATUS_OK;
    if (!merge->is_started)
        status = iterator_seek(&merge->iterator, (struct bytes){0}, fault);
    merge->is_started = true;
    uint64_t end = run_writer_size(&merge->writer) + size;
    while (!status && run_writer_size(&merge->writer) < end) {
        struct entry entry;
        status = iterator_next(&merge->iterator, &entry, fault);
        if (!status && (!entry.is_deleted || !merge->is_oldest))
            status = run_writer_add(&merge->writer, &entry, fault);
    }
    if (status == STATUS_END) {
        merge->is_done = true;
        status = run_writer_finish(&merge->writer, fault);
    }
    if (status)
        run_writer_abort(&merge->writer);
    return status;
}

void merge_release(struct merge *merge)
{
    iterator_release(&merge->iterator);
    for (size_t i = 0; i < merge->table_count; i++) {
        sstable_unpin(merge->tables[i]);
        sstable_release(merge->tables[i]);
    }
    free(merge->tables);
    run_writer_release(&merge->writer);
    *merge = (struct merge){0};
}
