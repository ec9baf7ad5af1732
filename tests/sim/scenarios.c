#include "sim/scenarios.h"

#include "causal/actor.h"
#include "sim/node_ring.h"
#include "wire/client.h"

// The examiner's blind put through this router must succeed.
static struct act *put(struct stage *run, uint32_t router, uint32_t key, uint8_t level)
{
    struct client_request request = {
        .kind = ACT_PUT, .key = key, .level = level, .value_size = 40, .timeout_us = READ_US};
    request.flags = PUT_WANT_CONTEXT;
    run->examiner->router = router;
    if (!stage_perform(run, &request))
        world_fail(&run->world, "%s: a put fails though W owners are there: %s",
                   run->history.keys[key].name, status_text(run->examiner->status));
    return stage_last_act(run);
}

// Everybody must now see this value, and beside it none but late ones: those of operations
// whose end nobody knows, and what another try of a superseded one left where nobody was reached:
// that goes when it is met (`has_twin`), or wins by a clock that is off, in lww keyspaces. Where a
// fallback stood in for an owner, two writes that were made one after the other may not have met.
// Of a deletion that everybody has known for long there is nothing left to see.
static bool is_alone(struct stage *run, const struct record *record, const struct act *act,
                     bool *has_twin)
{
    uint64_t now_ms = run->world.now_us / WORLD_MS;
    bool is_there = act->kind == ACT_DELETE && !record->count &&
                    now_ms >= act->begin_us / WORLD_MS + run->history.purge_age_ms;
    *has_twin = false;
    for (uint32_t i = 0; i < record->count; i++) {
        const struct act *other = history_act_of(&run->history, &record->siblings[i].request);
        world_note(&run->world, "there is operation %u", other ? other->number : 0);
        if (other == act)
            is_there = true;
        else if (other && other->mint_count > 1)
            // (What a fallback made while no owner could be asked may stay: dkv(7).)
            *has_twin |= actor_parse(record->siblings[i].dot.actor).kind != ACTOR_HINTD;
        else if (!other || (other->status == STATUS_OK && !other->is_hinted && !act->is_hinted))
            return false;
    }
    return is_there || (*has_twin && run->history.keys[act->key].is_lww);
}

// Whether the examiner sees this value alone.
static bool sees_one(struct stage *run, uint32_t key, const struct act *act, bool *has_twin)
{
    struct client_request request = {
        .kind = ACT_GET, .key = key, .level = RING_LEVEL_ALL, .timeout_us = READ_US};
    struct record record = {0};
    request.flags = GET_STRICT; // the next best node does not say what an owner has
    *has_twin = false;
    bool is_one = stage_perform(run, &request) &&
                  (!run->examiner->record.size ||
                   !record_decode(&record, history_key_bytes(&run->history, key),
                                  buf_bytes(&run->examiner->record))) &&
                  is_alone(run, &record, act, has_twin);
    record_release(&record);
    return is_one;
}

static void expect_one(struct stage *run, uint32_t key, const struct act *act, const char *when)
{
    bool has_twin;
    if (act->is_hinted)
        stage_wait_until_whole(run); // then owners have it
    bool is_one = sees_one(run, key, act, &has_twin);
    if (is_one && has_twin) { // all owners have met it now
        stage_wait_ms(run, 1000);
        is_one = sees_one(run, key, act, &has_twin) && (!has_twin || run->history.keys[key].is_lww);
    }
    if (!is_one)
        world_fail(&run->world, "%s: not one value %s", run->history.keys[key].name, when);
}

static uint32_t any_node(struct stage *run)
{
    return (uint32_t)world_below(&run->world, run->node_count);
}

static void write_twice(struct stage *run, uint32_t key)
{
    put(run, any_node(run), key, RING_LEVEL_QUORUM);
    if (!run->world.failed)
        expect_one(run, key, put(run, any_node(run), key, RING_LEVEL_QUORUM),
                   "after two blind puts, one after the other");
}

static void stay_down(struct stage *run, uint32_t index)
{
    struct node *node = &run->nodes[index];
    node->is_staying_down = true;
    node_kill_store(node);
}

// The same request once more: it must not be made a second time.
static void repeat(struct stage *run, uint32_t router, struct act *act)
{
    struct client_request request = {.kind = ACT_PUT,
                                     .key = act->key,
                                     .value_size = act->value_size,
                                     .timeout_us = READ_US,
                                     .repeats = act};
    run->examiner->router = router;
    if (!stage_perform(run, &request))
        world_fail(&run->world, "a repeated put fails on a cluster that is whole");
    else if (act->mint_count > 1)
        world_fail(&run->world, "a repeated put was made a second time");
}

