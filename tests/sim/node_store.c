// The store of a node: its disk, its brain and its witness.
#include "dkv-store/access.h"
#include "dkv-store/brain.h"
#include "dkv-store/pair.h"
#include "dkv-store/serve.h"
#include "sim/node_disk.h"
#include "sim/node_inside.h"
#include "sim/witness.h"
#include "wire/replica.h"

enum { BACKGROUND_US_MAX = 4 * WORLD_S };

// Of the log: a position of the engine has its number in the upper half.
static uint64_t segment_of(uint64_t position)
{
    return position >> 32;
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
        .purge_age_ms = settings->request_memory_ms,
        .trash_ms = settings->request_memory_ms,
        .close_after_ms = settings->request_memory_ms,
        .clock_refuse_ms = 30000,
        .ask_ms = 200,
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
    struct engine_key parts = engine_key_of(keyspace, name);
    engine_key_encode(&parts, &key);
    struct fault fault = {0};
    record_clear(record);
    enum status status = lsm_get(lsm, buf_bytes(&key), bytes, &fault);
    buf_release(&key);
    if (status)
        buf_clear(bytes);
    if (status == STATUS_CORRUPT && node->is_damaged) {
        world_sometimes(node_world(node), SOMETIMES_DAMAGE_SEEN, true);
        return false;
    }
    if (status && status != STATUS_NOT_FOUND)
        world_fail(node_world(node), "n%u cannot read: %s", node->index, fault.text);
    else if (!status && record_decode(record, name, buf_bytes(bytes)))
        world_fail(node_world(node), "n%u: a record fails its checksum", node->index);
    return true;
}

// Neither warms the disk nor meets the faults that are planned for the store.
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

bool node_is_lost(struct node *node, uint32_t key)
{
    const struct history_key *at = &node->settings->history->keys[key];
    const struct store *store = &node->store;
    const struct ring_keyspace *keyspace = ring_keyspace(store->ring, at->keyspace);
    return node->store_process.up &&
           ring_is_owner(store->ring, at->partition, keyspace, (uint32_t)store->node_index) &&
           access_is_lost(store, at->keyspace, at->partition);
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
        world_fail(node_world(node), "n%u: what is durable does not open: %s", node->index,
                   fault.text);
    bool is_read = !status && read_plainly(node, store.lsm, history->keys[key].keyspace,
                                           history_key_bytes(history, key), record, bytes);
    if (!status)
        store_close(&store);
    memory_vfs_release(&disk);
    return is_read;
}

// ---- its brain, watched --------------------------------------------------------------

// The brain's self is the store; the node is around it.
static struct node *node_of(void *self)
{
    return (struct node *)((char *)self - offsetof(struct node, store));
}

// Reads the record of the key before an update. The store does not notice.
static void look_before(struct node *node, const struct op_update *update, struct record *held,
                        struct buf *bytes)
{
    node_read(node, update->keyspace, update->key, held, bytes);
}

// Hands updates to the store one by one, to see the record that each was made on.
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
        serve_on_message(&node->store, arrival, buf_bytes(&single), moment, outbox);
        if (node->store.counts.updates > served &&
            witness_last_updated(outbox, arrival->link, &updated))
            witness_minted(node, &update, &held.clock, &updated);
    }
    record_release(&held);
    buf_release(&bytes);
    buf_release(&single);
}

static void on_message(void *self, const struct arrival *arrival, struct bytes message,
                       struct moment moment, struct outbox *outbox)
{
    struct node *node = node_of(self);
    struct message_header header;
    struct reader body;
    bool is_whole = !message_header_decode(&header, message, &body);
    if (is_whole && header.type == MESSAGE_UPDATE)
        deliver_updates(node, arrival, &header, &body, moment, outbox);
    else
        serve_on_message(&node->store, arrival, message, moment, outbox);
    if (is_whole && header.type == MESSAGE_RECONCILE)
        witness_reconciles(node, &header, &body);
    if (is_whole && header.type == MESSAGE_MERGE)
        witness_merges(node, &header, &body);
    if (is_whole && header.type == MESSAGE_FIND)
        witness_finds(node, arrival, &header, &body, outbox);
    if (node->store.counts.lost_again)
        world_fail(node_world(node), "n%u thinks that it lost a write that it had", node->index);
}

