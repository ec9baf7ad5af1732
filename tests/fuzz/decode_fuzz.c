// Any bytes to each decoder of the engine by itself, behind its checksum. What one accepts
// makes sense, and where there is one encoding alone, it is the same bytes again. The first
// byte chooses the decoder.
#include "base/endian.h"
#include "base/hash.h"
#include "lsm/file/checksum.h"
#include "lsm/file/file_name.h"
#include "lsm/file/frame.h"
#include "lsm/log/log_op.h"
#include "lsm/table/block.h"
#include "lsm/table/filter.h"
#include "lsm/value/value.h"
#include "lsm/value/value_pointer.h"
#include "lsm/version/edit.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { DATABASE = 42, NUMBER = 3 };

static const struct block_place place = {DATABASE, NUMBER, 512};

static void unpack(struct bytes packed)
{
    struct buf value = {0};
    if (value_unpack(&value, packed))
        assert(value.size == load_u32(packed.data));
    buf_release(&value);
}

static void encode_packed(struct buf *out, const struct log_op *op)
{
    size_t begin = log_op_begin_packed(out, op->key);
    buf_append(out, op->value);
    log_op_end_packed(out, begin);
}

static void decode_ops(struct bytes input)
{
    struct reader reader = reader_of(input);
    struct log_op op;
    struct buf again = {0};
    while (log_op_decode(&reader, &op)) {
        assert(log_op_is_note(op.kind) == !op.key.size);
        unpack(op.value);
        if (op.kind == OP_PUT)
            log_op_encode_put(&again, op.key, op.value);
        else if (op.kind == OP_PUT_PACKED)
            encode_packed(&again, &op);
        else if (op.kind == OP_DELETE)
            log_op_encode_delete(&again, op.key);
        else
            log_op_encode_part(&again, op.kind, op.value);
    }
    assert(reader.bad || bytes_equal(buf_bytes(&again), input));
    assert(bytes_has_prefix(input, buf_bytes(&again)));
    buf_release(&again);
}

static void check_state(const struct edit_state *state)
{
    for (size_t i = 1; i < state->table_count; i++)
        assert(state->tables[i - 1].number < state->tables[i].number);
    for (size_t i = 1; i < state->value_count; i++)
        assert(state->values[i - 1].id < state->values[i].id);
    for (size_t i = 0; i < state->range_count; i++) {
        const struct edit_range *range = &state->ranges[i];
        assert(!i || bytes_compare(buf_bytes(&range[-1].begin), buf_bytes(&range->begin)) < 0);
        for (size_t at = 0; at < range->numbers.size; at += 8)
            assert(edit_find_table(state, load_u64(range->numbers.data + at)));
    }
}

// A version, then a list of edits, each with its size.
static void decode_edits(struct bytes input)
{
    struct edit_state state = {0};
    struct reader reader = reader_of(input);
    uint32_t version = 1 + reader_u8(&reader) % 2;
    while (reader_left(&reader) && !reader.bad &&
           !edit_apply(&state, reader_short(&reader), version))
        check_state(&state);
    check_state(&state); // what was refused did no harm either
    edit_state_release(&state);
}

// Every entry of a block, found and not.
static void use_block(const struct block *block, struct bytes wanted)
{
    struct buf key = {0};
    uint64_t sum = 0;
    bool is_equal;
    for (uint32_t i = 0; i < block->count; i++) {
        block_key(block, i, &key);
        assert(key.size);
        sum += hash64(block_value(block, i)) + block_is_deleted(block, i);
        uint32_t at = block_find(block, buf_bytes(&key), &is_equal);
        assert(at <= block->count && (!is_equal || at < block->count));
    }
    sum += block_find(block, wanted, &is_equal);
    (void)sum;
    buf_release(&key);
}

static void decode_stored(struct bytes stored, struct bytes wanted)
{
    struct block *block = NULL;
    if (block_decode(&block, stored, place))
        use_block(block, wanted);
    block_release(block);
    struct buf raw = {0};
    (void)block_load(&raw, stored, place);
    buf_release(&raw);
}

