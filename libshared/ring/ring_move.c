#include "ring/ring_move.h"

#include "base/xalloc.h"
#include "ring/ring_plan.h"
#include "ring/ring_successor.h"

#include <stdlib.h>
#include <string.h>

// ---- steps -----------------------------------------------------------------------------

// What the planner is to work for: who leaves has nothing, and keyspaces what is wanted for them.
static struct ring wanted_of(const struct ring *ring)
{
    struct ring wanted = ring_copy(ring);
    for (uint32_t i = 0; i < wanted.node_count; i++) {
        if (wanted.nodes[i].state != RING_NODE_UP)
            wanted.nodes[i].weight = 0;
    }
    for (uint32_t i = 0; i < wanted.keyspace_count; i++)
        ring_take_next_copies(&wanted.keyspaces[i]);
    return wanted;
}

static bool is_same_everywhere(const struct ring *ring, const struct ring *wanted)
{
    bool is_same =
        ring->owner_count == wanted->owner_count &&
        !memcmp(ring->owners, wanted->owners,
                (size_t)ring->partition_count * ring->owner_count * sizeof *ring->owners);
    for (uint32_t i = 0; is_same && i < ring->keyspace_count; i++)
        is_same = !ring->keyspaces[i].next_copies_count;
    return is_same;
}

enum status ring_begin_move(struct ring *ring, struct fault *fault)
{
    if (ring->move)
        return fault_set(fault, STATUS_EXISTS, "data is moving already");
    struct ring wanted = wanted_of(ring);
    enum status status = ring_plan(&wanted, fault);
    if (!status && is_same_everywhere(ring, &wanted))
        status = fault_set(fault, STATUS_NOT_FOUND, "everything is where it should be");
    if (!status) {
        ring->move = RING_MOVE_READ_OLD;
        ring->next = wanted.owners;
        ring->next_count = wanted.owner_count;
        wanted.owners = NULL;
    }
    ring_release(&wanted);
    return status;
}

static void forget_next(struct ring *ring)
{
    free(ring->next);
    ring->next = NULL;
    ring->next_count = 0;
    ring->move = RING_MOVE_NONE;
}

static void take_next(struct ring *ring)
{
    free(ring->owners);
    ring->owners = ring->next;
    ring->owner_count = ring->next_count;
    ring->next = NULL;
    forget_next(ring);
    for (uint32_t i = 0; i < ring->keyspace_count; i++)
        ring_take_next_copies(&ring->keyspaces[i]);
}

void ring_go_on(struct ring *ring)
{
    if (ring->move == RING_MOVE_READ_OLD)
        ring->move = RING_MOVE_READ_NEW;
    else if (ring->move == RING_MOVE_READ_NEW)
        take_next(ring);
    else
        forget_next(ring);
}

enum status ring_go_back(struct ring *ring, struct fault *fault)
{
    if (ring->move == RING_MOVE_NONE)
        return fault_set(fault, STATUS_REFUSED,
                         "no data is moving: what was moved goes back by another plan");
    if (ring->move == RING_MOVE_BACK)
        return fault_set(fault, STATUS_REFUSED, "it goes back already");
    if (ring->move == RING_MOVE_READ_NEW)
        ring->move = RING_MOVE_BACK;
    else
        forget_next(ring);
    return STATUS_OK;
}

// ---- whether it is one -----------------------------------------------------------------

enum side { BEFORE, AFTER, NEITHER };

// Of a step, what has to stay: this side of the old document is that of the new one.
struct stay {
    enum side old, new;
};

// By the moves of both: at most two.
static const struct stay stays[4][4][2] = {
    [RING_MOVE_NONE][RING_MOVE_NONE] = {{BEFORE, BEFORE}, {NEITHER}},
    [RING_MOVE_NONE][RING_MOVE_READ_OLD] = {{BEFORE, BEFORE}, {NEITHER}},
    [RING_MOVE_READ_OLD][RING_MOVE_READ_OLD] = {{BEFORE, BEFORE}, {AFTER, AFTER}},
    [RING_MOVE_READ_OLD][RING_MOVE_READ_NEW] = {{BEFORE, BEFORE}, {AFTER, AFTER}},
    [RING_MOVE_READ_OLD][RING_MOVE_NONE] = {{BEFORE, BEFORE}, {NEITHER}},
    [RING_MOVE_READ_NEW][RING_MOVE_READ_NEW] = {{BEFORE, BEFORE}, {AFTER, AFTER}},
    [RING_MOVE_READ_NEW][RING_MOVE_BACK] = {{BEFORE, BEFORE}, {AFTER, AFTER}},
    [RING_MOVE_READ_NEW][RING_MOVE_NONE] = {{AFTER, BEFORE}, {NEITHER}},
    [RING_MOVE_BACK][RING_MOVE_BACK] = {{BEFORE, BEFORE}, {AFTER, AFTER}},
    [RING_MOVE_BACK][RING_MOVE_NONE] = {{BEFORE, BEFORE}, {NEITHER}},
};

