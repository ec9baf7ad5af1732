#include "lsm/table/sstable_writer.h"

#include "base/endian.h"
#include "base/hash.h"
#include "lsm/entry/key.h"
#include "lsm/file/file_name.h"
#include "lsm/table/filter.h"
#include "lsm/table/sstable.h"
#include "lsm/value/value.h"

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
static void store(struct sstable_writer *writer, struct bytes raw, uint64_t *offset, uint64_t *size)
{
    size_t begin = writer->out.size;
    *offset = writer->offset + begin;
    struct block_place place = {writer->database, writer->info.number, *offset};
    block_store(&writer->out, raw, place);
    *size = writer->out.size - begin;
}

static enum status finish_block(struct sstable_writer *writer, struct fault *fault)
{
    buf_set(&writer->last_key, block_builder_last(&writer->block));
    uint64_t offset, size;
    store(writer, block_builder_finish(&writer->block), &offset, &size);
    buf_append_u64(&writer->index, offset);
    buf_append_u32(&writer->index, (uint32_t)size);
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
    const struct buf *parts[] = {&writer->index, &filter, &writer->sample};

    uint8_t footer[SSTABLE_FOOTER_SIZE] = {0};
    store_u64(footer, writer->database);
    store_u64(footer + 8, writer->info.number);
    store_u64(footer + 16, writer->info.entry_count);
    store_u64(footer + 24, writer->info.deleted_count);
    for (size_t i = 0; i < 3; i++) {
        uint64_t offset, size;
        store(writer, buf_bytes(parts[i]), &offset, &size);
        store_u64(footer + 32 + 16 * i, offset);
        store_u64(footer + 40 + 16 * i, size);
    }
    store_u32(footer + 80, SSTABLE_VERSION);
    store_u64(footer + 88, hash64(bytes_of(footer, 88)));
    memcpy(footer + 96, SSTABLE_MAGIC, 8);
    buf_append(&writer->out, bytes_of(footer, sizeof footer));
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
    buf_set(&writer->info.greatest, buf_bytes(&writer->last_key));

    store_footer(writer);
    status = write_out(writer, fault);
    if (!status)
        status = writer->vfs->sync(writer->vfs, writer->file, fault);
    if (status)
        return status;
    writer->info.size = writer->offset;
    *info = writer->info;
    writer->info.smallest = writer->info.greatest = (struct buf){0};
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
