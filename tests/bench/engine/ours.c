#include "bench/engine/ours.h"

#include "base/xalloc.h"
#include "os/clock.h"

#include <poll.h>
#include <stdlib.h>

enum {
    BYTES_A_TURN = 8 << 10,
    OUTSTANDING_MAX = 64,
    WAIT_MAX_US = 1000000,
    SEED = 1,
};

static void run_task(void *context)
{
    struct ours_task *task = context;
    lsm_job_run(task->job);
    atomic_fetch_add_explicit(&task->ours->done_count, 1, memory_order_relaxed);
}

void ours_open(struct ours *ours, const struct peer_options *options)
{
    struct fault fault;
    *ours = (struct ours){.durability = options->durability};
    posix_vfs_init(&ours->vfs);
    struct lsm_options lsm = lsm_options_default();
    lsm.vfs = &ours->vfs.vfs;
    lsm.pages = &huge_pages;
    lsm.dir = options->dir;
    lsm.seed = SEED;
    lsm.memtable_size = options->write_buffer_size;
    lsm.cache_size = options->cache_size;
    lsm.durability =
        options->durability == PEER_SYNCED ? LSM_DURABILITY_GROUP : LSM_DURABILITY_NONE;
    if (lsm_open(&ours->lsm, &lsm, &fault))
        die("ours: %s", fault.text);
    for (unsigned i = 0; i < LSM_WORKER_COUNT; i++) {
        ours->tasks[i].ours = ours;
        if (worker_start(&ours->workers[i], run_task, &fault))
            die("ours: %s", fault.text);
    }
}

static void take_done(struct ours *ours)
{
    struct fault fault;
    for (unsigned i = 0; i < LSM_WORKER_COUNT; i++) {
        struct ours_task *task = worker_take(ours->workers[i]);
        if (!task)
            continue;
        atomic_fetch_sub_explicit(&ours->done_count, 1, memory_order_relaxed);
        if (lsm_on_done(ours->lsm, task->job, &fault))
            die("ours: %s", fault.text);
    }
}

static void submit_new(struct ours *ours)
{
    for (unsigned i = 0; i < LSM_WORKER_COUNT; i++) {
        if (i == LSM_WORKER_LOG && ours->durability == PEER_SYNCED)
            continue; // ours_sync() does it
        if (!worker_is_idle(ours->workers[i]))
            continue;
        ours->tasks[i].job = lsm_next_job(ours->lsm, (enum lsm_worker)i);
        if (ours->tasks[i].job)
            worker_submit(ours->workers[i], &ours->tasks[i]);
    }
}

void ours_turn(struct ours *ours)
{
    ours->bytes_since_turn = 0;
    if (atomic_load_explicit(&ours->done_count, memory_order_relaxed))
        take_done(ours);
    submit_new(ours);
    lsm_tick(ours->lsm, clock_mono_ms());
}

// Sleeps until a worker is done, and takes back what it did.
static void wait_for_worker(struct ours *ours, uint64_t timeout_us)
{
    struct pollfd waits[LSM_WORKER_COUNT];
    struct timespec timeout = {.tv_sec = (time_t)(timeout_us / 1000000),
                               .tv_nsec = (long)(timeout_us % 1000000) * 1000};
    for (unsigned i = 0; i < LSM_WORKER_COUNT; i++)
        waits[i] = (struct pollfd){.fd = worker_fd(ours->workers[i]), .events = POLLIN};
    if (ppoll(waits, LSM_WORKER_COUNT, &timeout, NULL) < 0)
        die("ours: poll failed");
    take_done(ours);
}

// Writes no faster than the engine wants, and keeps the workers at work.
static void pause_us(struct ours *ours, uint64_t delay_us)
{
    uint64_t now = clock_mono_us();
    for (uint64_t end = now + delay_us; now < end; now = clock_mono_us()) {
        wait_for_worker(ours, end - now);
        ours_turn(ours);
    }
}

void ours_close(struct ours *ours)
{
    for (unsigned i = 0; i < LSM_WORKER_COUNT; i++) {
        while (!worker_is_idle(ours->workers[i]))
            wait_for_worker(ours, WAIT_MAX_US);
        worker_stop(ours->workers[i]);
    }
    lsm_close(ours->lsm);
    lsm_batch_release(&ours->batch);
    buf_release(&ours->value);
}

void ours_sync(struct ours *ours)
{
    struct fault fault;
    while (lsm_durable(ours->lsm) < ours->position) {
        struct lsm_job *job = lsm_next_job(ours->lsm, LSM_WORKER_LOG);
        if (!job)
            die("ours: what was written is not durable, and there is no job for it");
        lsm_job_run(job);
        if (lsm_on_done(ours->lsm, job, &fault))
            die("ours: %s", fault.text);
    }
    ours->outstanding = 0;
}

