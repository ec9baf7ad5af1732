#include "sim/run.h"

#include "dkv-router/settled.h"
#include "dkv-store/dropping.h"
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

// What a node still has to do. NULL: nothing.
static const char *find_unfinished(const struct node *node)
{
    if (!node->store_process.up || !node->hintd_process.up || !node->router_process.up ||
        !node->repair_process.up)
        return "a process is down";
    if (node_has_hints(node))
        return "hints are not delivered";
    if (node->router.flights.count)
        return "its router waits for replies";
    if (node->store.parked.count || node->hintd.parked.count)
        return "operations wait for the disk";
    if (!process_is_idle(&node->store_process) || !process_is_idle(&node->hintd_process) ||
        !process_is_idle(&node->router_process))
        return "a process has work";
    return NULL;
}

static bool has_newest_ring(const struct stage *run, const struct node *node)
{
    uint64_t epoch = node_ring_newest(run->nodes, run->node_count)->ring.epoch;
    return node->router.ring->epoch == epoch && node->store.ring->epoch == epoch &&
           node->hintd.ring->epoch == epoch && node->repair.ring->epoch == epoch;
}

static bool has_lost_copy(struct stage *run, uint32_t node)
{
    for (uint32_t key = 0; key < run->history.key_count; key++) {
        if (node_is_lost(&run->nodes[node], key))
            return true;
    }
    return false;
}

static bool is_any_lost(struct stage *run)
{
    bool is_lost = false;
    for (uint32_t i = 0; i < run->node_count; i++)
        is_lost |= has_lost_copy(run, i);
    return is_lost;
}

static const char *explain_move(const struct node *node)
{
    static struct fault fault;
    return settled_check(&node->router.epochs, NULL, &fault) ? fault.text : "data moves";
}

// Every router sees every store, all work by one ring document, no copy is lost, and nothing from
// the time of the faults is still under way: no write in the network, no hint, no job that a
// worker began when its disk was slow. NULL: so it is; else what is wrong, and where.
static const char *find_fault(struct stage *run, uint32_t *where)
{
    *where = 0;
    if (run->network.writes_on_way)
        return "a write is on its way";
    for (uint32_t i = 0; i < run->node_count; i++) {
        const char *unfinished = find_unfinished(&run->nodes[i]);
        *where = i;
        if (unfinished)
            return unfinished;
        if (!has_newest_ring(run, &run->nodes[i]))
            return "a process has not the newest ring document";
        if (run->nodes[i].router.ring->move)
            return explain_move(&run->nodes[i]);
        if (dropping_count(&run->nodes[i].store))
            return "there are former copies";
        if (has_lost_copy(run, i))
            return "a copy is lost";
        for (uint32_t j = 0; j < run->node_count; j++) {
            if (!stage_is_link_up(run, i, j))
                return "its router has no link to a store";
        }
    }
    return NULL;
}

void stage_wait_until_whole(struct stage *run)
{
    uint64_t end_us = run->world.now_us + LINKS_UP_US;
    const char *fault;
    uint32_t where;
    while ((fault = find_fault(run, &where)) && !run->world.failed && run->world.now_us < end_us)
        stage_wait_ms(run, 50);
    if (fault)
        world_fail(&run->world, "faults are over, but at n%u %s", where, fault);
    else
        history_look_at_ring(&run->history, run->nodes[0].router.ring, &run->snapshot->ring);
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
        bool is_done = stage_perform(run, &request);
        if (!is_done && is_any_lost(run)) { // that a disk was set back is noticed with time
            stage_wait_until_whole(run);
            is_done = !run->world.failed && stage_perform(run, &request);
        }
        if (!is_done)
            world_fail(&run->world, "faults are over, but %s cannot be read: %s",
                       run->history.keys[key].name, status_text(run->examiner->status));
    }
}

// Whether both hold the same values. Deletions and clocks may differ: each owner strips its record
// alone, when it likes.
static bool is_same(const struct record *one, const struct record *other)
{
    uint32_t i = 0, j = 0;
    for (;;) {
        while (i < one->count && one->siblings[i].flags & SIBLING_TOMBSTONE)
            i++;
        while (j < other->count && other->siblings[j].flags & SIBLING_TOMBSTONE)
            j++;
        if (i == one->count || j == other->count)
            return i == one->count && j == other->count;
        const struct sibling *a = &one->siblings[i++], *b = &other->siblings[j++];
        if (dot_compare(a->dot, b->dot) || !bytes_equal(a->value, b->value))
            return false;
    }
}

