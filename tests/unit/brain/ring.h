// ring.h - the ring of a small cluster, for the brains that are tested.
//
// Its nodes n0, n1, ... have the ids 1, 2, ...; there are 64 partitions and one keyspace. Fuzzers
// use it, too, so it fails by a status.
#pragma once

#include "ring/ring_plan.h"

#include <assert.h>
#include <stdio.h>

enum { CLUSTER = 1, CLUSTER_NODES_MAX = 8 };

static inline enum status make_cluster(struct ring *ring, unsigned node_count)
{
    struct ring_node nodes[CLUSTER_NODES_MAX] = {0};
    assert(node_count <= CLUSTER_NODES_MAX);
    for (unsigned i = 0; i < node_count; i++) {
        nodes[i] = (struct ring_node){.id = i + 1, .port = 7400, .weight = 100};
        snprintf(nodes[i].name, sizeof nodes[i].name, "n%u", i);
        snprintf(nodes[i].address, sizeof nodes[i].address, "10.0.0.%u", i + 1);
    }
    return ring_create(ring, CLUSTER, RING_PARTITIONS_MIN, nodes, node_count, NULL);
}
