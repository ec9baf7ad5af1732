#include "sim/nemesis.h"

#include "disk/memory_node_vfs.h"
#include "sim/node_disk.h"
#include "sim/node_ring.h"

enum { FOR_EVER_US = 60 * WORLD_S };

enum fault_kind {
    FAULT_KILL_STORE,
    FAULT_KILL_ROUTER,
    FAULT_KILL_HINTD,
    FAULT_KILL_REPAIR,
    FAULT_POWER_LOSS,
    FAULT_BLACKOUT,
    FAULT_PAUSE,
    FAULT_ISOLATE,
    FAULT_SPLIT,
    FAULT_ONE_WAY,
    FAULT_CLIENT_CUT,
    FAULT_SKEW,
    FAULT_DISK_FULL,
    FAULT_SYNC,
    FAULT_SLOW_DISK,
    FAULT_SLOW_PLACE,
    FAULT_LOST_LINK,
    FAULT_COLD,
    FAULT_WIPE,
    FAULT_SET_BACK,
    FAULT_READ,
    FAULT_ROT,
    FAULT_RING,
    FAULT_COUNT
};

static void cut(struct nemesis *nemesis, uint32_t from, uint32_t to, uint64_t duration_us)
{
    bool holds = world_chance(nemesis->world, 400);
    world_sometimes(nemesis->world, SOMETIMES_HELD, holds);
    network_cut(nemesis->network, from, to, holds, duration_us);
}

static void isolate(struct nemesis *nemesis, uint32_t place, bool both_ways, uint64_t duration_us)
{
    bool is_in = world_chance(nemesis->world, 500);
    for (uint32_t other = 0; other < nemesis->node_count; other++) {
        if (both_ways || is_in)
            cut(nemesis, other, place, duration_us);
        if (both_ways || !is_in)
            cut(nemesis, place, other, duration_us);
    }
}

// Any bridge, ring or halves: each pair is cut or not.
static void split(struct nemesis *nemesis, uint64_t duration_us)
{
    for (uint32_t a = 0; a < nemesis->node_count; a++) {
        for (uint32_t b = 0; b < a; b++) {
            if (world_chance(nemesis->world, 500))
                continue;
            cut(nemesis, a, b, duration_us);
            cut(nemesis, b, a, duration_us);
        }
    }
}

static void end_slow_disk(void *self, struct event *event)
{
    ((struct nemesis *)self)->nodes[event->a].log_us = event->b;
}

static void end_slow_place(void *self, struct event *event)
{
    ((struct nemesis *)self)->network->extra_us[event->a] = 0;
}

static void slow_disk(struct nemesis *nemesis, struct node *node, uint64_t duration_us)
{
    if (node->log_us > 20 * WORLD_MS)
        return;
    world_plan(nemesis->world, duration_us, end_slow_disk, nemesis, node->index, node->log_us);
    node->log_us = world_between(nemesis->world, 50, 4000) * WORLD_MS;
}

static enum memory_vfs_policy choose_policy(struct nemesis *nemesis)
{
    return (enum memory_vfs_policy)world_below(nemesis->world, MEMORY_VFS_POLICY_COUNT);
}

void nemesis_blackout(struct nemesis *nemesis)
{
    world_sometimes(nemesis->world, SOMETIMES_BLACKOUT, true);
    for (uint32_t i = 0; i < nemesis->node_count; i++) {
        node_lose_power(&nemesis->nodes[i], choose_policy(nemesis));
        node_restart_after(&nemesis->nodes[i], world_between(nemesis->world, 10, 500) * WORLD_MS);
    }
}

static void lose_link(struct nemesis *nemesis, struct node *node)
{
    uint32_t other = (uint32_t)world_below(nemesis->world, nemesis->node_count);
    if (world_chance(nemesis->world, 700))
        process_lose_link(&node->router_process,
                          network_link_to(nemesis->network, NETWORK_ROUTER + node->index, other));
    else if (nemesis->client_count)
        client_lose_link(&nemesis->clients[world_below(nemesis->world, nemesis->client_count)]);
}

// Machines that were bought together fill up together.
static void fill_disks(struct nemesis *nemesis, struct node *node, uint64_t duration_us)
{
    bool is_everywhere = world_chance(nemesis->world, 300);
    for (uint32_t i = 0; i < nemesis->node_count; i++) {
        struct node *at = &nemesis->nodes[i];
        if (at != node && !is_everywhere)
            continue;
        uint64_t most = world_chance(nemesis->world, 500) ? 4 << 10 : 96 << 10;
        at->disk.capacity = nodes_used(at->disk.nodes) + world_below(nemesis->world, most) + 1;
        at->full_until_us = nemesis->world->now_us + duration_us;
    }
}

static void pause_process(struct nemesis *nemesis, struct node *node, uint64_t duration_us)
{
    world_sometimes(nemesis->world, SOMETIMES_PAUSED, true);
    struct process *processes[] = {&node->store_process, &node->router_process,
                                   &node->hintd_process, &node->repair_process};
    if (world_chance(nemesis->world, 200)) // longer than anybody waits
        duration_us *= 5;
    process_pause(processes[world_below(nemesis->world, 4)], duration_us);
}

