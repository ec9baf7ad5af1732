// key.h - what the order of keys is decided by, mostly: their heads.
//
// Sorted keys often begin alike. The eight bytes behind what some keys have in common, as a
// number, order nearly all of them by one comparison; only where two heads are equal the keys
// themselves are looked at.
#pragma once

#include "base/bytes.h"
#include "base/endian.h"

// The eight bytes of a key from `depth` on, the first one weighing most; zeros behind its end.
static inline uint64_t key_head(struct bytes key, size_t depth)
{
    if (key.size >= depth + 8)
        return load_u64_be(key.data + depth);
    uint8_t head[8] = {0};
    if (key.size > depth)
        memcpy(head, key.data + depth, key.size - depth);
    return load_u64_be(head);
}

// How many bytes both keys begin with.
static inline size_t key_common_size(struct bytes a, struct bytes b)
{
    size_t size = a.size < b.size ? a.size : b.size, i = 0;
    while (i + 8 <= size && load_u64(a.data + i) == load_u64(b.data + i))
        i += 8;
    while (i < size && a.data[i] == b.data[i])
        i++;
    return i;
}
