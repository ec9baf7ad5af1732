// dkv-store keeps one node's replicas; see dkv-store(8).

#include "dkv-store/store.h"
#include "os/clock.h"
#include "os/entropy.h"
#include "os/posix_vfs.h"
#include "proc/arguments.h"
#include "proc/daemon.h"
#include "proc/log.h"
#include "proc/node.h"

#include <stdio.h>
#include <string.h>

enum { STORE_PORT_OFFSET = 2, TICK_MS = 200 };

// The brain and what its shell needs beside it.
struct shell {
    struct store store;
    struct node node;
};

static void on_message(void *self, const struct arrival *arrival, struct bytes message,
                       struct moment now, struct outbox *outbox)
{
    store_on_message(&((struct shell *)self)->store, arrival, message, now, outbox);
}

static void on_tick(void *self, struct moment now, struct outbox *outbox)
{
    store_on_tick(&((struct shell *)self)->store, now, outbox);
}

static void on_turn_end(void *self, struct moment now, struct outbox *outbox)
{
    struct store *store = &((struct shell *)self)->store;
    store_on_turn_end(store, now, outbox);
    outbox->header.epoch = store->ring->epoch;
    outbox->header.boot = store->options.boot;
}

static void *next_job(void *self, unsigned worker)
{
    return store_next_job(&((struct shell *)self)->store, (enum lsm_worker)worker);
}

static void run_job(void *job)
{
    lsm_job_run(job);
}

static enum status on_job_done(void *self, unsigned worker, void *job, struct moment now,
                               struct outbox *outbox, struct fault *fault)
{
    (void)worker, (void)now, (void)outbox;
    return store_on_job_done(&((struct shell *)self)->store, job, fault);
}

static uint64_t durable(void *self)
{
    return lsm_durable(((struct shell *)self)->store.lsm);
}

static bool is_drained(void *self)
{
    const struct lsm *lsm = ((struct shell *)self)->store.lsm;
    return lsm_durable(lsm) >= lsm_written(lsm);
}

// A join of concurrent records is greater than each; the engine must take it, too. So one
// record may fill at most a quarter of what a batch of the engine goes into.
static uint64_t record_size_max(const struct settings *settings)
{
    uint64_t max = settings->record_size_max;
    if (max > settings->memtable_size / 4)
        max = settings->memtable_size / 4;
    if (max > settings->log_segment_size / 4)
        max = settings->log_segment_size / 4;
    return max;
}

static struct store_options options_of(const struct node *node, struct posix_vfs *vfs,
                                       const char *dir)
{
    const struct settings *settings = &node->settings;
    struct store_options options = {
        .ring = &node->ring,
        .node = settings->node_id,
        .boot = entropy_u64(),
        .value_size_max = settings->value_size_max,
        .record_size_max = record_size_max(settings),
        .request_memory_ms = settings->request_memory_ms,
        .lsm = lsm_options_default(),
        .software = bytes_of_text(DKV_VERSION),
    };
    options.lsm.vfs = &vfs->vfs;
    options.lsm.dir = dir;
    options.lsm.seed = entropy_u64();
    options.lsm.memtable_size = settings->memtable_size;
    options.lsm.log_segment_size = settings->log_segment_size;
    options.lsm.cache_size = settings->cache_size;
    options.lsm.durability = (enum lsm_durability)settings->durability;
    options.lsm.interval_ms = (unsigned)settings->durability_interval_ms;
    return options;
}

static int exit_status_of(enum status status)
{
    switch (status) {
    case STATUS_LOCKED:
    case STATUS_DISK_FULL:
        return 10;
    case STATUS_INVALID:
        return 2;
    default:
        return 1;
    }
}

static struct moment now(void)
{
    return (struct moment){clock_mono_ms(), clock_wall_ms()};
}

static void open_store(struct shell *shell, struct posix_vfs *vfs)
{
    char dir[NODE_PATH_SIZE];
    struct fault fault;
    struct store_options options =
        options_of(&shell->node, vfs, node_path(&shell->node, "data/store", dir));
    enum status status = store_open(&shell->store, &options, entropy_u64(), now(), &fault);
    if (status)
        die(exit_status_of(status), "%s", fault.text);
}

int main(int argc, char **argv)
{
    static struct shell shell;
    struct posix_vfs vfs;
    char local[NODE_PATH_SIZE], remote[NODE_PATH_SIZE];
    arguments_parse(&shell.node.settings, "dkv-store", "keeps one node's replicas", argc, argv);
    node_open(&shell.node);
    posix_vfs_init(&vfs);
    open_store(&shell, &vfs);
    const char *listen[] = {
        node_tcp(&shell.node.ring.nodes[shell.node.index], STORE_PORT_OFFSET, remote),
        node_ipc(&shell.node, "run/store.sock", local),
    };
    const struct daemon_options options = {.name = "dkv-store",
                                           .tick_ms = TICK_MS,
                                           .listen = listen,
                                           .listen_count = 2,
                                           .keys = shell.node.clients};
    const struct daemon_brain brain = {
        .self = &shell,
        .on_message = on_message,
        .on_tick = on_tick,
        .on_turn_end = on_turn_end,
        .worker_count = LSM_WORKER_COUNT,
        .next_job = next_job,
        .run_job = run_job,
        .on_job_done = on_job_done,
        .durable = durable,
        .is_drained = is_drained,
    };
    int status = daemon_run(&options, &brain, shell.node.net);
    if (status)
        return status; // a worker may still be running: leave without releasing anything
    node_close(&shell.node);
    store_close(&shell.store);
    return 0;
}