static bool is_step(enum ring_move old, enum ring_move new)
{
    const struct stay *stay = stays[old][new];
    return stay[0].old != stay[1].old; // what is not in the table has twice the same
}

// The owners of one side, in order, by id. Returns how many.
static uint32_t list(const struct ring *ring, const struct ring_keyspace *keyspace,
                     uint32_t partition, enum side side, uint64_t ids[RING_COPIES_MAX])
{
    uint16_t nodes[RING_COPIES_MAX];
    uint32_t count = ring_list(ring, partition, keyspace, side == AFTER, nodes);
    for (uint32_t i = 0; i < count; i++)
        ids[i] = ring->nodes[nodes[i]].id;
    return count;
}

static bool has_stayed(const struct ring *before, const struct ring_keyspace *old,
                       const struct ring *next, const struct ring_keyspace *new, uint32_t partition,
                       struct stay stay)
{
    uint64_t old_ids[RING_COPIES_MAX], new_ids[RING_COPIES_MAX];
    uint32_t count = list(before, old, partition, stay.old, old_ids);
    return count == list(next, new, partition, stay.new, new_ids) &&
           !memcmp(old_ids, new_ids, count * sizeof *old_ids);
}

static uint32_t copies_after(const struct ring_keyspace *keyspace)
{
    struct ring_keyspace after = *keyspace;
    ring_take_next_copies(&after);
    return ring_copies_total(&after);
}

static enum status check_shard(const struct ring *before, const struct ring_keyspace *old,
                               const struct ring *next, const struct ring_keyspace *new,
                               uint32_t partition, struct fault *fault)
{
    const struct stay *stay = stays[before->move][next->move];
    for (unsigned s = 0; s < 2 && stay[s].old != NEITHER; s++) {
        if (!has_stayed(before, old, next, new, partition, stay[s]))
            return fault_set(fault, STATUS_REFUSED,
                             "partition %u of keyspace %s has other owners; data moves by 'dkv "
                             "ring plan' and 'dkv ring commit' alone",
                             partition, old->name);
    }
    uint64_t since = ring_since(next, partition, new);
    bool is_same = ring_stays(before, old, next, new, partition);
    if (is_same ? since < ring_since(before, partition, old) : since != next->epoch)
        return fault_set(fault, STATUS_REFUSED,
                         "partition %u of keyspace %s has changed and does not say so", partition,
                         old->name);
    uint64_t ids[RING_COPIES_MAX];
    if (next->move && list(next, new, partition, AFTER, ids) != copies_after(new))
        return fault_set(fault, STATUS_REFUSED, "partition %u of keyspace %s gets too few owners",
                         partition, old->name);
    return STATUS_OK;
}

enum status ring_check_step(const struct ring *before, const struct ring *next, struct fault *fault)
{
    enum status status = STATUS_OK;
    if (before->partition_count != next->partition_count || !is_step(before->move, next->move))
        return fault_set(fault, STATUS_REFUSED, "it is more than one step of a move away");
    for (uint32_t i = 0; !status && i < next->keyspace_count; i++) {
        const struct ring_keyspace *new = &next->keyspaces[i];
        const struct ring_keyspace *old = ring_keyspace(before, new->id);
        if (!old && next->move)
            status =
                fault_set(fault, STATUS_REFUSED, "keyspace %s is new while data moves", new->name);
        for (uint32_t p = 0; old && !status && p < next->partition_count; p++)
            status = check_shard(before, old, next, new, p, fault);
    }
    return status;
}

static bool is_orphan(const struct ring *ring, const struct ring_owners *owners)
{
    bool is_left = false;
    for (uint8_t i = 0; i < owners->count; i++)
        is_left |= owners->before >> i & 1 && !ring_is_ignored(ring, owners->nodes[i]);
    return !is_left;
}

struct ring_move_size ring_move_size(const struct ring *ring)
{
    struct ring_move_size size = {0};
    for (uint32_t i = 0; i < ring->keyspace_count; i++) {
        for (uint32_t p = 0; ring->move && p < ring->partition_count; p++) {
            struct ring_owners owners;
            ring_find_owners(ring, p, &ring->keyspaces[i], &owners);
            unsigned copies = (unsigned)__builtin_popcount(owners.after & ~owners.before);
            size.shards += copies > 0;
            size.copies += copies;
            size.orphans += is_orphan(ring, &owners);
        }
    }
    return size;
}
