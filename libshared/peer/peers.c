#include "peer/peers.h"

#include "base/xalloc.h"

#include <assert.h>
#include <stdlib.h>

enum {
    STALL_MS = 100,  // beyond twice what a tick may wait
    PATIENCE = 5,    // every operation waits for stores alone: others are pinged less
    MISSED_MS = 250, // a tick, while somebody is missed: greetings do not wait for PINGs
};

void peers_init(struct peers *peers, const struct link_terms *terms, enum service own,
                uint32_t services, link_id (*link_of)(uint32_t number))
{
    *peers = (struct peers){.terms = *terms, .own = own, .services = services, .link_of = link_of};
}

void peers_release(struct peers *peers)
{
    for (uint32_t i = 0; i < peers->count; i++)
        free(peers->rows[i]);
    free(peers->rows);
    free(peers->row_of);
    *peers = (struct peers){0};
}

// ---- the ring changes ----------------------------------------------------------------

static uint32_t find_row(const struct peers *peers, uint64_t node)
{
    uint32_t row = 0;
    while (row < peers->count && peers->rows[row]->node != node)
        row++;
    return row;
}

static bool is_free(const struct peer *peer, struct moment now)
{
    return !peer->is_member && now.mono_ms >= peer->left_ms + PEERS_KEPT_MS;
}

// One that is free, or a new one.
static uint32_t take_row(struct peers *peers, struct moment now)
{
    uint32_t row = 0;
    while (row < peers->count && !is_free(peers->rows[row], now))
        row++;
    if (row == peers->count) {
        peers->rows = xrealloc(peers->rows, (row + 1) * sizeof *peers->rows);
        peers->rows[row] = xcalloc(1, sizeof **peers->rows);
        peers->count++;
    }
    return row;
}

static void add_link(struct link *link, struct moment now)
{
    if (!link->exists)
        link->reset_ms = now.mono_ms; // the connection is just being made
    link->exists = true;
}

static void add_node(struct peers *peers, uint32_t index, const struct ring_node *node,
                     struct moment now)
{
    uint32_t row = find_row(peers, node->id);
    if (row == peers->count) {
        row = take_row(peers, now);
        *peers->rows[row] = (struct peer){.node = node->id, .joined_ms = now.mono_ms};
    }
    struct peer *peer = peers->rows[row];
    peer->is_member = true;
    memcpy(peer->name, node->name, sizeof peer->name);
    for (unsigned i = 0; i < SERVICE_COUNT; i++) {
        bool is_self = node->id == peers->terms.self && i == peers->own;
        if ((peers->services & service_bit((enum service)i)) && !is_self)
            add_link(&peer->links[i], now);
    }
    peers->row_of[index] = (uint16_t)row;
}

void peers_adopt(struct peers *peers, const struct ring_snapshot *ring, struct moment now)
{
    for (uint32_t i = 0; i < peers->count; i++) {
        if (peers->rows[i]->is_member)
            peers->rows[i]->left_ms = now.mono_ms;
        peers->rows[i]->is_member = false;
    }
    free(peers->row_of);
    peers->row_of = xcalloc(ring->ring.node_count, sizeof *peers->row_of);
    for (uint32_t i = 0; i < ring->ring.node_count; i++)
        add_node(peers, i, &ring->ring.nodes[i], now);
    peers->terms.cluster = ring->ring.cluster;
    peers->terms.epoch = ring->ring.epoch;
    peers->terms.ring_hash = (uint32_t)ring->hash;
}

bool peers_next_lost(struct peers *peers, struct moment now, uint32_t *number)
{
    for (*number = UINT32_MAX; peers_next(peers, number);) {
        struct link *link = peers_link(peers, *number);
        if (peers_at(peers, *number)->is_member)
            continue;
        link->exists = false;
        if (link_on_lost(link, now) == LINK_WENT_DOWN)
            return true;
    }
    return false;
}

// ---- links ---------------------------------------------------------------------------

