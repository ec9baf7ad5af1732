#include "lsm/value/value_reader.h"

#include "lsm/value/value.h"

#include <inttypes.h>

static void close_handle(struct value_reader *reader, struct value_handle *handle)
{
    if (handle->file)
        reader->vfs->close(reader->vfs, handle->file);
    *handle = (struct value_handle){0};
}

// The handle of the file, or the one that was not used for longest.
static struct value_handle *find_handle(struct value_reader *reader, uint64_t id)
{
    struct value_handle *oldest = &reader->handles[0];
    for (size_t i = 0; i < VALUE_OPEN_MAX; i++) {
        struct value_handle *handle = &reader->handles[i];
        if (handle->file && handle->id == id)
            return handle;
        if (handle->use < oldest->use)
            oldest = handle;
    }
    return oldest;
}

static enum status open_handle(struct value_reader *reader, uint64_t id,
                               struct value_handle **opened, struct fault *fault)
{
    struct value_handle *handle = find_handle(reader, id);
    enum status status = STATUS_OK;
    if (!handle->file || handle->id != id) {
        struct buf path = {0};
        close_handle(reader, handle);
        value_path(&path, reader->dir, id);
        status = reader->vfs->open(reader->vfs, buf_text(&path), VFS_READ, &handle->file, fault);
        if (status == STATUS_NOT_FOUND)
            status = fault_set(fault, STATUS_CORRUPT, "%s: missing", buf_text(&path));
        if (status)
            handle->file = NULL;
        handle->id = id;
        buf_release(&path);
    }
    handle->use = ++reader->use;
    *opened = handle;
    return status;
}

static enum status refuse(const struct value_reader *reader, uint64_t place, struct fault *fault)
{
    struct buf path = {0};
    fault_set(fault, STATUS_CORRUPT, "%s: damaged value at offset %" PRIu64,
              value_path(&path, reader->dir, value_id(place)), place & UINT32_MAX);
    buf_release(&path);
    return STATUS_CORRUPT;
}

static struct read_place place_of(const struct value_pointer *pointer)
{
    uint64_t id = value_id(pointer->place);
    return (struct read_place){
        .kind = id & VALUE_IN_LOG ? FILE_LOG : FILE_VALUES,
        .number = id & ~VALUE_IN_LOG,
        .offset = pointer->place & UINT32_MAX,
        .size = pointer->size,
    };
}

enum status value_read_stored(struct value_reader *reader, const struct value_pointer *pointer,
                              struct buf *value, struct fault *fault)
{
    struct value_handle *handle;
    size_t size_read = 0;
    uint64_t file_size = 0;
    struct read_place place = place_of(pointer);
    buf_clear(value);
    enum status status = open_handle(reader, value_id(pointer->place), &handle, fault);
    if (!status)
        status = reader->vfs->size(reader->vfs, handle->file, &file_size, fault);
    if (!status && place.offset + place.size <= file_size)
        status = reads_read(reader->reads, reader->vfs, handle->file, &place,
                            buf_grow(value, pointer->size), &size_read, fault);
    if (status || (size_read == pointer->size &&
                   value_pointer_fits(pointer, buf_bytes(value), reader->database)))
        return status;
    return refuse(reader, pointer->place, fault);
}

enum status value_read(struct value_reader *reader, const struct value_pointer *pointer,
                       struct buf *value, struct fault *fault)
{
    if (!pointer->is_packed)
        return value_read_stored(reader, pointer, value, fault);
    enum status status = value_read_stored(reader, pointer, &reader->packed, fault);
    if (!status && !value_unpack(value, buf_bytes(&reader->packed)))
        status = refuse(reader, pointer->place, fault);
    return status;
}

void value_reader_forget(struct value_reader *reader, uint64_t id)
{
    for (size_t i = 0; i < VALUE_OPEN_MAX; i++) {
        if (reader->handles[i].file && reader->handles[i].id == id)
            close_handle(reader, &reader->handles[i]);
    }
}

void value_reader_release(struct value_reader *reader)
{
    for (size_t i = 0; i < VALUE_OPEN_MAX; i++)
        close_handle(reader, &reader->handles[i]);
    buf_release(&reader->packed);
}
