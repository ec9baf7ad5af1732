#include "dkv-router/placing.h"

enum { TIMEOUT_MS_MAX = 5 * 60 * 1000 }; // shorter than stores remember request ids

static void find_live(const struct router *router, struct placing *placing)
{
    placing->live = 0;
    for (unsigned i = 0; i < placing->n; i++) {
        if (links_can_ask(&router->links, placing->owners[i]))
            placing->live |= owner_bit(i);
    }
}

enum status placing_find_partition(const struct router *router, struct bytes keyspace,
                                   uint32_t partition, struct placing *placing)
{
    placing->keyspace = keyspace.size ? ring_find_keyspace(router->ring, keyspace)
                                      : ring_keyspace(router->ring, RING_DEFAULT_KEYSPACE);
    if (!placing->keyspace || partition >= router->ring->partition_count)
        return STATUS_INVALID;
    placing->partition = partition;
    placing->n = (uint8_t)ring_owners(router->ring, partition, placing->keyspace, placing->owners);
    find_live(router, placing);
    return STATUS_OK;
}

enum status placing_find(const struct router *router, struct bytes keyspace, struct bytes key,
                         struct placing *placing)
{
    placing->keyspace = keyspace.size ? ring_find_keyspace(router->ring, keyspace)
                                      : ring_keyspace(router->ring, RING_DEFAULT_KEYSPACE);
    if (!placing->keyspace || key.size < 1 || key.size > RECORD_KEY_SIZE_MAX)
        return STATUS_INVALID;
    placing->partition = ring_partition(router->ring, ring_token(placing->keyspace->id, key));
    placing->n =
        (uint8_t)ring_owners(router->ring, placing->partition, placing->keyspace, placing->owners);
    find_live(router, placing);
    return STATUS_OK;
}

bool placing_needs(const struct router *router, const struct placing *placing, uint8_t *level,
                   uint8_t fallback, struct needs *needs)
{
    if (*level == RING_LEVEL_DEFAULT)
        *level = fallback;
    return needs_of_level(needs, router->ring, *level, placing->owners, placing->n,
                          router->ring->nodes[router->self].dc);
}

void placing_order(const struct router *router, const struct placing *placing,
                   uint8_t order[RING_OWNERS_MAX])
{
    unsigned count = 0;
    for (uint8_t i = 0; i < placing->n; i++) {
        if (placing->owners[i] == router->self)
            order[count++] = i;
    }
    for (uint8_t i = 0; i < placing->n; i++) {
        if (placing->owners[i] != router->self)
            order[count++] = i;
    }
}

// How many that is, where it is a number.
static const char *level_text(uint8_t level, unsigned n)
{
    bool is_number = level < RING_LEVEL_LOCAL_QUORUM;
    return ring_level_text(is_number ? (uint8_t)ring_level_count(level, n) : level);
}

void placing_narrow(const struct router *router, struct placing *placing)
{
    placing->n = 1;
    placing->owners[0] = (uint16_t)router->self;
    find_live(router, placing);
}

void placing_fill(const struct placing *placing, struct flight *flight, uint64_t deadline_ms,
                  struct moment now)
{
    flight->n = placing->n;
    memcpy(flight->owners, placing->owners, sizeof flight->owners);
    flight->keyspace = placing->keyspace->id;
    flight->partition = placing->partition;
    flight->started_ms = now.mono_ms;
    flight->deadline_ms = deadline_ms;
}

struct bytes placing_explain(struct router *router, const struct flight *flight, char what)
{
    static const char *const states[] = {
        [LINK_DOWN] = " (does not answer)",
        [LINK_OTHER_CLUSTER] = " (belongs to another cluster)",
        [LINK_OTHER_NODE] = " (is another node)",
        [LINK_OTHER_VERSION] = " (speaks another version)",
        [LINK_OTHER_RING] = " (has another ring document of this epoch)",
        [LINK_SLOW] = " (disk hangs)",
        [LINK_FULL] = " (disk full)",
        [LINK_DAMAGED] = " (damaged)",
        [LINK_WELL] = "",
    };
    struct buf *text = &router->text;
    buf_clear(text);
    buf_printf(text, "%c=%s of", what, level_text(flight->level, flight->n));
    for (unsigned i = 0; i < flight->n; i++) {
        const struct ring_node *node = &router->ring->nodes[flight->owners[i]];
        const struct link *link = &router->links.links[flight->owners[i]];
        buf_printf(text, "%s %s%s", i ? "," : "", node->name, states[link_state(link)]);
    }
    return buf_bytes(text);
}

uint64_t placing_deadline(const struct router *router, const struct message_header *header,
                          struct moment now)
{
    uint64_t budget = header->budget_ms ? header->budget_ms : router->options.timeout_ms;
    uint64_t age_ms = message_age_ms(header, router->options.boot, now.mono_ms);
    if (header->budget_ms && age_ms < budget)
        budget -= age_ms;
    return now.mono_ms + (budget < TIMEOUT_MS_MAX ? budget : TIMEOUT_MS_MAX);
}

link_id owner_link(const struct router *router, const struct flight *flight, unsigned owner)
{
    return router->options.address(flight->owners[owner]);
}
