#include "lsm/block.h"

#include "base/endian.h"
#include "base/reader.h"
#include "base/xalloc.h"
#include "lsm/checksum.h"

#include <lz4.h>
#include <stdlib.h>

enum {
    HEAD_SIZE = 8,
    HEADER_SIZE = 8,
    COMPRESSION_NONE = 0,
    COMPRESSION_LZ4 = 1,
    SIZES_SIZE = 12, // of one entry in the builder
};

void block_builder_release(struct block_builder *builder)
{
    buf_release(&builder->keys);
    buf_release(&builder->values);
    buf_release(&builder->sizes);
    buf_release(&builder->raw);
    builder->count = 0;
}

void block_builder_add(struct block_builder *builder, struct bytes key, struct bytes value,
                       bool is_deleted)
{
    uint8_t *sizes = buf_grow(&builder->sizes, SIZES_SIZE);
    store_u32(sizes, (uint32_t)key.size);
    store_u32(sizes + 4, (uint32_t)value.size);
    store_u32(sizes + 8, is_deleted);
    buf_append(&builder->keys, key);
    buf_append(&builder->values, value);
    builder->count++;
}

size_t block_builder_size(const struct block_builder *builder)
{
    return builder->keys.size + builder->values.size + builder->count * BLOCK_ENTRY_OVERHEAD;
}

struct bytes block_builder_last(const struct block_builder *builder)
{
    if (!builder->count)
        return (struct bytes){0};
    size_t size = load_u32(builder->sizes.data + (builder->count - 1) * (size_t)SIZES_SIZE);
    return bytes_of(builder->keys.data + builder->keys.size - size, size);
}

// Sorted keys share what the first and the last share.
static size_t prefix_of(const struct block_builder *builder)
{
    struct bytes first = bytes_of(builder->keys.data, load_u32(builder->sizes.data));
    struct bytes last = block_builder_last(builder);
    size_t size = first.size < last.size ? first.size : last.size, i = 0;
    while (i < size && first.data[i] == last.data[i])
        i++;
    return i;
}

struct bytes block_builder_finish(struct block_builder *builder)
{
    struct buf *raw = &builder->raw;
    size_t n = builder->count, prefix_size = prefix_of(builder);
    buf_clear(raw);
    buf_reserve(raw,
                HEADER_SIZE + n * BLOCK_ENTRY_OVERHEAD + builder->keys.size + builder->values.size);
    buf_append_u32(raw, builder->count);
    buf_append_u32(raw, (uint32_t)prefix_size);
    uint8_t *heads = buf_grow(raw, n * BLOCK_ENTRY_OVERHEAD);
    uint8_t *tail_sizes = heads + n * HEAD_SIZE;
    uint8_t *value_sizes = tail_sizes + n * 4;
    uint8_t *flags = value_sizes + n * 4;
    buf_append(raw, bytes_of(builder->keys.data, prefix_size));
    memset(heads, 0, n * HEAD_SIZE);

    const uint8_t *key = builder->keys.data;
    const uint8_t *sizes = builder->sizes.data;
    for (size_t i = 0; i < n; i++, sizes += SIZES_SIZE) {
        size_t rest = load_u32(sizes) - prefix_size;
        size_t head_size = rest < HEAD_SIZE ? rest : HEAD_SIZE;
        memcpy(heads + i * HEAD_SIZE, key + prefix_size, head_size);
        buf_append(raw, bytes_of(key + prefix_size + head_size, rest - head_size));
        store_u32(tail_sizes + i * 4, (uint32_t)(rest - head_size));
        store_u32(value_sizes + i * 4, load_u32(sizes + 4));
        flags[i] = (uint8_t)(head_size << 1 | load_u32(sizes + 8));
        key += prefix_size + rest;
    }
    buf_append(raw, buf_bytes(&builder->values));
    buf_clear(&builder->keys);
    buf_clear(&builder->values);
    buf_clear(&builder->sizes);
    builder->count = 0;
    return buf_bytes(raw);
}

static uint64_t checksum_of(const uint8_t *stored, size_t size, struct block_place place)
{
    return checksum_at(bytes_of(stored, size), place.database, place.number, place.offset);
}

void block_store(struct buf *out, struct bytes raw, struct block_place place)
{
    size_t begin = out->size;
    uint32_t compression = COMPRESSION_NONE;
    int size = 0;
    if (raw.size < LZ4_MAX_INPUT_SIZE) {
        // Worth it only if an eighth is saved.
        int capacity = (int)(raw.size - raw.size / 8);
        buf_reserve(out, (size_t)capacity + BLOCK_TRAILER_SIZE);
        size = LZ4_compress_default((const char *)raw.data, (char *)out->data + begin,
                                    (int)raw.size, capacity);
    }
    if (size > 0) {
        compression = COMPRESSION_LZ4;
        out->size += (size_t)size;
    } else {
        buf_append(out, raw);
    }
    buf_append_u32(out, (uint32_t)raw.size);
    buf_append_u32(out, compression);
    buf_append_u64(out, checksum_of(out->data + begin, out->size - begin, place));
}

bool block_load(struct buf *raw, struct bytes stored, struct block_place place)
{
    if (stored.size < BLOCK_TRAILER_SIZE)
        return false;
    const uint8_t *trailer = stored.data + stored.size - BLOCK_TRAILER_SIZE;
    if (load_u64(trailer + 8) != checksum_of(stored.data, stored.size - 8, place))
        return false;
    size_t size = load_u32(trailer);
    size_t stored_size = stored.size - BLOCK_TRAILER_SIZE;
    if (load_u32(trailer + 4) == COMPRESSION_NONE) {
        if (size == stored_size)
            buf_append(raw, bytes_of(stored.data, size));
        return size == stored_size;
    }
    if (load_u32(trailer + 4) != COMPRESSION_LZ4 || size >= LZ4_MAX_INPUT_SIZE)
        return false;
    uint8_t *at = buf_grow(raw, size);
    int loaded =
        LZ4_decompress_safe((const char *)stored.data, (char *)at, (int)stored_size, (int)size);
    return loaded >= 0 && (size_t)loaded == size;
}

