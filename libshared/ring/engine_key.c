#include "ring/engine_key.h"

#include "base/endian.h"

struct engine_key engine_key_of(uint32_t keyspace, struct bytes key)
{
    return (struct engine_key){ring_token(keyspace, key), keyspace, key};
}

static void store_prefix(const struct engine_key *engine_key, uint8_t *prefix)
{
    store_u64_be(prefix, engine_key->token);
    store_u32_be(prefix + 8, engine_key->keyspace);
}

void engine_key_encode(const struct engine_key *engine_key, struct buf *out)
{
    store_prefix(engine_key, buf_grow(out, ENGINE_KEY_PREFIX_SIZE));
    buf_append(out, engine_key->key);
}

bool engine_key_decode(struct engine_key *engine_key, struct bytes encoded)
{
    if (encoded.size <= ENGINE_KEY_PREFIX_SIZE)
        return false;
    *engine_key = (struct engine_key){
        .token = load_u64_be(encoded.data),
        .keyspace = load_u32_be(encoded.data + 8),
        .key =
            bytes_of(encoded.data + ENGINE_KEY_PREFIX_SIZE, encoded.size - ENGINE_KEY_PREFIX_SIZE),
    };
    return true;
}

int engine_key_compare(const struct engine_key *engine_key, struct bytes encoded)
{
    uint8_t prefix[ENGINE_KEY_PREFIX_SIZE];
    store_prefix(engine_key, prefix);
    size_t size = encoded.size < sizeof prefix ? encoded.size : sizeof prefix;
    int order = size ? memcmp(prefix, encoded.data, size) : 0;
    if (order || size < sizeof prefix)
        return order ? order : 1;
    return bytes_compare(engine_key->key, bytes_of(encoded.data + size, encoded.size - size));
}

// The last partition has no end.
void engine_key_range(uint32_t count, uint32_t partition, struct buf *from, struct buf *to)
{
    buf_clear(from);
    buf_clear(to);
    store_u64_be(buf_grow(from, 8), ring_partition_begin(count, partition));
    if (partition + 1 < count)
        store_u64_be(buf_grow(to, 8), ring_partition_begin(count, partition + 1));
}
