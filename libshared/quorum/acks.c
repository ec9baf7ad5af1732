#include "quorum/acks.h"

#include <assert.h>
#include <string.h>

enum { NOBODY = -1 };

struct matching {
    int8_t node_of[RING_OWNERS_MAX];   // by owner
    int8_t owner_of[RING_TARGETS_MAX]; // by node, as a target
    int8_t reached_by[RING_TARGETS_MAX];
};

static target_set nodes_of(const struct acks *acks, unsigned owner)
{
    target_set self = acks->own & target_bit(owner);
    return acks->hints ? self | acks->hints[owner] : self;
}

// The owner that reached this node takes it, and leaves its own to the one that reached that.
static void move(struct matching *matching, int node)
{
    while (node != NOBODY) {
        int8_t owner = matching->reached_by[node], left = matching->node_of[owner];
        matching->owner_of[node] = owner;
        matching->node_of[owner] = (int8_t)node;
        node = left;
    }
}

// Finds a node for one owner more: a free one, or one whose owner finds another (breadth first, an
// augmenting path of Berge).
static bool match(struct matching *matching, const struct acks *acks, unsigned owner)
{
    unsigned queue[RING_OWNERS_MAX] = {owner}, count = 1;
    target_set reached = 0;
    for (unsigned at = 0; at < count; at++) {
        target_set nodes = nodes_of(acks, queue[at]) & ~reached;
        reached |= nodes;
        for (; nodes; nodes &= nodes - 1) {
            unsigned node = target_first(nodes);
            matching->reached_by[node] = (int8_t)queue[at];
            if (matching->owner_of[node] == NOBODY) {
                move(matching, (int)node);
                return true;
            }
            queue[count++] = (unsigned)matching->owner_of[node];
        }
    }
    return false;
}

// Matches as many of these owners as can be together; how many those are.
static uint8_t match_all(const struct acks *acks, target_set owners)
{
    struct matching matching;
    memset(&matching, NOBODY, sizeof matching);
    uint8_t count = 0;
    for (; owners; owners &= owners - 1)
        count += match(&matching, acks, target_first(owners));
    return count;
}

static target_set covered(const struct acks *acks)
{
    target_set owners = 0;
    for (unsigned i = 0; i < acks->n; i++)
        owners |= nodes_of(acks, i) ? target_bit(i) : 0;
    return owners;
}

bool acks_meet_slowly(const struct acks *acks, const struct needs *needs)
{
    assert(acks->n <= RING_OWNERS_MAX);
    target_set all = covered(acks);
    if (!needs_met(needs, all))
        return false;
    if (match_all(acks, all) == target_count(all))
        return true;
    for (target_set some = all; some; some = (some - 1) & all) {
        if (needs_met(needs, some) && match_all(acks, some) == target_count(some))
            return true;
    }
    return false;
}

uint8_t acks_count(const struct acks *acks)
{
    return acks->hints ? match_all(acks, covered(acks)) : target_count(acks->own);
}
