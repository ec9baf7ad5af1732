#include "dkv-store/leaves.h"

#include "dkv-store/pair.h"

// Keys looked at for one page, of whatever keyspace.
enum { STEPS_MAX = 4096, PAGE_SIZE_MAX = 256 << 10 };

void leaves_release(struct leaves *leaves)
{
    buf_release(&leaves->items);
    buf_release(&leaves->last);
    buf_release(&leaves->from);
    buf_release(&leaves->to);
    buf_release(&leaves->head);
    record_release(&leaves->record);
}

static void append_token(struct buf *out, uint64_t token)
{
    for (unsigned shift = 64; shift; shift -= 8)
        buf_append_u8(out, (uint8_t)(token >> (shift - 8)));
}

static bool is_full(const struct leaves *leaves, const struct op_leaves *op)
{
    uint32_t size_max = op->size_max < PAGE_SIZE_MAX ? op->size_max : PAGE_SIZE_MAX;
    return leaves->items.size >= size_max || leaves->steps >= STEPS_MAX;
}

static enum status add(struct leaves *leaves, const struct op_leaves *op, struct bytes engine_key,
                       struct bytes value, struct fault *fault)
{
    struct engine_key parts;
    enum status status = pair_decode(&leaves->record, engine_key, value, &parts, fault);
    buf_set(&leaves->last, engine_key);
    if (status || parts.keyspace != op->keyspace)
        return status;
    buf_clear(&leaves->head);
    record_encode_head(&leaves->record, parts.key, &leaves->head);
    buf_append_short(&leaves->items, parts.key);
    buf_append_sized(&leaves->items, buf_bytes(&leaves->head));
    return STATUS_OK;
}

// OK: the page is full. END: the range is over.
static enum status walk(struct leaves *leaves, const struct op_leaves *op, struct lsm_scan *scan,
                        struct parked_wait *wait, struct fault *fault)
{
    struct bytes key, value;
    while (!is_full(leaves, op)) {
        enum status status = parked_must_read(wait) && !leaves->steps
                                 ? lsm_scan_next(scan, &key, &value, fault)
                                 : lsm_scan_try_next(scan, &key, &value, &wait->position, fault);
        if (!status)
            status = add(leaves, op, key, value, fault);
        if (status)
            return status;
        leaves->steps++;
    }
    return STATUS_OK;
}

static enum status read_range(struct leaves *leaves, const struct op_leaves *op,
                              struct token_range range, struct lsm *lsm, struct parked_wait *wait,
                              struct fault *fault)
{
    buf_clear(&leaves->from);
    buf_clear(&leaves->to);
    append_token(&leaves->from, range.first);
    if (range.last < UINT64_MAX)
        append_token(&leaves->to, range.last + 1);
    if (op->after.size && bytes_compare(op->after, buf_bytes(&leaves->from)) >= 0) {
        buf_set(&leaves->from, op->after); // the smallest key greater than that
        buf_append_u8(&leaves->from, 0);
    }
    bool is_over =
        leaves->to.size && bytes_compare(buf_bytes(&leaves->from), buf_bytes(&leaves->to)) >= 0;
    if (is_over)
        return STATUS_END;
    struct lsm_scan *scan = lsm_scan_open(lsm, buf_bytes(&leaves->from), buf_bytes(&leaves->to));
    enum status status = walk(leaves, op, scan, wait, fault);
    lsm_scan_close(scan);
    return status;
}

enum status leaves_page(struct leaves *leaves, const struct op_leaves *op, struct lsm *lsm,
                        struct parked_wait *wait, bool is_lost, struct fault *fault)
{
    struct reader ranges = reader_of(op->ranges);
    struct token_range range;
    enum status status = STATUS_END;
    uint64_t least = 0;
    buf_clear(&leaves->items);
    buf_clear(&leaves->last);
    leaves->steps = 0;
    while (status == STATUS_END && token_range_next(&ranges, &range)) {
        if (range.first < least || range.last < range.first)
            return STATUS_INVALID;
        status = read_range(leaves, op, range, lsm, wait, fault);
        if (status == STATUS_CORRUPT && is_lost)
            status = STATUS_END;
        least = range.last;
    }
    leaves->is_done = status == STATUS_END;
    if (status == STATUS_BUSY && leaves->steps)
        return STATUS_OK; // a short page
    wait->miss_count += status == STATUS_BUSY;
    return status == STATUS_END ? STATUS_OK : status;
}