// As the store does it at the end of a turn, but watched.
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
        world_sometimes(node_world(node), SOMETIMES_PARKED_UPDATE, is_update);
        world_sometimes(node_world(node), SOMETIMES_PARKED_SCAN,
                        op->header.type == MESSAGE_SCAN_LOCAL);
        world_sometimes(node_world(node), SOMETIMES_PARKED, true);
        world_sometimes(node_world(node), SOMETIMES_PARKED_BEHIND, !op->wait.miss_count);
        serve_parked_op(store, op, moment, outbox);
        if (is_update && store->counts.updates > served &&
            witness_last_updated(outbox, link, &updated))
            witness_minted(node, &update, &held.clock, &updated);
    }
    record_release(&held);
    buf_release(&bytes);
    buf_release(&body);
}

static void on_tick(void *self, struct moment moment, struct outbox *outbox)
{
    struct node *node = node_of(self);
    if (node->full_until_us && node->full_until_us <= node_world(node)->now_us)
        node->full_until_us = node->disk.capacity = 0;
    serve_on_tick(&node->store, moment, outbox);
}

static void leave(void *self, struct event *event)
{
    struct node *node = self;
    if (!node->store_process.up || event->a != node->store_process.life)
        return;
    world_sometimes(node_world(node), SOMETIMES_TWIN, true);
    node_kill_store(node);
    node_restart_after(node, world_between(node_world(node), 50 * WORLD_MS, WORLD_S));
}

// As main.c does it: the older one of two processes ends. (Here it is the later one, of a node
// whose disk was wiped and whose clock was set back.)
static void leave_to_twin(struct node *node)
{
    const struct store *store = &node->store;
    if (store->twin.text[0] && lsm_durable(store->lsm) >= lsm_written(store->lsm))
        world_plan(node_world(node), 1, leave, node, node->store_process.life, 0);
}

static void on_turn_end(void *self, struct moment moment, struct outbox *outbox)
{
    struct node *node = node_of(self);
    serve_parked(node, moment, outbox);
    serve_on_turn_end(&node->store, moment, outbox);
    leave_to_twin(node);
    for (uint32_t i = 0; i < outbox->count; i++)
        witness_refusals(node, &outbox->messages[i]);
}

static uint64_t job_us(void *self, unsigned worker)
{
    const struct node *node = self;
    uint64_t limit_us = worker == LSM_WORKER_LOG ? node->log_us : 12 * node->log_us;
    if (limit_us > BACKGROUND_US_MAX)
        limit_us = BACKGROUND_US_MAX;
    return 50 + world_below(node_world(node), limit_us);
}

static void on_exit(void *self, const char *why)
{
    struct node *node = self;
    world_note(node_world(node), "n%u: the store ends: %s", node->index, why);
    world_sometimes(node_world(node), SOMETIMES_SYNC_FAILED, lsm_failed(node->store.lsm));
    node_kill_store(node);
    node_restart_after(node, world_between(node_world(node), 50 * WORLD_MS, WORLD_S));
}

void node_init_store(struct node *node)
{
    struct process *process = &node->store_process;
    *process = node_process(node, node->index, 100 * WORLD_MS);
    process->host.job_us = job_us;
    process->host.on_exit = on_exit;
    process->brain = store_brain(&node->store);
    process->brain.on_message = on_message;
    process->brain.on_tick = on_tick;
    process->brain.on_turn_end = on_turn_end;
}

// ---- life ----------------------------------------------------------------------------

// With an empty disk and a clock that was set back, a life may begin in the second of an earlier
// one. Then 16 random bits alone tell the two apart. That fails in one of very many worlds, by
// design; it is no bug to be found here.
static uint64_t draw_life(struct node *node)
{
    uint64_t drawn;
    bool is_new;
    do {
        drawn = random_u64(&node_world(node)->random);
        is_new = true;
        for (uint32_t i = 0; i < node->life_count && i < NODE_LIVES_MAX; i++)
            is_new &= node->lives[i] != (uint16_t)drawn;
    } while (!is_new);
    node->lives[node->life_count++ % NODE_LIVES_MAX] = (uint16_t)drawn;
    return drawn;
}

static void note_actor(struct node *node)
{
    uint64_t actor = node->store.ledger.actor;
    node->has_gone_back |= actor < node->latest_actor;
    if (actor > node->latest_actor)
        node->latest_actor = actor;
}