void ours_write(struct ours *ours)
{
    enum status status;
    while ((status = lsm_write(ours->lsm, &ours->batch, &ours->position)) == STATUS_BUSY) {
        if (ours->durability == PEER_SYNCED)
            ours_sync(ours);
        ours_turn(ours);
        wait_for_worker(ours, WAIT_MAX_US);
    }
    if (status)
        die("ours: a write failed: %s", status_text(status));
    ours->bytes_since_turn += ours->batch.ops.size;
    if (ours->bytes_since_turn < BYTES_A_TURN &&
        !atomic_load_explicit(&ours->done_count, memory_order_relaxed))
        return;
    ours_turn(ours);
    pause_us(ours, lsm_delay_us(ours->lsm));
}

// ---- As a peer ---------------------------------------------------------------------

static void ours_describe(struct buf *out)
{
    struct lsm_options options = lsm_options_default();
    buf_printf(out, "%s; blocks of %zu KiB, LZ4; one owner's thread, %u workers", DKV_VERSION,
               options.block_size >> 10, (unsigned)LSM_WORKER_COUNT);
}

static void *ours_peer_open(const struct peer_options *options)
{
    struct ours *ours = xmalloc(sizeof *ours);
    ours_open(ours, options);
    return ours;
}

static void ours_peer_close(void *db)
{
    ours_close(db);
    free(db);
}

static void ours_put(void *db, struct bytes key, struct bytes value)
{
    struct ours *ours = db;
    lsm_batch_clear(&ours->batch);
    lsm_batch_put(&ours->batch, key, value);
    ours_write(ours);
    if (ours->durability == PEER_SYNCED)
        ours_sync(ours);
}

static void ours_remove(void *db, struct bytes key)
{
    struct ours *ours = db;
    lsm_batch_clear(&ours->batch);
    lsm_batch_delete(&ours->batch, key);
    ours_write(ours);
}

static bool ours_get(void *db, struct bytes key, struct bytes *value)
{
    struct ours *ours = db;
    struct fault fault;
    enum status status = lsm_get(ours->lsm, key, &ours->value, &fault);
    if (status && status != STATUS_NOT_FOUND)
        die("ours: %s", fault.text);
    *value = buf_bytes(&ours->value);
    return !status;
}

struct multi_get {
    const struct bytes *keys;
    size_t found;
    uint64_t *sum;
};

static void on_found(void *context, size_t index, enum status status, struct bytes value)
{
    struct multi_get *multi_get = context;
    if (status)
        return;
    multi_get->found++;
    peer_add_to_sum(multi_get->sum, multi_get->keys[index], value);
}

static size_t ours_multi_get(void *db, const struct bytes *keys, size_t count, uint64_t *sum)
{
    struct ours *ours = db;
    struct fault fault;
    struct multi_get multi_get = {.keys = keys, .sum = sum};
    if (lsm_multi_get(ours->lsm, keys, count, on_found, &multi_get, &fault))
        die("ours: %s", fault.text);
    return multi_get.found;
}

static uint64_t ours_scan(void *db, uint64_t *sum)
{
    struct ours *ours = db;
    struct bytes key, value;
    struct fault fault;
    enum status status;
    uint64_t count = 0;
    struct lsm_scan *scan = lsm_scan_open(ours->lsm, (struct bytes){0}, (struct bytes){0});
    for (; !(status = lsm_scan_next(scan, &key, &value, &fault)); count++)
        peer_add_to_sum(sum, key, value);
    if (status != STATUS_END)
        die("ours: %s", fault.text);
    lsm_scan_close(scan);
    return count;
}

static void ours_peer_turn(void *db)
{
    ours_turn(db);
}

// As many puts as are to be outstanding, then one sync for all of them.
static void ours_put_async(void *db, struct bytes key, struct bytes value)
{
    struct ours *ours = db;
    lsm_batch_clear(&ours->batch);
    lsm_batch_put(&ours->batch, key, value);
    ours_write(ours);
    if (++ours->outstanding == OUTSTANDING_MAX)
        ours_sync(ours);
}

const struct peer peer_ours = {
    .name = "ours",
    .describe = ours_describe,
    .open = ours_peer_open,
    .close = ours_peer_close,
    .put = ours_put,
    .remove = ours_remove,
    .get = ours_get,
    .multi_get = ours_multi_get,
    .scan = ours_scan,
    .turn = ours_peer_turn,
};

const struct peer peer_ours_async = {
    .name = "ours",
    .open = ours_peer_open,
    .close = ours_peer_close,
    .put = ours_put_async,
    .get = ours_get,
};
