#include "sim/making.h"

#include "base/xalloc.h"
#include "ring/ring_plan.h"
#include "ring/ring_text.h"

#include <stdio.h>
#include <stdlib.h>

static void make_ring(struct stage *run)
{
    static const uint8_t counts[] = {2, 3, 3, 3, 3, 3, 3, 4, 4, 5};
    struct world *world = &run->world;
    struct ring_node nodes[NETWORK_NODES_MAX] = {0};
    struct fault fault = {0};
    run->node_count = counts[world_below(world, sizeof counts)];
    bool has_two_dcs = world_chance(world, 200);
    for (uint32_t i = 0; i < run->node_count; i++) {
        nodes[i] = (struct ring_node){
            .id = random_u64(&world->random), .port = (uint16_t)(7400 + i), .weight = 100};
        snprintf(nodes[i].name, sizeof nodes[i].name, "n%u", i);
        snprintf(nodes[i].address, sizeof nodes[i].address, "10.0.0.%u", i + 1);
        bool is_west = has_two_dcs && (i == 1 || (i > 1 && world_chance(world, 500)));
        snprintf(nodes[i].dc, sizeof nodes[i].dc, "%s", is_west ? "west" : "east");
    }
    if (ring_create(&run->ring, random_u64(&world->random), RING_PARTITIONS_MIN, nodes,
                    run->node_count, &fault))
        world_fail(world, "no ring: %s", fault.text);
}

static uint8_t draw_level(struct world *world, uint32_t n)
{
    static const uint8_t names[] = {RING_LEVEL_QUORUM, RING_LEVEL_ALL, RING_LEVEL_LOCAL_QUORUM,
                                    RING_LEVEL_EACH_QUORUM};
    return world_chance(world, 500) ? names[world_below(world, sizeof names)]
                                    : (uint8_t)world_between(world, 1, n);
}

// Beside "default": one that is lww, and one of any N, R and W wherever there are nodes.
static void add_keyspaces(struct stage *run)
{
    struct world *world = &run->world;
    struct fault fault = {0};
    struct ring_keyspace *all = xcalloc(3, sizeof *all);
    all[0] = all[1] = run->ring.keyspaces[0];
    all[1].id = 2;
    all[1].conflict = RING_CONFLICT_LWW;
    snprintf(all[1].name, sizeof all[1].name, "last");
    uint8_t n = (uint8_t)world_between(world, 1, run->node_count);
    all[2] = (struct ring_keyspace){.id = 3,
                                    .name = "other",
                                    .copies = {{.n = n}},
                                    .copies_count = 1,
                                    .r = draw_level(world, n),
                                    .w = draw_level(world, n)};
    free(run->ring.keyspaces);
    run->ring.keyspaces = all;
    run->ring.keyspace_count = 3;
    run->ring.epoch = 3; // that gave the last of these ids
    if (ring_plan(&run->ring, &fault) || ring_check(&run->ring, &fault))
        world_fail(world, "no ring: %s", fault.text);
}

// Some keys share a partition, so that its counters and pages have more than one.
static void make_keys(struct stage *run)
{
    static const uint8_t drawn[] = {0, 0, 0, 1, 2};
    struct world *world = &run->world;
    add_keyspaces(run);
    const struct ring_keyspace *keyspaces = run->ring.keyspaces;
    uint32_t count = (uint32_t)world_between(world, 1, 8);
    bool is_crowded = world_chance(world, 400);
    for (uint32_t i = 0; run->history.key_count < count && i < 1000; i++) {
        char name[32];
        const struct ring_keyspace *keyspace = &keyspaces[drawn[world_below(world, sizeof drawn)]];
        snprintf(name, sizeof name, "key-%llu", (unsigned long long)world_below(world, 1000000));
        if (history_find_key(&run->history, keyspace->id, bytes_of_text(name)) >= 0)
            continue;
        history_add_key(&run->history, &run->ring, keyspace, name);
        const struct history_key *keys = run->history.keys;
        uint32_t last = run->history.key_count - 1;
        if (is_crowded && last % 3 && keys[last].partition != keys[last - 1].partition)
            run->history.key_count--;
    }
}

static void watch(void *self, struct bytes message)
{
    history_on_sent(self, message);
}

static void make_nodes(struct stage *run)
{
    struct world *world = &run->world;
    run->network.world = world;
    run->network.watch = watch;
    run->network.watcher = &run->history;
    run->network.faults = (struct network_faults){
        .delay_us = world_between(world, 50, 3000),
        .jitter_us = world_chance(world, 300) ? world_between(world, 1000, 60000) : 500,
        .lost = world_chance(world, 500) ? world_below(world, 100) : 0,
        .repeated = world_chance(world, 500) ? world_below(world, 100) : 0,
        .unsent = world_chance(world, 200) ? world_below(world, 20) : 0,
        .reorders = world_chance(world, 500),
    };
    run->settings = (struct node_settings){
        .ring = run->snapshot,
        .network = &run->network,
        .history = &run->history,
        .world = world,
        .memtable_size = (size_t)(world_chance(world, 500) ? world_between(world, 10, 24)
                                                           : world_between(world, 24, 96))
                         << 10,
        .block_size = (size_t)512 << world_below(world, 4),
        .cache_size = world_chance(world, 500) ? 64 << 10 : 0,
        .merge_run_count = (unsigned)world_between(world, 2, 4),
        .request_memory_ms = world_chance(world, 300)
                                 ? world_between(world, SHORT_MEMORY_MS / 2, SHORT_MEMORY_MS)
                                 : 600 * 1000,
        .repair_interval_ms = world_between(world, 1, 8) * 1000,
        .down_after_ms = world_chance(world, 500) ? world_between(world, 100, 400) : 1000,
    };
    run->history.purge_age_ms = run->settings.request_memory_ms;
    for (uint32_t i = 0; i < run->node_count; i++) {
        node_init(&run->nodes[i], &run->settings, run->nodes, i);
        node_restart_after(&run->nodes[i], world_below(world, 200 * WORLD_MS));
    }
}

void making_clients(struct stage *run)
{
    struct world *world = &run->world;
    run->client_count = (uint32_t)world_between(world, 2, 8);
    uint32_t acts = (uint32_t)world_between(world, 40, 400);
    // A record must fit half a memtable, however many siblings it gets.
    uint32_t fitting = (uint32_t)run->settings.memtable_size / 40;
    uint32_t value_size_max = world_chance(world, 700) ? fitting : 60;
    for (uint32_t i = 0; i <= run->client_count; i++) {
        struct client *client = &run->clients[i];
        client_init(client, i, world, &run->network, &run->history, &run->ring);
        client->value_size_max = value_size_max;
        if (i == run->client_count)
            break;
        client->acts_left = acts / run->client_count + 1;
        client_begin(client);
    }
    run->examiner = &run->clients[run->client_count];
    run->examiner->is_patient = true;
    run->examiner->copied = 0; // what it does has ended when the next one begins
}

static void make_document(struct stage *run)
{
    struct buf text = {0};
    struct fault fault = {0};
    ring_text_format(&run->ring, &text);
    run->snapshot = ring_snapshot_parse(buf_bytes(&text), &fault);
    if (!run->snapshot)
        world_fail(&run->world, "no document: %s", fault.text);
    buf_release(&text);
}

void making_cluster(struct stage *run)
{
    make_ring(run);
    make_keys(run);
    make_document(run);
    make_nodes(run);
}
