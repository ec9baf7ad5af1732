#include "sim/node.h"

#include "dkv-store/pair.h"
#include "lsm/frame.h"
#include "sim/node_disk.h"
#include "sim/node_ring.h"
#include "sim/witness.h"

enum { BACKGROUND_US_MAX = 4 * WORLD_S };

static struct world *world_of(const struct node *node)
{
    return node->settings->world;
}

struct moment node_now(const struct node *node)
{
    uint64_t now_ms = world_of(node)->now_us / WORLD_MS;
    uint64_t wall_ms = 1700000000000u + now_ms + (uint64_t)node->skew_ms;
    return (struct moment){.mono_ms = node->mono_base_ms + now_ms, .wall_ms = wall_ms};
}

static struct moment now(void *self)
{
    return node_now(self);
}

static struct store_options store_options_of(const struct node *node, uint64_t random)
{
    const struct node_settings *settings = node->settings;
    struct store_options options = {
        .ring = node->ring,
        .node = settings->ring->ring.nodes[node->index].id,
        .boot = random,
        .value_size_max = 1 << 20,
        .record_size_max = settings->memtable_size / 4,
        .request_memory_ms = settings->request_memory_ms,
        .clock_refuse_ms = 30000,
        .lsm = lsm_options_default(),
        .software = bytes_of_text("sim"),
    };
    options.lsm.vfs = (struct vfs *)&node->disk.vfs;
    options.lsm.dir = "store";
    options.lsm.seed = random + 1;
    options.lsm.memtable_size = settings->memtable_size;
    options.lsm.range_size = settings->memtable_size;
    options.lsm.log_segment_size = 64 << 10;
    options.lsm.block_size = settings->block_size;
    options.lsm.cache_size = settings->cache_size;
    options.lsm.merge_run_count = settings->merge_run_count;
    options.lsm.table_count_max = 8;
    return options;
}

static bool read_plainly(const struct node *node, struct lsm *lsm, uint32_t keyspace,
                         struct bytes name, struct record *record, struct buf *bytes)
{
    struct buf key = {0};
    struct ring_engine_key parts = {ring_token(keyspace, name), keyspace, name};
    ring_engine_key_append(&parts, &key);
    struct fault fault = {0};
    record_clear(record);
    enum status status = lsm_get(lsm, buf_bytes(&key), bytes, &fault);
    buf_release(&key);
    if (status)
        buf_clear(bytes);
    if (status == STATUS_CORRUPT && node->is_damaged) {
        world_sometimes(world_of(node), SOMETIMES_DAMAGE_SEEN, true);
        return false;
    }
    if (status && status != STATUS_NOT_FOUND)
        world_fail(world_of(node), "n%u cannot read: %s", node->index, fault.text);
    else if (!status && record_decode(record, name, buf_bytes(bytes)))
        world_fail(world_of(node), "n%u: a record fails its checksum", node->index);
    return true;
}

// Whoever looks neither warms the disk nor meets the faults that are planned for the store.
bool node_read(struct node *node, uint32_t keyspace, struct bytes name, struct record *record,
               struct buf *bytes)
{
    struct memory_vfs *disk = &node->disk;
    struct memory_vfs_plan plan = disk->plan;
    bool keeps_cold = disk->keeps_cold;
    disk->keeps_cold = true;
    memory_vfs_fail(disk, 0, 0, STATUS_OK, false);
    bool is_read = read_plainly(node, node->store.lsm, keyspace, name, record, bytes);
    disk->keeps_cold = keeps_cold;
    disk->plan = plan;
    return is_read;
}

bool node_peek(struct node *node, uint32_t key, struct record *record, struct buf *bytes)
{
    const struct history *history = node->settings->history;
    return node->store_process.up && node_read(node, history->keys[key].keyspace,
                                               history_key_bytes(history, key), record, bytes);
}

// A disk that never held anything has no directory, and a new store there is empty.
bool node_peek_durable(struct node *node, uint32_t key, struct record *record, struct buf *bytes)
{
    struct memory_vfs disk;
    struct store store;
    struct random random;
    struct fault fault = {0};
    const struct history *history = node->settings->history;
    struct store_options options = store_options_of(node, 1);
    random_init(&random, 1);
    memory_vfs_clone(&disk, &node->disk);
    memory_vfs_crash(&disk, MEMORY_VFS_LOSE_ALL, &random);
    disk.capacity = 0;
    options.lsm.vfs = &disk.vfs;
    enum status status = store_open(&store, &options, 1, node_now(node), &fault);
    if (status && !node->is_damaged)
        world_fail(world_of(node), "n%u: what is durable does not open: %s", node->index,
                   fault.text);
    bool is_read = !status && read_plainly(node, store.lsm, history->keys[key].keyspace,
                                           history_key_bytes(history, key), record, bytes);
    if (!status)
        store_close(&store);
    memory_vfs_release(&disk);
    return is_read;
}