// The first owner misses a write. The next blind one must not be made without that, and
// the same one not once more.
static void miss_a_write(struct stage *run, uint32_t key)
{
    const struct history_key *at = &run->history.keys[key];
    uint32_t owner = at->owners[0];
    uint32_t router = at->owners[1 + world_below(&run->world, at->n - 1)];
    uint64_t end_us = run->world.now_us + LINKS_UP_US;
    stay_down(run, owner);
    while (!run->world.failed && stage_is_link_up(run, router, owner) && run->world.now_us < end_us)
        stage_wait_ms(run, 10);
    struct act *last = run->world.failed ? NULL : put(run, router, key, RING_LEVEL_QUORUM);
    run->nodes[owner].is_staying_down = false;
    node_restart_after(&run->nodes[owner], 1);
    while (!run->world.failed && !stage_is_link_up(run, router, owner) &&
           run->world.now_us < end_us)
        stage_wait_ms(run, 1);
    if (run->world.failed)
        return;
    if (world_chance(&run->world, 500))
        repeat(run, router, last);
    else
        last = put(run, router, key, RING_LEVEL_QUORUM);
    if (!run->world.failed)
        expect_one(run, key, last, "after the first owner came back");
    stage_wait_until_whole(run);
}

// A put that was superseded is asked for again, perhaps after its coordinator restarted.
static void repeat_an_old_one(struct stage *run, uint32_t key)
{
    uint32_t owner = run->history.keys[key].owners[0];
    struct act *first = put(run, any_node(run), key, RING_LEVEL_ALL);
    struct act *second = run->world.failed ? NULL : put(run, any_node(run), key, RING_LEVEL_ALL);
    if (!run->world.failed && world_chance(&run->world, 500)) {
        node_kill_store(&run->nodes[owner]);
        node_restart_after(&run->nodes[owner], WORLD_MS);
        stage_wait_ms(run, 2000);
        stage_wait_until_whole(run);
    }
    if (!run->world.failed)
        repeat(run, any_node(run), first);
    if (!run->world.failed)
        expect_one(run, key, second, "after an older request was repeated");
}

// The moment a put is answered the lights go out everywhere.
static void lose_everything(struct stage *run, uint32_t key)
{
    uint8_t level = (uint8_t)world_between(&run->world, 1, run->history.keys[key].n);
    put(run, any_node(run), key, level);
    if (run->world.failed)
        return;
    nemesis_blackout(&run->nemesis);
    stage_wait_ms(run, 600);
    stage_wait_until_whole(run);
    if (!run->world.failed)
        stage_read_all(run);
}

// ---- what a router cannot know ---------------------------------------------------------

static void cut_pair(struct stage *run, uint32_t a, uint32_t b, bool is_cut)
{
    run->network.cut[a][b] = run->network.cut[b][a] = is_cut;
}

// A router has just started and has no link to the first owner when a blind put goes through it;
// the next one goes through a router that has all its links.
static void start_a_router(struct stage *run, uint32_t key)
{
    const struct history_key *at = &run->history.keys[key];
    uint32_t owner = at->owners[0], router = at->owners[1];
    uint32_t other = at->owners[world_below(&run->world, at->n)];
    if (other == router)
        other = owner;
    cut_pair(run, owner, router, true);
    node_kill_router(&run->nodes[router]);
    node_restart_after(&run->nodes[router], world_below(&run->world, 50 * WORLD_MS));
    stage_wait_ms(run, 400);
    put(run, router, key, RING_LEVEL_QUORUM);
    struct act *last = run->world.failed ? NULL : put(run, other, key, RING_LEVEL_QUORUM);
    cut_pair(run, owner, router, false);
    stage_wait_until_whole(run);
    if (!run->world.failed)
        expect_one(run, key, last, "after a blind put through a router that had just started");
}

// ---- what comes late -------------------------------------------------------------------

// The first owner's store stands still, or the way to it holds what is sent, or its router does,
// while a put is tried again elsewhere and another one follows. Then it goes on.
static void come_late(struct stage *run, uint32_t key)
{
    const struct history_key *at = &run->history.keys[key];
    struct world *world = &run->world;
    uint32_t owner = at->owners[0], router = at->owners[1];
    uint64_t duration_us = world_between(world, 100, 10000) * WORLD_MS;
    uint64_t memory_ms = run->settings.request_memory_ms;
    if (memory_ms <= SHORT_MEMORY_MS && world_chance(world, 400)) {
        world_sometimes(world, SOMETIMES_FORGOTTEN, true);
        duration_us = world_between(world, memory_ms, memory_ms + 5000) * WORLD_MS;
    }
    uint64_t dice = world_below(world, 4);
    if (dice == 0)
        process_pause(&run->nodes[owner].store_process, duration_us);
    else if (dice == 1)
        network_cut(&run->network, router, owner, true, duration_us);
    else if (dice == 2)
        network_cut(&run->network, owner, router, true, duration_us);
    else
        process_pause(&run->nodes[router].router_process, duration_us);
    put(run, router, key, RING_LEVEL_QUORUM);
    struct client_request next = {.kind = world_chance(world, 300) ? ACT_DELETE : ACT_PUT,
                                  .key = key,
                                  .with_context =
                                      world_chance(world, 500) && run->examiner->contexts[key].size,
                                  .level = RING_LEVEL_QUORUM,
                                  .value_size = 40,
                                  .timeout_us = READ_US};
    next.flags = next.kind == ACT_DELETE ? PUT_DELETE : 0;
    run->examiner->router = at->owners[at->n - 1];
    if (!run->world.failed && !stage_perform(run, &next))
        world_fail(world, "%s: a put fails though W owners are there: %s", at->name,
                   status_text(run->examiner->status));
    struct act *last = run->world.failed ? NULL : stage_last_act(run);
    stage_wait_ms(run, duration_us / WORLD_MS);
    stage_wait_until_whole(run);
    if (!run->world.failed)
        expect_one(run, key, last, "after what had been held up came");
}

