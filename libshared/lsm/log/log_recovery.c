#include "lsm/log/log_recovery.h"

#include "base/reader.h"
#include "lsm/log/log_reader.h"

enum {
    SETTLE_SIZE = 1 << 20,
};

// The log while it is read; `reader` is at the segment in hand.
struct recovering {
    struct log *log;
    const struct log_recovery *recovery; // NULL: only check
    struct log_reader reader;
    uint64_t promise; // the latest address that a frame says to be synced
};

static struct log_reader reader_for(const struct log *log)
{
    return (struct log_reader){.vfs = log->vfs, .dir = log->dir, .database = log->database};
}

static enum status apply_batches(struct recovering *recovering, const struct frame *frame,
                                 struct fault *fault)
{
    const struct log_recovery *recovery = recovering->recovery;
    struct reader reader = reader_of(frame->payload);
    while (reader_left(&reader)) {
        struct bytes ops = reader_sized(&reader);
        if (reader.bad)
            return log_reader_corrupt(&recovering->reader, "malformed batch", fault);
        uint64_t address =
            frame->address + FRAME_HEADER_SIZE + (uint64_t)(ops.data - frame->payload.data);
        enum status status =
            recovery ? recovery->apply(recovery->context, ops, address, fault) : STATUS_OK;
        if (status == STATUS_INVALID)
            return status;
        if (status)
            return log_reader_corrupt(&recovering->reader, "batch that makes no sense", fault);
    }
    return STATUS_OK;
}

// Reads frames up to the seal, whose successor is stored in `next`, or to where none
// starts (`next` = 0), or to `end`.
static enum status read_frames(struct recovering *recovering, uint64_t end, uint64_t *next,
                               struct fault *fault)
{
    struct log_reader *log = &recovering->reader;
    uint64_t number = log->segment.number;
    *next = 0;
    while (frame_address(number, log->offset) < end) {
        struct frame frame;
        enum status status = log_reader_peek(log, &frame, fault);
        if (status)
            return status == STATUS_END ? STATUS_OK : status;
        if (recovering->promise < frame.synced)
            recovering->promise = frame.synced;
        if (frame.kind == FRAME_SEAL) {
            struct reader reader = reader_of(frame.payload);
            *next = reader_u64(&reader);
            if (!reader_done(&reader) || *next <= number || *next > UINT32_MAX)
                return log_reader_corrupt(log, "malformed seal", fault);
            return STATUS_OK;
        }
        if (frame.kind != FRAME_BATCHES)
            return log_reader_corrupt(log, "frame of an unknown kind", fault);
        status = apply_batches(recovering, &frame, fault);
        if (status)
            return status;
        log->offset += frame.size;
    }
    return STATUS_OK;
}

// Follows the seals from segment to segment, and leaves the reader at the end of the log.
static enum status follow(struct recovering *recovering, struct fault *fault)
{
    struct log_reader *reader = &recovering->reader;
    uint64_t address = recovering->recovery->address;
    enum status status = log_reader_open(reader, frame_number(address), fault);
    if (status)
        return status;
    reader->offset = frame_offset(address);
    if (reader->offset < FRAME_START || reader->offset > reader->segment.size ||
        reader->offset % FRAME_ALIGN)
        return log_reader_corrupt(reader, "log beginning out of range", fault);
    for (;;) {
        uint64_t next;
        status = read_frames(recovering, UINT64_MAX, &next, fault);
        if (!status && !next && reader->offset + LOG_SEAL_SIZE > reader->segment.size)
            status = log_reader_corrupt(reader, "log ending without room for a seal", fault);
        if (status || !next)
            return status;
        log_reader_close(reader);
        log_add_segment(recovering->log, &reader->segment);
        status = log_reader_open(reader, next, fault);
        if (status)
            return status;
    }
}

// Passes over the rest of the segment. The latest promise in it; whether any frame was there.
static enum status find_promises(struct log_reader *reader, uint64_t *promise, bool *is_zero,
                                 bool *has_frames, struct fault *fault)
{
    struct frame frame;
    enum status status;
    *is_zero = true;
    *has_frames = false;
    while (!(status = log_reader_find(reader, &frame, is_zero, fault))) {
        *has_frames = true;
        if (*promise < frame.synced)
            *promise = frame.synced;
        reader->offset += frame.size;
    }
    return status == STATUS_END ? STATUS_OK : status;
}

// Later segments that hold no frames become spare. The latest promise in the others.
static enum status read_later(struct recovering *recovering, uint64_t number, uint64_t *promise,
                              struct fault *fault)
{
    struct log *log = recovering->log;
    const struct log_recovery *recovery = recovering->recovery;
    struct log_reader reader = reader_for(log);
    enum status status = STATUS_OK;
    for (size_t i = 0; i < recovery->count && !status; i++) {
        if (recovery->numbers[i] >= log->next_number)
            log->next_number = recovery->numbers[i] + 1;
        if (recovery->numbers[i] <= number)
            continue;
        bool is_zero, has_frames;
        status = log_reader_open(&reader, recovery->numbers[i], fault);
        if (!status)
            status = find_promises(&reader, promise, &is_zero, &has_frames, fault);
        if (!status && has_frames)
            log->is_closed = true; // what is discarded there must not be continued to
        if (!status && !has_frames && reader.segment.size == log->segment_size) {
            log_add_segment(log, &reader.segment);
            reader.segment.file = NULL; // the log's now
        }
        log_reader_close(&reader);
    }
    log_reader_release(&reader);
    return status;
}

