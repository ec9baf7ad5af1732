#include "dkv-repair/ages.h"

#include "base/hash.h"
#include "base/reader.h"

enum { VERSION = 1, SUM_SIZE = 8 };

static const uint64_t magic = 0x73656761766b6401u; // "\1dkvages"

void ages_encode(const struct pulls *pulls, struct ages_name name, struct moment now,
                 struct buf *out)
{
    size_t begin = out->size;
    buf_append_u64(out, magic);
    buf_append_u32(out, VERSION);
    buf_append_u64(out, name.cluster);
    buf_append_u64(out, name.node);
    buf_append_u32(out, pulls->count);
    for (uint32_t i = 0; i < pulls->count; i++) {
        const struct pull *pull = &pulls->items[i];
        uint64_t age_ms = pull_age_ms(pull, now);
        buf_append_u32(out, pull->keyspace);
        buf_append_u32(out, pull->partition);
        buf_append_u64(out, pull->node);
        buf_append_u64(out, age_ms < now.wall_ms ? now.wall_ms - age_ms : 0);
        buf_append_u8(out, pull->has_agreed);
    }
    buf_append_u64(out, hash64(bytes_of(out->data + begin, out->size - begin)));
}

static void take(struct pulls *pulls, struct reader *pairs, struct moment now)
{
    uint32_t keyspace = reader_u32(pairs), partition = reader_u32(pairs);
    struct pull *pull = pulls_find(pulls, keyspace, partition, reader_u64(pairs));
    uint64_t since_ms = reader_u64(pairs);
    bool has_agreed = reader_u8(pairs);
    if (!pull || since_ms > now.wall_ms)
        return;
    pull->since_ms = (int64_t)now.mono_ms - (int64_t)(now.wall_ms - since_ms);
    pull->has_agreed = has_agreed;
}

enum status ages_decode(struct pulls *pulls, struct ages_name name, struct bytes file,
                        struct moment now, struct fault *fault)
{
    struct bytes body = {file.data, file.size < SUM_SIZE ? 0 : file.size - SUM_SIZE};
    struct reader reader = reader_of(body);
    struct reader sum = reader_of(bytes_of(file.data + body.size, file.size - body.size));
    if (reader_u64(&sum) != hash64(body) || sum.bad || reader_u64(&reader) != magic)
        return fault_set(fault, STATUS_CORRUPT, "it is damaged");
    if (reader_u32(&reader) != VERSION)
        return fault_set(fault, STATUS_CORRUPT, "it is of another version");
    if (reader_u64(&reader) != name.cluster || reader_u64(&reader) != name.node)
        return fault_set(fault, STATUS_INVALID, "it is of another node");
    for (uint32_t count = reader_u32(&reader); count && reader_left(&reader); count--)
        take(pulls, &reader, now);
    return STATUS_OK;
}
