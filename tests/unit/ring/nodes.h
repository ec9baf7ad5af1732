// nodes.h - rings to test with.
#pragma once

#include "base/random.h"
#include "base/xalloc.h"
#include "ring/ring_plan.h"

#include <stdio.h>
#include <stdlib.h>

// Node number i of a cluster whose nodes go round `racks` racks and `dcs` datacenters
// (0 = the nodes have none). Its id depends on i alone.
static inline struct ring_node make_node(uint32_t i, uint32_t racks, uint32_t dcs)
{
    struct random random;
    random_init(&random, i);
    struct ring_node node = {.id = random_u64(&random), .port = 7400, .weight = 100};
    snprintf(node.name, sizeof node.name, "n%u", i + 1);
    snprintf(node.address, sizeof node.address, "10.0.%u.%u", i / 250, i % 250 + 1);
    if (racks)
        snprintf(node.rack, sizeof node.rack, "r%u", i % racks + 1);
    if (dcs)
        snprintf(node.dc, sizeof node.dc, "dc%u", i % dcs + 1);
    return node;
}

static inline struct ring make_ring(uint32_t nodes, uint32_t partitions, uint32_t racks,
                                    uint32_t dcs)
{
    struct ring_node *list = xcalloc(nodes, sizeof *list);
    for (uint32_t i = 0; i < nodes; i++)
        list[i] = make_node(i, racks, dcs);
    struct ring ring = {0};
    struct fault fault = {0};
    if (ring_create(&ring, 0x1122334455667788, partitions, list, nodes, &fault))
        fprintf(stderr, "%s\n", fault.text);
    free(list);
    return ring;
}
