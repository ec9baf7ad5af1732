#include "lsm/engine.h"

#include "base/xalloc.h"

#include <stdlib.h>

struct lsm_scan {
    struct lsm *lsm;
    struct iterator iterator;
    enum status status; // of the seek; END once it was reported
    struct fault fault;
    struct buf to;
    struct memtable *memtables[2];
    size_t memtable_count;
    struct order *orders[2 * ORDERS_MAX];
    size_t order_count;
    struct sstable **tables;
    size_t table_count;
};

// Adds what is in a memtable now, the newest order first.
static void add_memtable(struct lsm_scan *scan, struct memtable *memtable, struct orders *orders)
{
    orders_update(orders, memtable);
    scan->memtables[scan->memtable_count++] = memtable_retain(memtable);
    for (size_t i = orders->count; i > 0; i--) {
        struct order *order = order_retain(orders->orders[i - 1]);
        scan->orders[scan->order_count++] = order;
        iterator_add_order(&scan->iterator, memtable, order);
    }
}

// Adds the tables of every run that reach into [from, to).
static void add_runs(struct lsm_scan *scan, struct bytes from)
{
    const struct version *version = &scan->lsm->version;
    scan->tables = xmalloc((version->table_count + 1) * sizeof(struct sstable *));
    for (size_t i = 0; i < version->run_count; i++) {
        const struct run *run = &version->runs[i];
        size_t begin = run_find_from(run, from), end = begin;
        while (end < run->count &&
               (!scan->to.size || bytes_compare(buf_bytes(&run->tables[end]->info.smallest),
                                                buf_bytes(&scan->to)) < 0))
            end++;
        if (begin == end)
            continue;
        struct sstable **first = scan->tables + scan->table_count;
        for (size_t t = begin; t < end; t++)
            scan->tables[scan->table_count++] = sstable_retain(run->tables[t]);
        iterator_add_run(&scan->iterator, first, end - begin);
    }
}

struct lsm_scan *lsm_scan_open(struct lsm *lsm, struct bytes from, struct bytes to)
{
    struct lsm_scan *scan = xcalloc(1, sizeof *scan);
    scan->lsm = lsm;
    scan->iterator.cache = &lsm->cache;
    buf_set(&scan->to, to);
    add_memtable(scan, lsm->active, &lsm->active_orders);
    if (lsm->sealed)
        add_memtable(scan, lsm->sealed, &lsm->sealed_orders);
    add_runs(scan, from);
    scan->status = iterator_seek(&scan->iterator, from, &scan->fault);
    return scan;
}

enum status lsm_scan_next(struct lsm_scan *scan, struct bytes *key, struct bytes *value,
                          struct fault *fault)
{
    struct entry entry = {0};
    while (!scan->status) {
        scan->status = iterator_next(&scan->iterator, &entry, &scan->fault);
        if (!scan->status && scan->to.size && bytes_compare(entry.key, buf_bytes(&scan->to)) >= 0)
            scan->status = STATUS_END;
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

void lsm_scan_close(struct lsm_scan *scan)
{
    iterator_release(&scan->iterator);
    for (size_t i = 0; i < scan->order_count; i++)
        order_release(scan->orders[i]);
    for (size_t i = 0; i < scan->memtable_count; i++)
        memtable_release(scan->memtables[i]);
    for (size_t i = 0; i < scan->table_count; i++)
        engine_drop_table(scan->lsm, scan->tables[i]);
    free(scan->tables);
    buf_release(&scan->to);
    free(scan);
}
