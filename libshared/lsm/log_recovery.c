#include "lsm/log_recovery.h"

#include "base/reader.h"
#include "base/xalloc.h"
#include "lsm/file_name.h"
#include "lsm/frame.h"

#include <inttypes.h>

// One segment in memory while it is read.
struct reading {
    struct segment segment;
    struct buf bytes;
    struct buf path;
    uint64_t offset;  // of the next frame
    uint64_t promise; // latest address that a frame in force says to be synced
};

static enum status load(struct reading *reading, const struct log *log, uint64_t number,
                        struct fault *fault)
{
    file_path(&reading->path, log->dir, FILE_LOG, number);
    struct segment *segment = &reading->segment;
    enum status status = segment_open(segment, log->vfs, log->dir, log->database, number, fault);
    if (status)
        return status;
    buf_clear(&reading->bytes);
    uint8_t *at = buf_grow(&reading->bytes, (size_t)segment->size);
    size_t size_read = 0;
    status =
        log->vfs->read(log->vfs, segment->file, 0, at, (size_t)segment->size, &size_read, fault);
    reading->bytes.size = size_read;
    reading->offset = FRAME_START;
    if (status)
        segment_close(segment, log->vfs);
    return status;
}

static enum status corrupt(const struct reading *reading, const char *what, struct fault *fault)
{
    return fault_set(fault, STATUS_CORRUPT, "%s: %s at offset %" PRIu64,
                     (const char *)reading->path.data, what, reading->offset);
}

static enum status apply_batches(const struct reading *reading, const struct frame *frame,
                                 const struct log_recovery *recovery, struct fault *fault)
{
    struct reader reader = reader_of(frame->payload);
    while (reader_left(&reader)) {
        struct bytes ops = reader_sized(&reader);
        if (reader.bad)
            return corrupt(reading, "malformed batch", fault);
        uint64_t position =
            frame->address + FRAME_HEADER_SIZE + (uint64_t)(reader.at - frame->payload.data);
        if (recovery && recovery->apply(recovery->context, ops, position))
            return corrupt(reading, "batch that makes no sense", fault);
    }
    return STATUS_OK;
}

// Reads frames up to the seal, whose successor is stored in `next`, or to where none
// starts (`next` = 0), or to `end`.
static enum status read_frames(struct reading *reading, const struct log *log,
                               const struct log_recovery *recovery, uint64_t end, uint64_t *next,
                               struct fault *fault)
{
    struct frame frame;
    *next = 0;
    while (frame_address(reading->segment.number, reading->offset) < end &&
           frame_decode(&frame, buf_bytes(&reading->bytes), reading->segment.number,
                        reading->offset, log->database)) {
        if (reading->promise < frame.synced)
            reading->promise = frame.synced;
        if (frame.kind == FRAME_SEAL) {
            struct reader reader = reader_of(frame.payload);
            *next = reader_u64(&reader);
            if (!reader_done(&reader) || *next <= reading->segment.number || *next > UINT32_MAX)
                return corrupt(reading, "malformed seal", fault);
            return STATUS_OK;
        }
        if (frame.kind != FRAME_BATCHES)
            return corrupt(reading, "frame of an unknown kind", fault);
        enum status status = apply_batches(reading, &frame, recovery, fault);
        if (status)
            return status;
        reading->offset += frame.size;
    }
    return STATUS_OK;
}

// Whether valid frames lie behind `offset`, and the latest address one of them promises.
static bool find_promise(const struct reading *reading, const struct log *log, uint64_t offset,
                         uint64_t *promise)
{
    struct frame frame;
    bool is_found = false;
    while (frame_find(&frame, buf_bytes(&reading->bytes), reading->segment.number, offset,
                      log->database)) {
        is_found = true;
        if (*promise < frame.synced)
            *promise = frame.synced;
        offset = frame_offset(frame.address) + frame.size;
    }
    return is_found;
}

static bool is_zero(struct bytes bytes)
{
    return !bytes.size ||
           (bytes.data[0] == 0 && memcmp(bytes.data, bytes.data + 1, bytes.size - 1) == 0);
}

// Looks behind the end that `reading` found: damage or a torn tail? Segments without
// frames become spare.
static enum status classify_tail(struct reading *reading, struct log *log,
                                 const struct log_recovery *recovery, struct fault *fault)
{
    uint64_t end = frame_address(reading->segment.number, reading->offset);
    struct bytes tail =
        bytes_of(reading->bytes.data + reading->offset, reading->bytes.size - reading->offset);
    uint64_t promise = 0;
    find_promise(reading, log, reading->offset, &promise);
    log->is_closed = !is_zero(tail);

    struct reading later = {0};
    enum status status = STATUS_OK;
    for (size_t i = 0; i < recovery->count && !status; i++) {
        if (recovery->numbers[i] >= log->next_number)
            log->next_number = recovery->numbers[i] + 1;
        if (recovery->numbers[i] <= reading->segment.number)
            continue;
        status = load(&later, log, recovery->numbers[i], fault);
        if (status)
            break;
        if (find_promise(&later, log, FRAME_START, &promise))
            log->is_closed = true; // what is discarded there must not be continued to
        else if (later.segment.size == log->segment_size) {
            log_add_segment(log, &later.segment);
            later.segment.file = NULL; // the log's now
        }
        segment_close(&later.segment, log->vfs);
    }
    buf_release(&later.bytes);
    buf_release(&later.path);
    if (!status && promise > end)
        status = corrupt(reading, "damaged frame before synced ones", fault);
    return status;
}