// ---- the store -----------------------------------------------------------------------

// What the store holds of the key before an update. It does not know that it was looked.
static void look_before(struct node *node, const struct op_update *update, struct record *held,
                        struct buf *bytes)
{
    node_read(node, update->keyspace, update->key, held, bytes);
}

// Updates are handed to the store one by one, so that what each was made on can be seen.
static void deliver_updates(struct node *node, const struct arrival *arrival,
                            const struct message_header *header, struct reader *body,
                            struct moment moment, struct outbox *outbox)
{
    struct record held = {0};
    struct buf bytes = {0}, single = {0};
    struct op_update update;
    struct op_updated updated;
    for (unsigned i = 0; i < header->count && !op_decode_update(&update, body); i++) {
        struct message_header alone = *header;
        buf_clear(&single);
        buf_grow(&single, MESSAGE_HEADER_SIZE);
        op_encode_update(&update, &single);
        alone.count = 1;
        alone.body_size = (uint32_t)(single.size - MESSAGE_HEADER_SIZE);
        message_header_encode(&alone, single.data);
        look_before(node, &update, &held, &bytes);
        uint64_t served = node->store.counts.updates;
        store_on_message(&node->store, arrival, buf_bytes(&single), moment, outbox);
        if (node->store.counts.updates > served &&
            witness_last_updated(outbox, arrival->link, &updated))
            witness_minted(node, &update, &held.clock, &updated);
    }
    record_release(&held);
    buf_release(&bytes);
    buf_release(&single);
}

static void store_message(void *self, const struct arrival *arrival, struct bytes message,
                          struct moment moment, struct outbox *outbox)
{
    struct node *node = self;
    struct message_header header;
    struct reader body;
    bool is_whole = !message_header_decode(&header, message, &body);
    if (is_whole && header.type == MESSAGE_UPDATE)
        deliver_updates(node, arrival, &header, &body, moment, outbox);
    else
        store_on_message(&node->store, arrival, message, moment, outbox);
    if (is_whole && header.type == MESSAGE_MERGE)
        witness_merges(node, &header, &body);
    if (is_whole && header.type == MESSAGE_FIND)
        witness_finds(node, arrival, &header, &body, outbox);
    if (node->store.counts.lost_again)
        world_fail(world_of(node), "n%u thinks that it lost a write that it had", node->index);
}

// As the store does it at the end of a turn, but seen.
static void serve_parked(struct node *node, struct moment moment, struct outbox *outbox)
{
    struct store *store = &node->store;
    struct record held = {0};
    struct buf bytes = {0}, body = {0};
    for (struct parked_op *op; (op = parked_next(&store->parked, lsm_loaded(store->lsm)));) {
        struct op_update update;
        struct op_updated updated;
        link_id link = op->arrival.link;
        buf_set(&body, buf_bytes(&op->body));
        struct reader reader = reader_of(buf_bytes(&body));
        bool is_update = op->header.type == MESSAGE_UPDATE && !op_decode_update(&update, &reader);
        if (is_update)
            look_before(node, &update, &held, &bytes);
        uint64_t served = store->counts.updates;
        world_sometimes(world_of(node), SOMETIMES_PARKED_UPDATE, is_update);
        world_sometimes(world_of(node), SOMETIMES_PARKED_SCAN,
                        op->header.type == MESSAGE_SCAN_LOCAL);
        world_sometimes(world_of(node), SOMETIMES_PARKED, true);
        world_sometimes(world_of(node), SOMETIMES_PARKED_BEHIND, !op->wait.miss_count);
        store_serve_parked(store, op, moment, outbox);
        if (is_update && store->counts.updates > served &&
            witness_last_updated(outbox, link, &updated))
            witness_minted(node, &update, &held.clock, &updated);
    }
    record_release(&held);
    buf_release(&bytes);
    buf_release(&body);
}

static void store_tick(void *self, struct moment moment, struct outbox *outbox)
{
    struct node *node = self;
    if (node->full_until_us && node->full_until_us <= world_of(node)->now_us)
        node->full_until_us = node->disk.capacity = 0;
    store_on_tick(&node->store, moment, outbox);
}