struct link *peers_link(const struct peers *peers, uint32_t number)
{
    if (number / SERVICE_COUNT >= peers->count)
        return NULL;
    struct link *link = &peers_at(peers, number)->links[peers_service(number)];
    return link->exists ? link : NULL;
}

bool peers_next(const struct peers *peers, uint32_t *number)
{
    enum service service = *number == UINT32_MAX ? SERVICE_STORE : peers_service(*number);
    uint32_t row = *number == UINT32_MAX ? 0 : *number / SERVICE_COUNT + 1;
    for (; service < SERVICE_COUNT; service++, row = 0) {
        for (; row < peers->count; row++) {
            *number = row * SERVICE_COUNT + service;
            if (peers_link(peers, *number))
                return true;
        }
    }
    return false;
}

void peers_begin_tick(struct peers *peers, struct moment now)
{
    uint64_t patience_ms = 2 * peers_tick_within_ms(peers) + STALL_MS;
    bool has_stalled = peers->ticked_ms && now.mono_ms > peers->ticked_ms + patience_ms;
    for (uint32_t number = UINT32_MAX; peers_next(peers, &number);) {
        if (has_stalled)
            peers_link(peers, number)->heard_ms = now.mono_ms;
    }
    peers->ticked_ms = now.mono_ms;
}

void peers_refresh(struct peers *peers, uint64_t age_ms, struct moment now)
{
    for (uint32_t number = UINT32_MAX; peers_next(peers, &number);) {
        struct link *link = peers_link(peers, number);
        if (link->up && !link_is_asked(link) && now.mono_ms > link->pong_ms + age_ms)
            link->pinged_ms = 0;
    }
}

// While nobody wants anything and nobody is missed: until the next PINGs, but not without a look at
// who has answered the last ones.
unsigned peers_tick_within_ms(const struct peers *peers)
{
    const struct link_terms *terms = &peers->terms;
    struct moment ticked = {.mono_ms = peers->ticked_ms};
    uint64_t busy_ms = terms->ping_interval_ms / 2 + 1;
    bool is_asked = false;
    for (uint32_t number = UINT32_MAX; peers_next(peers, &number);) {
        const struct link *link = peers_link(peers, number);
        if (!link->up || !link->pinged_ms)
            return (unsigned)least_ms(busy_ms, MISSED_MS);
        is_asked |= link_is_asked(link);
    }
    if (!terms->is_idle)
        return (unsigned)busy_ms;
    uint64_t pings_ms = LINK_IDLE_PATIENCE * terms->ping_interval_ms;
    uint64_t within_ms = link_idle_ping_ms(terms, ticked) + pings_ms - ticked.mono_ms;
    return (unsigned)(is_asked ? least_ms(within_ms, terms->down_after_ms) : within_ms);
}

void peers_judge_clocks(struct peers *peers, uint64_t refuse_ms)
{
    struct clock_offset *offsets = xcalloc(peers->count, sizeof *offsets);
    int64_t *sorted = xcalloc(peers->count, sizeof *sorted);
    uint32_t count = 0;
    for (uint32_t i = 0; i < peers->count; i++) {
        const struct link *store = &peers->rows[i]->links[SERVICE_STORE];
        if (peers->rows[i]->is_member)
            offsets[count++] = (struct clock_offset){.is_known = store->up && store->is_wall_known,
                                                     .ahead_ms = store->wall_ahead_ms};
    }
    clocks_judge(offsets, count, refuse_ms, sorted);
    for (uint32_t i = 0, at = 0; i < peers->count; i++) {
        if (peers->rows[i]->is_member)
            peers->rows[i]->clock = offsets[at++];
    }
    free(offsets);
    free(sorted);
}

enum link_change peers_on_tick(struct peers *peers, uint32_t number, struct moment now,
                               struct outbox *outbox)
{
    unsigned patience = peers_service(number) == SERVICE_STORE ? 1 : PATIENCE;
    return link_on_tick(peers_link(peers, number), &peers->terms, patience, peers->link_of(number),
                        now, outbox);
}
