#include "lsm/ingest.h"

#include "base/xalloc.h"

#include <assert.h>
#include <stdlib.h>

enum {
    FILE_COUNT_MAX = 1 << 12, // of each kind
};

struct lsm_ingest *lsm_ingest_new(struct lsm *lsm)
{
    struct lsm_ingest *ingest = xcalloc(1, sizeof *ingest);
    ingest->lsm = lsm;
    ingest->separate_size = lsm->options.separate_size;
    ingest->writer = engine_writer(lsm, 0, true, lsm->options.range_size);
    if (lsm->next_file + 2 * FILE_COUNT_MAX >= FILE_NUMBER_END)
        return ingest; // without numbers: nothing can be added
    ingest->writer.next_file = lsm->next_file;
    ingest->writer.file_end = ingest->writer.values.next_file = lsm->next_file + FILE_COUNT_MAX;
    lsm->next_file += 2 * FILE_COUNT_MAX;
    ingest->writer.values.file_end = lsm->next_file;
    return ingest;
}

enum status lsm_ingest_add(struct lsm_ingest *ingest, struct bytes key, struct bytes value,
                           struct fault *fault)
{
    if (!key.size || (ingest->last.size && bytes_compare(buf_bytes(&ingest->last), key) >= 0))
        return fault_set(fault, STATUS_INVALID, "keys to be ingested must ascend");
    if (key.size > LSM_KEY_SIZE_MAX || value.size > LSM_VALUE_SIZE_MAX)
        return fault_set(fault, STATUS_TOO_LARGE, "a key or value to be ingested is too large");
    if (!ingest->writer.file_end)
        return fault_set(fault, STATUS_TOO_LARGE, "%s: the numbers for files are used up",
                         ingest->writer.dir);
    if (ingest->writer.next_file + 1 >= ingest->writer.file_end ||
        ingest->writer.values.next_file + 1 >= ingest->writer.values.file_end)
        return fault_set(fault, STATUS_TOO_LARGE, "too much for one ingest");
    buf_set(&ingest->last, key);
    struct entry entry = {.key = key, .value = value};
    if (value.size < ingest->separate_size)
        return run_writer_add(&ingest->writer, &entry, fault);
    buf_clear(&ingest->packed);
    entry.is_packed = value_pack(&ingest->packed, value);
    if (entry.is_packed)
        entry.value = buf_bytes(&ingest->packed);
    return run_writer_add_large(&ingest->writer, &entry, fault);
}

enum status lsm_ingest_finish(struct lsm_ingest *ingest, struct fault *fault)
{
    enum status status = run_writer_finish(&ingest->writer, fault);
    ingest->is_finished = !status;
    return status;
}

// Runs are numbered in the order in which they hide one another: behind everything that was
// written before, which must therefore be sealed, and before what is sealed later.
enum status lsm_ingest_commit(struct lsm *lsm, struct lsm_ingest *ingest)
{
    assert(ingest->is_finished);
    if (lsm->is_failed)
        return STATUS_IO;
    if (lsm->ingest || (lsm->sealed.memtable && lsm->written > lsm->active.begin))
        return STATUS_BUSY;
    lsm_flush(lsm); // seals what there is
    lsm->ingest = ingest;
    ingest->address = lsm->written;
    ingest->writer.run = lsm->next_file++;
    for (size_t i = 0; i < ingest->writer.count; i++)
        ingest->writer.tables[i]->info.run = ingest->writer.run;
    return STATUS_OK;
}

bool ingest_is_ready(const struct lsm *lsm)
{
    const struct lsm_ingest *ingest = lsm->ingest;
    return ingest && lsm->flushed >= ingest->address;
}

bool lsm_is_ingesting(const struct lsm *lsm)
{
    return lsm->ingest;
}

void ingest_release(struct lsm_ingest *ingest)
{
    run_writer_release(&ingest->writer);
    buf_release(&ingest->last);
    buf_release(&ingest->packed);
    free(ingest);
}

void lsm_ingest_release(struct lsm_ingest *ingest)
{
    if (!ingest)
        return;
    run_writer_abort(&ingest->writer);
    ingest_release(ingest);
}
