#include "lsm/log.h"

#include "base/endian.h"
#include "base/xalloc.h"
#include "lsm/frame.h"

#include <assert.h>
#include <stdlib.h>

enum {
    BATCH_HEADER_SIZE = 4,
    SEAL_PAYLOAD_SIZE = 8,
    SEAL_SIZE = FRAME_HEADER_SIZE + SEAL_PAYLOAD_SIZE,
    BUFFER_SIZE_KEPT = 8 << 20, // a bigger buffer is given back when its write is done
};

static struct segment *current_of(const struct log *log)
{
    return &log->segments[log->current];
}

// Makes the last extent of what is pending one of the current segment.
static void extend(struct log *log)
{
    struct log_write *pending = &log->pending;
    struct vfs_file *file = current_of(log)->file;
    if (pending->extent_count && pending->extents[pending->extent_count - 1].file == file)
        return;
    if (pending->extent_count == pending->extent_capacity) {
        pending->extent_capacity = pending->extent_capacity ? 2 * pending->extent_capacity : 4;
        pending->extents =
            xrealloc(pending->extents, pending->extent_capacity * sizeof *pending->extents);
    }
    pending->extents[pending->extent_count++] = (struct log_extent){
        .file = file,
        .address = frame_address(current_of(log)->number, log->offset),
        .begin = pending->frames.size,
        .end = pending->frames.size,
    };
}

// Ends the open frame and gives it its header.
static void finish_frame(struct log *log, enum frame_kind kind)
{
    struct log_write *pending = &log->pending;
    size_t payload_size = pending->frames.size - log->frame_begin - FRAME_HEADER_SIZE;
    size_t size = frame_size(payload_size);
    buf_grow(&pending->frames, size - FRAME_HEADER_SIZE - payload_size);
    frame_finish(pending->frames.data + log->frame_begin, payload_size, kind,
                 frame_address(current_of(log)->number, log->offset));
    pending->extents[pending->extent_count - 1].end = pending->frames.size;
    log->offset += size;
    log->has_frame = false;
}

static void begin_frame(struct log *log)
{
    extend(log);
    log->frame_begin = log->pending.frames.size;
    log->has_frame = true;
    buf_grow(&log->pending.frames, FRAME_HEADER_SIZE);
}

static void rotate(struct log *log)
{
    log_cut(log);
    begin_frame(log);
    buf_append_u64(&log->pending.frames, log->segments[log->current + 1].number);
    finish_frame(log, FRAME_SEAL);
    log->current++;
    log->offset = FRAME_START;
    log->is_closed = false;
}

static bool fits(const struct log *log, size_t size)
{
    if (log->has_frame)
        size += log->pending.frames.size - log->frame_begin - FRAME_HEADER_SIZE;
    return !log->is_closed && log->offset + frame_size(size) + SEAL_SIZE <= current_of(log)->size;
}

static uint64_t free_size(const struct log *log)
{
    uint64_t size = 0;
    if (!log->is_closed && log->offset < current_of(log)->size)
        size += current_of(log)->size - log->offset;
    for (size_t i = log->current + 1; i < log->segment_count; i++)
        size += log->segments[i].size;
    return size;
}

// One of the obsolete segments that have the size of new ones, or that have not.
static bool take_obsolete(struct log *log, bool has_size, uint64_t *number)
{
    for (size_t i = 0; i < log->obsolete_count; i++) {
        if ((log->obsolete[i].size == log->segment_size) != has_size)
            continue;
        *number = log->obsolete[i].number;
        log->obsolete[i] = log->obsolete[--log->obsolete_count];
        return true;
    }
    return false;
}

void log_release(struct log *log)
{
    for (size_t i = 0; i < log->segment_count; i++)
        segment_close(&log->segments[i], log->vfs);
    free(log->segments);
    free(log->obsolete);
    log_write_release(&log->pending);
    *log = (struct log){0};
}

enum status log_append(struct log *log, struct bytes ops, uint64_t *position)
{
    size_t size = BATCH_HEADER_SIZE + ops.size;
    if (FRAME_START + frame_size(size) + SEAL_SIZE > log->segment_size)
        return STATUS_TOO_LARGE;
    while (!fits(log, size)) {
        if (log->current + 1 == log->segment_count) {
            log->is_starved = true;
            return STATUS_BUSY;
        }
        rotate(log);
    }
    if (!log->has_frame)
        begin_frame(log);
    uint8_t *at = buf_grow(&log->pending.frames, size);
    store_u32(at, (uint32_t)ops.size);
    memcpy(at + BATCH_HEADER_SIZE, ops.data, ops.size);
    *position = frame_address(current_of(log)->number,
                              log->offset + log->pending.frames.size - log->frame_begin);
    return STATUS_OK;
}

uint64_t log_cut(struct log *log)
{
    if (log->has_frame)
        finish_frame(log, FRAME_BATCHES);
    return frame_address(current_of(log)->number, log->offset);
}

uint64_t log_durable(const struct log *log)
{
    return log->durability == LSM_DURABILITY_GROUP ? log->synced : log->stored;
}

