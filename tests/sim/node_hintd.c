// The hintd of a node: its disk, its brain and its witness.
#include "dkv-hintd/brain.h"
#include "dkv-hintd/reception.h"
#include "sim/node_inside.h"
#include "sim/node_ring.h"
#include "sim/witness.h"
#include "wire/hint.h"

static struct hintd_options hintd_options_of(const struct node *node, uint64_t random)
{
    const struct node_settings *settings = node->settings;
    struct hintd_options options = {
        .ring = node->ring,
        .node = settings->ring->ring.nodes[node->index].id,
        .boot = random,
        .value_size_max = 1 << 20,
        .record_size_max = settings->memtable_size / 4,
        .request_memory_ms = settings->request_memory_ms,
        .clock_refuse_ms = 30000,
        .ping_interval_ms = settings->down_after_ms / 4,
        .down_after_ms = settings->down_after_ms,
        .retry_ms = 300,
        .rate = 1 << 20,
        .size_max = 1 << 30,
        .expire_ms = 3600 * 1000,
        .lsm = lsm_options_default(),
        .software = bytes_of_text("sim"),
        .link_of = network_link,
        .number_of = network_number,
    };
    options.lsm.vfs = (struct vfs *)&node->hint_disk.vfs;
    options.lsm.dir = "hints";
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

// ---- what it keeps -------------------------------------------------------------------

static void read_hint(struct node *node, const struct engine_key *key, uint32_t target,
                      struct record *record, struct buf *bytes)
{
    uint64_t id = node->settings->ring->ring.nodes[target].id;
    struct buf name = {0};
    struct hint hint = {0};
    struct fault fault = {0};
    hint_key_encode(id, key, &name);
    record_clear(record);
    enum status status = lsm_get(node->hintd.lsm, buf_bytes(&name), bytes, &fault);
    if (status && status != STATUS_NOT_FOUND)
        world_fail(node_world(node), "n%u cannot read a hint: %s", node->index, fault.text);
    else if (!status && (hint_decode(&hint, key->key, buf_bytes(bytes)) ||
                         record_decode(record, key->key, hint.encoded)))
        world_fail(node_world(node), "n%u: a hint is damaged", node->index);
    hint_release(&hint);
    buf_release(&name);
}

bool node_peek_hint(struct node *node, uint32_t key, uint32_t target, struct record *record,
                    struct buf *bytes)
{
    const struct history *history = node->settings->history;
    struct engine_key parts =
        engine_key_of(history->keys[key].keyspace, history_key_bytes(history, key));
    if (!node->hintd_process.up)
        return false;
    read_hint(node, &parts, target, record, bytes);
    return true;
}

bool node_has_hints(const struct node *node)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < node->hintd.tally.target_count; i++)
        count += node->hintd.tally.targets[i].count;
    return count;
}

// The clock of all hints for a key: what a write without a context supersedes.
static void join_held(struct node *node, const struct op_update *update, struct clock *held)
{
    struct engine_key key = engine_key_of(update->keyspace, update->key);
    struct record record = {0};
    struct buf bytes = {0};
    clock_clear(held);
    for (uint32_t i = 0; i < node->settings->ring->ring.node_count; i++) {
        read_hint(node, &key, i, &record, &bytes);
        clock_join(held, &record.clock);
    }
    record_release(&record);
    buf_release(&bytes);
}

// ---- its brain, watched --------------------------------------------------------------

static struct node *node_of(void *self)
{
    return (struct node *)((char *)self - offsetof(struct node, hintd));
}

// Hands them to the hintd one by one, to see what each was made on.
static void deliver_updates(struct node *node, const struct arrival *arrival,
                            const struct message_header *header, struct reader *body,
                            struct moment moment, struct outbox *outbox)
{
    struct clock held = {0};
    struct buf single = {0};
    struct op_hint_update op;
    struct op_updated updated;
    for (unsigned i = 0; i < header->count && !op_decode_hint_update(&op, body); i++) {
        struct message_header alone = *header;
        buf_clear(&single);
        buf_grow(&single, MESSAGE_HEADER_SIZE);
        op_encode_hint_update(&op, &single);
        alone.count = 1;
        alone.body_size = (uint32_t)(single.size - MESSAGE_HEADER_SIZE);
        message_header_encode(&alone, single.data);
        join_held(node, &op.update, &held);
        uint64_t served = node->hintd.counts.updates;
        reception_on_message(&node->hintd, arrival, buf_bytes(&single), moment, outbox);
        if (node->hintd.counts.updates == served ||
            !witness_last_updated(outbox, arrival->link, &updated))
            continue;
        bool is_made = !updated.status && updated.dot.counter;
        world_sometimes(node_world(node), SOMETIMES_HINT_MINTED, is_made);
        world_sometimes(node_world(node), SOMETIMES_HINT_AGAIN,
                        is_made && (op.update.flags & UPDATE_AGAIN));
        witness_minted(node, &op.update, &held, &updated);
    }
    clock_release(&held);
    buf_release(&single);
}

