// Any bytes as input of a bulk verb, in every format: each record is a pair that the
// format gives back, or a reject; the events cover the input without gap or overlap, and
// do not depend on how it was cut into pieces.
#include "dkv/bulk/format.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Records that were seen, for comparing.
struct trace {
    struct buf events;
    uint64_t raw_size;
};

static void check_pair(enum format format, const struct pair *pair)
{
    struct buf again = {0};
    struct format_reader reader;
    struct pair copy;
    struct fault fault;
    if (format_write(format, pair->key, pair->value, &again))
        return;
    format_reader_init(&reader, format, false);
    for (size_t fed = 0; fed < again.size;) {
        size_t room;
        uint8_t *space = format_reader_space(&reader, &room);
        size_t part = again.size - fed < room ? again.size - fed : room;
        memcpy(space, again.data + fed, part);
        format_reader_feed(&reader, part);
        fed += part;
    }
    enum format_event event = format_next(&reader, &copy, &fault);
    assert(event == FORMAT_PAIR);
    assert(bytes_equal(copy.key, pair->key) && bytes_equal(copy.value, pair->value));
    format_reader_release(&reader);
    buf_release(&again);
}

static void read_all(enum format format, bool keys_only, struct bytes input, size_t piece,
                     struct trace *trace)
{
    struct format_reader reader;
    struct pair pair;
    struct fault fault;
    size_t fed = 0;
    format_reader_init(&reader, format, keys_only);
    for (;;) {
        enum format_event event = format_next(&reader, &pair, &fault);
        if (event == FORMAT_MORE) {
            size_t room, part = input.size - fed < piece ? input.size - fed : piece;
            uint8_t *space = format_reader_space(&reader, &room);
            assert(part <= room);
            if (part)
                memcpy(space, input.data + fed, part);
            format_reader_feed(&reader, part);
            fed += part;
            if (!part)
                format_reader_end(&reader);
            continue;
        }
        buf_append_u8(&trace->events, (uint8_t)event);
        if (event == FORMAT_END || event == FORMAT_BROKEN)
            break;
        trace->raw_size += pair.raw.size;
        buf_append_sized(&trace->events, pair.raw);
        if (event == FORMAT_PAIR && !keys_only && !pair.is_record)
            check_pair(format, &pair);
    }
    assert(trace->raw_size <= input.size);
    format_reader_release(&reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size || size > 32 * 1024)
        return 0;
    enum format format = (enum format)(data[0] & 3);
    bool keys_only = data[0] & 4;
    struct bytes input = bytes_of(data + 1, size - 1);
    struct trace whole = {0}, pieces = {0};
    read_all(format, keys_only, input, input.size + 1, &whole);
    read_all(format, keys_only, input, 1 + (data[0] >> 3), &pieces);
    assert(bytes_equal(buf_bytes(&whole.events), buf_bytes(&pieces.events)));
    buf_release(&whole.events);
    buf_release(&pieces.events);
    return 0;
}
