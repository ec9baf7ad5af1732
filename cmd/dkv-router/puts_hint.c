#include "dkv-router/puts_hint.h"

#include "base/xalloc.h"

#include <string.h>

// The fallbacks in the datacenter of an owner.
static target_set find_near(const struct flight *flight, unsigned owner)
{
    const struct ring_node *nodes = flight->ring->ring.nodes;
    const char *dc = nodes[flight->route.nodes[owner]].dc;
    target_set near = 0;
    for (unsigned i = flight->route.owner_count; i < flight->route.count; i++)
        near |= strcmp(nodes[flight->route.nodes[i]].dc, dc) ? 0 : target_bit(i);
    return near;
}

void puts_know_fallbacks(struct router *router, struct flight *flight)
{
    if (flight->hints)
        return;
    target_set live = placing_add_fallbacks(router, flight);
    uint8_t n = flight->route.owner_count;
    bool has_record = flight->put.phase != PUT_MERGING || flight->minted_size;
    if (flight->route.count == n || !has_record)
        return;
    flight->hints = xcalloc(1, sizeof *flight->hints);
    flight->hints->all = targets_below(flight->route.count) & ~targets_below(n);
    flight->hints->holders = live;
    for (unsigned i = 0; i < n; i++)
        flight->hints->near[i] = find_near(flight, i);
    flight->put.hints = flight->hints;
}

void puts_keep_minted(struct router *router, struct flight *flight, const struct minted *minted,
                      bool is_head)
{
    size_t size = minted->record.size + minted->requests.size;
    buf_clear(&flight->minted);
    flight->minted_size = 0;
    if (!flights_hold(&router->flights, flight, size)) {
        if (flight->hints)
            flight->hints->holders = 0;
        return;
    }
    buf_append(&flight->minted, minted->record);
    buf_append(&flight->minted, minted->requests);
    flight->minted_size = minted->record.size;
    flight->minted_is_head = is_head;
}

// Gives back what was kept, whole. False if there is nothing.
static bool recall_minted(struct router *router, const struct flight *flight, struct minted *minted)
{
    const struct buf *kept = &flight->minted;
    struct bytes key = buf_bytes(&flight->key);
    if (!flight->minted_size)
        return false;
    *minted = (struct minted){
        .record = bytes_of(kept->data, flight->minted_size),
        .requests = bytes_of(kept->data + flight->minted_size, kept->size - flight->minted_size)};
    if (!flight->minted_is_head)
        return true;
    struct record *record = &router->record;
    if (record_decode(record, key, minted->record) ||
        !record_fill_head(record, flight->dot, buf_bytes(&flight->value)))
        return false;
    buf_clear(&router->minted);
    record_encode(record, key, &router->minted);
    minted->record = buf_bytes(&router->minted);
    return true;
}

static uint64_t node_of(const struct flight *flight, unsigned target)
{
    return flight->ring->ring.nodes[flight->route.nodes[target]].id;
}

// A hintd drops what comes after the request is over.
static void send_hint(struct router *router, struct flight *flight, unsigned owner, unsigned holder,
                      const struct minted *minted, struct moment now, struct outbox *outbox)
{
    struct op_hint hint = {.id = flight_id(flight) | (flight->put.again ? FLIGHT_AGAIN : 0),
                           .target = node_of(flight, owner),
                           .keyspace = flight->route.keyspace->id,
                           .dot = put_is_validating(&flight->put) ? flight->dot : (struct dot){0},
                           .key = buf_bytes(&flight->key),
                           .requests = minted->requests,
                           .record = minted->record};
    router->counts.hints++;
    op_encode_hint(&hint, placing_ask(router, flight, holder, MESSAGE_HINT,
                                      flight_budget_ms(flight, now), outbox));
}

void puts_send_hints(struct router *router, struct flight *flight, struct moment now,
                     struct outbox *outbox)
{
    struct minted minted;
    unsigned owner, holder;
    bool has_record = recall_minted(router, flight, &minted);
    while (hints_take(flight->hints, flight->route.owner_count, &owner, &holder)) {
        if (has_record)
            send_hint(router, flight, owner, holder, &minted, now, outbox);
    }
}

void puts_send_hint_update(struct router *router, struct flight *flight, unsigned target,
                           const struct op_update *update, struct moment now, struct outbox *outbox)
{
    uint64_t nodes[RING_OWNERS_MAX];
    for (unsigned i = 0; i < flight->route.owner_count; i++)
        nodes[i] = node_of(flight, i);
    struct op_hint_update hint = {
        .update = *update, .targets = bytes_of(nodes, flight->route.owner_count * sizeof *nodes)};
    router->counts.hints += flight->route.owner_count;
    op_encode_hint_update(&hint, placing_ask(router, flight, target, MESSAGE_HINT_UPDATE,
                                             flight_budget_ms(flight, now), outbox));
}

// At most half of the time that there is: a hint that comes later is dropped.
uint64_t puts_late_after_ms(const struct router *router, uint64_t lasts_ms)
{
    uint64_t after_ms = 2 * router->put_p99_us / 1000, half_ms = lasts_ms / 2;
    if (after_ms < router->options.down_after_ms / 2)
        after_ms = router->options.down_after_ms / 2;
    return after_ms < half_ms ? after_ms : half_ms;
}

int puts_find_owner(const struct flight *flight, uint64_t node)
{
    for (int i = 0; i < flight->route.owner_count; i++) {
        if (node_of(flight, (unsigned)i) == node)
            return i;
    }
    return -1;
}
