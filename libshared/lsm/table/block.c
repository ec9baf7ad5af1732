#include "lsm/table/block.h"

#include "base/reader.h"
#include "base/xalloc.h"
#include "lsm/entry/key.h"
#include "lsm/file/checksum.h"
#include "lsm/file/pack.h"

#include <assert.h>
#include <stdlib.h>

enum {
    COMPRESSION_NONE = 0,
    COMPRESSION_LZ4 = 1,
    ROOM_MIN = 2048,
};

// ---- Making one ----------------------------------------------------------------------

void block_builder_release(struct block_builder *builder)
{
    buf_release(&builder->keys);
    buf_release(&builder->raw);
    free(builder->sizes);
    free(builder->flags);
    *builder = (struct block_builder){0};
}

static void begin(struct block_builder *builder)
{
    if (builder->room < ROOM_MIN)
        builder->room = ROOM_MIN;
    buf_clear(&builder->keys);
    buf_clear(&builder->raw);
    buf_grow(&builder->raw, builder->room);
}

void block_builder_add(struct block_builder *builder, const struct entry *entry)
{
    if (!builder->count)
        begin(builder);
    if (builder->count == builder->capacity) {
        builder->capacity = builder->capacity ? 2 * builder->capacity : 64;
        builder->sizes = xrealloc(builder->sizes, builder->capacity * 2 * sizeof *builder->sizes);
        builder->flags = xrealloc(builder->flags, builder->capacity);
    }
    builder->sizes[2 * (size_t)builder->count] = (uint32_t)entry->key.size;
    builder->sizes[2 * (size_t)builder->count + 1] = (uint32_t)entry->value.size;
    uint8_t flags = entry->is_pointer ? BLOCK_POINTER : 0;
    builder->flags[builder->count++] = entry->is_deleted ? BLOCK_DELETED : flags;
    buf_append(&builder->keys, entry->key);
    buf_append(&builder->raw, entry->value);
}

size_t block_builder_size(const struct block_builder *builder)
{
    if (!builder->count)
        return 0;
    return builder->keys.size + builder->raw.size - builder->room +
           (size_t)builder->count * BLOCK_ENTRY_OVERHEAD;
}

struct bytes block_builder_last(const struct block_builder *builder)
{
    if (!builder->count)
        return (struct bytes){0};
    size_t size = builder->sizes[2 * ((size_t)builder->count - 1)];
    return bytes_of(builder->keys.data + builder->keys.size - size, size);
}

// Sorted keys share what the first and the last share.
static size_t prefix_of(const struct block_builder *builder)
{
    struct bytes first = bytes_of(builder->keys.data, builder->sizes[0]);
    return key_common_size(first, block_builder_last(builder));
}

// Writes header and columns; where the tails end.
static uint8_t *put_columns(const struct block_builder *builder, size_t prefix_size, uint8_t *at)
{
    size_t n = builder->count;
    store_u32(at, builder->count);
    store_u32(at + 4, (uint32_t)prefix_size);
    memcpy(at + BLOCK_HEADER_SIZE, builder->keys.data, prefix_size);
    uint8_t *heads = at + BLOCK_HEADER_SIZE + prefix_size;
    uint8_t *tail_sizes = heads + n * BLOCK_HEAD_SIZE;
    uint8_t *value_sizes = tail_sizes + n * 4;
    uint8_t *flags = value_sizes + n * 4;
    uint8_t *tails = flags + n;
    const uint8_t *key = builder->keys.data;
    for (size_t i = 0; i < n; i++) {
        size_t size = builder->sizes[2 * i] - prefix_size;
        size_t head_size = size < BLOCK_HEAD_SIZE ? size : BLOCK_HEAD_SIZE;
        size_t tail_size = size - head_size;
        uint8_t head[BLOCK_HEAD_SIZE] = {0};
        memcpy(head, key + prefix_size, head_size);
        memcpy(heads + i * BLOCK_HEAD_SIZE, head, BLOCK_HEAD_SIZE);
        memcpy(tails, key + prefix_size + head_size, tail_size);
        store_u32(tail_sizes + i * 4, (uint32_t)tail_size);
        store_u32(value_sizes + i * 4, builder->sizes[2 * i + 1]);
        flags[i] = (uint8_t)(head_size << 1 | builder->flags[i]);
        tails += tail_size;
        key += prefix_size + size;
    }
    return tails;
}

