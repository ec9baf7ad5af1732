// The repair of a node: its brain, which has no disk.
#include "dkv-repair/brain.h"
#include "dkv-repair/post.h"
#include "sim/node_inside.h"
#include "sim/node_ring.h"

static bool has_key(const struct history *history, const struct pull *pull)
{
    for (uint32_t i = 0; i < history->key_count; i++) {
        if (history->keys[i].keyspace == pull->keyspace &&
            history->keys[i].partition == pull->partition)
            return true;
    }
    return false;
}

// Whether a move gives the shard to others, and so waits for its copies to be whole.
static bool changes(const struct ring *ring, const struct pull *pull)
{
    struct ring_owners owners;
    ring_find_owners(ring, pull->partition, ring_keyspace(ring, pull->keyspace), &owners);
    return owners.before != owners.after;
}

// Shards in which nobody writes are not compared: that finds nothing, and would be most of what
// happens in a run. But a move waits until they were.
static void leave_out_empty(struct node *node)
{
    struct pulls *pulls = &node->repair.pulls;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < pulls->count; i++) {
        if (has_key(node->settings->history, &pulls->items[i]) ||
            changes(node->repair.ring, &pulls->items[i]))
            pulls->items[kept++] = pulls->items[i];
    }
    pulls->count = kept;
    pulls->first_count = 0;
    for (uint32_t i = 0; i < kept; i++)
        pulls->first_count += pulls->items[i].is_first;
}

// ---- its brain -----------------------------------------------------------------------

// The brain's self is the repair; the node is around it.
static struct node *node_of(void *self)
{
    return (struct node *)((char *)self - offsetof(struct node, repair));
}

// As main.c does it: a document that is there is worked by from the next turn on.
static void on_turn_end(void *self, struct moment moment, struct outbox *outbox)
{
    struct node *node = node_of(self);
    if (node->repair.snapshot != node->ring) {
        post_adopt(&node->repair, node->ring, moment);
        leave_out_empty(node);
        node_ring_number(node, &node->repair_process, &node->repair.peers);
    }
    post_on_turn_end(&node->repair, moment, outbox);
}

void node_init_repair(struct node *node)
{
    struct process *process = &node->repair_process;
    *process = node_process(node, NETWORK_REPAIR + node->index, 50 * WORLD_MS);
    process->brain = repair_brain(&node->repair);
    process->brain.on_turn_end = on_turn_end;
}

// ---- life ----------------------------------------------------------------------------

void node_start_repair(struct node *node)
{
    const struct node_settings *settings = node->settings;
    struct repair_options options = {
        .ring = node->ring,
        .node = settings->ring->ring.nodes[node->index].id,
        .boot = random_u64(&settings->world->random),
        .ping_interval_ms = settings->down_after_ms / 4,
        .down_after_ms = settings->down_after_ms,
        .interval_ms = settings->repair_interval_ms,
        .settle_ms = 100,
        .scrub_ms = 24 * 3600 * 1000,
        .rate = 1 << 20,
        .software = bytes_of_text("sim"),
        .link_of = network_link,
        .number_of = network_number,
    };
    struct fault fault = {0};
    if (repair_init(&node->repair, &options, node_now(node), &fault))
        world_fail(settings->world, "a repair does not start: %s", fault.text);
    leave_out_empty(node);
    node_ring_number(node, &node->repair_process, &node->repair.peers);
    process_start(&node->repair_process);
}

void node_kill_repair(struct node *node)
{
    if (!node->repair_process.up)
        return;
    world_note(node_world(node), "n%u: the repair is killed", node->index);
    struct world *world = node_world(node);
    const struct repair *repair = &node->repair;
    world_sometimes(world, SOMETIMES_ROUND, repair->counts.rounds);
    world_sometimes(world, SOMETIMES_ROUND_FAILED, repair->counts.failed);
    world_sometimes(world, SOMETIMES_REPAIRED, repair->counts.differing);
    world_sometimes(world, SOMETIMES_LEFT_OUT, repair->counts.left_out);
    world_sometimes(world, SOMETIMES_CLOSED, repair->closings.closed);
    process_end(&node->repair_process, NULL);
    repair_release(&node->repair);
}

void node_release_repair(struct node *node)
{
    node_kill_repair(node);
    process_release(&node->repair_process);
}
