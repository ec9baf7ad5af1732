#include "dkv-router/placing.h"

#include "peer/link_text.h"

enum {
    TIMEOUT_MS_MAX = 5 * 60 * 1000, // shorter than stores remember request ids
    FALLBACKS_SPARE = 2,            // besides two for each owner: some will be down, too
};

static void find_live(const struct router *router, struct placing *placing)
{
    placing->live = 0;
    for (unsigned i = 0; i < placing->route.owner_count; i++) {
        const struct link *store =
            peers_link_of(&router->peers, placing->route.nodes[i], SERVICE_STORE);
        if (link_can_ask(store))
            placing->live |= target_bit(i);
    }
}

// NULL: there is none of this name.
static const struct ring_keyspace *find_keyspace(const struct router *router, struct bytes name)
{
    return name.size ? ring_find_keyspace(router->ring, name)
                     : ring_keyspace(router->ring, RING_DEFAULT_KEYSPACE);
}

enum status placing_find_partition(const struct router *router, struct bytes keyspace_name,
                                   uint32_t partition, struct placing *placing)
{
    const struct ring_keyspace *keyspace = find_keyspace(router, keyspace_name);
    if (!keyspace || partition >= router->ring->partition_count)
        return STATUS_INVALID;
    ring_route(&placing->route, router->ring, keyspace, partition);
    find_live(router, placing);
    return STATUS_OK;
}

enum status placing_find(const struct router *router, struct bytes keyspace_name, struct bytes key,
                         struct placing *placing)
{
    const struct ring_keyspace *keyspace = find_keyspace(router, keyspace_name);
    if (!keyspace || key.size < 1 || key.size > RECORD_KEY_SIZE_MAX)
        return STATUS_INVALID;
    uint32_t partition = ring_partition(router->ring, ring_token(keyspace->id, key));
    ring_route(&placing->route, router->ring, keyspace, partition);
    find_live(router, placing);
    return STATUS_OK;
}

static bool add_needs(const struct router *router, const struct placing *placing, target_set of,
                      uint8_t level, struct needs *needs)
{
    return needs_add_level(needs, router->ring, &placing->route, of, level,
                           router->ring->nodes[router->self].dc);
}

// While a shard moves: the owners of the list that is not read; else those that are.
static target_set others_of(const struct ring_route *route)
{
    return route->before == targets_below(route->reader_count) ? route->after : route->before;
}

bool placing_read_needs(const struct router *router, const struct placing *placing, uint8_t *level,
                        uint8_t keyspace_level, struct needs *needs)
{
    if (*level == RING_LEVEL_DEFAULT)
        *level = keyspace_level;
    needs->count = 0;
    return add_needs(router, placing, targets_below(placing->route.reader_count), *level, needs);
}

bool placing_write_needs(const struct router *router, const struct placing *placing, uint8_t *level,
                         uint8_t keyspace_level, struct needs *needs)
{
    const struct ring_route *route = &placing->route;
    if (*level == RING_LEVEL_DEFAULT)
        *level = keyspace_level;
    needs->count = 0;
    target_set readers = targets_below(route->reader_count);
    target_set others = others_of(route);
    if (!add_needs(router, placing, readers, *level, needs))
        return false;
    if (others != readers && !add_needs(router, placing, others, *level, needs))
        needs_add(needs, others, target_count(others)); // they are fewer than the level asks for
    return true;
}

void placing_add_later_needs(const struct router *router, const struct placing *placing,
                             uint8_t level, struct needs *needs)
{
    const struct ring_route *route = &placing->route;
    target_set later = others_of(route);
    if (route->before != route->after && !add_needs(router, placing, later, level, needs))
        needs_add(needs, later, 1); // fewer copies than are read: any one of them
}

void placing_narrow_to_readers(struct placing *placing)
{
    ring_route_narrow_to_readers(&placing->route);
    placing->live &= targets_below(placing->route.owner_count);
}

