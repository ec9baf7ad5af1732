// Links: connections of ours, and what their monitors say.
#include "net/net_inside.h"

#include "base/xalloc.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static struct link *find_link(struct net *net, uint32_t number)
{
    if (number >= net->link_count || !net->links[number].socket)
        return NULL;
    return &net->links[number];
}

static enum status connect_link(struct net *net, struct link *link, struct fault *fault)
{
    char name[48];
    snprintf(name, sizeof name, "inproc://monitor-%llu", (unsigned long long)net->monitor_serial++);
    net->is_stale = true;
    return socket_connect(net->context, &net->options, link->endpoint,
                          link->server_key[0] ? link->server_key : NULL, name, &link->socket,
                          &link->monitor, fault);
}

static void set_lost(struct net *net, struct link *link, bool is_lost)
{
    net->lost_count += (uint32_t)is_lost - (uint32_t)link->is_lost;
    link->is_lost = is_lost;
}

static void disconnect_link(struct net *net, struct link *link)
{
    if (!link->socket)
        return;
    zmq_socket_monitor(link->socket, NULL, 0);
    zmq_close(link->monitor);
    zmq_close(link->socket);
    link->socket = link->monitor = NULL;
    link->is_connected = false;
    set_lost(net, link, false);
    net->is_stale = true;
}

enum status net_connect(struct net *net, uint32_t number, const char *endpoint,
                        const char *server_key, struct fault *fault)
{
    assert(number < NET_LINKS_MAX && !find_link(net, number));
    if (number >= net->link_count) {
        net->links = xrealloc(net->links, (number + 1) * sizeof *net->links);
        memset(net->links + net->link_count, 0,
               (number + 1 - net->link_count) * sizeof *net->links);
        net->link_count = number + 1;
    }
    struct link *link = &net->links[number];
    *link = (struct link){.endpoint = xstrdup(endpoint)};
    if (server_key)
        snprintf(link->server_key, sizeof link->server_key, "%s", server_key);
    enum status status = connect_link(net, link, fault);
    if (status) {
        free(link->endpoint);
        link->endpoint = NULL;
    }
    return status;
}

void net_disconnect(struct net *net, uint32_t number)
{
    struct link *link = number < net->link_count ? &net->links[number] : NULL;
    if (!link || !link->endpoint)
        return;
    disconnect_link(net, link);
    free(link->endpoint);
    link->endpoint = NULL;
}

enum status net_reconnect(struct net *net, uint32_t number, struct fault *fault)
{
    struct link *link = number < net->link_count ? &net->links[number] : NULL;
    if (!link || !link->endpoint)
        return fault_set(fault, STATUS_NOT_FOUND, "there is no link %u", (unsigned)number);
    disconnect_link(net, link);
    return connect_link(net, link, fault); // if that fails, a later call may succeed
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

void link_read_monitor(struct net *net, struct link *link)
{
    int event;
    while ((event = monitor_next(link->monitor, NULL))) {
        // An event behind a reason, as the end of the connection is, does not replace it.
        enum net_failure failure = failure_of(event);
        if (failure || event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED)
            link->failure = failure;
        if (event == ZMQ_EVENT_CLOSED) // before there was anything to lose
            continue;
        link->is_connected = event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED;
        if (!link->is_connected)
            set_lost(net, link, true); // stays so if it is connected again by now
    }
}

enum outcome link_receive(struct net *net, uint32_t number, struct arrival *arrival)
{
    const struct link *link = find_link(net, number); // may have gone since the last wait
    if (!link || !net_receive_frame(net, link->socket))
        return OUTCOME_EMPTY;
    if (!net_receive_body(net, link->socket))
        return OUTCOME_DROPPED;
    *arrival = (struct arrival){.link = net_link(number), .role = ROLE_PEER};
    return OUTCOME_RECEIVED;
}

bool net_next_lost(struct net *net, uint32_t *number)
{
    for (uint32_t i = 0; net->lost_count && i < net->link_count; i++) {
        if (!net->links[i].is_lost)
            continue;
        set_lost(net, &net->links[i], false);
        *number = i;
        return true;
    }
    return false;
}

enum net_failure net_take_failure(struct net *net, uint32_t number)
{
    struct link *link = find_link(net, number);
    enum net_failure failure = link ? link->failure : NET_FAILURE_NONE;
    if (link)
        link->failure = NET_FAILURE_NONE;
    return failure;
}

enum status link_send(struct net *net, uint32_t number, struct bytes message)
{
    struct link *link = find_link(net, number);
    if (!link)
        return STATUS_UNREACHABLE;
    link->is_unsure = true;
    if (zmq_send(link->socket, message.data, message.size, ZMQ_DONTWAIT) >= 0)
        return STATUS_OK;
    return errno == EAGAIN && link->is_connected ? STATUS_BUSY : STATUS_UNREACHABLE;
}
