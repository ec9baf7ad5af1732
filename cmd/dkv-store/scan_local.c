#include "dkv-store/scan_local.h"

#include "ring/engine_key.h"
#include "wire/replica.h"

// Keys looked at for one page, whether or not they match.
enum { STEPS_MAX = 8192, PAGE_SIZE_MAX = 1 << 20 };

void scan_local_release(struct scan_local *scan)
{
    buf_release(&scan->items);
    buf_release(&scan->last);
    buf_release(&scan->from);
    buf_release(&scan->to);
    record_release(&scan->record);
    buf_release(&scan->head);
    scan_local_clear(scan);
}

void scan_local_clear(struct scan_local *scan)
{
    buf_clear(&scan->items);
    buf_clear(&scan->last);
    scan->item_count = 0;
    scan->is_done = false;
}

static enum status add_item(struct scan_local *scan, bool is_head, struct bytes key,
                            struct bytes value)
{
    if (is_head) {
        if (record_decode(&scan->record, key, value))
            return STATUS_CORRUPT;
        buf_clear(&scan->head);
        record_encode_head(&scan->record, key, &scan->head);
        value = buf_bytes(&scan->head);
    }
    buf_append_short(&scan->items, key);
    buf_append_sized(&scan->items, value);
    scan->item_count++;
    return STATUS_OK;
}

// Waits for the disk after too many misses, but for the first pair of a page alone.
static enum status next_pair(struct lsm_scan *walk, bool is_first, struct parked_wait *wait,
                             struct bytes *engine_key, struct bytes *value, struct fault *fault)
{
    if (is_first && parked_must_read(wait))
        return lsm_scan_next(walk, engine_key, value, fault);
    return lsm_scan_try_next(walk, engine_key, value, &wait->position, fault);
}

// BUSY: it has to be begun again; but a page that was begun before may be short.
static enum status collect(struct scan_local *scan, const struct op_scan_local *op,
                           struct lsm_scan *walk, struct parked_wait *wait, const char *dir,
                           struct fault *fault)
{
    uint32_t size_max = op->size_max < PAGE_SIZE_MAX ? op->size_max : PAGE_SIZE_MAX;
    for (unsigned step = 0; step < STEPS_MAX && scan->items.size < size_max; step++) {
        struct bytes engine_key, value;
        enum status status = next_pair(walk, !step, wait, &engine_key, &value, fault);
        scan->is_done = status == STATUS_END;
        if (scan->is_done || (status == STATUS_BUSY && step && wait->miss_count))
            return STATUS_OK;
        if (status)
            return status;
        buf_set(&scan->last, engine_key);
        struct engine_key parts;
        if (!engine_key_decode(&parts, engine_key))
            return fault_set(fault, STATUS_CORRUPT, "%s: a key that is none of ours", dir);
        if (parts.keyspace != op->keyspace || !bytes_has_prefix(parts.key, op->prefix))
            continue;
        if (add_item(scan, op->heads, parts.key, value))
            return fault_set(fault, STATUS_CORRUPT, "%s: a record fails its checksum", dir);
    }
    return STATUS_OK;
}

enum status scan_local_page(struct scan_local *scan, const struct op_scan_local *op,
                            uint32_t partition_count, struct lsm *lsm, struct parked_wait *wait,
                            const char *dir, struct fault *fault)
{
    scan_local_clear(scan);
    engine_key_range(partition_count, op->partition, &scan->from, &scan->to);
    buf_set(&scan->last, op->after);
    if (op->after.size) { // the smallest key greater than `after`
        buf_set(&scan->from, op->after);
        buf_append_u8(&scan->from, 0);
    }
    struct lsm_scan *walk = lsm_scan_open(lsm, buf_bytes(&scan->from), buf_bytes(&scan->to));
    enum status status = collect(scan, op, walk, wait, dir, fault);
    wait->miss_count += status == STATUS_BUSY;
    lsm_scan_close(walk);
    return status;
}
