#include "lsm/log/log.h"

#include "base/endian.h"
#include "base/xalloc.h"

#include <assert.h>
#include <stdlib.h>

enum {
    LARGE_SIZE = 2048, // batches of this size on the average are written, not mapped
    AVERAGE_MIN = 64,  // batches that make an average
    BATCH_HEADER_SIZE = 4,
    BUFFER_SIZE_KEPT = 8 << 20, // a bigger buffer is given back when its write is done
};

static struct segment *current_of(const struct log *log)
{
    return &log->segments[log->current];
}

// The extent of the current segment, the last one of what is pending.
static struct log_extent *current_extent(struct log *log)
{
    struct log_write *pending = &log->pending;
    const struct segment *segment = current_of(log);
    if (pending->extent_count &&
        pending->extents[pending->extent_count - 1].segment.number == segment->number)
        return &pending->extents[pending->extent_count - 1];
    if (pending->extent_count == pending->extent_capacity) {
        pending->extent_capacity = pending->extent_capacity ? 2 * pending->extent_capacity : 4;
        pending->extents =
            xrealloc(pending->extents, pending->extent_capacity * sizeof *pending->extents);
    }
    struct log_extent *extent = &pending->extents[pending->extent_count++];
    *extent = (struct log_extent){
        .segment = *segment,
        .address = frame_address(segment->number, log->offset),
        .begin = pending->frames.size,
        .end = pending->frames.size,
    };
    return extent;
}

// Room for a payload of this size in the frame under way: the bytes of a write that is
// pending, or those of the segment itself.
static uint8_t *frame_grow(struct log *log, size_t size)
{
    struct log_write *pending = &log->pending;
    const struct segment *segment = current_of(log);
    if (segment->map)
        return segment->map + log->offset + FRAME_HEADER_SIZE;
    if (!log->has_frame) {
        current_extent(log);
        log->frame_begin = pending->frames.size;
        log->has_frame = true;
        buf_grow(&pending->frames, FRAME_HEADER_SIZE);
    }
    return buf_grow(&pending->frames, size);
}

// A frame in place, header and checksum last: whenever the process dies, it is there whole
// or not at all. A pending write of what is before it must come first to be `stored`.
static void finish_mapped(struct log *log, enum frame_kind kind, size_t payload_size)
{
    const struct segment *segment = current_of(log);
    uint8_t *frame = segment->map + log->offset;
    frame_finish(frame, payload_size, kind, frame_address(segment->number, log->offset));
    size_t size = frame_sign(frame, log->synced, log->database);
    log->offset += size;
    log->mapped_size += size;
    if (!log->pending.frames.size && !log->is_storing)
        log->stored = frame_address(segment->number, log->offset);
}

// Writes a frame where no memory is mapped but no sync is waited for: it is in the hands of the
// system before anybody hears of it. False if that is not the way, or if it failed: then the
// frame goes the way of a pending one, and so do those behind it until all is stored. The next
// log_write writes it again, whole, at the same place, or says why it cannot.
static bool write_direct(struct log *log, enum frame_kind kind, struct bytes head,
                         struct bytes payload)
{
    const struct segment *segment = current_of(log);
    if (log->durability == LOG_DURABILITY_GROUP || segment->map || log->pending.frames.size ||
        log->is_storing)
        return false;
    struct buf *frame = &log->direct;
    size_t size = head.size + payload.size;
    buf_clear(frame);
    buf_grow(frame, FRAME_HEADER_SIZE);
    buf_append(frame, head);
    buf_append(frame, payload);
    buf_grow(frame, frame_size(size) - FRAME_HEADER_SIZE - size);
    frame_finish(frame->data, size, kind, frame_address(segment->number, log->offset));
    frame_sign(frame->data, log->synced, log->database);
    if (log->vfs->write(log->vfs, segment->file, log->offset, buf_bytes(frame), NULL))
        return false;
    log->offset += frame->size;
    log->mapped_size += frame->size;
    log->stored = frame_address(segment->number, log->offset);
    return true;
}

// Ends the pending frame and gives it its header.
static void finish_pending(struct log *log, enum frame_kind kind)
{
    struct log_write *pending = &log->pending;
    size_t payload_size = pending->frames.size - log->frame_begin - FRAME_HEADER_SIZE;
    size_t size = frame_size(payload_size);
    buf_grow(&pending->frames, size - FRAME_HEADER_SIZE - payload_size);
    frame_finish(pending->frames.data + log->frame_begin, payload_size, kind,
                 frame_address(current_of(log)->number, log->offset));
    current_extent(log)->end = pending->frames.size;
    log->offset += size;
    log->has_frame = false;
}