// Turns sizes into ends. The sum.
static uint64_t sum_up(uint8_t *sizes, uint32_t count)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += load_u32(sizes + 4 * i);
        store_u32(sizes + 4 * i, (uint32_t)sum);
    }
    return sum;
}

static bool parse(struct block *block)
{
    struct reader reader = reader_of(bytes_of(block->raw, block->size));
    block->count = reader_u32(&reader);
    size_t prefix_size = reader_u32(&reader);
    if (!block->count || block->count > reader_left(&reader) / BLOCK_ENTRY_OVERHEAD)
        return false;
    size_t n = block->count;
    uint8_t *columns = block->raw + HEADER_SIZE;
    block->heads = columns;
    block->tail_ends = columns + n * HEAD_SIZE;
    block->value_ends = block->tail_ends + n * 4;
    block->flags = block->value_ends + n * 4;
    reader_bytes(&reader, n * BLOCK_ENTRY_OVERHEAD);
    block->prefix = reader_bytes(&reader, prefix_size);
    uint64_t tails_size = sum_up(columns + n * HEAD_SIZE, block->count);
    uint64_t values_size = sum_up(columns + n * (HEAD_SIZE + 4), block->count);
    if (reader.bad || tails_size + values_size != reader_left(&reader))
        return false;
    for (size_t i = 0; i < n; i++) {
        unsigned head_size = block->flags[i] >> 1;
        if (head_size > HEAD_SIZE || prefix_size + head_size == 0) // no key is empty
            return false;
    }
    block->tails = reader_bytes(&reader, (size_t)tails_size).data;
    block->values = reader.at;
    return true;
}

struct block *block_new_take(struct buf *raw, uint64_t table, uint64_t offset)
{
    struct block *block = xmalloc(sizeof *block);
    *block = (struct block){
        .ref_count = 1,
        .table = table,
        .offset = offset,
        .raw = raw->data,
        .size = raw->size,
    };
    *raw = (struct buf){0};
    if (!parse(block)) {
        block_release(block);
        return NULL;
    }
    return block;
}

struct block *block_retain(struct block *block)
{
    block->ref_count++;
    return block;
}

void block_release(struct block *block)
{
    if (!block || --block->ref_count)
        return;
    free(block->raw);
    free(block);
}

static struct bytes range_at(const uint8_t *base, const uint8_t *ends, uint32_t index)
{
    uint32_t begin = index ? load_u32(ends + 4 * ((size_t)index - 1)) : 0;
    return bytes_of(base + begin, load_u32(ends + 4 * (size_t)index) - begin);
}

// Order of the entry's key to one that begins with the prefix and has `rest` behind it.
static int compare_rest(const struct block *block, uint32_t index, struct bytes rest)
{
    size_t head_size = block->flags[index] >> 1;
    struct bytes head = bytes_of(block->heads + (size_t)index * HEAD_SIZE, head_size);
    size_t size = rest.size < HEAD_SIZE ? rest.size : HEAD_SIZE;
    int order = bytes_compare(head, bytes_of(rest.data, size));
    if (order || size < HEAD_SIZE || head_size < HEAD_SIZE)
        return order;
    return bytes_compare(range_at(block->tails, block->tail_ends, index),
                         bytes_of(rest.data + size, rest.size - size));
}

uint32_t block_find(const struct block *block, struct bytes key, bool *is_equal)
{
    *is_equal = false;
    size_t size = key.size < block->prefix.size ? key.size : block->prefix.size;
    int order = size ? memcmp(key.data, block->prefix.data, size) : 0;
    if (order < 0 || (order == 0 && key.size < block->prefix.size))
        return 0;
    if (order > 0)
        return block->count;

    struct bytes rest =
        size < key.size ? bytes_of(key.data + size, key.size - size) : (struct bytes){0};
    uint8_t head[HEAD_SIZE] = {0};
    if (rest.size)
        memcpy(head, rest.data, rest.size < HEAD_SIZE ? rest.size : HEAD_SIZE);
    uint64_t wanted = load_u64_be(head);
    uint32_t low = 0, high = block->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        uint64_t found = load_u64_be(block->heads + (size_t)middle * HEAD_SIZE);
        int compared = found < wanted ? -1 : 1;
        if (found == wanted) {
            compared = compare_rest(block, middle, rest);
            if (!compared) {
                *is_equal = true;
                return middle;
            }
        }
        if (compared < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void block_key(const struct block *block, uint32_t index, struct buf *key)
{
    size_t head_size = block->flags[index] >> 1;
    struct bytes tail = range_at(block->tails, block->tail_ends, index);
    buf_clear(key);
    uint8_t *at = buf_grow(key, block->prefix.size + head_size + tail.size);
    if (block->prefix.size)
        memcpy(at, block->prefix.data, block->prefix.size);
    memcpy(at + block->prefix.size, block->heads + (size_t)index * HEAD_SIZE, head_size);
    if (tail.size)
        memcpy(at + block->prefix.size + head_size, tail.data, tail.size);
}

struct bytes block_value(const struct block *block, uint32_t index)
{
    return range_at(block->values, block->value_ends, index);
}
