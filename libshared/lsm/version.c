#include "lsm/version.h"

#include "base/xalloc.h"

#include <assert.h>
#include <stdlib.h>

void version_add_take(struct version *version, struct sstable *table)
{
    version->tables =
        xrealloc(version->tables, (version->table_count + 1) * sizeof(struct sstable *));
    version->tables[version->table_count++] = table;
}

void version_remove(struct version *version, const struct sstable *table)
{
    size_t i = 0;
    while (version->tables[i] != table)
        i++;
    version->tables[i] = version->tables[--version->table_count];
}

static int compare(const void *a, const void *b)
{
    const struct sstable_info *x = &(*(struct sstable *const *)a)->info;
    const struct sstable_info *y = &(*(struct sstable *const *)b)->info;
    if (x->run != y->run)
        return x->run > y->run ? -1 : 1;
    return bytes_compare(buf_bytes(&x->smallest), buf_bytes(&y->smallest));
}

bool version_update(struct version *version)
{
    if (version->table_count)
        qsort(version->tables, version->table_count, sizeof(struct sstable *), compare);
    free(version->runs);
    version->runs = NULL;
    version->run_count = 0;
    bool is_valid = true;
    struct run *run = NULL;
    for (size_t i = 0; i < version->table_count; i++) {
        const struct sstable_info *info = &version->tables[i]->info;
        if (!run || run->number != info->run) {
            version->runs =
                xrealloc(version->runs, (version->run_count + 1) * sizeof *version->runs);
            run = &version->runs[version->run_count++];
            *run = (struct run){.number = info->run, .tables = &version->tables[i]};
        } else {
            const struct sstable_info *before = &version->tables[i - 1]->info;
            is_valid &= bytes_compare(buf_bytes(&before->greatest), buf_bytes(&info->smallest)) < 0;
        }
        run->count++;
        run->size += info->size;
    }
    return is_valid;
}

void version_release(struct version *version)
{
    for (size_t i = 0; i < version->table_count; i++)
        sstable_release(version->tables[i]);
    free(version->tables);
    free(version->runs);
    *version = (struct version){0};
}

size_t run_find_from(const struct run *run, struct bytes from)
{
    size_t low = 0, high = run->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (bytes_compare(buf_bytes(&run->tables[middle]->info.greatest), from) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct sstable *run_find(const struct run *run, struct bytes key)
{
    size_t i = run_find_from(run, key);
    if (i == run->count || bytes_compare(buf_bytes(&run->tables[i]->info.smallest), key) > 0)
        return NULL;
    return run->tables[i];
}