// Whether batches are so large that mapping a segment costs more than it saves.
static bool is_large(const struct log *log)
{
    if (log->append_count < AVERAGE_MIN)
        return log->is_large;
    return log->append_size > (uint64_t)LARGE_SIZE * log->append_count;
}

// Seals the current segment, leaves it to the next write to be closed, and goes to the next.
static void rotate(struct log *log)
{
    struct segment *segment = current_of(log);
    uint8_t next[LOG_SEAL_PAYLOAD_SIZE];
    store_u64(next, segment[1].number);
    log_cut(log);
    if (!write_direct(log, FRAME_SEAL, bytes_of(next, sizeof next), (struct bytes){0})) {
        memcpy(frame_grow(log, sizeof next), next, sizeof next);
        if (segment->map)
            finish_mapped(log, FRAME_SEAL, sizeof next);
        else
            finish_pending(log, FRAME_SEAL);
    }
    log->is_large = is_large(log);
    log->append_size = log->append_count = 0;
    current_extent(log)->is_finished = true;
    segment->file = NULL;
    segment->map = NULL;
    log->current++;
    log->offset = FRAME_START;
    log->is_closed = false;
}

static bool fits(const struct log *log, size_t size)
{
    if (log->has_frame)
        size += log->pending.frames.size - log->frame_begin - FRAME_HEADER_SIZE;
    return !log->is_closed &&
           log->offset + frame_size(size) + LOG_SEAL_SIZE <= current_of(log)->size;
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
    log_write_release(&log->pending, log->vfs);
    buf_release(&log->direct);
    *log = (struct log){0};
}

size_t log_batch_size_max(const struct log *log)
{
    return (size_t)log->segment_size - LOG_SEAL_SIZE - FRAME_START - FRAME_HEADER_SIZE -
           BATCH_HEADER_SIZE;
}

enum status log_append(struct log *log, struct bytes ops, uint64_t *position)
{
    size_t size = BATCH_HEADER_SIZE + ops.size;
    if (ops.size > log_batch_size_max(log))
        return STATUS_TOO_LARGE;
    while (!fits(log, size)) {
        if (log->current + 1 == log->segment_count) {
            log->is_starved = true;
            return STATUS_BUSY;
        }
        rotate(log);
    }
    log->append_size += size;
    log->append_count++;
    uint8_t header[BATCH_HEADER_SIZE];
    store_u32(header, (uint32_t)ops.size);
    uint64_t begin = frame_address(current_of(log)->number, log->offset);
    if (write_direct(log, FRAME_BATCHES, bytes_of(header, sizeof header), ops)) {
        *position = begin + FRAME_HEADER_SIZE + size;
        return STATUS_OK;
    }
    uint8_t *at = frame_grow(log, size);
    memcpy(at, header, sizeof header);
    memcpy(at + sizeof header, ops.data, ops.size);
    size_t frame_used = FRAME_HEADER_SIZE + size;
    if (log->has_frame)
        frame_used = log->pending.frames.size - log->frame_begin;
    *position = begin + frame_used;
    if (!log->has_frame)
        finish_mapped(log, FRAME_BATCHES, size);
    return STATUS_OK;
}

uint64_t log_cut(struct log *log)
{
    if (log->has_frame)
        finish_pending(log, FRAME_BATCHES);
    return frame_address(current_of(log)->number, log->offset);
}

uint64_t log_durable(const struct log *log)
{
    return log->durability == LOG_DURABILITY_GROUP ? log->synced : log->stored;
}

bool log_take(struct log *log, struct log_write *write)
{
    uint64_t end = log_cut(log);
    bool is_sync_due = log->is_sync_due && log->synced != end;
    log->is_sync_due = false;
    if (is_sync_due)
        current_extent(log);
    if (!log->pending.extent_count)
        return false;
    struct log_write spare = *write;
    *write = log->pending;
    log->pending = spare;

    write->end = end;
    write->synced = log->synced;
    write->is_rotation_synced = log->durability != LOG_DURABILITY_NONE;
    write->is_synced = log->durability == LOG_DURABILITY_GROUP || is_sync_due;
    log->is_storing = write->frames.size;
    return true;
}

static enum status sync_extent(struct log_write *write, const struct log_extent *extent,
                               struct vfs *vfs, struct fault *fault)
{
    enum status status = vfs_sync_once(vfs, extent->segment.file, fault);
    write->synced = extent->is_finished
                        ? frame_address(extent->segment.number, extent->segment.size)
                        : write->end;
    write->sync_count++;
    return status;
}

