#include "lsm/flush.h"

enum status flush_step(struct flush *flush, uint64_t size, struct fault *fault)
{
    const struct memtable *memtable = flush->memtable;
    if (!flush->order)
        flush->order = order_new(memtable, MEMTABLE_START, memtable->used);
    enum status status = STATUS_OK;
    uint64_t end = run_writer_size(&flush->writer) + size;
    while (!status && flush->at < flush->order->count && run_writer_size(&flush->writer) < end) {
        struct entry entry = order_entry(flush->order, memtable, flush->at++);
        if (!entry.is_deleted || !flush->is_oldest)
            status = run_writer_add(&flush->writer, &entry, fault);
    }
    if (!status && flush->at == flush->order->count) {
        flush->is_done = true;
        status = run_writer_finish(&flush->writer, fault);
    }
    if (status)
        run_writer_abort(&flush->writer);
    return status;
}

void flush_release(struct flush *flush)
{
    order_release(flush->order);
    run_writer_release(&flush->writer);
    *flush = (struct flush){0};
}
