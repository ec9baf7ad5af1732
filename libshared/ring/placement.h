// placement.h - spreading partitions over a group of nodes.
//
// The group is a datacenter, or all nodes. It is solved in four steps:
//
//   keep     owners that are legal where they are
//   fill     each hole with the legal node that lags most behind its share
//   balance  move replicas from nodes above their share to nodes below, along the
//            shortest chain of legal replacements (an augmenting path)
//   order    exchange owners within partitions, along such chains too, until every
//            node stands equally often (rounded) at every position of the lists
//
// Shares are exact: proportional to weight within what racks allow, rounded so that as
// little as possible moves. They can always be met, and so can the order without rack
// limits: the first is a flow in a network with integer bounds, the second an equitable
// edge colouring of a bipartite graph (de Werra 1971). Deterministic, no recursion.
#pragma once

#include "ring/ring.h"

struct placement_node {
    uint64_t id;     // breaks ties
    uint32_t weight; // 1 to RING_WEIGHT_MAX
    uint32_t rack;   // 0 to rack_count - 1, none empty
};

// How many owners of one partition may stand in a rack: an even spread over racks, as
// far as they have nodes. With at least `copies` racks that is at most one.
struct placement_rack {
    uint32_t low, high;
};

struct placement {
    uint32_t partition_count;
    uint32_t copies; // 1 to RING_COPIES_MAX, at most node_count
    uint32_t node_count;
    uint32_t rack_count;
    const struct placement_node *nodes;
    uint16_t *owners; // partition_count × copies, RING_NO_OWNER = a hole
};

void placement_solve(struct placement *placement);

// Takes the last step alone: every partition keeps its owners. With fewer racks than copies, the
// first owners of a partition are in distinct racks.
void placement_order(struct placement *placement);

// Fills racks[rack_count].
void placement_racks(const struct placement *placement, struct placement_rack *racks);
