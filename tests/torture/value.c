#include "torture/value.h"

#include "base/endian.h"
#include "base/hash.h"
#include "base/random.h"

enum { REPEAT_SIZE = 128 }; // of the filler that compresses

void value_make(uint64_t seed, uint32_t key, uint32_t version, uint32_t size, struct buf *out)
{
    struct random random;
    random_init(&random, hash_mix(hash_mix(seed, key), version));
    size_t step = random_below(&random, 2) ? REPEAT_SIZE : sizeof(uint64_t);
    size_t end = out->size + size;
    buf_append_u32(out, key);
    buf_append_u32(out, version);
    buf_append_u64(out, seed);
    while (out->size < end) {
        uint64_t word = random_u64(&random);
        for (size_t at = 0; at < step; at += sizeof word)
            buf_append_u64(out, word);
    }
    out->size = end;
}

uint32_t value_version(uint64_t seed, uint32_t key, struct bytes value)
{
    bool is_ours = value.size >= VALUE_SIZE_MIN && load_u32(value.data) == key &&
                   load_u64(value.data + 8) == seed;
    return is_ours ? load_u32(value.data + 4) : 0;
}
