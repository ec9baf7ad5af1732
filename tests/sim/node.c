#include "sim/node.h"

#include "sim/node_inside.h"

struct moment node_now(const struct node *node)
{
    uint64_t now_ms = node_world(node)->now_us / WORLD_MS;
    uint64_t wall_ms = 1700000000000u + now_ms + (uint64_t)node->skew_ms;
    return (struct moment){.mono_ms = node->mono_base_ms + now_ms, .wall_ms = wall_ms};
}

static struct moment now(void *self)
{
    return node_now(self);
}

struct process node_process(struct node *node, uint32_t port, uint64_t tick_us)
{
    return (struct process){.network = node->settings->network,
                            .host = {.self = node, .now = now},
                            .port = port,
                            .tick_us = tick_us};
}

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
    memory_vfs_init(&node->hint_disk);
    node_init_store(node);
    node_init_hintd(node);
    node_init_router(node);
    node_init_repair(node);
}

static void restart(void *self, struct event *event)
{
    struct node *node = self;
    (void)event;
    if (node->is_staying_down)
        return;
    if (!node->store_process.up)
        node_start_store(node);
    if (!node->hintd_process.up)
        node_start_hintd(node);
    if (!node->router_process.up)
        node_start_router(node);
    if (!node->repair_process.up)
        node_start_repair(node);
}

void node_restart_after(struct node *node, uint64_t delay_us)
{
    world_plan(node_world(node), delay_us, restart, node, 0, 0);
}

void node_lose_power(struct node *node, enum memory_vfs_policy policy)
{
    struct world *world = node_world(node);
    world_note(world, "n%u: power loss (%d)", node->index, policy);
    world_sometimes(world, SOMETIMES_POWER_LOSS, true);
    node_kill_router(node);
    node_kill_repair(node);
    if (node->store_process.up) {
        const struct lsm *lsm = node->store.lsm;
        world_sometimes(world, SOMETIMES_UNSYNCED_LOST, lsm_durable(lsm) < lsm_written(lsm));
        node_end_store(node);
    }
    node_end_hintd(node);
    memory_vfs_crash(&node->disk, policy, &world->random);
    memory_vfs_crash(&node->hint_disk, policy, &world->random);
}

void node_tell_links(struct node *node, uint32_t port)
{
    struct network *network = node->settings->network;
    for (uint32_t i = 0; i < node->settings->ring->ring.node_count; i++) {
        struct process *askers[] = {&node->nodes[i].router_process, &node->nodes[i].repair_process};
        for (size_t j = 0; j < sizeof askers / sizeof *askers; j++) {
            if (world_chance(node_world(node), 600))
                process_lose_link(askers[j], network_link_to(network, askers[j]->port, port));
        }
    }
}

void node_release(struct node *node)
{
    for (uint32_t i = 0; i < NODE_PUTS_MAX; i++)
        clock_release(&node->puts[i].given);
    node_release_store(node);
    node_release_hintd(node);
    node_release_router(node);
    node_release_repair(node);
    seals_release(&node->seals);
    ring_snapshot_drop(node->ring);
    buf_release(&node->votes);
    memory_vfs_release(&node->disk);
    memory_vfs_release(&node->hint_disk);
    if (node->saved_us) {
        memory_vfs_release(&node->saved);
        memory_vfs_release(&node->saved_hints);
    }
}