void placing_order(const struct router *router, const struct placing *placing,
                   uint8_t order[RING_OWNERS_MAX])
{
    unsigned count = 0;
    for (uint8_t i = 0; i < placing->route.owner_count; i++) {
        if (placing->route.nodes[i] == router->self)
            order[count++] = i;
    }
    for (uint8_t i = 0; i < placing->route.owner_count; i++) {
        if (placing->route.nodes[i] != router->self)
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
    placing->route.reader_count = 1;
    placing_narrow_to_readers(placing);
    placing->route.nodes[0] = (uint16_t)router->self;
    find_live(router, placing);
}

void placing_fill(const struct router *router, const struct placing *placing, struct flight *flight,
                  uint64_t deadline_ms, struct moment now)
{
    flight->ring = ring_snapshot_hold(router->snapshot);
    flight->route = placing->route;
    for (unsigned i = 0; i < placing->route.count; i++)
        flight->links[i] =
            (uint16_t)peers_number(&router->peers, placing->route.nodes[i], SERVICE_STORE);
    flight->started_ms = now.mono_ms;
    flight->deadline_ms = deadline_ms;
}

// The number of the link to a node of the flight's ring, which may have left; UINT16_MAX: it did.
static uint16_t number_of(const struct router *router, const struct flight *flight, uint16_t node,
                          enum service service)
{
    int index = node;
    if (flight->ring != router->snapshot)
        index = ring_find_node(router->ring, flight->ring->ring.nodes[node].id);
    return index < 0 ? UINT16_MAX
                     : (uint16_t)peers_number(&router->peers, (uint32_t)index, service);
}

target_set placing_add_fallbacks(const struct router *router, struct flight *flight)
{
    struct ring_route *route = &flight->route;
    if (route->count == route->owner_count) {
        ring_route_add_fallbacks(route, &flight->ring->ring,
                                 2u * route->owner_count + FALLBACKS_SPARE);
        for (unsigned i = route->owner_count; i < route->count; i++)
            flight->links[i] = number_of(router, flight, route->nodes[i], SERVICE_HINTD);
    }
    target_set live = 0;
    for (unsigned i = route->owner_count; i < route->count; i++) {
        const struct link *hintd = peers_link(&router->peers, flight->links[i]);
        if (hintd && link_can_ask(hintd))
            live |= target_bit(i);
    }
    return live;
}

enum status placing_failure(const struct flight *flight, enum status status)
{
    return status == STATUS_UNAVAILABLE && flight->was_stale ? STATUS_STALE : status;
}

// " n2 (does not answer)" of the service of a target.
static void explain_target(struct router *router, const struct flight *flight, unsigned target)
{
    const struct link *link = peers_link(&router->peers, flight->links[target]);
    const char *name = flight->ring->ring.nodes[flight->route.nodes[target]].name;
    const char *state = link ? link_text(link_state(link))->sentence : "left the ring";
    buf_printf(&router->text, *state ? " %s (%s)" : " %s", name, state);
}

struct bytes placing_explain(struct router *router, const struct flight *flight, char what)
{
    bool is_strict = flight->kind == FLIGHT_PUT && flight->put.strict;
    struct buf *text = &router->text;
    buf_clear(text);
    buf_printf(text, "%c=%s of", what, level_text(flight->level, flight->route.reader_count));
    for (unsigned i = 0; i < flight->route.owner_count; i++) {
        if (i)
            buf_append_u8(text, ',');
        explain_target(router, flight, i);
    }
    for (unsigned i = flight->route.owner_count; i < flight->route.count && !is_strict; i++) {
        buf_printf(text, "%s", i == flight->route.owner_count ? "; or hints with" : ",");
        explain_target(router, flight, i);
    }
    return buf_bytes(text);
}

target_set placing_unable(const struct router *router, const struct placing *placing)
{
    const struct ring_route *route = &placing->route;
    target_set unable = 0;
    for (unsigned i = 0; i < route->owner_count; i++) {
        uint32_t number = peers_number(&router->peers, route->nodes[i], SERVICE_STORE);
        if (peers_at(&router->peers, number)->clock.is_off)
            unable |= target_bit(i);
    }
    return route->keyspace->conflict == RING_CONFLICT_LWW ? unable : 0;
}

struct bytes placing_explain_clocks(struct router *router, const struct flight *flight)
{
    struct buf *text = &router->text;
    buf_clear(text);
    buf_append_text(text, "the last write wins here, and clocks are off:");
    for (unsigned i = 0, count = 0; i < flight->route.owner_count; i++) {
        const struct peer *peer = peers_at(&router->peers, flight->links[i]);
        int64_t off_ms = peer->clock.off_ms;
        if (!peer->clock.is_off)
            continue;
        buf_printf(text, "%s that of %s is %lld s %s", count++ ? "," : "", peer->name,
                   (long long)(off_ms < 0 ? -off_ms : off_ms) / 1000,
                   off_ms < 0 ? "behind" : "ahead");
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

struct ring_stamp placing_stamp(const struct flight *flight)
{
    const struct ring_route *route = &flight->route;
    const struct ring *ring = &flight->ring->ring;
    return (struct ring_stamp){.epoch = ring->epoch,
                               .since = ring_since(ring, route->partition, route->keyspace),
                               .hash = (uint32_t)flight->ring->hash};
}

struct buf *placing_ask(const struct router *router, const struct flight *flight, unsigned target,
                        enum message_type type, uint32_t budget_ms, struct outbox *outbox)
{
    return outbox_add_stamped(outbox, router->peers.link_of(flight->links[target]), type, budget_ms,
                              placing_stamp(flight));
}