static void kill_process(struct nemesis *nemesis, struct node *node, enum fault_kind kind)
{
    if (kind == FAULT_KILL_STORE)
        node_kill_store(node);
    else if (kind == FAULT_KILL_ROUTER)
        node_kill_router(node);
    else if (kind == FAULT_KILL_HINTD)
        node_kill_hintd(node);
    else if (kind == FAULT_KILL_REPAIR)
        node_kill_repair(node);
    else
        node_lose_power(node, choose_policy(nemesis));
    uint64_t down_ms = world_chance(nemesis->world, 500) ? world_between(nemesis->world, 1, 50)
                                                         : world_between(nemesis->world, 50, 2000);
    node_restart_after(node, down_ms * WORLD_MS);
}

static void end_failing(void *self, struct event *event)
{
    struct nemesis *nemesis = self;
    memory_vfs_fail(&nemesis->nodes[event->a].disk, 0, 0, STATUS_OK, false);
}

// A sector, or every one for a while.
static void fail_reads(struct nemesis *nemesis, struct node *node, uint64_t duration_us)
{
    struct world *world = nemesis->world;
    bool is_lasting = world_chance(world, 200);
    memory_vfs_fail(&node->disk, MEMORY_VFS_READ, world_below(world, 20), STATUS_IO, is_lasting);
    world_sometimes(world, SOMETIMES_READ_FAILS, true);
    if (is_lasting)
        world_plan(world, duration_us, end_failing, nemesis, node->index, 0);
}

// By less than is believed of others, or by hours.
static void skew(struct nemesis *nemesis, struct node *node)
{
    struct world *world = nemesis->world;
    bool is_far = world_chance(world, 200);
    int64_t range_ms = is_far ? 10 * 3600 * 1000 : 20 * 1000;
    node->skew_ms = (int64_t)world_below(world, (uint64_t)range_ms) - range_ms / 2;
    world_sometimes(world, SOMETIMES_HOURS_OFF, is_far);
}

static enum node_disk choose_disk(struct world *world)
{
    enum node_disk both[] = {NODE_STORE_DISK, NODE_STORE_DISK, NODE_HINT_DISK, NODE_BOTH_DISKS};
    return both[world_below(world, 4)];
}

// What the others have not been read for since is gone with it.
static void wipe(struct node *node)
{
    node_wipe(node, choose_disk(node->settings->world));
    node_restart_after(node, world_between(node->settings->world, 10, 500) * WORLD_MS);
}

// The first time it is saved, the second time that is what it has.
static void set_back(struct node *node)
{
    if (!node->saved_us) {
        node_save(node);
        return;
    }
    node_set_back(node, choose_disk(node->settings->world));
    node_restart_after(node, world_between(node->settings->world, 10, 500) * WORLD_MS);
}

static void cut_some(struct nemesis *nemesis, struct node *node, enum fault_kind kind,
                     uint64_t duration_us)
{
    world_sometimes(nemesis->world, SOMETIMES_PARTITION, true);
    world_sometimes(nemesis->world, SOMETIMES_ONE_WAY, kind == FAULT_ONE_WAY);
    if (kind == FAULT_SPLIT)
        split(nemesis, duration_us);
    else if (kind == FAULT_CLIENT_CUT && nemesis->client_count)
        isolate(nemesis,
                NETWORK_NODES_MAX + (uint32_t)world_below(nemesis->world, nemesis->client_count),
                world_chance(nemesis->world, 500), duration_us);
    else
        isolate(nemesis, node->index, kind == FAULT_ISOLATE, duration_us);
}

static void kill_router(void *self, struct event *event)
{
    struct nemesis *nemesis = self;
    if (nemesis->is_over)
        return;
    node_kill_router(&nemesis->nodes[event->a]);
    node_restart_after(&nemesis->nodes[event->a], world_below(nemesis->world, 30 * WORLD_MS));
}

// Who votes may forget what it said if that was not durable: kill some while it is fresh.
static void hand_ring(void *self, struct event *event)
{
    struct nemesis *nemesis = self;
    struct world *world = nemesis->world;
    node_ring_hand(&nemesis->nodes[event->a], nemesis->documents[event->b]);
    while (world_chance(world, 500))
        world_plan(world, world_below(world, 150 * WORLD_MS), kill_router, nemesis,
                   (uint32_t)world_below(world, nemesis->node_count), 0);
}

// A new document, and perhaps another one for the same epoch: each is handed to a few nodes.
static void hand_out_ring(struct nemesis *nemesis)
{
    struct world *world = nemesis->world;
    const struct ring_snapshot *before = node_ring_newest(nemesis->nodes, nemesis->node_count);
    uint64_t span_us = world_chance(world, 500) ? 100 * WORLD_MS : 3 * WORLD_S;
    do {
        uint32_t number = nemesis->document_count;
        if (number == NEMESIS_DOCUMENTS_MAX)
            return;
        nemesis->documents[nemesis->document_count++] = node_ring_next(world, before);
        for (uint64_t i = world_below(world, 3); i < 3; i++)
            world_plan(world, world_below(world, span_us), hand_ring, nemesis,
                       (uint32_t)world_below(world, nemesis->node_count), number);
    } while (world_chance(world, 600));
}