static void store_turn_end(void *self, struct moment moment, struct outbox *outbox)
{
    struct node *node = self;
    serve_parked(node, moment, outbox);
    store_on_turn_end(&node->store, moment, outbox);
    for (uint32_t i = 0; i < outbox->count; i++)
        witness_refusals(node, &outbox->messages[i]);
}

static void *next_job(void *self, unsigned worker)
{
    return store_next_job(&((struct node *)self)->store, (enum lsm_worker)worker);
}

static void run_job(void *job)
{
    lsm_job_run(job);
}

static enum status on_job_done(void *self, unsigned worker, void *job, struct fault *fault)
{
    (void)worker;
    return store_on_job_done(&((struct node *)self)->store, job, fault);
}

static uint64_t durable(void *self)
{
    return store_durable(&((struct node *)self)->store);
}

static uint64_t job_us(void *self, unsigned worker)
{
    const struct node *node = self;
    uint64_t limit_us = worker == LSM_WORKER_LOG ? node->log_us : 12 * node->log_us;
    if (limit_us > BACKGROUND_US_MAX)
        limit_us = BACKGROUND_US_MAX;
    return 50 + world_below(world_of(node), limit_us);
}

static void on_store_exit(void *self, const char *why)
{
    struct node *node = self;
    world_note(world_of(node), "n%u: the store ends: %s", node->index, why);
    world_sometimes(world_of(node), SOMETIMES_SYNC_FAILED, lsm_failed(node->store.lsm));
    node_kill_store(node);
    node_restart_after(node, world_between(world_of(node), 50 * WORLD_MS, WORLD_S));
}

static const struct process_brain store_process_brain = {
    .on_message = store_message,
    .on_tick = store_tick,
    .on_turn_end = store_turn_end,
    .worker_count = LSM_WORKER_COUNT,
    .next_job = next_job,
    .run_job = run_job,
    .on_job_done = on_job_done,
    .durable = durable,
    .job_us = job_us,
    .now = now,
    .on_exit = on_store_exit,
};

// ---- the router ----------------------------------------------------------------------

static void router_message(void *self, const struct arrival *arrival, struct bytes message,
                           struct moment moment, struct outbox *outbox)
{
    struct node *node = self;
    struct message_header header;
    struct reader body;
    struct op_put put;
    if (!message_header_decode(&header, message, &body) && header.type == MESSAGE_PUT) {
        for (unsigned op = 0; op < header.count && !op_decode_put(&put, &body); op++)
            witness_put(node, arrival, &put);
    } else if (node->router_process.up && header.type == MESSAGE_FOUND) {
        witness_found(node, arrival->link, &header, &body);
    }
    router_on_message(&node->router, arrival, message, moment, outbox);
}

static void router_lost(void *self, link_id link, struct moment moment, struct outbox *outbox)
{
    router_on_lost(&((struct node *)self)->router, link, moment, outbox);
}

static void router_unsent(void *self, link_id link, struct bytes message, enum status why,
                          struct moment moment, struct outbox *outbox)
{
    router_on_unsent(&((struct node *)self)->router, link, message, why, moment, outbox);
}

static void router_tick(void *self, struct moment moment, struct outbox *outbox)
{
    struct node *node = self;
    router_on_tick(&node->router, moment, outbox);
    const struct router *router = &node->router;
    for (uint32_t i = 0; i < router->ring->node_count; i++)
        world_sometimes(world_of(node), SOMETIMES_SLOW,
                        peers_link_of(&router->peers, i, SERVICE_STORE)->slow);
}

static void router_turn_end(void *self, struct moment moment, struct outbox *outbox)
{
    struct node *node = self;
    for (uint32_t i = 0; i < outbox->count; i++) {
        const struct outbox_message *message = &outbox->messages[i];
        struct op_put_done done;
        struct reader reader = reader_of(buf_bytes(&message->bytes));
        reader_bytes(&reader, MESSAGE_HEADER_SIZE);
        for (unsigned op = 0; message->type == MESSAGE_PUT_DONE && op < message->count; op++) {
            if (!op_decode_put_done(&done, &reader))
                witness_put_done(node, message->link, &done);
        }
    }
    router_on_turn_end(&node->router, moment, outbox);
}

static const struct process_brain router_process_brain = {
    .on_message = router_message,
    .on_lost = router_lost,
    .on_unsent = router_unsent,
    .on_tick = router_tick,
    .on_turn_end = router_turn_end,
    .now = now,
};

