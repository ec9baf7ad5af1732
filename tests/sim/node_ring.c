#include "sim/node_ring.h"

#include "dkv-router/dispatch.h"
#include "dkv-router/polls.h"
#include "ring/ring_keyspaces.h"
#include "ring/ring_move.h"
#include "ring/ring_plan.h"
#include "ring/ring_successor.h"
#include "ring/ring_text.h"

#include <stdio.h>
#include <string.h>

enum { KEYSPACES = 3 }; // of the first document

static const char ghost_name[] = "ghost";

static void add_ghost(struct world *world, struct ring *ring)
{
    struct fault fault = {0};
    struct ring_node ghost = {.id = random_u64(&world->random), .port = 9};
    memcpy(ghost.name, ghost_name, sizeof ghost_name);
    snprintf(ghost.address, sizeof ghost.address, "10.0.1.%u", (unsigned)ring->epoch % 250);
    memcpy(ghost.dc, ring->nodes[0].dc, sizeof ghost.dc);
    if (ring_add_node(ring, &ghost, &fault))
        world_fail(world, "no ghost: %s", fault.text);
    world_sometimes(world, SOMETIMES_NODE_JOINED, true);
}

// A keyspace that no client uses comes or goes.
static void change_keyspaces(struct world *world, struct ring *ring)
{
    struct fault fault = {0};
    const struct ring_keyspace *last = &ring->keyspaces[ring->keyspace_count - 1];
    enum status status;
    if (last->id > KEYSPACES && world_chance(world, 500)) {
        status = ring_drop_keyspace(ring, last->name, &fault);
    } else {
        struct ring_keyspace keyspace = ring->keyspaces[0];
        snprintf(keyspace.name, sizeof keyspace.name, "extra-%u-%u", (unsigned)ring->epoch,
                 (unsigned)world_below(world, 3));
        status = ring_add_keyspace(ring, &keyspace, &fault);
    }
    if (status)
        world_fail(world, "no other keyspaces: %s", fault.text);
    world_sometimes(world, SOMETIMES_KEYSPACE_CHANGED, true);
}

// (Known gap: what levels mean where owners come to be in other datacenters.)
static bool has_one_dc(const struct ring *ring)
{
    uint32_t i = 0;
    while (i < ring->node_count && strcmp(ring->nodes[i].dc, ring->nodes[0].dc) == 0)
        i++;
    return i == ring->node_count;
}

// A node gets this weight, and data moves. False: nothing would, or there are not nodes enough.
static bool move_by(struct world *world, struct ring *ring, struct ring_node *node, uint32_t weight)
{
    uint32_t before = node->weight;
    node->weight = weight;
    bool begins = has_one_dc(ring) && !ring_begin_move(ring, NULL);
    if (!begins)
        node->weight = before;
    world_sometimes(world, SOMETIMES_MOVED, begins);
    return begins;
}

static bool begin_move(struct world *world, struct ring *ring)
{
    static const uint32_t weights[] = {0, 0, 50, 100, 100, 200};
    struct ring_node *node = &ring->nodes[world_below(world, ring->node_count)];
    enum ring_node_state before = node->state;
    node->state = before == RING_NODE_UP && world_chance(world, 300) ? RING_NODE_DEAD : before;
    if (move_by(world, ring, node, weights[world_below(world, sizeof weights / sizeof *weights)])) {
        world_sometimes(world, SOMETIMES_DECLARED_DEAD, node->state == RING_NODE_DEAD);
        return true;
    }
    node->state = before;
    return false;
}

// A node that was declared dead is a member like others again.
static bool raise(struct world *world, struct ring *ring)
{
    for (uint32_t i = 0; !ring->move && i < ring->node_count; i++) {
        if (ring->nodes[i].state == RING_NODE_DEAD && world_chance(world, 300)) {
            ring->nodes[i].state = RING_NODE_UP;
            return true;
        }
    }
    return false;
}

static bool go_back(struct world *world, struct ring *ring)
{
    bool goes = ring->move && ring->move != RING_MOVE_BACK && world_chance(world, 300) &&
                !ring_go_back(ring, NULL);
    world_sometimes(world, SOMETIMES_MOVED_BACK, goes);
    return goes;
}

static struct ring copy_of(struct world *world, const struct ring_snapshot *document)
{
    struct fault fault = {0};
    struct ring ring = {0};
    if (ring_text_parse(&ring, buf_bytes(&document->text), &fault))
        world_fail(world, "a document is damaged: %s", fault.text);
    return ring;
}

// Takes the ring.
static struct ring_snapshot *follow(struct world *world, struct ring *ring,
                                    const struct ring_snapshot *before)
{
    struct buf text = {0};
    struct fault fault = {0};
    ring_succeed(ring, &before->ring);
    if (ring_check_successor(&before->ring, ring, &fault) ||
        ring_check_step(&before->ring, ring, &fault))
        world_fail(world, "a document cannot follow: %s", fault.text);
    ring_text_format(ring, &text);
    return ring_snapshot_new_take(ring, &text);
}

struct ring_snapshot *node_ring_move_off(struct world *world, const struct ring_snapshot *before,
                                         uint64_t node)
{
    struct ring ring = copy_of(world, before);
    int index = ring_find_node(&ring, node);
    if (index >= 0 && move_by(world, &ring, &ring.nodes[index], 0))
        return follow(world, &ring, before);
    ring_release(&ring);
    return NULL;
}

