#include "ring/ring_lists.h"

#include "base/xalloc.h"

#include <stdlib.h>
#include <string.h>

// Lists while they grow: each has room for RING_COPIES_MAX.
struct lists {
    const struct ring *ring;
    uint16_t (*owners)[RING_COPIES_MAX];
    uint8_t *counts;
    uint32_t *loads; // by node: in how many lists it is
};

static bool is_in(const struct ring_node *node, const char *dc)
{
    return !dc[0] || strcmp(node->dc, dc) == 0;
}

static bool has_node(const struct lists *lists, uint32_t partition, uint32_t node)
{
    for (uint8_t i = 0; i < lists->counts[partition]; i++) {
        if (lists->owners[partition][i] == node)
            return true;
    }
    return false;
}

static uint32_t count_in(const struct lists *lists, uint32_t partition, const char *dc)
{
    uint32_t count = 0;
    for (uint8_t i = 0; i < lists->counts[partition]; i++)
        count += is_in(&lists->ring->nodes[lists->owners[partition][i]], dc);
    return count;
}

static uint32_t count_of_rack(const struct lists *lists, uint32_t partition,
                              const struct ring_node *node)
{
    uint32_t count = 0;
    for (uint8_t i = 0; i < lists->counts[partition]; i++) {
        const struct ring_node *other = &lists->ring->nodes[lists->owners[partition][i]];
        count += strcmp(other->rack, node->rack) == 0 && strcmp(other->dc, node->dc) == 0;
    }
    return count;
}

// Fewer owners in its rack, then less to do for its weight, then the first.
static bool is_better(const struct lists *lists, uint32_t partition, uint32_t a, uint32_t b)
{
    const struct ring_node *nodes = lists->ring->nodes;
    uint32_t racks_a = count_of_rack(lists, partition, &nodes[a]);
    uint32_t racks_b = count_of_rack(lists, partition, &nodes[b]);
    if (racks_a != racks_b)
        return racks_a < racks_b;
    return (uint64_t)lists->loads[a] * nodes[b].weight <
           (uint64_t)lists->loads[b] * nodes[a].weight;
}

static enum status append(struct lists *lists, uint32_t partition, const char *dc,
                          struct fault *fault)
{
    uint32_t best = UINT32_MAX;
    for (uint32_t i = 0; i < lists->ring->node_count; i++) {
        const struct ring_node *node = &lists->ring->nodes[i];
        if (!node->weight || !is_in(node, dc) || has_node(lists, partition, i))
            continue;
        if (best == UINT32_MAX || is_better(lists, partition, i, best))
            best = i;
    }
    if (best == UINT32_MAX)
        return fault_set(fault, STATUS_INVALID, "there are not nodes enough%s%s",
                         dc[0] ? " in datacenter " : "", dc);
    if (lists->counts[partition] == RING_COPIES_MAX)
        return fault_set(fault, STATUS_INVALID, "a partition would have more than %d owners",
                         RING_COPIES_MAX);
    lists->owners[partition][lists->counts[partition]++] = (uint16_t)best;
    lists->loads[best]++;
    return STATUS_OK;
}

static void import(struct lists *lists)
{
    const struct ring *ring = lists->ring;
    for (uint32_t p = 0; p < ring->partition_count; p++) {
        lists->counts[p] = ring->owner_count;
        for (uint8_t i = 0; i < ring->owner_count; i++) {
            uint16_t owner = ring->owners[(size_t)p * ring->owner_count + i];
            lists->owners[p][i] = owner;
            lists->loads[owner]++;
        }
    }
}

// What keyspaces ask for: first in datacenters that they name, then anywhere.
static enum status satisfy(struct lists *lists, uint32_t partition, bool names_dc,
                           struct fault *fault)
{
    enum status status = STATUS_OK;
    for (uint32_t k = 0; k < lists->ring->keyspace_count; k++) {
        const struct ring_keyspace *keyspace = &lists->ring->keyspaces[k];
        for (uint8_t c = 0; c < keyspace->copies_count; c++) {
            const struct ring_copies *copies = &keyspace->copies[c];
            if ((copies->dc[0] != 0) != names_dc)
                continue;
            while (!status && count_in(lists, partition, copies->dc) < copies->n)
                status = append(lists, partition, copies->dc, fault);
        }
    }
    return status;
}

static enum status grow(struct lists *lists, uint8_t *longest, struct fault *fault)
{
    const struct ring *ring = lists->ring;
    enum status status = STATUS_OK;
    *longest = ring->owner_count;
    for (uint32_t p = 0; !status && p < ring->partition_count; p++) {
        status = satisfy(lists, p, true, fault);
        if (!status)
            status = satisfy(lists, p, false, fault);
        if (lists->counts[p] > *longest)
            *longest = lists->counts[p];
    }
    // All lists have one length.
    for (uint32_t p = 0; !status && p < ring->partition_count; p++) {
        while (!status && lists->counts[p] < *longest)
            status = append(lists, p, "", fault);
    }
    return status;
}

static void export(struct ring *ring, const struct lists *lists, uint8_t owner_count)
{
    uint16_t *owners = xmalloc((size_t)ring->partition_count * owner_count * sizeof *owners);
    for (uint32_t p = 0; p < ring->partition_count; p++)
        memcpy(owners + (size_t)p * owner_count, lists->owners[p], owner_count * sizeof *owners);
    free(ring->owners);
    ring->owners = owners;
    ring->owner_count = owner_count;
}

enum status ring_lengthen_lists(struct ring *ring, struct fault *fault)
{
    struct lists lists = {.ring = ring};
    uint8_t longest;
    lists.owners = xcalloc(ring->partition_count, sizeof *lists.owners);
    lists.counts = xcalloc(ring->partition_count, sizeof *lists.counts);
    lists.loads = xcalloc(ring->node_count, sizeof *lists.loads);
    import(&lists);
    enum status status = grow(&lists, &longest, fault);
    if (!status && longest > ring->owner_count)
        export(ring, &lists, longest);
    free(lists.owners);
    free(lists.counts);
    free(lists.loads);
    return status;
}