bool log_take(struct log *log, struct log_write *write)
{
    uint64_t end = log_cut(log);
    bool is_sync_due = log->is_sync_due && log->synced != end;
    log->is_sync_due = false;
    if (!log->pending.extent_count && !is_sync_due)
        return false;
    struct log_write spare = *write;
    *write = log->pending;
    log->pending = spare;

    write->end = end;
    write->synced = log->synced;
    write->is_rotation_synced = log->durability != LSM_DURABILITY_NONE;
    write->last_file = NULL;
    if (log->durability == LSM_DURABILITY_GROUP || is_sync_due)
        write->last_file = current_of(log)->file;
    return true;
}

enum status log_write_run(struct log_write *write, struct vfs *vfs, uint64_t database,
                          struct fault *fault)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < write->extent_count && !status; i++) {
        const struct log_extent *extent = &write->extents[i];
        uint8_t *begin = write->frames.data + extent->begin;
        size_t size = extent->end - extent->begin;
        for (size_t at = 0; at < size;)
            at += frame_sign(begin + at, write->synced, database);
        status = vfs->write(vfs, extent->file, frame_offset(extent->address), bytes_of(begin, size),
                            fault);
        write->size_written += size;
        // A later segment must never be known to hold more than an earlier one.
        if (!status && write->is_rotation_synced && i + 1 < write->extent_count) {
            status = vfs->sync(vfs, extent->file, fault);
            if (status == STATUS_DISK_FULL)
                status = STATUS_IO; // a failed sync is never repeated
            write->synced = extent->address + size;
            write->sync_count++;
        }
    }
    if (!status && write->last_file) {
#if DKV_MUTANT != 1
        status = vfs->sync(vfs, write->last_file, fault);
#endif
        if (status == STATUS_DISK_FULL)
            status = STATUS_IO;
        write->synced = write->end;
        write->sync_count++;
    }
    return status;
}

void log_write_release(struct log_write *write)
{
    buf_release(&write->frames);
    free(write->extents);
    *write = (struct log_write){0};
}

void log_on_written(struct log *log, struct log_write *write)
{
    log->stored = write->end;
    log->synced = write->synced;
    for (size_t i = 0; i < log->current; i++) {
        if (log->segments[i].number < frame_number(log->stored))
            segment_close(&log->segments[i], log->vfs);
    }
    if (write->frames.capacity > BUFFER_SIZE_KEPT)
        buf_release(&write->frames);
    buf_clear(&write->frames);
    write->extent_count = 0;
    write->size_written = 0;
    write->sync_count = 0;
}

void log_drop(struct log *log, uint64_t address)
{
    uint64_t number = frame_number(address);
    if (number > frame_number(log->stored)) // a write to the older ones is still to come
        number = frame_number(log->stored);
    size_t drop = 0;
    while (drop < log->current && log->segments[drop].number < number)
        drop++;
    for (size_t i = 0; i < drop; i++) {
        segment_close(&log->segments[i], log->vfs);
        if (log->obsolete_count == log->obsolete_capacity) {
            log->obsolete_capacity = log->obsolete_capacity ? 2 * log->obsolete_capacity : 8;
            log->obsolete = xrealloc(log->obsolete, log->obsolete_capacity * sizeof *log->obsolete);
        }
        log->obsolete[log->obsolete_count++] = log->segments[i];
    }
    log->segment_count -= drop;
    log->current -= drop;
    memmove(log->segments, log->segments + drop, log->segment_count * sizeof *log->segments);
}

bool log_needs_segment(struct log *log, uint64_t *number, uint64_t *recycled)
{
    uint64_t size = free_size(log);
    bool is_needed = size < log->segment_size / 2 || log->is_starved;
    *recycled = 0;
    if (is_needed || size < log->reserve_size)
        take_obsolete(log, true, recycled);
    if (!is_needed && !*recycled)
        return false;
    *number = log->next_number++;
    return true;
}

void log_add_segment(struct log *log, const struct segment *segment)
{
    if (log->segment_count == log->segment_capacity) {
        log->segment_capacity = log->segment_capacity ? 2 * log->segment_capacity : 8;
        log->segments = xrealloc(log->segments, log->segment_capacity * sizeof *log->segments);
    }
    assert(!log->segment_count || log->segments[log->segment_count - 1].number < segment->number);
    log->segments[log->segment_count++] = *segment;
    if (log->next_number <= segment->number)
        log->next_number = segment->number + 1;
    log->is_starved = false;
}

bool log_next_obsolete(struct log *log, uint64_t *number)
{
    return take_obsolete(log, false, number) ||
           (free_size(log) >= log->reserve_size && take_obsolete(log, true, number));
}

uint64_t log_size(const struct log *log, uint64_t address)
{
    uint64_t size = 0;
    for (size_t i = 0; i < log->current; i++) {
        if (log->segments[i].number >= frame_number(address))
            size += log->segments[i].size;
    }
    size += log->offset;
    return size - frame_offset(address);
}