// As it would be before compression.
static void decode_raw_block(struct bytes input)
{
    struct buf stored = {0};
    block_store(&stored, input, place);
    decode_stored(buf_bytes(&stored), bytes_of(input.data, input.size / 4));
    buf_release(&stored);
}

// As it is on the disk.
static void decode_stored_block(struct bytes input)
{
    struct buf stored = {0};
    buf_append(&stored, input);
    buf_append_u64(&stored, checksum_at(input, place.database, place.number, place.offset));
    decode_stored(buf_bytes(&stored), bytes_of_text("key"));
    buf_release(&stored);
}

static void decode_filter(struct bytes input)
{
    struct filter filter;
    unsigned count = 0;
    if (!filter_init(&filter, input))
        return;
    for (uint64_t i = 0; i < 64; i++)
        count += filter_may_have(&filter, i * 0x9e3779b97f4a7c15u);
    assert(count == 64 || filter.line_count);
    filter_release(&filter);
}

static void decode_pointer(struct bytes input)
{
    struct value_pointer pointer;
    struct buf again = {0};
    if (!value_pointer_decode(&pointer, input))
        return;
    value_pointer_encode(&again, &pointer);
    assert(bytes_equal(buf_bytes(&again), input));
    buf_release(&again);
}

// A frame with whatever header and payload, signed or not.
static void decode_frame(struct bytes input)
{
    struct buf bytes = {0};
    struct frame frame;
    uint64_t offset = 512;
    bool is_valid = frame_decode(&frame, input, NUMBER, offset, DATABASE);
    assert(!is_valid || frame.size <= input.size);
    if (input.size < FRAME_HEADER_SIZE || frame_size_of(input) > input.size)
        return;
    buf_set(&bytes, input);
    frame_sign(bytes.data, load_u64(input.data + 16), DATABASE);
    is_valid = frame_decode(&frame, buf_bytes(&bytes), NUMBER, offset, DATABASE);
    assert(is_valid == frame_begins(input, NUMBER, offset));
    assert(!is_valid || frame.payload.size <= input.size - FRAME_HEADER_SIZE);
    buf_release(&bytes);
}

static void decode_header(struct bytes input)
{
    uint8_t header[FRAME_FILE_HEADER_SIZE] = {0}, again[FRAME_FILE_HEADER_SIZE];
    struct frame_file file;
    memcpy(header, input.data, input.size < 56 ? input.size : 56);
    store_u64(header + 56, hash64(bytes_of(header, 56)));
    for (unsigned kind = FRAME_FILE_LOG; kind <= FRAME_FILE_SNAPSHOT; kind++) {
        enum status status = frame_file_decode(&file, bytes_of(header, sizeof header),
                                               (enum frame_file_kind)kind, "file", NULL);
        assert(frame_file_decode(&file, input, (enum frame_file_kind)kind, "file", NULL) ||
               !status);
        if (!status)
            frame_file_encode(again, &file);
        assert(status || memcmp(again + 16, header + 16, 24) == 0);
    }
}

static void decode_name(struct bytes input)
{
    struct buf name = {0}, again = {0};
    uint64_t number;
    buf_set(&name, input);
    enum file_kind kind = file_name_parse(buf_text(&name), &number);
    if (kind != FILE_FOREIGN) {
        file_name_format(&again, kind, number);
        assert(strcmp(buf_text(&again), buf_text(&name)) == 0);
    }
    buf_release(&name);
    buf_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const decoders[])(struct bytes input) = {
        decode_ops,   decode_edits,   decode_raw_block, decode_stored_block, decode_filter,
        decode_frame, decode_pointer, decode_header,    decode_name,
    };
    if (!size || size > 16 * 1024)
        return 0;
    decoders[data[0] % (sizeof decoders / sizeof decoders[0])](bytes_of(data + 1, size - 1));
    return 0;
}
