// frame.h - how the log and the manifest keep their records.
//
// A file of frames begins with a header that says what it is and to which database
// it belongs; the frames start in the second sector:
//
//     file header   frame  frame  frame ...
//
//     frame:  checksum of all that follows, salted with its place
//             address: file number << 32 | offset of this frame
//             synced: the address up to which the files are known to be synced
//             kind, payload
//
// Every byte: dkv-store(5), FILES OF FRAMES.
//
// The promise in `synced` tells a torn tail from damage: after a power loss
// bytes behind the last sync may be missing, bytes before it may not. So an invalid
// frame is corruption if and only if some valid frame behind it promises an address
// beyond it. (The rule is that of Pebble's log, cockroachdb/pebble#4331.)
#pragma once

#include "base/bytes.h"
#include "base/fault.h"

enum {
    FRAME_FILE_HEADER_SIZE = 64,
    FRAME_START = 512, // offset of the first frame
    FRAME_HEADER_SIZE = 32,
    FRAME_ALIGN = 8,
};

enum frame_kind {
    FRAME_BATCHES = 1,  // log: batches of operations
    FRAME_SEAL = 2,     // log: the last frame of a segment; u64 number of the next one
    FRAME_EDIT = 3,     // manifest: one version edit
    FRAME_FEATURES = 4, // manifest: its first frame (feature.h)
};

struct frame {
    uint64_t address;
    uint64_t synced;
    enum frame_kind kind;
    struct bytes payload;
    size_t size; // of the whole frame
};

static inline uint64_t frame_address(uint64_t number, uint64_t offset)
{
    return number << 32 | offset;
}

static inline uint64_t frame_number(uint64_t address)
{
    return address >> 32;
}

static inline uint64_t frame_offset(uint64_t address)
{
    return address & UINT32_MAX;
}

// Bytes that a frame with this payload takes.
static inline size_t frame_size(size_t payload_size)
{
    return (FRAME_HEADER_SIZE + payload_size + FRAME_ALIGN - 1) / FRAME_ALIGN * FRAME_ALIGN;
}

// Fills the header of a frame whose payload is in place, and zeros the padding.
void frame_finish(uint8_t *frame, size_t payload_size, enum frame_kind kind, uint64_t address);

// Sets the promise, then the checksum: the frame may be written. Returns its size.
size_t frame_sign(uint8_t *frame, uint64_t synced, uint64_t database);

// `bytes` are those of the file from `offset` on, at least a header. Whether they say to be
// the frame of this place, which turns down stale and other bytes at the price of a load;
// then how long it says to be.
bool frame_begins(struct bytes bytes, uint64_t number, uint64_t offset);
size_t frame_size_of(struct bytes bytes);

// True if a valid frame of this place is there, whole. It borrows from `bytes`.
bool frame_decode(struct frame *frame, struct bytes bytes, uint64_t number, uint64_t offset,
                  uint64_t database);

enum frame_file_kind {
    FRAME_FILE_LOG,
    FRAME_FILE_MANIFEST,
    FRAME_FILE_VALUES,   // no frames, but the header (value_writer.h)
    FRAME_FILE_SNAPSHOT, // the same (snapshot.h)
};

struct frame_file {
    enum frame_file_kind kind;
    uint64_t database;
    uint64_t number;
    uint64_t size;    // of a log segment or of the content of a snapshot, else 0
    uint32_t version; // when read: one of those that this program knows
};

// The file header, FRAME_FILE_HEADER_SIZE bytes.
void frame_file_encode(uint8_t *header, const struct frame_file *file);

// CORRUPT when the bytes are no header of this kind, INVALID when a newer program has written
// them; `path` is for the fault.
enum status frame_file_decode(struct frame_file *file, struct bytes bytes,
                              enum frame_file_kind kind, const char *path,
                              struct fault *fault) MUST_USE;
