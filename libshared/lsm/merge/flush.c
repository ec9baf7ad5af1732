#include "lsm/merge/flush.h"

#include "lsm/file/file_name.h"
#include "lsm/file/frame.h"

// Bytes of the segment that belong to the memtable.
static uint64_t covered(const struct flush *flush, uint64_t number)
{
    uint64_t begin = 0, end = flush->segment_size;
    if (frame_number(flush->begin) == number)
        begin = frame_offset(flush->begin);
    if (frame_number(flush->end) == number)
        end = frame_offset(flush->end);
    return end > begin ? end - begin : 0;
}

// Chooses the segments that stay: at least half of what they have for us are large
// values.
static void keep_segments(struct flush *flush)
{
    struct value_counts large = {0};
    for (size_t i = 0; i < flush->order->count; i++) {
        struct entry entry = order_entry(flush->order, flush->memtable, i);
        if (entry.value_address)
            value_counts_add(&large, frame_number(entry.value_address), entry.value.size);
    }
    for (size_t i = 0; i < large.count; i++) {
        uint64_t number = large.counts[i].id, size = large.counts[i].size;
        if (number >= flush->first_kept && size >= covered(flush, number) / 2)
            value_counts_add(&flush->kept, number | VALUE_IN_LOG, size);
    }
    value_counts_release(&large);
}

static enum status add(struct flush *flush, const struct entry *entry, struct fault *fault)
{
    if (entry->is_deleted && flush->is_oldest)
        return STATUS_OK;
    if (!entry->value_address)
        return run_writer_add(&flush->writer, entry, fault);
    uint64_t place = VALUE_IN_LOG << 32 | entry->value_address;
    if (!value_counts_find(&flush->kept, value_id(place)))
        return run_writer_add_large(&flush->writer, entry, fault);
    struct value_pointer pointer = value_point(entry, place, flush->writer.database);
    return run_writer_add_pointer(&flush->writer, entry->key, &pointer, fault);
}

// The segments that tables will point to, as far as they are written.
static enum status sync_segments(const struct flush *flush, struct fault *fault)
{
    struct vfs *vfs = flush->writer.vfs;
    struct buf path = {0};
    enum status status = STATUS_OK;
    for (size_t i = 0; i < flush->kept.count && !status; i++) {
        struct vfs_file *file = NULL;
        value_path(&path, flush->writer.dir, flush->kept.counts[i].id);
        status = vfs->open(vfs, buf_text(&path), VFS_WRITE, &file, fault);
        if (status)
            break;
        status = vfs_sync_once(vfs, file, fault);
        vfs->close(vfs, file);
    }
    buf_release(&path);
    return status;
}

// Everything is synced then, names included.
static enum status finish(struct flush *flush, struct fault *fault)
{
    const struct run_writer *writer = &flush->writer;
    uint64_t number = flush->snapshot.number;
    enum status status = sync_segments(flush, fault);
    if (!status && number)
        status = snapshot_write(&flush->snapshot, writer->vfs, writer->dir, writer->database,
                                number, flush->content, fault);
    if (!status)
        status = run_writer_finish(&flush->writer, fault);
    if (!status && number && !writer->count) // or the tables have had it done
        status = writer->vfs->sync_dir(writer->vfs, writer->dir, fault);
    return status;
}

enum status flush_step(struct flush *flush, uint64_t size, struct fault *fault)
{
    if (!flush->order) {
        flush->order = order_new(flush->memtable, MEMTABLE_START, flush->memtable->used);
        keep_segments(flush);
    }
    enum status status = STATUS_OK;
    uint64_t end = run_writer_size(&flush->writer) + size;
    while (!status && flush->at < flush->order->count && run_writer_size(&flush->writer) < end) {
        struct entry entry = order_entry(flush->order, flush->memtable, flush->at++);
        status = add(flush, &entry, fault);
    }
    if (!status && flush->at == flush->order->count) {
        flush->has_ended = true;
        status = finish(flush, fault);
    }
    if (status) {
        snapshot_remove(&flush->snapshot, flush->writer.vfs, flush->writer.dir);
        run_writer_abort(&flush->writer);
    }
    return status;
}

void flush_release(struct flush *flush)
{
    order_release(flush->order);
    value_counts_release(&flush->kept);
    run_writer_release(&flush->writer);
    *flush = (struct flush){0};
}
