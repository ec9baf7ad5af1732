#include "lsm/value/value.h"

#include "base/endian.h"
#include "base/reader.h"
#include "base/search.h"
#include "base/xalloc.h"
#include "lsm/file/checksum.h"
#include "lsm/file/file_name.h"
#include "lsm/file/frame.h"
#include "lsm/file/pack.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

enum {
    WRITE_SIZE = 1 << 20,
};

#define POINTER_IS_PACKED ((uint32_t)1 << 31) // in the size

void value_pointer_encode(struct buf *out, const struct value_pointer *pointer)
{
    buf_append_u64(out, pointer->place);
    buf_append_u32(out, pointer->size | (pointer->is_packed ? POINTER_IS_PACKED : 0));
    buf_append_u64(out, pointer->checksum);
}

bool value_pointer_decode(struct value_pointer *pointer, struct bytes bytes)
{
    if (bytes.size != VALUE_POINTER_SIZE)
        return false;
    *pointer = (struct value_pointer){
        .place = load_u64(bytes.data),
        .size = load_u32(bytes.data + 8) & ~POINTER_IS_PACKED,
        .is_packed = load_u32(bytes.data + 8) & POINTER_IS_PACKED,
        .checksum = load_u64(bytes.data + 12),
    };
    return true;
}

static uint64_t checksum_of(struct bytes value, uint64_t place, uint64_t database)
{
    return checksum_at(value, database, value_id(place), place & UINT32_MAX);
}

struct value_pointer value_point(const struct entry *entry, uint64_t place, uint64_t database)
{
    return (struct value_pointer){
        .place = place,
        .size = (uint32_t)entry->value.size,
        .is_packed = entry->is_packed,
        .checksum = checksum_of(entry->value, place, database),
    };
}

const char *value_path(struct buf *path, const char *dir, uint64_t id)
{
    enum file_kind kind = id & VALUE_IN_LOG ? FILE_LOG : FILE_VALUES;
    return file_path(path, dir, kind, id & ~VALUE_IN_LOG);
}

// ---- Packing ---------------------------------------------------------------------------

bool value_pack(struct buf *out, struct bytes value)
{
    size_t begin_size = out->size;
    buf_append_u32(out, (uint32_t)value.size);
    bool is_packed = pack_encode(out, value, PACK_FAST);
    if (!is_packed)
        out->size = begin_size;
    return is_packed;
}

bool value_unpack(struct buf *value, struct bytes packed)
{
    struct reader reader = reader_of(packed);
    size_t size = reader_u32(&reader);
    struct bytes rest = bytes_of(reader.at, reader_left(&reader));
    buf_clear(value);
    return !reader.bad && pack_may_have(size, rest.size) &&
           pack_decode(rest, buf_grow(value, size), size);
}

// ---- Counting --------------------------------------------------------------------------

static size_t find_count(const struct value_counts *counts, uint64_t id)
{
    return search_number(counts->counts, counts->count, sizeof *counts->counts, id);
}

void value_counts_add(struct value_counts *counts, uint64_t id, uint64_t size)
{
    size_t at = find_count(counts, id);
    if (at == counts->count || counts->counts[at].id != id) {
        counts->counts = xrealloc(counts->counts, (counts->count + 1) * sizeof *counts->counts);
        memmove(counts->counts + at + 1, counts->counts + at,
                (counts->count - at) * sizeof *counts->counts);
        counts->counts[at] = (struct value_count){.id = id};
        counts->count++;
    }
    counts->counts[at].size += size;
}

uint64_t value_counts_find(const struct value_counts *counts, uint64_t id)
{
    size_t at = find_count(counts, id);
    return at < counts->count && counts->counts[at].id == id ? counts->counts[at].size : 0;
}

void value_counts_release(struct value_counts *counts)
{
    free(counts->counts);
    *counts = (struct value_counts){0};
}

// ---- Reading ---------------------------------------------------------------------------

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
    if (status ||
        (size_read == pointer->size &&
         checksum_of(buf_bytes(value), pointer->place, reader->database) == pointer->checksum))
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

// ---- Writing ---------------------------------------------------------------------------

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