static void strike(struct nemesis *nemesis, enum fault_kind kind, struct node *node)
{
    struct world *world = nemesis->world;
    uint64_t duration_us = world_between(world, 20, 2500) * WORLD_MS;
    world_note(world, "fault %d at n%u for %llu ms", kind, node->index,
               (unsigned long long)duration_us / WORLD_MS);
    switch (kind) {
    case FAULT_KILL_STORE:
    case FAULT_KILL_ROUTER:
    case FAULT_KILL_HINTD:
    case FAULT_KILL_REPAIR:
    case FAULT_POWER_LOSS:
        kill_process(nemesis, node, kind);
        break;
    case FAULT_BLACKOUT:
        nemesis_blackout(nemesis);
        break;
    case FAULT_PAUSE:
        pause_process(nemesis, node, duration_us);
        break;
    case FAULT_SKEW:
        skew(nemesis, node);
        break;
    case FAULT_DISK_FULL:
        fill_disks(nemesis, node, duration_us);
        break;
    case FAULT_SYNC:
        memory_vfs_fail(&node->disk, MEMORY_VFS_SYNC, world_below(world, 5), STATUS_IO, false);
        break;
    case FAULT_SLOW_DISK:
        slow_disk(nemesis, node, duration_us);
        break;
    case FAULT_SLOW_PLACE:
        nemesis->network->extra_us[node->index] = world_below(world, 300) * WORLD_MS;
        world_plan(world, duration_us, end_slow_place, nemesis, node->index, 0);
        break;
    case FAULT_COLD:
        memory_vfs_cool(&node->disk);
        break;
    case FAULT_WIPE:
        wipe(node);
        break;
    case FAULT_SET_BACK:
        set_back(node);
        break;
    case FAULT_READ:
        fail_reads(nemesis, node, duration_us);
        break;
    case FAULT_ROT:
        node_damage(node);
        break;
    case FAULT_RING:
        hand_out_ring(nemesis);
        break;
    case FAULT_LOST_LINK:
        lose_link(nemesis, node);
        break;
    default:
        cut_some(nemesis, node, kind, duration_us);
        break;
    }
}

static void next(void *self, struct event *event)
{
    struct nemesis *nemesis = self;
    struct world *world = nemesis->world;
    (void)event;
    if (nemesis->is_over)
        return;
    enum fault_kind kind = (enum fault_kind)world_below(world, FAULT_COUNT);
    struct node *node = &nemesis->nodes[world_below(world, nemesis->node_count)];
    bool is_rare = (kind == FAULT_BLACKOUT || kind == FAULT_WIPE || kind == FAULT_ROT) &&
                   world_chance(world, 700);
    if ((nemesis->kinds & (1u << kind)) && !is_rare)
        strike(nemesis, kind, node);
    world_plan(world, world_below(world, nemesis->period_us), next, nemesis, 0, 0);
}

// Some routers never see some stores, or are never seen, as long as it lasts.
static void disagree(struct nemesis *nemesis)
{
    struct world *world = nemesis->world;
    world_sometimes(world, SOMETIMES_DISAGREE, true);
    for (uint64_t left = world_between(world, 1, 3); left; left--)
        network_cut(nemesis->network, (uint32_t)world_below(world, nemesis->node_count),
                    (uint32_t)world_below(world, nemesis->node_count), false, FOR_EVER_US);
}

void nemesis_start(struct nemesis *nemesis)
{
    if (world_chance(nemesis->world, 150))
        disagree(nemesis);
    nemesis->kinds = (uint32_t)random_u64(&nemesis->world->random);
    nemesis->period_us = world_between(nemesis->world, 40, 400) * WORLD_MS;
    world_plan(nemesis->world, world_below(nemesis->world, 500 * WORLD_MS), next, nemesis, 0, 0);
}

void nemesis_stop(struct nemesis *nemesis)
{
    nemesis->is_over = true;
    network_heal(nemesis->network);
    for (uint32_t i = 0; i < nemesis->node_count; i++) {
        struct node *node = &nemesis->nodes[i];
        node->disk.capacity = node->full_until_us = 0;
        node->log_us = 2 * WORLD_MS;
        memory_vfs_fail(&node->disk, 0, 0, STATUS_OK, false);
        node->store_process.paused_until_us = node->router_process.paused_until_us = 0;
        node->hintd_process.paused_until_us = node->repair_process.paused_until_us = 0;
        if (node->is_damaged)
            node_wipe(node, NODE_STORE_DISK);
        node_restart_after(node, 1);
    }
}

void nemesis_release(struct nemesis *nemesis)
{
    for (uint32_t i = 0; i < nemesis->document_count; i++)
        ring_snapshot_drop(nemesis->documents[i]);
}
