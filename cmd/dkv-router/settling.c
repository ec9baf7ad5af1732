#include "dkv-router/settling.h"

#include "base/endian.h"
#include "base/xalloc.h"

#include <stdlib.h>

enum {
    ROUND_INTERVAL_MS = 500,
    ROOTS_PER_MESSAGE = 4096,
};

void settling_init(struct router *router)
{
    size_t count = (size_t)router->ring->partition_count * router->ring->owner_count;
    router->settled = xcalloc(router->ring->partition_count, 1);
    router->unsettled_count = router->ring->partition_count;
    router->roots = xcalloc(count, sizeof *router->roots);
    router->roots_known = xcalloc(count, 1);
}

void settling_release(struct router *router)
{
    free(router->settled);
    free(router->roots);
    free(router->roots_known);
}

// The owners of a partition, by node index.
static const uint16_t *owners_of(const struct router *router, uint32_t partition)
{
    return router->ring->owners + (size_t)partition * router->ring->owner_count;
}

void settling_unsettle(struct router *router, uint32_t partition)
{
    unsigned n = router->ring->owner_count;
    router->unsettled_count += router->settled[partition];
    router->settled[partition] = 0;
    memset(router->roots_known + (size_t)partition * n, 0, n);
}

void settling_unsettle_node(struct router *router, uint32_t node)
{
    for (uint32_t partition = 0; partition < router->ring->partition_count; partition++) {
        for (unsigned i = 0; i < router->ring->owner_count; i++) {
            if (owners_of(router, partition)[i] == node)
                settling_unsettle(router, partition);
        }
    }
}

void settling_on_tick(struct router *router, struct moment now, struct outbox *outbox)
{
    if (!router->unsettled_count || now.mono_ms < router->roots_asked_ms + ROUND_INTERVAL_MS)
        return;
    router->roots_asked_ms = now.mono_ms;
    router->roots_round++;
    memset(router->roots_known, 0,
           (size_t)router->ring->partition_count * router->ring->owner_count);
    for (uint32_t node = 0; node < router->ring->node_count; node++) {
        if (!links_can_ask(&router->links, node))
            continue;
        for (uint32_t first = 0; first < router->ring->partition_count;
             first += ROOTS_PER_MESSAGE) {
            struct op_roots roots = {
                .id = router->roots_round, .first = first, .count = ROOTS_PER_MESSAGE};
            op_encode_roots(&roots,
                            outbox_add(outbox, router->options.address(node), MESSAGE_ROOTS, 0));
        }
    }
}

// Settled if all live owners, the first among them, told the same root in this round.
static void compare(struct router *router, uint32_t partition)
{
    unsigned n = router->ring->owner_count;
    size_t first = (size_t)partition * n;
    for (unsigned i = 0; i < n; i++) {
        if (i && !links_can_ask(&router->links, owners_of(router, partition)[i]))
            continue;
        if (!router->roots_known[first + i] || router->roots[first + i] != router->roots[first])
            return;
    }
    router->settled[partition] = 1;
    router->unsettled_count--;
}

static void take_root(struct router *router, uint32_t partition, uint32_t node, uint64_t root)
{
    unsigned n = router->ring->owner_count;
    for (unsigned i = 0; i < n; i++) {
        if (owners_of(router, partition)[i] != node)
            continue;
        router->roots[(size_t)partition * n + i] = root;
        router->roots_known[(size_t)partition * n + i] = 1;
        if (!router->settled[partition])
            compare(router, partition);
    }
}

enum status settling_on_roots(struct router *router, uint32_t node, struct reader *body)
{
    struct op_roots_are are;
    if (op_decode_roots_are(&are, body) || are.roots.size % 8)
        return STATUS_INVALID;
    uint32_t partitions = router->ring->partition_count;
    if (are.status || are.id != router->roots_round || are.first > partitions ||
        are.roots.size / 8 > partitions - are.first)
        return STATUS_OK;
    for (uint32_t i = 0; i < are.roots.size / 8; i++)
        take_root(router, are.first + i, node, load_u64(are.roots.data + 8 * (size_t)i));
    return STATUS_OK;
}