struct bytes block_builder_finish(struct block_builder *builder)
{
    assert(builder->count);
    struct buf *raw = &builder->raw;
    size_t n = builder->count, prefix_size = prefix_of(builder);
    size_t values_size = raw->size - builder->room;
    size_t needed = BLOCK_HEADER_SIZE + n * (BLOCK_ENTRY_OVERHEAD - BLOCK_HEAD_SIZE);
    // A key that ends in its head leaves zeros there.
    size_t keys_size = prefix_size;
    for (size_t i = 0; i < n; i++) {
        size_t size = builder->sizes[2 * i] - prefix_size;
        keys_size += size < BLOCK_HEAD_SIZE ? BLOCK_HEAD_SIZE : size;
    }
    needed += keys_size;
    if (needed > builder->room) {
        buf_grow(raw, needed - builder->room);
        memmove(raw->data + needed, raw->data + builder->room, values_size);
        builder->room = needed;
    }
    uint8_t *at = raw->data + builder->room - needed;
    uint8_t *end = put_columns(builder, prefix_size, at);
    assert(end == raw->data + builder->room);
    builder->count = 0;
    return bytes_of(at, needed + values_size);
}

static uint64_t checksum_of(struct bytes stored, struct block_place place)
{
    return checksum_at(stored, place.database, place.number, place.offset);
}

void block_store(struct buf *out, struct bytes raw, struct block_place place)
{
    size_t begin_size = out->size;
    uint32_t compression = pack_encode(out, raw, PACK_WELL) ? COMPRESSION_LZ4 : COMPRESSION_NONE;
    if (compression == COMPRESSION_NONE)
        buf_append(out, raw);
    buf_append_u32(out, (uint32_t)raw.size);
    buf_append_u32(out, compression);
    struct bytes stored = bytes_of(out->data + begin_size, out->size - begin_size);
    buf_append_u64(out, checksum_of(stored, place));
}

// ---- Reading one ---------------------------------------------------------------------

// The size before compression. False if the bytes are damaged.
static bool check(struct bytes stored, struct block_place place, size_t *size)
{
    if (stored.size < BLOCK_TRAILER_SIZE)
        return false;
    const uint8_t *trailer = stored.data + stored.size - BLOCK_TRAILER_SIZE;
    if (load_u64(trailer + 8) != checksum_of(bytes_of(stored.data, stored.size - 8), place))
        return false;
    size_t stored_size = stored.size - BLOCK_TRAILER_SIZE;
    *size = load_u32(trailer);
    if (load_u32(trailer + 4) == COMPRESSION_NONE)
        return *size == stored_size;
    return load_u32(trailer + 4) == COMPRESSION_LZ4 && pack_may_have(*size, stored_size);
}

// Puts `size` bytes at `to`, after the check.
static bool unpack(struct bytes stored, uint8_t *to, size_t size)
{
    const uint8_t *trailer = stored.data + stored.size - BLOCK_TRAILER_SIZE;
    size_t stored_size = stored.size - BLOCK_TRAILER_SIZE;
    if (load_u32(trailer + 4) == COMPRESSION_LZ4)
        return pack_decode(bytes_of(stored.data, stored_size), to, size);
    if (size)
        memcpy(to, stored.data, size);
    return true;
}

bool block_load(struct buf *raw, struct bytes stored, struct block_place place)
{
    size_t size;
    if (!check(stored, place, &size))
        return false;
    size_t begin_size = raw->size;
    buf_reserve(raw, size + 1);
    raw->size += size;
    return unpack(stored, raw->data + begin_size, size);
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
    block->prefix_size = reader_u32(&reader);
    reader_bytes(&reader, block->prefix_size);
    if (reader.bad || !block->count || block->count > reader_left(&reader) / BLOCK_ENTRY_OVERHEAD)
        return false;
    size_t n = block->count;
    uint8_t *heads = block->raw + BLOCK_HEADER_SIZE + block->prefix_size;
    reader_bytes(&reader, n * BLOCK_ENTRY_OVERHEAD);
    uint64_t tails_size = sum_up(heads + n * BLOCK_HEAD_SIZE, block->count);
    uint64_t values_size = sum_up(heads + n * (BLOCK_HEAD_SIZE + 4), block->count);
    if (reader.bad || tails_size + values_size != reader_left(&reader))
        return false;
    const uint8_t *flags = heads + n * (BLOCK_HEAD_SIZE + 8);
    for (size_t i = 0; i < n; i++) {
        unsigned head_size = flags[i] >> 1 & BLOCK_HEAD_MASK;
        if (head_size > BLOCK_HEAD_SIZE || block->prefix_size + head_size == 0) // no key is empty
            return false;
    }
    block->tails = (uint32_t)(reader.at - block->raw);
    block->values = block->tails + (uint32_t)tails_size;
    return true;
}