// ---- life ----------------------------------------------------------------------------

void node_init(struct node *node, const struct node_settings *settings, struct node *nodes,
               uint32_t index)
{
    struct world *world = settings->world;
    *node = (struct node){.settings = settings,
                          .ring = ring_snapshot_hold(settings->ring),
                          .nodes = nodes,
                          .index = index,
                          .mono_base_ms = world_between(world, 1000, 100000),
                          .log_us = world_between(world, 100, 5000)};
    memory_vfs_init(&node->disk);
    struct process *store = &node->store_process, *router = &node->router_process;
    *store = (struct process){.network = settings->network,
                              .brain = &store_process_brain,
                              .self = node,
                              .port = index,
                              .tick_us = 100 * WORLD_MS};
    *router = (struct process){.network = settings->network,
                               .brain = &router_process_brain,
                               .self = node,
                               .port = NETWORK_ROUTER + index,
                               .tick_us = 25 * WORLD_MS};
}

static void restart(void *self, struct event *event)
{
    struct node *node = self;
    (void)event;
    if (node->is_staying_down)
        return;
    if (!node->store_process.up)
        node_start_store(node);
    if (!node->router_process.up)
        node_start_router(node);
}

void node_restart_after(struct node *node, uint64_t delay_us)
{
    world_plan(world_of(node), delay_us, restart, node, 0, 0);
}

void node_start_store(struct node *node)
{
    struct world *world = world_of(node);
    struct store_options options = store_options_of(node, random_u64(&world->random));
    struct fault fault = {0};
    if (node->is_damaged) // what was synced last may look as if it never was
        history_on_disk_lost(node->settings->history, node->index, 0);
    uint64_t actor = random_u64(&world->random);
    enum status status = store_open(&node->store, &options, actor, now(node), &fault);
    world_note(world, "n%u: the store starts: %s %s", node->index, status_text(status),
               status ? fault.text : "");
    if (status == STATUS_OK) {
        memory_vfs_cool(&node->disk);
        memset(node->knows_ms, 0, sizeof node->knows_ms);
        node->first_segment = frame_number(lsm_written(node->store.lsm));
        process_start(&node->store_process);
        return;
    }
    memory_vfs_kill(&node->disk); // its locks are gone with it
    bool will_pass = status == STATUS_DISK_FULL || status == STATUS_IO;
    if (!will_pass && node->is_damaged) {
        world_sometimes(world, SOMETIMES_DAMAGE_CLOSED, true);
        node_wipe(node);
    } else if (!will_pass)
        world_fail(world, "n%u: the store does not open: %s", node->index, fault.text);
    if (node->full_until_us && node->full_until_us <= world->now_us)
        node->full_until_us = node->disk.capacity = 0;
    node_restart_after(node, 300 * WORLD_MS);
}

// keys/seals: the own key is made once; what other routers told is kept.
static void make_seals(struct node *node)
{
    uint8_t secret[SEAL_SECRET_SIZE] = {(uint8_t)node->index, 1};
    if (!node->seals.own.id && seals_add_own(&node->seals, secret))
        world_fail(world_of(node), "n%u: no seal key", node->index);
}

void node_start_router(struct node *node)
{
    const struct node_settings *settings = node->settings;
    struct router_options options = {
        .ring = node->ring,
        .node = settings->ring->ring.nodes[node->index].id,
        .boot = random_u64(&settings->world->random),
        .value_size_max = 1 << 20,
        .record_size_max = settings->memtable_size / 4,
        .ping_interval_ms = settings->down_after_ms / 4,
        .down_after_ms = settings->down_after_ms,
        .timeout_ms = 2000,
        .software = bytes_of_text("sim"),
        .seals = &node->seals,
        .address = network_address,
        .number = network_number,
    };
    struct fault fault = {0};
    make_seals(node);
    if (router_init(&node->router, &options, now(node), &fault))
        world_fail(settings->world, "a router does not start: %s", fault.text);
    node_ring_number(node);
    process_start(&node->router_process);
}

static void collect_sometimes(struct node *node)
{
    struct world *world = world_of(node);
    struct store *store = &node->store;
    struct lsm_stats stats;
    lsm_stats(store->lsm, &stats);
    world_sometimes(world, SOMETIMES_FLUSH, stats.flush_count);
    world_sometimes(world, SOMETIMES_MERGE, stats.merge_count);
    world_sometimes(world, SOMETIMES_ROTATION,
                    frame_number(lsm_written(store->lsm)) > node->first_segment);
    world_sometimes(world, SOMETIMES_LWW_DROPPED, store->counts.lww_dropped);
    world_sometimes(world, SOMETIMES_EXPIRED, store->counts.expired);
    world_sometimes(world, SOMETIMES_TOO_OLD, store->counts.late);
}

