#include "lsm/log/log_reader.h"

#include "base/endian.h"
#include "lsm/file/file_name.h"

#include <inttypes.h>

enum {
    WINDOW_SIZE = 1 << 20,
};

enum status log_reader_open(struct log_reader *reader, uint64_t number, struct fault *fault)
{
    buf_clear(&reader->window);
    reader->offset = FRAME_START;
    file_path(&reader->path, reader->dir, FILE_LOG, number);
    return segment_open(&reader->segment, reader->vfs, reader->dir, reader->database, number,
                        fault);
}

void log_reader_close(struct log_reader *reader)
{
    segment_close(&reader->segment, reader->vfs);
    buf_clear(&reader->window);
}

void log_reader_release(struct log_reader *reader)
{
    log_reader_close(reader);
    buf_release(&reader->path);
    buf_release(&reader->window);
}

enum status log_reader_corrupt(const struct log_reader *reader, const char *what,
                               struct fault *fault)
{
    return fault_set(fault, STATUS_CORRUPT, "%s: %s at offset %" PRIu64,
                     (const char *)reader->path.data, what, reader->offset);
}

enum status log_reader_bytes(struct log_reader *reader, uint64_t offset, size_t size,
                             struct bytes *bytes, struct fault *fault)
{
    uint64_t left = offset < reader->segment.size ? reader->segment.size - offset : 0;
    if (size > left)
        size = (size_t)left;
    uint64_t end = reader->begin + reader->window.size;
    if (offset < reader->begin || offset + size > end) {
        size_t wanted = size < WINDOW_SIZE ? WINDOW_SIZE : size;
        if (wanted > left)
            wanted = (size_t)left;
        size_t size_read = 0;
        buf_clear(&reader->window);
        enum status status =
            reader->vfs->read(reader->vfs, reader->segment.file, offset,
                              buf_grow(&reader->window, wanted), wanted, &size_read, fault);
        reader->begin = offset;
        reader->window.size = status ? 0 : size_read;
        if (status)
            return status;
        if (size > size_read)
            size = size_read;
    }
    *bytes = (struct bytes){0};
    if (size)
        *bytes = bytes_of(reader->window.data + (offset - reader->begin), size);
    return STATUS_OK;
}

enum status log_reader_peek(struct log_reader *reader, struct frame *frame, struct fault *fault)
{
    struct bytes bytes;
    uint64_t number = reader->segment.number;
    enum status status = log_reader_bytes(reader, reader->offset, FRAME_HEADER_SIZE, &bytes, fault);
    if (status)
        return status;
    if (!frame_begins(bytes, number, reader->offset))
        return STATUS_END;
    status = log_reader_bytes(reader, reader->offset, frame_size_of(bytes), &bytes, fault);
    if (status)
        return status;
    return frame_decode(frame, bytes, number, reader->offset, reader->database) ? STATUS_OK
                                                                                : STATUS_END;
}

enum status log_reader_find(struct log_reader *reader, struct frame *frame, bool *is_zero,
                            struct fault *fault)
{
    uint64_t number = reader->segment.number;
    reader->offset = (reader->offset + FRAME_ALIGN - 1) / FRAME_ALIGN * FRAME_ALIGN;
    for (;;) {
        struct bytes bytes;
        enum status status = log_reader_bytes(reader, reader->offset, WINDOW_SIZE, &bytes, fault);
        if (status)
            return status;
        uint64_t any = 0;
        size_t at = 0;
        for (; at + FRAME_HEADER_SIZE <= bytes.size; at += FRAME_ALIGN) {
            if (load_u64(bytes.data + at + 8) == frame_address(number, reader->offset + at))
                break;
            any |= load_u64(bytes.data + at);
        }
        bool is_candidate = at + FRAME_HEADER_SIZE <= bytes.size;
        if (!is_candidate && bytes.size < WINDOW_SIZE) {
            for (; at < bytes.size; at++)
                any |= bytes.data[at];
        }
        *is_zero &= !any && !is_candidate;
        reader->offset += at;
        if (is_candidate) {
            status = log_reader_peek(reader, frame, fault);
            if (status != STATUS_END)
                return status;
            reader->offset += FRAME_ALIGN;
        } else if (bytes.size < WINDOW_SIZE) {
            return STATUS_END;
        }
    }
}