// Follows the seals from segment to segment; `reading` ends on the last one.
static enum status follow(struct reading *reading, struct log *log,
                          const struct log_recovery *recovery, struct fault *fault)
{
    enum status status = load(reading, log, frame_number(recovery->address), fault);
    if (status)
        return status;
    reading->offset = frame_offset(recovery->address);
    if (reading->offset < FRAME_START || reading->offset > reading->segment.size)
        return corrupt(reading, "log beginning out of range", fault);
    for (;;) {
        uint64_t next;
        status = read_frames(reading, log, recovery, UINT64_MAX, &next, fault);
        if (status || !next)
            return status;
        struct segment sealed = reading->segment;
        segment_close(&sealed, log->vfs);
        log_add_segment(log, &sealed);
        reading->segment.file = NULL;
        status = load(reading, log, next, fault);
        if (status)
            return status;
    }
}

// Writes what is in the segment up to `end` and was not promised once more, and syncs it.
static enum status settle_segment(const struct reading *reading, const struct log *log,
                                  uint64_t promise, uint64_t end, struct fault *fault)
{
    uint64_t begin = FRAME_START;
    if (frame_number(promise) > reading->segment.number)
        return STATUS_OK;
    if (frame_number(promise) == reading->segment.number && begin < frame_offset(promise))
        begin = frame_offset(promise);
    if (begin >= end)
        return STATUS_OK;
    struct bytes bytes = bytes_of(reading->bytes.data + begin, (size_t)(end - begin));
    struct vfs *vfs = log->vfs;
    enum status status = vfs->write(vfs, reading->segment.file, begin, bytes, fault);
    return status ? status : vfs->sync(vfs, reading->segment.file, fault);
}

// From now on everything that was read counts as durable. What no frame promises may be in
// the memory of the kernel alone, and after a failed sync of the process before it would
// stay there, for the kernel takes it for written. So it is written again.
static enum status settle(struct reading *last, const struct log *log, struct fault *fault)
{
    struct reading reading = {0};
    enum status status = STATUS_OK;
    for (size_t i = 0; i < log->current && !status; i++) {
        if (frame_number(last->promise) > log->segments[i].number)
            continue;
        status = load(&reading, log, log->segments[i].number, fault);
        if (!status)
            status = settle_segment(&reading, log, last->promise, reading.bytes.size, fault);
        segment_close(&reading.segment, log->vfs);
    }
    buf_release(&reading.bytes);
    buf_release(&reading.path);
    if (status)
        return status;
    last->segment = log->segments[log->current];
    status = settle_segment(last, log, last->promise, last->offset, fault);
    last->segment.file = NULL;
    return status;
}

enum status log_recover(struct log *log, const struct log_recovery *recovery, struct fault *fault)
{
    struct reading reading = {0};
    enum status status = follow(&reading, log, recovery, fault);
    if (!status) {
        log->current = log->segment_count;
        log->offset = reading.offset;
        log->stored = log->synced = frame_address(reading.segment.number, reading.offset);
        log_add_segment(log, &reading.segment);
        reading.segment.file = NULL;
        status = classify_tail(&reading, log, recovery, fault);
        if (!status)
            status = settle(&reading, log, fault);
    }
    segment_close(&reading.segment, log->vfs);
    buf_release(&reading.bytes);
    buf_release(&reading.path);
    return status;
}

enum status log_verify(const struct log *log, uint64_t begin, uint64_t end, struct fault *fault)
{
    struct reading reading = {0};
    enum status status = STATUS_OK;
    uint64_t next = frame_number(begin);
    while (!status && next && next <= frame_number(end)) {
        status = load(&reading, log, next, fault);
        if (status)
            break;
        if (next == frame_number(begin))
            reading.offset = frame_offset(begin);
        status = read_frames(&reading, log, NULL, end, &next, fault);
        if (!status && !next && frame_address(reading.segment.number, reading.offset) < end)
            status = corrupt(&reading, "damaged frame", fault);
        segment_close(&reading.segment, log->vfs);
    }
    buf_release(&reading.bytes);
    buf_release(&reading.path);
    return status;
}
