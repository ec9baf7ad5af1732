#include "lsm/value/value_writer.h"

#include "lsm/file/frame.h"

#include <assert.h>

enum {
    WRITE_SIZE = 1 << 20,
};

static enum status begin_file(struct value_writer *writer, struct fault *fault)
{
    struct buf path = {0};
    assert(writer->next_file < writer->file_end);
    writer->id = writer->next_file++;
    writer->offset = 0;
    buf_clear(&writer->out);
    uint8_t *header = buf_grow(&writer->out, VALUE_FILE_START);
    memset(header, 0, VALUE_FILE_START);
    frame_file_encode(header, &(struct frame_file){
                                  .kind = FRAME_FILE_VALUES,
                                  .database = writer->database,
                                  .number = writer->id,
                              });
    value_counts_add(&writer->written, writer->id, 0); // it is ours to remove
    enum status status =
        writer->vfs->open(writer->vfs, value_path(&path, writer->dir, writer->id),
                          VFS_WRITE | VFS_CREATE | VFS_EXCLUSIVE, &writer->file, fault);
    buf_release(&path);
    return status;
}

static enum status write_out(struct value_writer *writer, struct fault *fault)
{
    enum status status = writer->vfs->write(writer->vfs, writer->file, writer->offset,
                                            buf_bytes(&writer->out), fault);
    writer->offset += writer->out.size;
    buf_clear(&writer->out);
    return status;
}

static enum status end_file(struct value_writer *writer, struct fault *fault)
{
    enum status status = write_out(writer, fault);
    if (!status)
        status = writer->vfs->sync(writer->vfs, writer->file, fault);
    writer->vfs->close(writer->vfs, writer->file);
    writer->file = NULL;
    return status;
}

enum status value_writer_add(struct value_writer *writer, const struct entry *entry,
                             struct value_pointer *pointer, struct fault *fault)
{
    struct bytes value = entry->value;
    enum status status = STATUS_OK;
    if (writer->file &&
        writer->offset + writer->out.size + value.size + VALUE_ALIGN > VALUE_FILE_SIZE_MAX &&
        writer->next_file < writer->file_end)
        status = end_file(writer, fault);
    if (!status && !writer->file)
        status = begin_file(writer, fault);
    if (status)
        return status;
    uint64_t place = writer->id << 32 | (writer->offset + writer->out.size);
    *pointer = value_point(entry, place, writer->database);
    buf_append(&writer->out, value);
    size_t padding = (VALUE_ALIGN - value.size % VALUE_ALIGN) % VALUE_ALIGN;
    if (padding)
        memset(buf_grow(&writer->out, padding), 0, padding);
    value_counts_add(&writer->written, writer->id, value.size);
    return writer->out.size < WRITE_SIZE ? STATUS_OK : write_out(writer, fault);
}

enum status value_writer_finish(struct value_writer *writer, struct fault *fault)
{
    return writer->file ? end_file(writer, fault) : STATUS_OK;
}

void value_writer_abort(struct value_writer *writer)
{
    struct buf path = {0};
    if (writer->file)
        writer->vfs->close(writer->vfs, writer->file);
    writer->file = NULL;
    for (size_t i = 0; i < writer->written.count; i++)
        writer->vfs->remove(writer->vfs,
                            value_path(&path, writer->dir, writer->written.counts[i].id), NULL);
    buf_release(&path);
    value_writer_release(writer);
}

void value_writer_release(struct value_writer *writer)
{
    if (writer->file)
        writer->vfs->close(writer->vfs, writer->file);
    writer->file = NULL;
    buf_release(&writer->out);
    value_counts_release(&writer->written);
}
