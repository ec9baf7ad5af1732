#include "lsm/file/frame.h"

#include "base/endian.h"
#include "lsm/file/checksum.h"

#include <assert.h>

static const char frame_magics[][8] = {
    [FRAME_FILE_LOG] = "dkv-log",
    [FRAME_FILE_MANIFEST] = "dkv-man",
    [FRAME_FILE_VALUES] = "dkv-val",
    [FRAME_FILE_SNAPSHOT] = "dkv-snp",
};

// What is written; older ones are read.
static const uint32_t frame_versions[] = {
    [FRAME_FILE_LOG] = 1,
    [FRAME_FILE_MANIFEST] = 2,
    [FRAME_FILE_VALUES] = 1,
    [FRAME_FILE_SNAPSHOT] = 1,
};

static uint64_t checksum_of(const uint8_t *frame, size_t size, uint64_t address, uint64_t database)
{
    return checksum_at(bytes_of(frame + 8, size - 8), database, frame_number(address),
                       frame_offset(address));
}

void frame_finish(uint8_t *frame, size_t payload_size, enum frame_kind kind, uint64_t address)
{
    assert(payload_size <= UINT32_MAX - FRAME_HEADER_SIZE - FRAME_ALIGN);
    assert(frame_offset(address) % FRAME_ALIGN == 0);
    store_u64(frame + 8, address);
    store_u32(frame + 24, (uint32_t)payload_size);
    store_u32(frame + 28, kind);
    size_t end = FRAME_HEADER_SIZE + payload_size;
    memset(frame + end, 0, frame_size(payload_size) - end);
}

size_t frame_sign(uint8_t *frame, uint64_t synced, uint64_t database)
{
    size_t size = frame_size(load_u32(frame + 24));
    store_u64(frame + 16, synced);
    store_u64(frame, checksum_of(frame, size, load_u64(frame + 8), database));
    return size;
}

bool frame_begins(struct bytes bytes, uint64_t number, uint64_t offset)
{
    return bytes.size >= FRAME_HEADER_SIZE &&
           load_u64(bytes.data + 8) == frame_address(number, offset);
}

size_t frame_size_of(struct bytes bytes)
{
    return frame_size(load_u32(bytes.data + 24));
}

bool frame_decode(struct frame *frame, struct bytes bytes, uint64_t number, uint64_t offset,
                  uint64_t database)
{
    if (!frame_begins(bytes, number, offset) || frame_size_of(bytes) > bytes.size)
        return false;
    const uint8_t *at = bytes.data;
    *frame = (struct frame){
        .address = frame_address(number, offset),
        .synced = load_u64(at + 16),
        .kind = (enum frame_kind)load_u32(at + 28),
        .payload = bytes_of(at + FRAME_HEADER_SIZE, load_u32(at + 24)),
        .size = frame_size_of(bytes),
    };
    return load_u64(at) == checksum_of(at, frame->size, frame->address, database);
}

void frame_file_encode(uint8_t *header, const struct frame_file *file)
{
    memset(header, 0, FRAME_FILE_HEADER_SIZE);
    memcpy(header, frame_magics[file->kind], 8);
    store_u32(header + 8, frame_versions[file->kind]);
    store_u64(header + 16, file->database);
    store_u64(header + 24, file->number);
    store_u64(header + 32, file->size);
    store_u64(header + 56, hash64(bytes_of(header, 56)));
}

enum status frame_file_decode(struct frame_file *file, struct bytes bytes,
                              enum frame_file_kind kind, const char *path, struct fault *fault)
{
    const uint8_t *at = bytes.data;
    if (bytes.size < FRAME_FILE_HEADER_SIZE)
        return fault_set(fault, STATUS_CORRUPT, "%s: ends inside its header at offset %zu", path,
                         bytes.size);
    if (memcmp(at, frame_magics[kind], 8) || load_u64(at + 56) != hash64(bytes_of(at, 56)))
        return fault_set(fault, STATUS_CORRUPT, "%s: damaged header at offset 0", path);
    uint32_t version = load_u32(at + 8);
    if (!version || version > frame_versions[kind])
        return fault_set(fault, STATUS_INVALID,
                         "%s: written by a newer dkv (needs format version %u)", path, version);
    *file = (struct frame_file){
        .kind = kind,
        .database = load_u64(at + 16),
        .number = load_u64(at + 24),
        .size = load_u64(at + 32),
        .version = version,
    };
    return STATUS_OK;
}
