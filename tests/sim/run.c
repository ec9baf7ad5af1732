#include "sim/run.h"

#include "sim/making.h"
#include "sim/node_ring.h"
#include "sim/scenarios.h"
#include "wire/client.h"

enum { PASSES_MAX = 6 };

static void release(struct stage *run)
{
    for (uint32_t i = 0; i < run->node_count; i++)
        node_release(&run->nodes[i]);
    for (uint32_t i = 0; i <= run->client_count; i++)
        client_release(&run->clients[i]);
    history_release(&run->history);
    nemesis_release(&run->nemesis);
    ring_snapshot_drop(run->snapshot);
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
    const struct router *asked = &run->nodes[router].router;
    if (!run->nodes[router].router_process.up)
        return false;
    int index = ring_find_node(asked->ring, run->snapshot->ring.nodes[store].id);
    return link_can_ask(peers_link_of(&asked->peers, (uint32_t)index, SERVICE_STORE));
}

static bool is_node_idle(const struct node *node)
{
    return node->store_process.up && process_is_idle(&node->store_process) &&
           node->hintd_process.up && process_is_idle(&node->hintd_process) &&
           !node->hintd.parked.count && !node_has_hints(node) && node->router_process.up &&
           process_is_idle(&node->router_process) && !node->router.flights.count &&
           !node->store.parked.count;
}

static bool has_newest_ring(const struct stage *run, const struct node *node)
{
    uint64_t epoch = node_ring_newest(run->nodes, run->node_count)->ring.epoch;
    return node->router.ring->epoch == epoch && node->store.ring->epoch == epoch &&
           node->hintd.ring->epoch == epoch;
}

// Every router sees every store, all work by one ring document, and nothing from the time of the
// faults is still under way: no write in the network, no hint, no job that a worker began when its
// disk was slow.
static bool is_whole(const struct stage *run)
{
    if (run->network.writes_on_way)
        return false;
    for (uint32_t i = 0; i < run->node_count; i++) {
        if (!is_node_idle(&run->nodes[i]) || !has_newest_ring(run, &run->nodes[i]))
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
        request.flags = GET_STRICT; // owners, and not who stands for one
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
        stage_wait_until_whole(run); // a hint may have been as good as its owner
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
    making_cluster(run);
    making_clients(run);
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
