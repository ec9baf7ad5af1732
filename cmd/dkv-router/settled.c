#include "dkv-router/settled.h"

#include "base/xalloc.h"
#include "ring/ring_text.h"

#include <stdlib.h>

static const struct ring *ring_of(const struct epochs *epochs)
{
    return &epochs->current->ring;
}

static bool is_self(const struct epochs *epochs, uint32_t index)
{
    return ring_of(epochs)->nodes[index].id == epochs->peers->terms.self;
}

// What the processes of a node told last; 0: they do not answer.
uint64_t settled_router_epoch(const struct epochs *epochs, uint32_t index)
{
    const struct link *link = peers_link_of(epochs->peers, index, SERVICE_ROUTER);
    return is_self(epochs, index) ? ring_of(epochs)->epoch : link->up ? link->epoch : 0;
}

static uint64_t store_epoch(const struct epochs *epochs, uint32_t index)
{
    const struct link *link = peers_link_of(epochs->peers, index, SERVICE_STORE);
    return link->up && link->pong_ms ? link->metrics.values[METRIC_RING_EPOCH] : 0;
}

static uint64_t metric_of(const struct epochs *epochs, uint32_t index, enum metric_member member)
{
    return peers_link_of(epochs->peers, index, SERVICE_STORE)->metrics.values[member];
}

static enum status check_node(const struct epochs *epochs, uint32_t index, struct fault *fault)
{
    const struct ring *ring = ring_of(epochs);
    const char *name = ring->nodes[index].name;
    uint64_t epoch = store_epoch(epochs, index);
    if (!epoch)
        return fault_set(fault, STATUS_UNAVAILABLE, "the store of %s does not answer", name);
    if (epoch != ring->epoch)
        return fault_set(fault, STATUS_UNAVAILABLE, "the store of %s works by epoch %llu", name,
                         (unsigned long long)epoch);
    uint64_t joining = metric_of(epochs, index, METRIC_JOINING);
    uint64_t former = ring->move ? 0 : metric_of(epochs, index, METRIC_FORMER);
    if (joining)
        return fault_set(fault, STATUS_UNAVAILABLE, "%s has to fill %llu copies", name,
                         (unsigned long long)joining);
    if (former)
        return fault_set(fault, STATUS_UNAVAILABLE, "%s has to drop %llu former copies", name,
                         (unsigned long long)former);
    return STATUS_OK;
}

// Marks the nodes of `lists`, of a document that may have others, by their index in `ring`.
static void mark(const struct ring *ring, const struct ring *of, const uint16_t *lists,
                 uint32_t count, bool *owns)
{
    bool *listed = xcalloc(of->node_count, sizeof *listed);
    for (size_t i = 0; lists && i < (size_t)of->partition_count * count; i++)
        listed[lists[i]] = true;
    for (uint32_t i = 0; i < of->node_count; i++) {
        int index = listed[i] ? ring_find_node(ring, of->nodes[i].id) : -1;
        if (index >= 0)
            owns[index] = true;
    }
    free(listed);
}

enum status settled_check(const struct epochs *epochs, const struct ring *next, struct fault *fault)
{
    const struct ring *ring = ring_of(epochs);
    enum status status = STATUS_OK;
    bool *owns = xcalloc(ring->node_count, sizeof *owns);
    mark(ring, ring, ring->owners, ring->owner_count, owns);
    mark(ring, ring, ring->next, ring->next_count, owns);
    if (next)
        mark(ring, next, next->next, next->next_count, owns);
    for (uint32_t i = 0; !status && i < ring->node_count; i++) {
        if (owns[i] && ring->nodes[i].state != RING_NODE_DEAD)
            status = check_node(epochs, i, fault);
    }
    free(owns);
    return status;
}

void settled_tell(const struct epochs *epochs, struct buf *out)
{
    const struct ring *ring = ring_of(epochs);
    buf_printf(out, "%llu %s\n", (unsigned long long)ring->epoch, ring_move_text(ring->move));
    for (uint32_t i = 0; i < ring->node_count; i++)
        buf_printf(out, "%s %llu %llu %llu %llu\n", ring->nodes[i].name,
                   (unsigned long long)settled_router_epoch(epochs, i),
                   (unsigned long long)store_epoch(epochs, i),
                   (unsigned long long)metric_of(epochs, i, METRIC_JOINING),
                   (unsigned long long)metric_of(epochs, i, METRIC_FORMER));
}
