// Links: their connectors, and what the monitors of those say.
#include "net/net_inside.h"
#include "net/socket.h"

#include "base/xalloc.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static struct connector *find_connector(struct net *net, uint32_t number)
{
    if (number >= net->connector_count || !net->connectors[number].socket)
        return NULL;
    return &net->connectors[number];
}

static enum status make_socket(struct net *net, struct connector *connector, struct fault *fault)
{
    char name[48];
    snprintf(name, sizeof name, "inproc://monitor-%llu", (unsigned long long)net->monitor_serial++);
    net->is_stale = true;
    return socket_connect(net->context, &net->options, connector->endpoint,
                          connector->server_key[0] ? connector->server_key : NULL, name,
                          &connector->socket, &connector->monitor, fault);
}

static void set_lost(struct net *net, struct connector *connector, bool is_lost)
{
    net->lost_count += (uint32_t)is_lost - (uint32_t)connector->is_lost;
    connector->is_lost = is_lost;
}

static void close_socket(struct net *net, struct connector *connector)
{
    if (!connector->socket)
        return;
    zmq_socket_monitor(connector->socket, NULL, 0);
    zmq_close(connector->monitor);
    zmq_close(connector->socket);
    connector->socket = connector->monitor = NULL;
    connector->is_connected = false;
    set_lost(net, connector, false);
    net->is_stale = true;
}

enum status net_connect(struct net *net, uint32_t number, const char *endpoint,
                        const char *server_key, struct fault *fault)
{
    assert(number < NET_LINKS_MAX && !find_connector(net, number));
    if (number >= net->connector_count) {
        net->connectors = xrealloc(net->connectors, (number + 1) * sizeof *net->connectors);
        memset(net->connectors + net->connector_count, 0,
               (number + 1 - net->connector_count) * sizeof *net->connectors);
        net->connector_count = number + 1;
    }
    struct connector *connector = &net->connectors[number];
    *connector = (struct connector){.endpoint = xstrdup(endpoint)};
    if (server_key)
        snprintf(connector->server_key, sizeof connector->server_key, "%s", server_key);
    enum status status = make_socket(net, connector, fault);
    if (status) {
        free(connector->endpoint);
        connector->endpoint = NULL;
    }
    return status;
}

void net_disconnect(struct net *net, uint32_t number)
{
    struct connector *connector = number < net->connector_count ? &net->connectors[number] : NULL;
    if (!connector || !connector->endpoint)
        return;
    close_socket(net, connector);
    free(connector->endpoint);
    connector->endpoint = NULL;
}

enum status net_reconnect(struct net *net, uint32_t number, struct fault *fault)
{
    struct connector *connector = number < net->connector_count ? &net->connectors[number] : NULL;
    if (!connector || !connector->endpoint)
        return fault_set(fault, STATUS_NOT_FOUND, "there is no link %u", (unsigned)number);
    close_socket(net, connector);
    return make_socket(net, connector, fault); // if that fails, a later call may succeed
}

static enum net_failure failure_of(int event)
{
    switch (event) {
    case ZMQ_EVENT_CLOSED:
        return NET_FAILURE_NOBODY;
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
        return NET_FAILURE_REFUSED;
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL: // the peer was the first to find out
        return NET_FAILURE_MISMATCH;
    default:
        return NET_FAILURE_NONE;
    }
}

void connector_read_monitor(struct net *net, struct connector *connector)
{
    int event;
    while ((event = monitor_next(connector->monitor, NULL))) {
        // An event behind a reason, as the end of the connection is, does not replace it.
        enum net_failure failure = failure_of(event);
        if (failure || event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED)
            connector->failure = failure;
        if (event == ZMQ_EVENT_CLOSED) // before there was anything to lose
            continue;
        connector->is_connected = event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED;
        if (!connector->is_connected)
            set_lost(net, connector, true); // stays so if it is connected again by now
    }
}

enum outcome connector_receive(struct net *net, uint32_t number, struct arrival *arrival)
{
    const struct connector *connector =
        find_connector(net, number); // may have gone since the last wait
    if (!connector || !net_receive_frame(net, connector->socket))
        return OUTCOME_EMPTY;
    if (!net_receive_body(net, connector->socket))
        return OUTCOME_DROPPED;
    *arrival = (struct arrival){.link = net_link(number), .role = ROLE_PEER};
    return OUTCOME_RECEIVED;
}

bool net_next_lost(struct net *net, uint32_t *number)
{
    for (uint32_t i = 0; net->lost_count && i < net->connector_count; i++) {
        if (!net->connectors[i].is_lost)
            continue;
        set_lost(net, &net->connectors[i], false);
        *number = i;
        return true;
    }
    return false;
}

enum net_failure net_take_failure(struct net *net, uint32_t number)
{
    struct connector *connector = find_connector(net, number);
    enum net_failure failure = connector ? connector->failure : NET_FAILURE_NONE;
    if (connector)
        connector->failure = NET_FAILURE_NONE;
    return failure;
}

enum status connector_send(struct net *net, uint32_t number, struct bytes message)
{
    struct connector *connector = find_connector(net, number);
    if (!connector)
        return STATUS_UNREACHABLE;
    connector->is_unsure = true;
    if (zmq_send(connector->socket, message.data, message.size, ZMQ_DONTWAIT) >= 0)
        return STATUS_OK;
    return errno == EAGAIN && connector->is_connected ? STATUS_BUSY : STATUS_UNREACHABLE;
}
