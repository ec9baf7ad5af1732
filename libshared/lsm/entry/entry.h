// entry.h - what the engine knows of a key at one place: a value, where a large value lies,
// or that it was deleted.
#pragma once

#include "base/bytes.h"

struct entry {
    struct bytes key;
    struct bytes value;
    bool is_deleted;
    bool is_pointer;        // the value is a pointer (value.h)
    bool is_packed;         // the value is packed (value.h), as large ones are if they can
    uint64_t value_address; // of its first byte in the log (frame.h), or 0; in memory of large ones
};

// Whether the value is there for everybody to read.
static inline bool entry_is_plain(const struct entry *entry)
{
    return !entry->is_pointer && !entry->is_packed;
}