static void on_message(void *self, const struct arrival *arrival, struct bytes message,
                       struct moment moment, struct outbox *outbox)
{
    struct node *node = node_of(self);
    struct message_header header;
    struct reader body;
    if (!message_header_decode(&header, message, &body) && header.type == MESSAGE_HINT_UPDATE)
        deliver_updates(node, arrival, &header, &body, moment, outbox);
    else
        reception_on_message(&node->hintd, arrival, message, moment, outbox);
}

// As main.c does it: a document that is there is worked by from the next turn on.
static void on_turn_end(void *self, struct moment moment, struct outbox *outbox)
{
    struct node *node = node_of(self);
    if (node->hintd.snapshot != node->ring) {
        reception_adopt(&node->hintd, node->ring, moment);
        node_ring_number(node, &node->hintd_process, &node->hintd.peers);
    }
    reception_on_turn_end(&node->hintd, moment, outbox);
}

static uint64_t job_us(void *self, unsigned worker)
{
    const struct node *node = self;
    return 50 + world_below(node_world(node), worker == LSM_WORKER_LOG ? 3000 : 30000);
}

static void on_exit(void *self, const char *why)
{
    struct node *node = self;
    world_fail(node_world(node), "n%u: the hintd ends: %s", node->index, why);
}

void node_init_hintd(struct node *node)
{
    struct process *process = &node->hintd_process;
    *process = node_process(node, NETWORK_HINTD + node->index, 100 * WORLD_MS);
    process->host.job_us = job_us;
    process->host.on_exit = on_exit;
    process->brain = hintd_brain(&node->hintd);
    process->brain.on_message = on_message;
    process->brain.on_turn_end = on_turn_end;
}

// ---- life ----------------------------------------------------------------------------

void node_start_hintd(struct node *node)
{
    struct world *world = node_world(node);
    struct hintd_options options = hintd_options_of(node, random_u64(&world->random));
    struct fault fault = {0};
    uint64_t actor = random_u64(&world->random);
    enum status status = hintd_open(&node->hintd, &options, actor, node_now(node), &fault);
    world_note(world, "n%u: the hintd starts: %s %s", node->index, status_text(status),
               status ? fault.text : "");
    if (status) {
        world_fail(world, "n%u: the hintd does not open: %s", node->index, fault.text);
        return;
    }
    node_ring_number(node, &node->hintd_process, &node->hintd.peers);
    process_start(&node->hintd_process);
}

void node_end_hintd(struct node *node)
{
    if (!node->hintd_process.up)
        return;
    world_sometimes(node_world(node), SOMETIMES_HINT_DELIVERED, node->hintd.counts.delivered);
    process_end(&node->hintd_process, NULL);
    memory_vfs_power_off(&node->hint_disk);
    hintd_close(&node->hintd);
    node_tell_links(node, NETWORK_HINTD + node->index);
}

void node_kill_hintd(struct node *node)
{
    if (!node->hintd_process.up)
        return;
    world_note(node_world(node), "n%u: the hintd is killed", node->index);
    world_sometimes(node_world(node), SOMETIMES_HINTD_KILL, true);
    node_end_hintd(node);
    memory_vfs_kill(&node->hint_disk);
}

void node_release_hintd(struct node *node)
{
    if (node->hintd_process.up) {
        world_sometimes(node_world(node), SOMETIMES_HINT_DELIVERED, node->hintd.counts.delivered);
        process_end(&node->hintd_process, NULL);
        hintd_close(&node->hintd);
    }
    process_release(&node->hintd_process);
}
