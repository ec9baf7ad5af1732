#include "client/route.h"

#include <stdlib.h>

enum {
    TRANSFER_BYTES_PER_MS = 8 * 1024, // slower connections than this look lost
    YOUNG_MS = 20,                    // a connection on this machine takes less
};

void route_release(struct route *route)
{
    buf_release(&route->said);
    free(route->queue.ids);
    *route = (struct route){0};
}

static bool is_waiting(const struct route *route)
{
    return route->sent_count || route->queue.count || route->is_tried;
}

void route_want(struct route *route, uint64_t now_ms)
{
    if (route->state == ROUTE_CLOSED)
        route->state = ROUTE_WANTED;
    if (is_waiting(route))
        return;
    route->asked_ms = now_ms;
    if (route->state == ROUTE_CONNECTING)
        route->begun_ms = now_ms; // the time before was nobody's to wait
}

void route_begin(struct route *route, uint64_t now_ms)
{
    route->state = ROUTE_CONNECTING;
    route->begun_ms = now_ms;
    route->again_ms = 0;
    route->clock = (struct peer_clock){0};
    route->received_size = 0;
}

void route_on_open(struct route *route, uint64_t now_ms)
{
    route->state = ROUTE_OPEN;
    route->why = STATUS_OK;
    buf_clear(&route->said);
    route->heard_ms = route->asked_ms = now_ms;
    route->again_ms = 0;
}

void route_on_message(struct route *route, const struct message_header *header, uint64_t now_ms)
{
    route->heard_ms = now_ms;
    route->received_size += header->body_size;
    peer_clock_learn(&route->clock, header, now_ms);
}

void route_on_lost(struct route *route, enum status why, struct bytes said, uint64_t now_ms)
{
    route->is_to_close = route->state >= ROUTE_CONNECTING;
    route->state = ROUTE_CLOSED;
    route->why = why;
    buf_set(&route->said, said);
    route->again_ms = now_ms + ROUTE_RECONNECT_MS;
    route->clock = (struct peer_clock){0};
    route->is_doubted = true;
    route->is_tried = false;
    route_rest(route, now_ms);
}

// ---- rests ------------------------------------------------------------------------

void route_rest(struct route *route, uint64_t now_ms)
{
    if (now_ms < route->rests_until_ms)
        return;
    route->rest_ms = route->rest_ms ? 2 * route->rest_ms : ROUTE_REST_FIRST_MS;
    if (route->rest_ms > ROUTE_REST_MAX_MS)
        route->rest_ms = ROUTE_REST_MAX_MS;
    route->rests_until_ms = now_ms + route->rest_ms;
}

bool route_is_fit(const struct route *route, uint64_t now_ms)
{
    return !route->is_doubted && now_ms >= route->rests_until_ms;
}

void route_try(struct route *route, uint64_t now_ms)
{
    if (!route->is_doubted || route->state != ROUTE_CLOSED || now_ms < route->rests_until_ms)
        return;
    route->is_tried = true;
    route->state = ROUTE_WANTED;
}

void route_trust(struct route *route)
{
    route->is_doubted = route->is_tried = false;
    route->rests_until_ms = 0;
}

void route_on_answer(struct route *route)
{
    route->rest_ms = 0;
}

// ---- silence ----------------------------------------------------------------------

static uint64_t quiet_ms(const struct route *route, uint64_t now_ms)
{
    return now_ms - (route->heard_ms > route->asked_ms ? route->heard_ms : route->asked_ms);
}

bool route_is_silent(const struct route *route, uint64_t now_ms)
{
    if (!is_waiting(route))
        return false;
    if (route->state == ROUTE_CONNECTING)
        return now_ms - route->begun_ms >= route->connect_max_ms;
    // A router that is still receiving large values cannot answer a PING behind them.
    uint64_t patience_ms = ROUTE_SILENCE_MS + route->sent_size / TRANSFER_BYTES_PER_MS;
    return route->state == ROUTE_OPEN && quiet_ms(route, now_ms) >= patience_ms;
}

static bool is_stale(const struct route *route, uint64_t now_ms)
{
    return route->clock.is_known && now_ms - route->heard_ms >= ROUTE_STALE_MS;
}

bool route_wants_ping(const struct route *route, uint64_t now_ms)
{
    if (route->state != ROUTE_OPEN || !is_waiting(route) ||
        now_ms - route->pinged_ms < ROUTE_PING_AFTER_MS)
        return false;
    return quiet_ms(route, now_ms) >= ROUTE_PING_AFTER_MS ||
           (route->queue.count && is_stale(route, now_ms));
}

bool route_takes(const struct route *route, enum message_type type, uint64_t now_ms)
{
    if (route->state != ROUTE_OPEN || now_ms < route->again_ms || is_stale(route, now_ms))
        return false;
    return type != MESSAGE_PUT || route->clock.is_known;
}

uint64_t route_wake_ms(const struct route *route, uint64_t now_ms)
{
    if (route->is_to_close)
        return now_ms;
    if (route->state == ROUTE_WANTED)
        return route->again_ms;
    if (!is_waiting(route) || route->state == ROUTE_CLOSED)
        return UINT64_MAX;
    if (route->state == ROUTE_CONNECTING) // nobody tells when it is made
        return now_ms + (now_ms - route->begun_ms < YOUNG_MS ? 1 : YOUNG_MS / 2);
    if (now_ms < route->again_ms)
        return route->again_ms;
    return now_ms + ROUTE_PING_AFTER_MS / 2;
}