// Memory for a block of this size, perhaps that of the one there.
static struct block *renew(struct block *block, size_t size)
{
    size_t capacity = size;
    if (block && block->ref_count == 1 && block->capacity >= size)
        capacity = block->capacity;
    else {
        block_release(block);
        block = xmalloc(sizeof *block + capacity + BLOCK_PADDING);
    }
    *block = (struct block){.ref_count = 1, .capacity = capacity, .size = (uint32_t)size};
    return block;
}

bool block_decode(struct block **block, struct bytes stored, struct block_place place)
{
    size_t size;
    if (check(stored, place, &size)) {
        *block = renew(*block, size);
        if (unpack(stored, (*block)->raw, size) && parse(*block))
            return true;
    }
    block_release(*block);
    *block = NULL;
    return false;
}

struct block *block_retain(struct block *block)
{
    block->ref_count++;
    return block;
}

void block_release(struct block *block)
{
    if (block && !--block->ref_count)
        free(block);
}

static uint64_t head_at(const struct block *block, uint32_t index)
{
    return load_u64_be(block_heads(block) + (size_t)index * BLOCK_HEAD_SIZE);
}

// The first entry whose head is not below `head`, by halves and without branches.
static uint32_t find_head(const struct block *block, uint64_t head)
{
    uint32_t begin_at = 0;
    for (uint32_t left = block->count; left > 1;) {
        uint32_t half = left / 2;
        begin_at += head_at(block, begin_at + half - 1) < head ? half : 0;
        left -= half;
    }
    return begin_at + (head_at(block, begin_at) < head);
}

static struct bytes tail_at(const struct block *block, uint32_t index)
{
    uint32_t begin_at = index ? block_tail_end(block, index - 1) : 0;
    return bytes_of(block->raw + block->tails + begin_at, block_tail_end(block, index) - begin_at);
}

// Order of the entry's key to one that begins with prefix and head, and has `rest`
// behind the prefix. Of two heads that differ in size alone, the shorter one comes first.
static int compare_rest(const struct block *block, uint32_t index, struct bytes rest)
{
    size_t head_size = block_head_size(block, index);
    size_t size = rest.size < BLOCK_HEAD_SIZE ? rest.size : BLOCK_HEAD_SIZE;
    if (size < BLOCK_HEAD_SIZE || head_size < BLOCK_HEAD_SIZE)
        return (head_size > size) - (head_size < size);
    return bytes_compare(tail_at(block, index), bytes_of(rest.data + size, rest.size - size));
}

uint32_t block_find(const struct block *block, struct bytes key, bool *is_equal)
{
    *is_equal = false;
    struct bytes prefix = block_prefix(block);
    size_t size = key.size < prefix.size ? key.size : prefix.size;
    int order = size ? memcmp(key.data, prefix.data, size) : 0;
    if (order < 0 || (order == 0 && key.size < prefix.size))
        return 0;
    if (order > 0)
        return block->count;

    struct bytes rest = {0};
    if (size < key.size)
        rest = bytes_of(key.data + size, key.size - size);
    uint64_t head = key_head(rest, 0);
    uint32_t low = find_head(block, head);
    if (low == block->count || head_at(block, low) != head)
        return low;
    uint32_t high = low + 1; // those with this head end there
    if (high < block->count && head_at(block, high) == head)
        high = head == UINT64_MAX ? block->count : find_head(block, head + 1);
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        order = compare_rest(block, middle, rest);
        *is_equal = order == 0;
        if (*is_equal)
            return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void block_key(const struct block *block, uint32_t index, struct buf *key)
{
    const uint8_t *head = block_heads(block) + (size_t)index * BLOCK_HEAD_SIZE;
    buf_set(key, block_prefix(block));
    buf_append(key, bytes_of(head, block_head_size(block, index)));
    buf_append(key, tail_at(block, index));
}

struct bytes block_value(const struct block *block, uint32_t index)
{
    uint32_t begin_at = index ? block_value_end(block, index - 1) : 0;
    return bytes_of(block->raw + block->values + begin_at,
                    block_value_end(block, index) - begin_at);
}