// A worker may have got somewhere with what it was at.
static void finish_partly(struct node *node, void *const jobs[PROCESS_WORKERS_MAX])
{
    struct world *world = world_of(node);
    for (unsigned i = 0; i < PROCESS_WORKERS_MAX; i++) {
        if (!jobs[i] || world_chance(world, 500))
            continue;
        memory_vfs_power_off_after(&node->disk, world_below(world, 6));
        lsm_job_run(jobs[i]);
        world_sometimes(world, SOMETIMES_TORN_JOB, true);
    }
}

// Routers and clients may notice; if not, silence tells them.
static void tell_links(struct node *node)
{
    const struct ring *ring = &node->settings->ring->ring;
    for (uint32_t i = 0; i < ring->node_count; i++) {
        if (world_chance(world_of(node), 600))
            process_lose_link(&node->nodes[i].router_process,
                              network_link_to(node->settings->network, i, node->index));
    }
}

static void end_store(struct node *node)
{
    void *jobs[PROCESS_WORKERS_MAX];
    collect_sometimes(node);
    process_end(&node->store_process, jobs);
    finish_partly(node, jobs);
    memory_vfs_power_off(&node->disk);
    store_close(&node->store);
    tell_links(node);
}

void node_kill_store(struct node *node)
{
    if (!node->store_process.up)
        return;
    world_note(world_of(node), "n%u: the store is killed", node->index);
    world_sometimes(world_of(node), SOMETIMES_KILL, true);
    end_store(node);
    memory_vfs_kill(&node->disk);
}

void node_kill_router(struct node *node)
{
    if (!node->router_process.up)
        return;
    world_note(world_of(node), "n%u: the router is killed", node->index);
    const struct router_counts *counts = &node->router.counts;
    struct world *world = world_of(node);
    world_sometimes(world, SOMETIMES_READ_REPAIR, counts->repairs);
    world_sometimes(world, SOMETIMES_HEDGE, counts->hedges);
    world_sometimes(world, SOMETIMES_LATE, counts->late);
    process_end(&node->router_process, NULL);
    router_release(&node->router);
}

void node_lose_power(struct node *node, enum memory_vfs_policy policy)
{
    struct world *world = world_of(node);
    world_note(world, "n%u: power loss (%d)", node->index, policy);
    world_sometimes(world, SOMETIMES_POWER_LOSS, true);
    node_kill_router(node);
    if (node->store_process.up) {
        const struct lsm *lsm = node->store.lsm;
        world_sometimes(world, SOMETIMES_UNSYNCED_LOST, lsm_durable(lsm) < lsm_written(lsm));
        end_store(node);
    }
    memory_vfs_crash(&node->disk, policy, &world->random);
}

void node_release(struct node *node)
{
    for (uint32_t i = 0; i < NODE_PUTS_MAX; i++)
        clock_release(&node->puts[i].given);
    if (node->store_process.up) {
        collect_sometimes(node);
        process_end(&node->store_process, NULL);
        store_close(&node->store);
    }
    node_kill_router(node);
    process_release(&node->store_process);
    process_release(&node->router_process);
    seals_release(&node->seals);
    ring_snapshot_drop(node->ring);
    memory_vfs_release(&node->disk);
    if (node->saved_us)
        memory_vfs_release(&node->saved);
}

// ---- checks --------------------------------------------------------------------------

void node_check(struct node *node)
{
    struct world *world = world_of(node);
    const struct ledger *ledger = &node->store.ledger;
    struct ledger counted;
    struct fault fault = {0};
    uint64_t count;
    ledger_init(&counted, ledger->partition_count, 0);
    if (lsm_verify(node->store.lsm, &fault))
        world_fail(world, "n%u: %s", node->index, fault.text);
    if (pair_recount(node->store.lsm, &counted, &count, &fault))
        world_fail(world, "n%u: %s", node->index, fault.text);
    const struct ledger_shard *shard = ledger_difference(ledger, &counted);
    if (shard)
        world_fail(world, "n%u: the ledger of keyspace %u, partition %u is not that of its records",
                   node->index, shard->keyspace, shard->partition);
    ledger_release(&counted);
}
