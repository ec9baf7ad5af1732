#include "lsm/flush.h"

#include "lsm/order.h"

enum status flush_run(struct flush *flush, struct fault *fault)
{
    const struct memtable *memtable = flush->memtable;
    struct order *order = order_new(memtable, MEMTABLE_START, memtable->used);
    enum status status = STATUS_OK;
    for (size_t i = 0; i < order->count && !status; i++) {
        struct entry entry = order_entry(order, memtable, i);
        if (!entry.is_deleted || !flush->is_oldest)
            status = run_writer_add(&flush->writer, &entry, fault);
    }
    order_release(order);
    if (!status)
        status = run_writer_finish(&flush->writer, fault);
    if (status)
        run_writer_abort(&flush->writer);
    return status;
}
