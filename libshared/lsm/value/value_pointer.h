// value_pointer.h - where a large value lies.
//
//     pointer:  place, size, whether it is packed, checksum salted with the place
//
// A place is an id of a file and an offset: bit 63 set for a segment of the log, 31 bits
// of number, 32 bits of offset.
#pragma once

#include "base/buf.h"
#include "lsm/entry/entry.h"

enum {
    VALUE_POINTER_SIZE = 20,
};

#define VALUE_IN_LOG ((uint64_t)1 << 31) // in the id of a file

struct value_pointer {
    uint64_t place;
    uint32_t size; // as it is stored
    bool is_packed;
    uint64_t checksum;
};

static inline uint64_t value_id(uint64_t place)
{
    return place >> 32;
}

void value_pointer_encode(struct buf *out, const struct value_pointer *pointer);

// False if that is no pointer.
bool value_pointer_decode(struct value_pointer *pointer, struct bytes bytes);

// Whether these bytes are the value that it points to.
bool value_pointer_fits(const struct value_pointer *pointer, struct bytes stored,
                        uint64_t database);

// The pointer to the value of an entry, which lies at `place`.
struct value_pointer value_point(const struct entry *entry, uint64_t place, uint64_t database);

// Replaces `path` by that of the file with this id, and returns it as a C string.
const char *value_path(struct buf *path, const char *dir, uint64_t id);
