#include "lsm/files.h"

#include "base/xalloc.h"

#include <stdlib.h>

void files_release(struct files *files)
{
    sstable_files_release(&files->tables);
    free(files->values);
    buf_release(&files->garbage);
}

void files_add_garbage(struct files *files, enum file_kind kind, uint64_t number)
{
    struct buf path = {0};
    file_path(&path, files->dir, kind, number);
    buf_append(&files->garbage, bytes_of(path.data, path.size + 1));
    buf_release(&path);
}

void files_drop_table(void *context, struct sstable *table)
{
    struct files *files = context;
    uint64_t number = table->info.number;
    if (table->ref_count == 1)
        cache_forget(files->cache, table);
    if (sstable_release(table))
        files_add_garbage(files, FILE_TABLE, number);
}

struct value_file *files_add_values(struct files *files, uint64_t id, uint64_t size)
{
    for (size_t i = 0; i < files->value_count; i++) {
        if (files->values[i]->id == id) { // a segment from which all had gone
            files->values[i]->ref_count++;
            return files->values[i];
        }
    }
    struct value_file *file = xmalloc(sizeof *file);
    *file = (struct value_file){.ref_count = 1, .id = id, .size = size};
    files->values = xrealloc(files->values, (files->value_count + 1) * sizeof(struct value_file *));
    files->values[files->value_count++] = file;
    return file;
}

// A segment that the log still has is the log's to remove.
void files_drop_values(void *context, struct value_file *file)
{
    struct files *files = context;
    if (--file->ref_count)
        return;
    size_t i = 0;
    while (files->values[i] != file)
        i++;
    files->values[i] = files->values[--files->value_count];
    value_reader_forget(files->reader, file->id);
    enum file_kind kind = file->id & VALUE_IN_LOG ? FILE_LOG : FILE_VALUES;
    if (!files_is_of_log(files, file->id))
        files_add_garbage(files, kind, file->id & ~VALUE_IN_LOG);
    free(file);
}

bool files_keep_segment(const void *context, uint64_t number)
{
    const struct files *files = context;
    size_t i = 0;
    while (i < files->value_count && files->values[i]->id != (number | VALUE_IN_LOG))
        i++;
    return i < files->value_count;
}

void files_drop_version(struct files *files, struct version *version)
{
    version_release(version, &(struct version_drop){
                                 .context = files,
                                 .table = files_drop_table,
                                 .values = files_drop_values,
                             });
}