void node_start_store(struct node *node)
{
    struct world *world = node_world(node);
    struct store_options options = store_options_of(node, random_u64(&world->random));
    struct fault fault = {0};
    if (node->is_damaged) // the last writes may look as if they never were
        history_on_disk_lost(node->settings->history, node->index, 0);
    enum status status =
        store_open(&node->store, &options, draw_life(node), node_now(node), &fault);
    world_note(world, "n%u: the store starts: %s %s", node->index, status_text(status),
               status ? fault.text : "");
    if (status == STATUS_OK) {
        memory_vfs_cool(&node->disk);
        memset(node->knows_ms, 0, sizeof node->knows_ms);
        node->first_segment = segment_of(lsm_written(node->store.lsm));
        note_actor(node);
        process_start(&node->store_process);
        return;
    }
    memory_vfs_kill(&node->disk); // its locks are gone with it
    bool will_pass = status == STATUS_DISK_FULL || status == STATUS_IO;
    if (!will_pass && node->is_damaged) {
        world_sometimes(world, SOMETIMES_DAMAGE_CLOSED, true);
        node_wipe(node, NODE_STORE_DISK);
    } else if (!will_pass)
        world_fail(world, "n%u: the store does not open: %s", node->index, fault.text);
    if (node->full_until_us && node->full_until_us <= world->now_us)
        node->full_until_us = node->disk.capacity = 0;
    node_restart_after(node, 300 * WORLD_MS);
}

static void collect_sometimes(struct node *node)
{
    struct world *world = node_world(node);
    struct store *store = &node->store;
    struct lsm_stats stats;
    lsm_stats(store->lsm, &stats);
    world_sometimes(world, SOMETIMES_FLUSH, stats.flush_count);
    world_sometimes(world, SOMETIMES_MERGE, stats.merge_count);
    world_sometimes(world, SOMETIMES_ROTATION,
                    segment_of(lsm_written(store->lsm)) > node->first_segment);
    world_sometimes(world, SOMETIMES_STRIPPED, store->counts.stripped);
    world_sometimes(world, SOMETIMES_LWW_DROPPED, store->counts.lww_dropped);
    world_sometimes(world, SOMETIMES_EXPIRED, store->counts.expired);
    world_sometimes(world, SOMETIMES_TOO_OLD, store->counts.late);
    world_sometimes(world, SOMETIMES_DAMAGE_SEEN,
                    node->is_damaged && store->counts.damaged_reads + store->counts.damaged_merges);
    world_sometimes(world, SOMETIMES_LOST_COPY, store->counts.losses);
    world_sometimes(world, SOMETIMES_ZOMBIE, store->counts.zombies);
}

// A worker may have got somewhere with its job.
static void finish_partly(struct node *node, void *const jobs[BRAIN_WORKERS_MAX])
{
    struct world *world = node_world(node);
    for (unsigned i = 0; i < BRAIN_WORKERS_MAX; i++) {
        if (!jobs[i] || world_chance(world, 500))
            continue;
        memory_vfs_power_off_after(&node->disk, world_below(world, 6));
        lsm_job_run(jobs[i]);
        world_sometimes(world, SOMETIMES_TORN_JOB, true);
    }
}

void node_end_store(struct node *node)
{
    void *jobs[BRAIN_WORKERS_MAX];
    collect_sometimes(node);
    process_end(&node->store_process, jobs);
    finish_partly(node, jobs);
    memory_vfs_power_off(&node->disk);
    store_close(&node->store);
    node_tell_links(node, node->index);
}

void node_kill_store(struct node *node)
{
    if (!node->store_process.up)
        return;
    world_note(node_world(node), "n%u: the store is killed", node->index);
    world_sometimes(node_world(node), SOMETIMES_KILL, true);
    node_end_store(node);
    memory_vfs_kill(&node->disk);
}

void node_release_store(struct node *node)
{
    if (node->store_process.up) {
        collect_sometimes(node);
        process_end(&node->store_process, NULL);
        store_close(&node->store);
    }
    process_release(&node->store_process);
}

// ---- checks --------------------------------------------------------------------------

void node_check(struct node *node)
{
    struct world *world = node_world(node);
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
    if (node->store.counts.damaged_reads && !*node->store.damage.text)
        world_fail(world, "n%u: something counts as damage that is none", node->index);
    ledger_release(&counted);
}
