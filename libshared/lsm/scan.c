#include "lsm/engine.h"
#include "lsm/read.h"

#include "base/xalloc.h"

#include <stdlib.h>

enum {
    AHEAD_SIZE = 256 << 10, // of a table, or of large values, noted at once ...
    AHEAD_COUNT = 16,       // ... of so many pairs
};

struct lsm_scan {
    struct lsm *lsm;
    struct walk walk;
    enum status status; // END once it was reported
    struct fault fault;
    struct buf from, to;
    struct buf value; // a large one
    struct version *version;
    struct memtable *memtables[2];
    size_t memtable_count;
    struct walk_order orders[2 * ORDERS_MAX];
    struct order *held[2 * ORDERS_MAX];
    size_t order_count;
};

// Adds what is in a memtable now, the newest order first.
static void add_memtable(struct lsm_scan *scan, struct memtable *memtable, struct orders *orders)
{
    orders_update(orders, memtable);
    scan->memtables[scan->memtable_count++] = memtable_retain(memtable);
    for (size_t i = orders->count; i > 0; i--) {
        struct order *order = order_retain(orders->orders[i - 1]);
        scan->held[scan->order_count] = order;
        scan->orders[scan->order_count++] = (struct walk_order){memtable, order};
    }
}

struct lsm_scan *lsm_scan_open(struct lsm *lsm, struct bytes from, struct bytes to)
{
    struct lsm_scan *scan = xcalloc(1, sizeof *scan);
    scan->lsm = lsm;
    scan->version = version_retain(lsm->version);
    buf_set(&scan->from, from);
    buf_set(&scan->to, to);
    add_memtable(scan, lsm->active.memtable, &lsm->active.orders);
    if (lsm->sealed.memtable)
        add_memtable(scan, lsm->sealed.memtable, &lsm->sealed.orders);
    scan->walk = (struct walk){
        .version = scan->version,
        .from = buf_bytes(&scan->from),
        .to = buf_bytes(&scan->to),
        .slice_count = SIZE_MAX,
        .orders = scan->orders,
        .order_count = scan->order_count,
        .cache = &lsm->cache,
    };
    return scan;
}

// Notes the large values behind one that is missing: they will be wanted with it. Half of the
// places are left to others.
static void note_ahead(struct lsm_scan *scan)
{
    struct lsm *lsm = scan->lsm;
    struct entry entry;
    uint64_t size = 0;
    for (unsigned i = 1; i < AHEAD_COUNT && size < AHEAD_SIZE; i++) {
        if (lsm->reads.count >= READS_COUNT_MAX / 2 || walk_next(&scan->walk, &entry, NULL))
            return;
        struct value_pointer pointer;
        if (!entry.is_pointer || !value_pointer_decode(&pointer, entry.value))
            continue;
        enum status status = read_value(lsm, &entry, &scan->value, NULL);
        if (status && status != STATUS_BUSY)
            return;
        size += pointer.size;
    }
}

static enum status read_large(struct lsm_scan *scan, struct entry *entry)
{
    enum status status = read_value(scan->lsm, entry, &scan->value, &scan->fault);
    if (status == STATUS_BUSY)
        note_ahead(scan);
    entry->value = buf_bytes(&scan->value);
    return status;
}

enum status lsm_scan_next(struct lsm_scan *scan, struct bytes *key, struct bytes *value,
                          struct fault *fault)
{
    struct entry entry = {0};
    while (!scan->status) {
        scan->status = walk_next(&scan->walk, &entry, &scan->fault);
        if (!scan->status && !entry_is_plain(&entry))
            scan->status = read_large(scan, &entry);
        if (!scan->status && !entry.is_deleted) {
            *key = entry.key;
            *value = entry.value;
            return STATUS_OK;
        }
    }
    if (scan->status != STATUS_END)
        fault_set(fault, scan->status, "%s", scan->fault.text);
    return scan->status;
}

enum status lsm_scan_try_next(struct lsm_scan *scan, struct bytes *key, struct bytes *value,
                              uint64_t *position, struct fault *fault)
{
    read_begin_try(scan->lsm, AHEAD_SIZE);
    enum status status = lsm_scan_next(scan, key, value, fault);
    *position = read_end_try(scan->lsm);
    return status;
}

void lsm_scan_close(struct lsm_scan *scan)
{
    walk_release(&scan->walk);
    for (size_t i = 0; i < scan->order_count; i++)
        order_release(scan->held[i]);
    for (size_t i = 0; i < scan->memtable_count; i++)
        memtable_release(scan->memtables[i]);
    files_drop_version(&scan->lsm->files, scan->version);
    buf_release(&scan->from);
    buf_release(&scan->to);
    buf_release(&scan->value);
    free(scan);
}
