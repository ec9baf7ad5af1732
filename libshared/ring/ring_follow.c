#include "ring/ring_follow.h"

#include "ring/ring_move.h"
#include "ring/ring_successor.h"

#include <string.h>

enum status ring_follow(const struct ring_snapshot *current, const struct ring_snapshot *next,
                        uint64_t self, struct fault *fault)
{
    const struct ring *before = &current->ring, *after = &next->ring;
    enum status status = ring_check_successor(before, after, fault);
    if (status)
        return status;
    int old = ring_find_node(before, self), new = ring_find_node(after, self);
    if (new < 0)
        return fault_set(fault, STATUS_INVALID, "this node is not in it");
    if (old >= 0 && strcmp(before->nodes[old].public_key, after->nodes[new].public_key) != 0)
        return fault_set(fault, STATUS_INVALID, "node %s has another key in it",
                         after->nodes[new].name);
    // (What was chosen while this node was away may have moved any number of times.)
    return after->epoch == before->epoch + 1 ? ring_check_step(before, after, fault) : STATUS_OK;
}