static bool has_converged(struct stage *run, uint32_t key)
{
    const struct history_key *at = &run->history.keys[key];
    struct record first = {0}, record = {0};
    struct buf first_bytes = {0}, bytes = {0};
    bool has = true;
    for (uint32_t i = 0; i < at->n; i++) {
        node_peek(&run->nodes[at->owners[i]], key, i ? &record : &first, i ? &bytes : &first_bytes);
        bool is_like_first = !i || is_same(&first, &record);
        has &= is_like_first;
        if (!is_like_first)
            world_note(&run->world, "n%u holds %u values of %s", at->owners[i], record.count,
                       at->name);
    }
    record_release(&first);
    record_release(&record);
    buf_release(&first_bytes);
    buf_release(&bytes);
    return has;
}

void stage_converge(struct stage *run)
{
    for (unsigned pass = 0; pass < PASSES_MAX && !run->world.failed; pass++) {
        stage_read_all(run);
        stage_wait_ms(run, 300);
        bool has = true;
        for (uint32_t key = 0; key < run->history.key_count && !run->world.failed; key++)
            has &= has_converged(run, key);
        if (has)
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
        for (uint32_t i = 0; i < at->n; i++) {
            node_peek(&run->nodes[at->owners[i]], key, &record, &bytes);
            if (at->is_lww && record.count > 1)
                world_fail(&run->world, "%s: siblings in a keyspace that has none", at->name);
            history_check_last(&run->history, key, &record);
        }
    }
    record_release(&record);
    buf_release(&bytes);
    for (uint32_t i = 0; i < run->node_count && !run->world.failed; i++)
        node_check(&run->nodes[i]);
}

// ---- deletions go --------------------------------------------------------------------

static uint32_t count_deletions(struct stage *run, uint32_t key)
{
    const struct history_key *at = &run->history.keys[key];
    struct record record = {0};
    struct buf bytes = {0};
    uint32_t count = 0;
    for (uint32_t i = 0; i < at->n; i++) {
        node_peek(&run->nodes[at->owners[i]], key, &record, &bytes);
        for (uint32_t j = 0; j < record.count; j++)
            count += record.siblings[j].flags & SIBLING_TOMBSTONE ? 1 : 0;
    }
    record_release(&record);
    buf_release(&bytes);
    return count;
}

// The key of a deletion that somebody holds; the number of keys: there is none.
static uint32_t find_deletion(struct stage *run)
{
    uint32_t key = 0;
    while (key < run->history.key_count &&
           (run->history.keys[key].n == 1 || !count_deletions(run, key)))
        key++;
    return key;
}

// Every deletion is purged, some time after the faults ended. A node that never answers would keep
// all of them. (Known gap: starts are closed in rounds, and a shard with one owner has none: what
// its disk lost may keep a deletion there. Nor is a start closed that lies ahead of the present
// one.)
static void purging(struct stage *run)
{
    uint64_t memory_ms = run->settings.request_memory_ms;
    const struct ring_snapshot *ring = node_ring_newest(run->nodes, run->node_count);
    bool has_gone_back = false;
    for (uint32_t i = 0; i < run->node_count; i++)
        has_gone_back |= run->nodes[i].has_gone_back;
    if (memory_ms > SHORT_MEMORY_MS || ring->ring.node_count > run->node_count || has_gone_back ||
        !world_chance(&run->world, 300))
        return;
    uint64_t end_us = run->world.now_us + 4 * memory_ms * WORLD_MS + PURGED_US;
    uint32_t key = find_deletion(run);
    bool had_any = key < run->history.key_count;
    while (key < run->history.key_count && !run->world.failed && run->world.now_us < end_us) {
        stage_wait_ms(run, 1000);
        key = find_deletion(run);
    }
    if (key < run->history.key_count)
        world_fail(&run->world, "faults are over, but a deletion of %s is not purged",
                   run->history.keys[key].name);
    world_sometimes(&run->world, SOMETIMES_PURGED, had_any);
    if (!run->world.failed)
        stage_wait_until_whole(run);
    if (!run->world.failed)
        stage_converge(run);
    if (!run->world.failed)
        stage_verdict(run);
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
    void (*const phases[])(struct stage *) = {safety,        liveness, stage_converge,
                                              stage_verdict, purging,  run_scenario};
    unsigned count = options->is_random_only ? 5 : 6;
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