// ---- owners that change ------------------------------------------------------------------

// Whether it succeeds is for the history.
static void try(struct stage *run, enum act_kind kind, uint32_t key, uint8_t level)
{
    struct client_request request = {
        .kind = kind, .key = key, .level = level, .value_size = 40, .timeout_us = 300 * WORLD_MS};
    request.flags = kind == ACT_GET ? GET_STRICT : PUT_STRICT;
    run->examiner->router = any_node(run);
    stage_perform(run, &request);
}

static bool is_moving(const struct stage *run)
{
    return node_ring_newest(run->nodes, run->node_count)->ring.move;
}

// Who hears nothing of the others for a while, and clients hear them: a node, or two owners that
// hear one another.
static uint32_t choose_deaf(struct stage *run, uint32_t key)
{
    struct world *world = &run->world;
    const struct history_key *at = &run->history.keys[key];
    if (world_chance(world, 400))
        return 0;
    uint32_t one = world_chance(world, 500) ? at->owners[0] : any_node(run);
    uint32_t other = world_chance(world, 500) ? at->owners[world_below(world, at->n)] : one;
    return 1u << one | 1u << other;
}

static void cut_off(struct stage *run, uint32_t deaf, uint64_t duration_us)
{
    for (uint32_t i = 0; i < run->node_count; i++) {
        for (uint32_t j = 0; j < run->node_count; j++) {
            if ((deaf >> i & 1) != (deaf >> j & 1))
                network_cut(&run->network, i, j, false, duration_us);
        }
    }
}

// The first owner is to be none any more. Some nodes may be cut off before they hear of that, or
// later.
static void move_away(struct stage *run, uint32_t key)
{
    struct world *world = &run->world;
    const struct ring_snapshot *before = node_ring_newest(run->nodes, run->node_count);
    uint64_t owner = run->snapshot->ring.nodes[run->history.keys[key].owners[0]].id;
    struct ring_snapshot *next = node_ring_move_off(world, before, owner);
    if (!next)
        return;
    uint32_t deaf = choose_deaf(run, key);
    bool is_early = world_chance(world, 500);
    uint64_t deaf_us = world_between(world, 500, 4000) * WORLD_MS;
    uint64_t end_us = world->now_us + LINKS_UP_US;
    put(run, any_node(run), key, RING_LEVEL_ALL);
    if (is_early)
        cut_off(run, deaf, deaf_us);
    for (uint32_t i = 0; i < run->node_count; i++)
        node_ring_hand(&run->nodes[i], next);
    ring_snapshot_drop(next);
    stage_wait_ms(run, world_below(world, 1000));
    if (!is_early)
        cut_off(run, deaf, deaf_us);
    while (!world->failed && is_moving(run) && world->now_us < end_us) {
        try(run, ACT_PUT, key, RING_LEVEL_QUORUM);
        try(run, ACT_GET, key, RING_LEVEL_QUORUM);
        try(run, world_chance(world, 300) ? ACT_PUT : ACT_GET, key,
            world_chance(world, 300) ? RING_LEVEL_QUORUM : 1);
        try(run, ACT_PUT, key, RING_LEVEL_ALL);
        try(run, ACT_GET, key, 1);
    }
    for (unsigned i = 0; !world->failed && i < 8; i++)
        try(run, ACT_GET, key, 1);
    stage_wait_ms(run, deaf_us / WORLD_MS);
    stage_wait_until_whole(run);
}

// ---- all of them -----------------------------------------------------------------------

static const struct scenario {
    const char *name;
    void (*play)(struct stage *run, uint32_t key);
    uint32_t owners_min;
} scenarios[] = {
    {"twice", write_twice, 1},    {"miss", miss_a_write, 3},    {"repeat", repeat_an_old_one, 1},
    {"dark", lose_everything, 1}, {"start", start_a_router, 3}, {"late", come_late, 3},
    {"move", move_away, 1},
};

void scenarios_run(struct stage *run)
{
    uint32_t key = (uint32_t)world_below(&run->world, run->history.key_count);
    const struct scenario *scenario =
        &scenarios[world_below(&run->world, sizeof scenarios / sizeof *scenarios)];
    for (size_t i = 0; run->options->scenario && i < sizeof scenarios / sizeof *scenarios; i++) {
        if (!strcmp(run->options->scenario, scenarios[i].name))
            scenario = &scenarios[i];
    }
    if (run->history.keys[key].n >= scenario->owners_min)
        scenario->play(run, key);
}
