// ring_plan.h - the planner: which nodes own which partitions.
//
// Pure and deterministic. Rules in order of strength: the owners of a partition are
// distinct nodes; per datacenter as many as asked; in distinct racks while the racks
// suffice; loads in proportion to weights; fewest moves from the present placement.
// Balance holds for every prefix of the list, since being first (coordinating) is work
// too: max/mean ≤ 1.02 without rack limits.
#pragma once

#include "base/fault.h"
#include "ring/ring.h"

// The lists: per datacenter as many owners as the keyspace that asks for most; first owners
// of each datacenter first, and the datacenters take turns at being first. When no keyspace
// names a datacenter, all nodes form one group in which racks of different datacenters
// differ. A rack with few nodes can make balance impossible, since racks come first.
//
// Fills in `owners` and `owner_count` of a ring whose nodes, keyspaces and
// partition_count are set. An existing placement (owners not NULL) is kept where it is
// legal. INVALID with a reason: too few nodes in a datacenter, no nodes, limits.
enum status ring_plan(struct ring *ring, struct fault *fault) MUST_USE;

// With several datacenters: of the datacenter that is balanced worst.
struct ring_balance {
    double primary_max_over_mean; // first owners, weighted
    double owner_max_over_mean;   // all owners, weighted
    uint32_t rack_violations;     // partitions with two owners in one rack though racks suffice
};

void ring_balance(const struct ring *ring, struct ring_balance *balance);

// A new first document: nodes as given, keyspace "default" with n = min(3, nodes)
// (per datacenter if there are several), versions, r = w = quorum (local-quorum with
// several datacenters), planned; numbered in the order of ids. With more than three datacenters n
// is what 9 owners allow. INVALID: duplicate names, ids or addresses, limits.
enum status ring_create(struct ring *ring, uint64_t cluster, uint32_t partition_count,
                        const struct ring_node *nodes, uint32_t node_count,
                        struct fault *fault) MUST_USE;

// Adds a node that owns nothing yet, with a number that none ever had. INVALID: as for
// ring_create, or there is no number left.
enum status ring_add_node(struct ring *ring, const struct ring_node *node,
                          struct fault *fault) MUST_USE;

// Removes a node; it leaves RING_NO_OWNER in the lists where it was, for ring_plan to fill. While
// data moves it must own nothing.
void ring_remove_node(struct ring *ring, uint32_t index);
