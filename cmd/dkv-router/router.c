#include "dkv-router/router.h"

#include "base/p99.h"
#include "wire/hello.h"

enum { P99_FIRST_US = 20000 };

void router_adopt(struct router *router, struct ring_snapshot *ring, struct moment now)
{
    ring_snapshot_hold(ring);
    ring_snapshot_drop(router->snapshot);
    router->snapshot = ring;
    router->ring = &ring->ring;
    router->self = (uint32_t)ring_find_node(router->ring, router->options.node);
    peers_adopt(&router->peers, ring, now);
    keyring_adopt(&router->keyring);
}

enum status router_init(struct router *router, const struct router_options *options,
                        struct moment now, struct fault *fault)
{
    *router = (struct router){
        .options = *options, .get_p99_us = P99_FIRST_US, .put_p99_us = P99_FIRST_US};
    router->options.ring = NULL; // there will be others
    if (ring_find_node(&options->ring->ring, options->node) < 0)
        return fault_set(fault, STATUS_INVALID, "this node is not in the ring");
    struct link_terms terms = {.ping_interval_ms = options->ping_interval_ms,
                               .down_after_ms = options->down_after_ms,
                               .self = options->node,
                               .needs_answers = true};
    peers_init(&router->peers, &terms, SERVICE_ROUTER,
               service_bit(SERVICE_STORE) | service_bit(SERVICE_ROUTER) |
                   service_bit(SERVICE_HINTD) | options->services,
               options->link_of);
    flights_init(&router->flights, now.mono_ms);
    meters_init(&router->meters, options->boot);
    keyring_init(&router->keyring, options->seals, &router->peers);
    epochs_init(&router->epochs, &router->peers, options->ring, options->votes, options->boot);
    router->options.votes = (struct bytes){0};
    router->started_ms = now.mono_ms;
    router_adopt(router, options->ring, now);
    return STATUS_OK;
}

void router_release(struct router *router)
{
    flights_release(&router->flights);
    peers_release(&router->peers);
    ring_snapshot_drop(router->snapshot);
    meters_release(&router->meters);
    keyring_release(&router->keyring);
    epochs_release(&router->epochs);
    repairs_release(&router->repairs);
    record_release(&router->record);
    record_release(&router->joined);
    context_release(&router->context);
    buf_release(&router->encoded);
    buf_release(&router->minted);
    buf_release(&router->receipt);
    buf_release(&router->text);
    *router = (struct router){0};
}

bool router_is_ready(const struct router *router, struct moment now)
{
    if (now.mono_ms >= router->started_ms + router->options.down_after_ms)
        return true;
    if (!epochs_is_newest(&router->epochs))
        return false; // there are keyspaces that this one does not know
    for (uint32_t i = 0; i < router->ring->node_count; i++) {
        const struct link *store = peers_link_of(&router->peers, i, SERVICE_STORE);
        if (!store->up && (store->problem == LINK_NO_PROBLEM || store->problem == LINK_ASKING))
            return false;
    }
    return keyring_is_complete(&router->keyring);
}

void router_observe(uint64_t *p99_us, uint64_t elapsed_ms)
{
    p99_follow(p99_us, elapsed_ms * 1000);
}

unsigned router_tick_within_ms(const struct router *router)
{
    bool is_waiting = router->flights.count || router->keyring.held_count ||
                      router->epochs.proposal.state != PROPOSAL_NONE;
    return is_waiting ? FLIGHTS_TICK_MS : peers_tick_within_ms(&router->peers);
}
