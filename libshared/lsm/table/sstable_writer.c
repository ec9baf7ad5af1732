#include "lsm/table/sstable_writer.h"

#include "base/endian.h"
#include "base/hash.h"
#include "lsm/entry/key.h"
#include "lsm/file/file_name.h"
#include "lsm/table/filter.h"
#include "lsm/table/sstable_footer.h"
#include "lsm/value/value.h"
#include "lsm/value/value_pointer.h"

#include <assert.h>

enum {
    WRITE_SIZE = 1 << 20,
};

static void release(struct sstable_writer *writer)
{
    if (writer->file)
        writer->vfs->close(writer->vfs, writer->file);
    buf_release(&writer->path);
    buf_release(&writer->out);
    block_builder_release(&writer->block);
    buf_release(&writer->index);
    buf_release(&writer->last_key);
    buf_release(&writer->separator);
    buf_release(&writer->hashes);
    buf_release(&writer->sample);
    sstable_info_release(&writer->info);
    *writer = (struct sstable_writer){0};
}

static enum status write_out(struct sstable_writer *writer, struct fault *fault)
{
    struct bytes bytes = buf_bytes(&writer->out);
    enum status status =
        writer->vfs->write(writer->vfs, writer->file, writer->offset, bytes, fault);
    writer->offset += bytes.size;
    buf_clear(&writer->out);
    return status;
}

// Stores bytes as a block at the end of the file.
static struct sstable_part store(struct sstable_writer *writer, struct bytes raw)
{
    uint64_t begin = sstable_writer_size(writer);
    block_store(&writer->out, raw,
                (struct block_place){writer->database, writer->info.number, begin});
    return (struct sstable_part){begin, sstable_writer_size(writer) - begin};
}

static enum status finish_block(struct sstable_writer *writer, struct fault *fault)
{
    buf_set(&writer->last_key, block_builder_last(&writer->block));
    struct sstable_part block = store(writer, block_builder_finish(&writer->block));
    buf_append_u64(&writer->index, block.offset);
    buf_append_u32(&writer->index, (uint32_t)block.size);
    buf_append_short(&writer->index, buf_bytes(&writer->separator));
    writer->block_count++;
    return writer->out.size < WRITE_SIZE ? STATUS_OK : write_out(writer, fault);
}

// The shortest bytes above the last key of the block before, and not above this key.
static void set_separator(struct sstable_writer *writer, struct bytes key)
{
    // Up to the byte that makes the difference. Keys ascend, so there is one.
    struct bytes last = buf_bytes(&writer->last_key);
    size_t size = writer->block_count ? key_common_size(last, key) + 1 : 0;
    buf_set(&writer->separator, bytes_of(key.data, size < key.size ? size : key.size));
}

enum status sstable_writer_open(struct sstable_writer *writer, struct vfs *vfs, const char *dir,
                                uint64_t number, uint64_t database, size_t block_size,
                                unsigned filter_bits, struct fault *fault)
{
    *writer = (struct sstable_writer){
        .vfs = vfs,
        .database = database,
        .block_size = block_size,
        .filter_bits = filter_bits,
        .info = {.number = number},
    };
    buf_append_u32(&writer->index, 0); // the count, known at the end
    return vfs->open(vfs, file_path(&writer->path, dir, FILE_TABLE, number),
                     VFS_WRITE | VFS_CREATE | VFS_EXCLUSIVE, &writer->file, fault);
}

enum status sstable_writer_add(struct sstable_writer *writer, const struct entry *entry,
                               struct fault *fault)
{
    struct bytes key = entry->key;
    struct value_pointer pointer;
    if (entry->is_pointer && value_pointer_decode(&pointer, entry->value))
        writer->info.value_size += pointer.size;
    if (!writer->block.count)
        set_separator(writer, key);
    if (!writer->info.entry_count)
        buf_set(&writer->info.smallest, key);
    block_builder_add(&writer->block, entry);
    uint64_t hash = hash64_seeded(key, writer->database);
    buf_append_u64(&writer->hashes, hash);
    if ((hash & UINT8_MAX) == 0) {
        buf_append_u32(&writer->sample, writer->block_count);
        buf_append_u64(&writer->sample, hash | entry->is_deleted);
    }
    writer->info.entry_count++;
    writer->info.deleted_count += entry->is_deleted;
    if (block_builder_size(&writer->block) < writer->block_size)
        return STATUS_OK;
    return finish_block(writer, fault);
}

struct bytes sstable_writer_last(const struct sstable_writer *writer)
{
    return writer->block.count ? block_builder_last(&writer->block) : buf_bytes(&writer->last_key);
}

uint64_t sstable_writer_size(const struct sstable_writer *writer)
{
    return writer->offset + writer->out.size;
}

// Index, filter and sample, then the footer that says where they are.
static void store_footer(struct sstable_writer *writer)
{
    struct buf filter = {0};
    filter_build(&filter, (const uint64_t *)(const void *)writer->hashes.data,
                 writer->hashes.size / 8, writer->filter_bits);
    store_u32(writer->index.data, writer->block_count);
    struct sstable_footer footer = {
        .database = writer->database,
        .number = writer->info.number,
        .entry_count = writer->info.entry_count,
        .deleted_count = writer->info.deleted_count,
    };
    footer.index = store(writer, buf_bytes(&writer->index));
    footer.filter = store(writer, buf_bytes(&filter));
    footer.sample = store(writer, buf_bytes(&writer->sample));
    sstable_footer_encode(buf_grow(&writer->out, SSTABLE_FOOTER_SIZE), &footer);
    buf_release(&filter);
}

uint64_t sstable_writer_weight(const struct sstable_writer *writer)
{
    return sstable_writer_size(writer) + writer->info.value_size / VALUE_WEIGHT;
}

enum status sstable_writer_finish(struct sstable_writer *writer, struct sstable_info *info,
                                  struct fault *fault)
{
    assert(writer->info.entry_count);
    enum status status = writer->block.count ? finish_block(writer, fault) : STATUS_OK;
    if (status)
        return status;
    buf_set(&writer->info.largest, buf_bytes(&writer->last_key));

    store_footer(writer);
    status = write_out(writer, fault);
    if (!status)
        status = writer->vfs->sync(writer->vfs, writer->file, fault);
    if (status)
        return status;
    writer->info.size = writer->offset;
    *info = writer->info;
    writer->info.smallest = writer->info.largest = (struct buf){0};
    release(writer);
    return STATUS_OK;
}

void sstable_writer_abort(struct sstable_writer *writer)
{
    if (!writer->vfs)
        return;
    if (writer->file)
        writer->vfs->close(writer->vfs, writer->file);
    bool is_ours = writer->file;
    writer->file = NULL;
    if (is_ours)
        writer->vfs->remove(writer->vfs, (const char *)writer->path.data, NULL);
    release(writer);
}
