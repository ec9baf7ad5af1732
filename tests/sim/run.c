#include "sim/run.h"

#include "base/endian.h"
#include "base/xalloc.h"
#include "ring/ring_plan.h"
#include "sim/scenarios.h"

#include <stdio.h>

enum { PASSES_MAX = 6 };

// ---- making --------------------------------------------------------------------------

static void make_ring(struct stage *run)
{
    static const uint8_t counts[] = {2, 3, 3, 3, 3, 3, 3, 4, 4, 5};
    struct world *world = &run->world;
    struct ring_node nodes[NETWORK_NODES_MAX] = {0};
    struct fault fault = {0};
    run->node_count = counts[world_below(world, sizeof counts)];
    for (uint32_t i = 0; i < run->node_count; i++) {
        nodes[i] = (struct ring_node){
            .id = random_u64(&world->random), .port = (uint16_t)(7400 + i), .weight = 100};
        snprintf(nodes[i].name, sizeof nodes[i].name, "n%u", i);
        snprintf(nodes[i].address, sizeof nodes[i].address, "10.0.0.%u", i + 1);
    }
    if (ring_create(&run->ring, random_u64(&world->random), RING_PARTITIONS_MIN, nodes,
                    run->node_count, &fault))
        world_fail(world, "no ring: %s", fault.text);
}

// A second keyspace beside "default".
static void add_lww(struct stage *run)
{
    struct ring_keyspace keyspaces[2];
    keyspaces[0] = run->ring.keyspaces[0];
    keyspaces[1] = keyspaces[0];
    keyspaces[1].id = 2;
    keyspaces[1].conflict = RING_CONFLICT_LWW;
    snprintf(keyspaces[1].name, sizeof keyspaces[1].name, "last");
    run->ring.keyspaces = xrealloc(run->ring.keyspaces, 2 * sizeof *keyspaces);
    memcpy(run->ring.keyspaces, keyspaces, 2 * sizeof *keyspaces);
    run->ring.keyspace_count = 2;
    struct fault fault = {0};
    if (ring_check(&run->ring, &fault))
        world_fail(&run->world, "no ring: %s", fault.text);
}

// Some keys share a partition, so that its counters and pages have more than one.
static void make_keys(struct stage *run)
{
    struct world *world = &run->world;
    add_lww(run);
    const struct ring_keyspace *keyspaces = run->ring.keyspaces;
    uint32_t count = (uint32_t)world_between(world, 1, 8);
    bool is_crowded = world_chance(world, 400);
    for (uint32_t i = 0; run->history.key_count < count && i < 1000; i++) {
        char name[32];
        const struct ring_keyspace *keyspace = &keyspaces[world_chance(world, 250)];
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
        .reorders = world_chance(world, 500),
    };
    run->settings = (struct node_settings){
        .ring = &run->ring,
        .network = &run->network,
        .history = &run->history,
        .world = world,
        .memtable_size = (size_t)(world_chance(world, 500) ? world_between(world, 10, 24)
                                                           : world_between(world, 24, 96))
                         << 10,
        .block_size = (size_t)512 << world_below(world, 4),
        .cache_size = world_chance(world, 500) ? 64 << 10 : 0,
        .merge_run_count = (unsigned)world_between(world, 2, 4),
        .request_memory_ms = 600 * 1000,
        .down_after_ms = world_chance(world, 500) ? world_between(world, 100, 400) : 1000,
    };
    for (uint32_t i = 0; i < run->node_count; i++) {
        node_init(&run->nodes[i], &run->settings, run->nodes, i);
        node_restart_after(&run->nodes[i], world_below(world, 200 * WORLD_MS));
    }
}

static void make_clients(struct stage *run)
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
}

static void release(struct stage *run)
{
    for (uint32_t i = 0; i < run->node_count; i++)
        node_release(&run->nodes[i]);
    for (uint32_t i = 0; i <= run->client_count; i++)
        client_release(&run->clients[i]);
    history_release(&run->history);
    ring_release(&run->ring);
    world_release(&run->world);
}

// ---- waiting -------------------------------------------------------------------------

void stage_wait_ms(struct stage *run, uint64_t duration_ms)
{
    world_run(&run->world, run->world.now_us + duration_ms * WORLD_MS);
}

bool stage_is_link_up(const struct stage *run, uint32_t router, uint32_t store)
{
    return run->nodes[router].router_process.up &&
           links_can_ask(&run->nodes[router].router.links, store);
}

static bool is_node_idle(const struct node *node)
{
    return node->store_process.up && node->router_process.up && !node->store_process.inbox_count &&
           !node->router_process.inbox_count && !node->router.flights.count &&
           !node->store_process.jobs[LSM_WORKER_LOG] &&
           !node->store_process.jobs[LSM_WORKER_BACKGROUND] && !node->store.parked.count &&
           !node->store_process.jobs[LSM_WORKER_READ] &&
           !node->store_process.jobs[LSM_WORKER_MERGE];
}

// Every router sees every store, and nothing from the time of the faults is still under way:
// no write in the network, no job that a worker began when its disk was slow.
static bool is_whole(const struct stage *run)
{
    if (run->network.writes_on_way)
        return false;
    for (uint32_t i = 0; i < run->node_count; i++) {
        if (!is_node_idle(&run->nodes[i]))
            return false;
        for (uint32_t j = 0; j < run->node_count; j++) {
            if (!stage_is_link_up(run, i, j))
                return false;
        }
    }
    return true;
}

void stage_wait_until_whole(struct stage *run)
{
    uint64_t end_us = run->world.now_us + LINKS_UP_US;
    while (!run->world.failed && !is_whole(run) && run->world.now_us < end_us)
        stage_wait_ms(run, 50);
    if (!is_whole(run))
        world_fail(&run->world, "faults are over, but a link stays down or something hangs");
}