static enum status run_extent(struct log_write *write, struct log_extent *extent, struct vfs *vfs,
                              uint64_t database, struct fault *fault)
{
    enum status status = STATUS_OK;
    size_t size = extent->end - extent->begin;
    uint8_t *begin = size ? write->frames.data + extent->begin : NULL;
    for (size_t at = 0; at < size;)
        at += frame_sign(begin + at, write->synced, database);
    if (size)
        status = vfs->write(vfs, extent->segment.file, frame_offset(extent->address),
                            bytes_of(begin, size), fault);
    if (!status)
        write->size_written += size;
    // A later segment must never be known to hold more than an earlier one.
    if (!status && (extent->is_finished ? write->is_rotation_synced : write->is_synced))
        status = sync_extent(write, extent, vfs, fault);
    if (!status && extent->is_finished)
        segment_close(&extent->segment, vfs);
    return status;
}

enum status log_write_run(struct log_write *write, struct vfs *vfs, uint64_t database,
                          struct fault *fault)
{
    enum status status = STATUS_OK;
    for (; write->done_count < write->extent_count && !status; write->done_count += !status)
        status = run_extent(write, &write->extents[write->done_count], vfs, database, fault);
    return status;
}

// Empties it and closes the files that were to be closed.
static void write_clear(struct log_write *write, struct vfs *vfs)
{
    for (size_t i = 0; i < write->extent_count; i++) {
        if (write->extents[i].is_finished)
            segment_close(&write->extents[i].segment, vfs);
    }
    buf_clear(&write->frames);
    write->extent_count = 0;
    write->done_count = 0;
    write->size_written = 0;
    write->sync_count = 0;
}

void log_write_release(struct log_write *write, struct vfs *vfs)
{
    write_clear(write, vfs);
    buf_release(&write->frames);
    free(write->extents);
    *write = (struct log_write){0};
}

void log_on_written(struct log *log, struct log_write *write)
{
    log->is_storing = false;
    if (!log->pending.frames.size)
        log->stored = log_cut(log); // frames made in place since, too
    else if (log->stored < write->end)
        log->stored = write->end;
    log->synced = write->synced;
    log->first_open = frame_number(write->end);
    if (write->frames.capacity > BUFFER_SIZE_KEPT)
        buf_release(&write->frames);
    write_clear(write, log->vfs);
}

void log_drop(struct log *log, uint64_t address,
              bool (*is_kept)(const void *context, uint64_t number), const void *context)
{
    uint64_t number = frame_number(address);
    if (number > log->first_open)
        number = log->first_open;
    size_t drop = 0;
    while (drop < log->current && log->segments[drop].number < number)
        drop++;
    for (size_t i = 0; i < drop; i++) {
        if (is_kept && is_kept(context, log->segments[i].number))
            continue;
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

uint64_t log_segment_size(const struct log *log, uint64_t number)
{
    size_t i = 0;
    while (i < log->segment_count && log->segments[i].number != number)
        i++;
    return i < log->segment_count ? log->segments[i].size : 0;
}

// With less room than this a further segment is prepared: preparing takes long, and may have to
// wait for its turn longer still, while writers need but a fraction of a second for a segment.
static uint64_t enough_size(const struct log *log)
{
    return log->segment_size / 8 * 7;
}

bool log_is_short(const struct log *log)
{
    return log->is_starved || free_size(log) < log->segment_size / 2;
}

bool log_plan_segment(struct log *log, struct segment *segment, uint64_t *recycled)
{
    uint64_t size = free_size(log);
    bool is_needed = log_is_short(log) || (size < enough_size(log) && !log->is_frugal);
    *recycled = 0;
    if (is_needed || (size < log->reserve_size && !log->is_idle))
        take_obsolete(log, true, recycled);
    if (!is_needed && !*recycled)
        return false;
    *segment = (struct segment){
        .number = log->next_number++,
        .size = log->segment_size,
        .is_mapped = log->durability != LOG_DURABILITY_GROUP && !is_large(log),
        .is_prewritten = log->durability == LOG_DURABILITY_GROUP,
    };
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

// A spare segment that nobody will need soon.
static bool take_spare(struct log *log, uint64_t *number)
{
    struct segment *last = &log->segments[log->segment_count - 1];
    if (!log->is_idle || log->segment_count == log->current + 1 ||
        free_size(log) - last->size < enough_size(log))
        return false;
    segment_close(last, log->vfs);
    *number = last->number;
    log->segment_count--;
    return true;
}

bool log_take_obsolete(struct log *log, uint64_t *number)
{
    uint64_t reserve_size = log->is_idle ? 0 : log->reserve_size;
    return take_obsolete(log, false, number) ||
           (free_size(log) >= reserve_size && take_obsolete(log, true, number)) ||
           take_spare(log, number);
}

uint64_t log_disk_size(const struct log *log)
{
    uint64_t size = 0;
    for (size_t i = 0; i < log->segment_count; i++)
        size += log->segments[i].size;
    for (size_t i = 0; i < log->obsolete_count; i++)
        size += log->obsolete[i].size;
    return size;
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