// Looks behind the end of the log: damage or a torn tail?
static enum status classify_tail(struct recovering *recovering, struct fault *fault)
{
    struct log *log = recovering->log;
    struct log_reader *reader = &recovering->reader;
    uint64_t promise = 0, end = reader->offset;
    bool is_zero, has_frames;
    enum status status = find_promises(reader, &promise, &is_zero, &has_frames, fault);
    reader->offset = end;
    log->is_closed = !is_zero;
    if (!status)
        status = read_later(recovering, reader->segment.number, &promise, fault);
    if (!status && promise > log->stored)
        status = log_reader_corrupt(reader, "damaged frame before synced ones", fault);
    return status;
}

// Writes what is in the segment before `end` and was not promised once more, and syncs it.
static enum status settle_segment(struct log_reader *reader, uint64_t promise, uint64_t end,
                                  struct fault *fault)
{
    struct vfs *vfs = reader->vfs;
    uint64_t at = FRAME_START;
    if (frame_number(promise) == reader->segment.number && at < frame_offset(promise))
        at = frame_offset(promise);
    if (frame_number(promise) > reader->segment.number || at >= end)
        return STATUS_OK;
    enum status status = STATUS_OK;
    while (at < end && !status) {
        struct bytes bytes;
        size_t size = end - at < SETTLE_SIZE ? (size_t)(end - at) : SETTLE_SIZE;
        status = log_reader_bytes(reader, at, size, &bytes, fault);
        if (!status && bytes.size < size)
            status = log_reader_corrupt(reader, "segment cut off", fault);
        if (!status)
            status = vfs->write(vfs, reader->segment.file, at, bytes, fault);
        at += size;
    }
    return status ? status : vfs->sync(vfs, reader->segment.file, fault);
}

// From now on everything that was read counts as synced. A write that no frame promises may be in
// the memory of the kernel alone, and after a failed sync of the process before it would
// stay there, for the kernel takes it for written. So it is written again. A log that is
// never synced does without, and promises no more than it was promised: even where the segments
// are synced later, since tables point to values in them, that is no proof.
static enum status settle(struct recovering *recovering, struct fault *fault)
{
    struct log *log = recovering->log;
    struct log_reader reader = reader_for(log);
    enum status status = STATUS_OK;
    if (log->durability == LOG_DURABILITY_NONE) {
        log->first_own = log->segments[log->current].number + 1;
        return STATUS_OK;
    }
    for (size_t i = 0; i <= log->current && !status; i++) {
        if (frame_number(recovering->promise) > log->segments[i].number)
            continue;
        status = log_reader_open(&reader, log->segments[i].number, fault);
        uint64_t end = i == log->current ? log->offset : reader.segment.size;
        if (!status)
            status = settle_segment(&reader, recovering->promise, end, fault);
        log_reader_close(&reader);
    }
    log_reader_release(&reader);
    if (!status)
        log->synced = log->stored;
    return status;
}

enum status log_recover(struct log *log, const struct log_recovery *recovery, struct fault *fault)
{
    struct recovering recovering = {.log = log, .recovery = recovery, .reader = reader_for(log)};
    struct log_reader *reader = &recovering.reader;
    enum status status = follow(&recovering, fault);
    if (!status) {
        log->current = log->segment_count;
        log->offset = reader->offset;
        log->stored = frame_address(reader->segment.number, reader->offset);
        log->synced =
            recovery->address < recovering.promise ? recovering.promise : recovery->address;
        log->first_open = reader->segment.number;
        log_add_segment(log, &reader->segment);
        status = classify_tail(&recovering, fault);
        reader->segment.file = NULL; // the log's
    }
    if (!status)
        status = settle(&recovering, fault);
    for (size_t i = log->current; i < log->segment_count && !status; i++) {
        log->segments[i].is_mapped = log->durability != LOG_DURABILITY_GROUP;
        segment_map(&log->segments[i], log->vfs);
    }
    log_reader_release(reader);
    return status;
}

enum status log_verify(const struct log *log, uint64_t begin, uint64_t end, struct fault *fault)
{
    struct recovering recovering = {.reader = reader_for(log)};
    struct log_reader *reader = &recovering.reader;
    enum status status = STATUS_OK;
    uint64_t next = frame_number(begin);
    while (!status && next && next <= frame_number(end)) {
        status = log_reader_open(reader, next, fault);
        if (status)
            break;
        if (next == frame_number(begin))
            reader->offset = frame_offset(begin);
        status = read_frames(&recovering, end, &next, fault);
        if (!status && !next && frame_address(reader->segment.number, reader->offset) < end)
            status = log_reader_corrupt(reader, "damaged frame", fault);
        log_reader_close(reader);
    }
    log_reader_release(reader);
    return status;
}
