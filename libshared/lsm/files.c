#include "lsm/files.h"

#include "base/xalloc.h"

#include <stdlib.h>

void files_add_garbage(struct lsm *lsm, enum file_kind kind, uint64_t number)
{
    struct buf path = {0};
    file_path(&path, lsm->dir, kind, number);
    buf_append(&lsm->garbage, bytes_of(path.data, path.size + 1));
    buf_release(&path);
}

void files_drop_table(void *context, struct sstable *table)
{
    struct lsm *lsm = context;
    uint64_t number = table->info.number;
    if (table->ref_count == 1)
        cache_forget(&lsm->cache, table);
    if (sstable_release(table))
        files_add_garbage(lsm, FILE_TABLE, number);
}

struct value_file *files_add_values(struct lsm *lsm, uint64_t id, uint64_t size)
{
    for (size_t i = 0; i < lsm->value_file_count; i++) {
        if (lsm->value_files[i]->id == id) { // a segment from which all had gone
            lsm->value_files[i]->ref_count++;
            return lsm->value_files[i];
        }
    }
    struct value_file *file = xmalloc(sizeof *file);
    *file = (struct value_file){.ref_count = 1, .id = id, .size = size};
    lsm->value_files =
        xrealloc(lsm->value_files, (lsm->value_file_count + 1) * sizeof(struct value_file *));
    lsm->value_files[lsm->value_file_count++] = file;
    return file;
}

// A segment that the log still has is the log's to remove.
void files_drop_values(void *context, struct value_file *file)
{
    struct lsm *lsm = context;
    if (--file->ref_count)
        return;
    size_t i = 0;
    while (lsm->value_files[i] != file)
        i++;
    lsm->value_files[i] = lsm->value_files[--lsm->value_file_count];
    value_reader_forget(&lsm->values, file->id);
    enum file_kind kind = file->id & VALUE_IN_LOG ? FILE_LOG : FILE_VALUES;
    if (!files_is_of_log(lsm, file->id))
        files_add_garbage(lsm, kind, file->id & ~VALUE_IN_LOG);
    free(file);
}

bool files_keep_segment(const void *context, uint64_t number)
{
    const struct lsm *lsm = context;
    size_t i = 0;
    while (i < lsm->value_file_count && lsm->value_files[i]->id != (number | VALUE_IN_LOG))
        i++;
    return i < lsm->value_file_count;
}

void files_drop_version(struct lsm *lsm, struct version *version)
{
    version_release(version, &(struct version_drop){
                                 .context = lsm,
                                 .table = files_drop_table,
                                 .values = files_drop_values,
                             });
}
