#include "lsm/table/run_writer.h"

#include "base/xalloc.h"
#include "lsm/file/file_name.h"

#include <assert.h>
#include <stdlib.h>

static enum status finish_table(struct run_writer *writer, struct fault *fault)
{
    struct sstable_info info;
    enum status status = sstable_writer_finish(&writer->table, &info, fault);
    if (status)
        return status;
    writer->is_open = false;
    info.run = writer->run;
    writer->infos = xrealloc(writer->infos, (writer->count + 1) * sizeof *writer->infos);
    writer->infos[writer->count++] = info;
    writer->size += info.size;
    return STATUS_OK;
}

// Whether the key lies behind all that was added. If not, a table was read whose keys are out of
// order behind good checksums.
static bool ascends(const struct run_writer *writer, struct bytes key)
{
    struct bytes last = {0};
    if (writer->is_open)
        last = sstable_writer_last(&writer->table);
    else if (writer->count)
        last = buf_bytes(&writer->infos[writer->count - 1].largest);
    return !last.size || bytes_compare(last, key) < 0;
}

enum status run_writer_add(struct run_writer *writer, const struct entry *entry,
                           struct fault *fault)
{
    enum status status = STATUS_OK;
    if (!ascends(writer, entry->key))
        return fault_set(fault, STATUS_CORRUPT, "%s: a table whose keys do not ascend",
                         writer->dir);
    if (writer->is_open && sstable_writer_weight(&writer->table) >= writer->table_size_max &&
        writer->next_file < writer->file_end)
        status = finish_table(writer, fault);
    if (!status && !writer->is_open) {
        assert(writer->next_file < writer->file_end);
        writer->is_open = true;
        status =
            sstable_writer_open(&writer->table, writer->vfs, writer->dir, writer->next_file++,
                                writer->database, writer->block_size, writer->filter_bits, fault);
    }
    if (!status)
        status = sstable_writer_add(&writer->table, entry, fault);
    struct value_pointer pointer;
    if (!status && entry->is_pointer && value_pointer_decode(&pointer, entry->value))
        value_counts_add(&writer->pointed, value_id(pointer.place), pointer.size);
    return status;
}

enum status run_writer_add_pointer(struct run_writer *writer, struct bytes key,
                                   const struct value_pointer *pointer, struct fault *fault)
{
    buf_clear(&writer->pointer);
    value_pointer_encode(&writer->pointer, pointer);
    struct entry entry = {.key = key, .value = buf_bytes(&writer->pointer), .is_pointer = true};
    return run_writer_add(writer, &entry, fault);
}

enum status run_writer_add_large(struct run_writer *writer, const struct entry *entry,
                                 struct fault *fault)
{
    struct value_pointer pointer;
    enum status status = value_writer_add(&writer->values, entry, &pointer, fault);
    return status ? status : run_writer_add_pointer(writer, entry->key, &pointer, fault);
}

uint64_t run_writer_size(const struct run_writer *writer)
{
    uint64_t size = writer->size + (writer->is_open ? sstable_writer_size(&writer->table) : 0);
    for (size_t i = 0; i < writer->values.written.count; i++)
        size += writer->values.written.counts[i].size;
    return size;
}

static enum status open_tables(struct run_writer *writer, struct fault *fault)
{
    enum status status = STATUS_OK;
    writer->tables = xcalloc(writer->count + 1, sizeof(struct sstable *));
    for (size_t i = 0; i < writer->count && !status; i++)
        status = sstable_open(&writer->tables[i], writer->vfs, writer->dir, writer->database,
                              &writer->infos[i], fault);
    return status;
}

enum status run_writer_finish(struct run_writer *writer, struct fault *fault)
{
    enum status status = STATUS_OK;
    if (writer->is_open)
        status = finish_table(writer, fault);
    if (!status)
        status = value_writer_finish(&writer->values, fault);
    if (!status && writer->count)
        status = writer->vfs->sync_dir(writer->vfs, writer->dir, fault);
    return status ? status : open_tables(writer, fault);
}

static void release_tables(struct run_writer *writer)
{
    for (size_t i = 0; i < writer->count && writer->tables; i++) {
        if (writer->tables[i])
            sstable_release(writer->tables[i]);
    }
    free(writer->tables);
    writer->tables = NULL;
}

void run_writer_abort(struct run_writer *writer)
{
    sstable_writer_abort(&writer->table);
    writer->is_open = false;
    release_tables(writer);
    value_writer_abort(&writer->values);
    struct buf path = {0};
    for (size_t i = 0; i < writer->count; i++)
        writer->vfs->remove(
            writer->vfs, file_path(&path, writer->dir, FILE_TABLE, writer->infos[i].number), NULL);
    buf_release(&path);
    run_writer_release(writer);
}

void run_writer_release(struct run_writer *writer)
{
    if (writer->is_open)
        sstable_writer_abort(&writer->table); // half a table is of no use
    writer->is_open = false;
    release_tables(writer);
    for (size_t i = 0; i < writer->count; i++)
        sstable_info_release(&writer->infos[i]);
    free(writer->infos);
    value_writer_release(&writer->values);
    value_counts_release(&writer->pointed);
    buf_release(&writer->pointer);
    writer->infos = NULL;
    writer->count = 0;
    writer->size = 0;
}