// The examiner does this until it succeeds: a router may just have learnt that a store is
// another one than before. False if that takes too long.
bool stage_perform(struct stage *run, const struct client_request *request)
{
    uint64_t end_us = run->world.now_us + request->timeout_us;
    for (;;) {
        client_start(run->examiner, request);
        while (!run->world.failed && run->examiner->act)
            stage_wait_ms(run, 1);
        enum status status = run->examiner->status;
        if (run->world.failed || !status || status == STATUS_NOT_FOUND)
            return !run->world.failed;
        if (status == STATUS_INDETERMINATE || run->world.now_us >= end_us)
            return false;
        stage_wait_ms(run, 20);
    }
}

struct act *stage_last_act(const struct stage *run)
{
    return run->history.acts[run->history.act_count - 1];
}

// ---- the phases ----------------------------------------------------------------------

static bool is_client_busy(const struct stage *run)
{
    for (uint32_t i = 0; i < run->client_count; i++) {
        if (run->clients[i].act)
            return true;
    }
    return false;
}

static void safety(struct stage *run)
{
    if (run->options->scenario) { // alone: the random phase is for everybody else
        stage_wait_ms(run, 500);
        return;
    }
    nemesis_start(&run->nemesis);
    stage_wait_ms(run, world_between(&run->world, 500, 6000));
    if (world_chance(&run->world, 300) && !run->world.failed)
        nemesis_blackout(&run->nemesis);
}

static void liveness(struct stage *run)
{
    nemesis_stop(&run->nemesis);
    stage_wait_ms(run, world_below(&run->world, 1000));
    for (uint32_t i = 0; i < run->client_count; i++)
        run->clients[i].acts_left = 0;
    while (!run->world.failed && is_client_busy(run))
        stage_wait_ms(run, 20);
    stage_wait_until_whole(run);
}

void stage_read_all(struct stage *run)
{
    for (uint32_t key = 0; key < run->history.key_count && !run->world.failed; key++) {
        struct client_request request = {
            .kind = ACT_GET, .key = key, .level = RING_LEVEL_ALL, .timeout_us = READ_US};
        run->examiner->router = (uint32_t)world_below(&run->world, run->node_count);
        if (!stage_perform(run, &request))
            world_fail(&run->world, "faults are over, but %s cannot be read: %s",
                       run->history.keys[key].name, status_text(run->examiner->status));
    }
}

// True if all owners hold the same bytes.
static bool has_converged(struct stage *run, uint32_t key)
{
    const struct history_key *at = &run->history.keys[key];
    struct record record = {0};
    struct buf first = {0}, bytes = {0};
    bool is_same = true;
    for (uint32_t i = 0; i < at->n; i++) {
        node_peek(&run->nodes[at->owners[i]], key, &record, i ? &bytes : &first);
        is_same &= !i || bytes_equal(buf_bytes(&first), buf_bytes(&bytes));
        if (!is_same)
            world_note(&run->world, "n%u holds %u values of %s", at->owners[i], record.count,
                       at->name);
    }
    record_release(&record);
    buf_release(&first);
    buf_release(&bytes);
    return is_same;
}

void stage_converge(struct stage *run)
{
    for (unsigned pass = 0; pass < PASSES_MAX && !run->world.failed; pass++) {
        stage_read_all(run);
        stage_wait_ms(run, 300);
        bool is_same = true;
        for (uint32_t key = 0; key < run->history.key_count && !run->world.failed; key++)
            is_same &= has_converged(run, key);
        if (is_same)
            return;
    }
    world_fail(&run->world, "everything was read with R=all, but owners differ");
}

void stage_verdict(struct stage *run)
{
    struct record record = {0};
    struct buf bytes = {0};
    for (uint32_t key = 0; key < run->history.key_count && !run->world.failed; key++) {
        const struct history_key *at = &run->history.keys[key];
        node_peek(&run->nodes[at->owners[0]], key, &record, &bytes);
        if (at->is_lww && record.count > 1)
            world_fail(&run->world, "%s: siblings in a keyspace that has none", at->name);
        history_check_last(&run->history, key, &record);
    }
    record_release(&record);
    buf_release(&bytes);
    for (uint32_t i = 0; i < run->node_count && !run->world.failed; i++)
        node_check(&run->nodes[i]);
}

// ---- all of it -----------------------------------------------------------------------

static void run_scenario(struct stage *run)
{
    scenarios_run(run);
    if (!run->world.failed)
        stage_converge(run);
    if (!run->world.failed)
        stage_verdict(run);
}

void run(const struct run_options *options, struct run_result *result)
{
    static struct stage state; // too large for the stack
    struct stage *run = &state;
    *run = (struct stage){0};
    world_init(&run->world, options->seed, options->verbose);
    run->options = options;
    history_init(&run->history, &run->world);
    make_ring(run);
    make_keys(run);
    make_nodes(run);
    make_clients(run);
    run->nemesis = (struct nemesis){.world = &run->world,
                                    .network = &run->network,
                                    .nodes = run->nodes,
                                    .node_count = run->node_count,
                                    .clients = run->clients,
                                    .client_count = run->client_count};
    void (*const phases[])(struct stage *) = {safety, liveness, stage_converge, stage_verdict,
                                              run_scenario};
    unsigned count = options->is_random_only ? 4 : 5;
    for (unsigned i = 0; i < count && !run->world.failed; i++)
        phases[i](run);
    result->trace = run->world.trace;
    result->event_count = run->world.event_count;
    result->failed = run->world.failed;
    memcpy(result->reason, run->world.reason, sizeof result->reason);
    release(run);
    for (int i = 0; i < SOMETIMES_COUNT; i++)
        result->sometimes[i] += run->world.sometimes[i];
}
