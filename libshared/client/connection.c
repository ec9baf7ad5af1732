#include "client/connection.h"

#include <stdlib.h>

enum {
    TRANSFER_BYTES_PER_MS = 8 * 1024, // slower connections than this look lost
    YOUNG_MS = 20,                    // a connection on this machine takes less
};

void connection_release(struct connection *connection)
{
    buf_release(&connection->said);
    free(connection->queue.ids);
    *connection = (struct connection){0};
}

static bool is_waiting(const struct connection *connection)
{
    return connection->sent_count || connection->queue.count || connection->is_tried;
}

void connection_want(struct connection *connection, uint64_t now_ms)
{
    if (connection->state == CONNECTION_CLOSED)
        connection->state = CONNECTION_WANTED;
    if (is_waiting(connection))
        return;
    connection->asked_ms = now_ms;
    if (connection->state == CONNECTION_CONNECTING)
        connection->begun_ms = now_ms; // the time before was nobody's to wait
}

void connection_begin(struct connection *connection, uint64_t now_ms)
{
    connection->state = CONNECTION_CONNECTING;
    connection->begun_ms = now_ms;
    connection->again_ms = 0;
    connection->clock = (struct peer_clock){0};
    connection->received_size = 0;
}

void connection_on_open(struct connection *connection, uint64_t now_ms)
{
    connection->state = CONNECTION_OPEN;
    connection->why = STATUS_OK;
    buf_clear(&connection->said);
    connection->heard_ms = connection->asked_ms = now_ms;
    connection->again_ms = 0;
}

void connection_on_message(struct connection *connection, const struct message_header *header,
                           uint64_t now_ms)
{
    connection->heard_ms = now_ms;
    connection->received_size += header->body_size;
    peer_clock_learn(&connection->clock, header, now_ms);
}

void connection_on_lost(struct connection *connection, enum status why, struct bytes said,
                        uint64_t now_ms)
{
    connection->is_to_close = connection->state >= CONNECTION_CONNECTING;
    connection->state = CONNECTION_CLOSED;
    connection->why = why;
    buf_set(&connection->said, said);
    connection->again_ms = now_ms + CONNECTION_RECONNECT_MS;
    connection->clock = (struct peer_clock){0};
    connection->is_doubted = true;
    connection->is_tried = false;
    connection_rest(connection, now_ms);
}

// ---- rests ------------------------------------------------------------------------

void connection_rest(struct connection *connection, uint64_t now_ms)
{
    if (now_ms < connection->rests_until_ms)
        return;
    connection->rest_ms = connection->rest_ms ? 2 * connection->rest_ms : CONNECTION_REST_FIRST_MS;
    if (connection->rest_ms > CONNECTION_REST_MAX_MS)
        connection->rest_ms = CONNECTION_REST_MAX_MS;
    connection->rests_until_ms = now_ms + connection->rest_ms;
}

bool connection_is_fit(const struct connection *connection, uint64_t now_ms)
{
    return !connection->is_doubted && now_ms >= connection->rests_until_ms;
}

void connection_try(struct connection *connection, uint64_t now_ms)
{
    if (!connection->is_doubted || connection->state != CONNECTION_CLOSED ||
        now_ms < connection->rests_until_ms)
        return;
    connection->is_tried = true;
    connection->state = CONNECTION_WANTED;
}

void connection_trust(struct connection *connection)
{
    connection->is_doubted = connection->is_tried = false;
    connection->rests_until_ms = 0;
}

void connection_on_answer(struct connection *connection)
{
    connection->rest_ms = 0;
}

// ---- silence ----------------------------------------------------------------------

static uint64_t quiet_ms(const struct connection *connection, uint64_t now_ms)
{
    return now_ms - (connection->heard_ms > connection->asked_ms ? connection->heard_ms
                                                                 : connection->asked_ms);
}

bool connection_is_silent(const struct connection *connection, uint64_t now_ms)
{
    if (!is_waiting(connection))
        return false;
    if (connection->state == CONNECTION_CONNECTING)
        return now_ms - connection->begun_ms >= connection->connect_max_ms;
    // A router that is still receiving large values cannot answer a PING behind them.
    uint64_t patience_ms = CONNECTION_SILENCE_MS + connection->sent_size / TRANSFER_BYTES_PER_MS;
    return connection->state == CONNECTION_OPEN && quiet_ms(connection, now_ms) >= patience_ms;
}

static bool is_stale(const struct connection *connection, uint64_t now_ms)
{
    return connection->clock.is_known && now_ms - connection->heard_ms >= CONNECTION_STALE_MS;
}

bool connection_wants_ping(const struct connection *connection, uint64_t now_ms)
{
    if (connection->state != CONNECTION_OPEN || !is_waiting(connection) ||
        now_ms - connection->pinged_ms < CONNECTION_PING_AFTER_MS)
        return false;
    return quiet_ms(connection, now_ms) >= CONNECTION_PING_AFTER_MS ||
           (connection->queue.count && is_stale(connection, now_ms));
}

bool connection_takes(const struct connection *connection, enum message_type type, uint64_t now_ms)
{
    if (connection->state != CONNECTION_OPEN || now_ms < connection->again_ms ||
        is_stale(connection, now_ms))
        return false;
    return type != MESSAGE_PUT || connection->clock.is_known;
}

uint64_t connection_wake_ms(const struct connection *connection, uint64_t now_ms)
{
    if (connection->is_to_close)
        return now_ms;
    if (connection->state == CONNECTION_WANTED)
        return connection->again_ms;
    if (!is_waiting(connection) || connection->state == CONNECTION_CLOSED)
        return UINT64_MAX;
    if (connection->state == CONNECTION_CONNECTING) // nobody tells when it is made
        return now_ms + (now_ms - connection->begun_ms < YOUNG_MS ? 1 : YOUNG_MS / 2);
    if (now_ms < connection->again_ms)
        return connection->again_ms;
    return now_ms + CONNECTION_PING_AFTER_MS / 2;
}
