// The router of a node: its brain and its witness.
#include "dkv-router/brain.h"
#include "dkv-router/dispatch.h"
#include "sim/node_inside.h"
#include "sim/node_ring.h"
#include "sim/witness.h"
#include "wire/client.h"

// ---- its brain, watched --------------------------------------------------------------

// The brain's self is the router; the node is around it.
static struct node *node_of(void *self)
{
    return (struct node *)((char *)self - offsetof(struct node, router));
}

static void on_message(void *self, const struct arrival *arrival, struct bytes message,
                       struct moment moment, struct outbox *outbox)
{
    struct node *node = node_of(self);
    struct message_header header;
    struct reader body;
    struct op_put put;
    if (!message_header_decode(&header, message, &body) && header.type == MESSAGE_PUT) {
        for (unsigned op = 0; op < header.count && !op_decode_put(&put, &body); op++)
            witness_put(node, arrival, &put);
    } else if (node->router_process.up && header.type == MESSAGE_FOUND) {
        witness_found(node, arrival->link, &header, &body);
    }
    dispatch_on_message(&node->router, arrival, message, moment, outbox);
}

static void on_tick(void *self, struct moment moment, struct outbox *outbox)
{
    struct node *node = node_of(self);
    dispatch_on_tick(&node->router, moment, outbox);
    const struct router *router = &node->router;
    for (uint32_t i = 0; i < router->ring->node_count; i++)
        world_sometimes(node_world(node), SOMETIMES_SLOW,
                        peers_link_of(&router->peers, i, SERVICE_STORE)->slow);
}

static void on_turn_end(void *self, struct moment moment, struct outbox *outbox)
{
    struct node *node = node_of(self);
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
    dispatch_on_turn_end(&node->router, moment, outbox);
    node_ring_look(node);
}

static void run_job(void *self)
{
    struct epochs_job *job = self;
    struct epochs *epochs = (struct epochs *)((char *)job - offsetof(struct epochs, job));
    node_ring_keep(node_of((char *)epochs - offsetof(struct router, epochs)), job);
}

static enum status on_job_done(void *self, unsigned worker, void *job, struct moment moment,
                               struct outbox *outbox, struct fault *fault)
{
    (void)worker, (void)job, (void)moment, (void)fault;
    node_ring_on_kept(node_of(self), outbox);
    return STATUS_OK;
}

static uint64_t job_us(void *self, unsigned worker)
{
    const struct node *node = self;
    (void)worker;
    return 50 + world_below(node_world(node), node->log_us);
}

void node_init_router(struct node *node)
{
    struct process *process = &node->router_process;
    votes_encode_none(&node->votes);
    *process = node_process(node, NETWORK_ROUTER + node->index, 25 * WORLD_MS);
    process->brain = router_brain(&node->router);
    process->host.job_us = job_us;
    process->brain.on_message = on_message;
    process->brain.run_job = run_job;
    process->brain.on_job_done = on_job_done;
    process->brain.on_tick = on_tick;
    process->brain.on_turn_end = on_turn_end;
}

// ---- life ----------------------------------------------------------------------------

// keys/seals: the own key is made once; keys of other routers are kept.
static void make_seals(struct node *node)
{
    uint8_t secret[SEAL_SECRET_SIZE] = {(uint8_t)node->index, 1};
    if (!node->seals.own.id && seals_add_own(&node->seals, secret))
        world_fail(node_world(node), "n%u: no seal key", node->index);
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
        .clock_refuse_ms = 30000,
        .timeout_ms = 2000,
        .software = bytes_of_text("sim"),
        .seals = &node->seals,
        .votes = buf_bytes(&node->votes),
        .link_of = network_link,
        .number_of = network_number,
    };
    struct fault fault = {0};
    make_seals(node);
    if (router_init(&node->router, &options, node_now(node), &fault))
        world_fail(settings->world, "a router does not start: %s", fault.text);
    node_ring_number(node, &node->router_process, &node->router.peers);
    process_start(&node->router_process);
}

void node_kill_router(struct node *node)
{
    if (!node->router_process.up)
        return;
    world_note(node_world(node), "n%u: the router is killed", node->index);
    const struct router_counts *counts = &node->router.counts;
    struct world *world = node_world(node);
    world_sometimes(world, SOMETIMES_READ_REPAIR, counts->repairs);
    world_sometimes(world, SOMETIMES_HEDGE, counts->hedges);
    world_sometimes(world, SOMETIMES_HELD_FIRST, counts->held);
    world_sometimes(world, SOMETIMES_LATE, counts->late);
    world_sometimes(world, SOMETIMES_HINT, counts->hints);
    process_end(&node->router_process, NULL);
    router_release(&node->router);
}

void node_release_router(struct node *node)
{
    node_kill_router(node);
    process_release(&node->router_process);
}