struct ring_snapshot *node_ring_next(struct world *world, const struct ring_snapshot *before)
{
    struct ring ring = copy_of(world, before);
    int ghost = ring_find_node_name(&ring, ghost_name);
    bool may_move = !ring.move && ghost < 0 && world_chance(world, 500);
    if (go_back(world, &ring) || raise(world, &ring) || (may_move && begin_move(world, &ring))) {
        // that is the change
    } else if (ghost >= 0 && world_chance(world, 500)) {
        ring_remove_node(&ring, (uint32_t)ghost);
        world_sometimes(world, SOMETIMES_NODE_LEFT, true);
    } else if (ghost < 0 && world_chance(world, 300)) {
        add_ghost(world, &ring);
    } else if (!ring.move && world_chance(world, 400)) {
        change_keyspaces(world, &ring);
    } else {
        ring.nodes[0].weight += 1 + (uint32_t)world_below(world, 100);
    }
    return follow(world, &ring, before);
}

void node_ring_number(struct node *node, const struct process *process, const struct peers *peers)
{
    const struct ring *first = &node->settings->ring->ring;
    for (uint32_t i = 0; i < NETWORK_NODES_MAX; i++)
        network_set_row(node->settings->network, process->port, i, UINT32_MAX);
    for (uint32_t i = 0; i < first->node_count; i++) {
        for (uint32_t row = 0; row < peers->count; row++) {
            if (peers->rows[row]->node == first->nodes[i].id)
                network_set_row(node->settings->network, process->port, i, row);
        }
    }
}

void node_ring_hand(struct node *node, struct ring_snapshot *ring)
{
    struct fault fault = {0};
    if (!node->router_process.up)
        return;
    enum status status = polls_hand(&node->router.epochs, ring, &fault);
    world_note(node_world(node), "n%u: epoch %llu is handed in: %s %s", node->index,
               (unsigned long long)ring->ring.epoch, status_text(status), fault.text);
}

const struct ring_snapshot *node_ring_newest(const struct node *nodes, uint32_t count)
{
    const struct ring_snapshot *newest = nodes[0].ring;
    for (uint32_t i = 1; i < count; i++) {
        if (nodes[i].ring->ring.epoch > newest->ring.epoch)
            newest = nodes[i].ring;
    }
    return newest;
}

static bool is_dead(const struct ring *ring, uint64_t id)
{
    int index = ring_find_node(ring, id);
    return index >= 0 && ring->nodes[index].state == RING_NODE_DEAD;
}

// What nodes have that are not to come back is as good as wiped.
static void forget_dead(struct node *node, const struct ring *next)
{
    const struct ring *first = &node->settings->ring->ring;
    for (uint32_t index = 0; index < first->node_count; index++) {
        uint64_t id = first->nodes[index].id;
        if (is_dead(next, id) && !is_dead(&node->ring->ring, id))
            history_on_disk_lost(node->settings->history, index, 0);
    }
}

// One document is chosen for an epoch, whoever keeps it and whenever.
static void check_agreement(struct node *node, const struct ring_snapshot *document)
{
    uint64_t epoch = document->ring.epoch;
    if (epoch >= NODE_EPOCHS_MAX)
        world_fail(node_world(node), "n%u: epoch %llu was never handed in", node->index,
                   (unsigned long long)epoch);
    node->kept[epoch % NODE_EPOCHS_MAX] = document->hash;
    bool is_first = true;
    for (uint32_t i = 0; i < node->settings->ring->ring.node_count; i++) {
        uint64_t other = node->nodes[i].kept[epoch % NODE_EPOCHS_MAX];
        is_first &= &node->nodes[i] == node || !other;
        if (other && other != document->hash)
            world_fail(node_world(node), "n%u and n%u have different documents of epoch %llu",
                       node->index, i, (unsigned long long)epoch);
    }
    if (is_first)
        forget_dead(node, &document->ring);
}

void node_ring_keep(struct node *node, struct epochs_job *job)
{
    job->status = STATUS_OK;
    if (job->document) {
        check_agreement(node, job->document);
        ring_snapshot_drop(node->ring);
        node->ring = ring_snapshot_hold(job->document);
    }
    if (job->votes.size)
        buf_set(&node->votes, buf_bytes(&job->votes));
}

static uint32_t up_count(const struct node *node)
{
    const struct peers *peers = &node->router.peers;
    uint32_t count = 0;
    for (uint32_t number = UINT32_MAX; peers_next(peers, &number);)
        count += peers_link(peers, number)->up;
    return count;
}

void node_ring_on_kept(struct node *node, struct outbox *outbox)
{
    struct world *world = node_world(node);
    uint64_t epoch = node->router.ring->epoch;
    uint32_t flight_count = node->router.flights.count, links_up = up_count(node);
    dispatch_on_job_done(&node->router, node_now(node), outbox);
    if (node->router.ring->epoch == epoch)
        return;
    world_sometimes(world, SOMETIMES_RING_IN_FLIGHT, flight_count);
    if (node->router.flights.count != flight_count || up_count(node) != links_up)
        world_fail(world, "n%u: a new ring document ended what was in flight", node->index);
    node_ring_number(node, &node->router_process, &node->router.peers);
}

void node_ring_look(struct node *node)
{
    struct world *world = node_world(node);
    struct fault *told = &node->router.epochs.told;
    world_sometimes(world, SOMETIMES_RING_PULLED, node->router.epochs.pull_again_ms);
    if (!told->text[0])
        return;
    world_note(world, "n%u: %s", node->index, told->text);
    world_sometimes(world, SOMETIMES_RING_LOST, strstr(told->text, "another change"));
    world_sometimes(world, SOMETIMES_RING_NO_MAJORITY, strstr(told->text, "a majority"));
    if (strstr(told->text, "refused"))
        world_fail(world, "n%u: %s", node->index, told->text);
    told->text[0] = 0;
}
