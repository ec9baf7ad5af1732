// Listeners: keep strangers out, and take messages from those who were let in.
#include "net/net_inside.h"

#include "base/endian.h"
#include "base/xalloc.h"
#include "net/accept.h"
#include "net/ration.h"
#include "net/socket.h"
#include "os/descriptors.h"

#include <errno.h>
#include <stdlib.h>

enum {
    FAREWELL_MS = 100,   // for answers that are on their way when the net closes
    ROUTING_ID_SIZE = 5, // a zero byte and the number that ROUTER gave the connection
    NUMBER_BITS = 40,    // of a link_id; the listener is above
};

// Connections of others, of about 40 KiB each. An honest client is a stranger for some
// milliseconds; 128 may be at a time from one address, and 16 a second there may fail.
enum {
    CONNECTIONS_MAX = 4096, // and no more than half of the descriptors
    SHARES = 4,             // one address has at most this part of them
    STRANGERS_MAX = 384,
    CREDIT_MAX = 128,
    CREDIT_PER_S = 16,
};

static struct crowd_limits find_limits(void)
{
    uint32_t max = descriptors_max() / 2;
    if (max > CONNECTIONS_MAX)
        max = CONNECTIONS_MAX;
    return (struct crowd_limits){
        .connections_max = max,
        .share_max = max / SHARES,
        .strangers_max = STRANGERS_MAX,
        .credit_max = CREDIT_MAX,
        .credit_per_s = CREDIT_PER_S,
    };
}

// Before the first listener, so that no handshake finds them missing.
static enum status keep_strangers_out(struct net *net, struct fault *fault)
{
    struct crowd_limits limits = find_limits();
    if (!net->guard)
        net->guard = guard_open(net->context, &limits);
    enum status status = accept_prepare(fault);
    if (!status)
        status = ration_prepare(fault);
    if (status || net->zap.socket)
        return status;
    return zap_open(&net->zap, net->context, net->options.directory, net->guard, fault);
}

// Finds the sender by what libzmq attached to the body (to the routing id it is lost after a
// poll, libzmq 4.3.4).
static void identify(struct net *net, const struct listener *listener, struct arrival *arrival)
{
    const char *user = zmq_msg_gets(&net->message, "User-Id");
    arrival->role = ROLE_NONE;
    arrival->node = 0;
    if (user)
        arrival->role = zap_role(&net->zap, &listener->admission, user, &arrival->node);
}

static enum outcome receive(struct net *net, uint32_t index, struct arrival *arrival)
{
    const struct listener *listener = &net->listeners[index];
    if (!net_receive_frame(net, listener->socket))
        return OUTCOME_EMPTY;
    const uint8_t *id = zmq_msg_data(&net->message);
    bool is_ours = zmq_msg_size(&net->message) == ROUTING_ID_SIZE && id[0] == 0;
    uint32_t number = is_ours ? load_u32_be(id + 1) : 0;
    if (!zmq_msg_more(&net->message) || !net_receive_frame(net, listener->socket) ||
        !net_receive_body(net, listener->socket))
        return OUTCOME_DROPPED;
    if (!is_ours) {
        net->malformed_count++;
        return OUTCOME_DROPPED;
    }
    arrival->link = (link_id)(index + 1) << NUMBER_BITS | number;
    identify(net, listener, arrival);
    if (arrival->role == ROLE_NONE) {
        net->unauthorised_count++;
        return OUTCOME_DROPPED;
    }
    return OUTCOME_RECEIVED;
}

static enum status answer(struct net *net, link_id to, struct bytes message)
{
    uint32_t index = (uint32_t)(to >> NUMBER_BITS) - 1;
    if (index >= net->listener_count)
        return STATUS_UNREACHABLE;
    void *socket = net->listeners[index].socket;
    net->listeners[index].is_unsure = true;
    uint8_t id[ROUTING_ID_SIZE] = {0};
    store_u32_be(id + 1, (uint32_t)to);
    if (zmq_send(socket, id, sizeof id, ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0)
        return errno == EAGAIN ? STATUS_BUSY : STATUS_UNREACHABLE;
    if (zmq_send(socket, message.data, message.size, ZMQ_DONTWAIT) < 0)
        return STATUS_UNREACHABLE;
    return STATUS_OK;
}

static void serve(struct net *net)
{
    zap_serve(&net->zap);
}

static void close_all(struct net *net)
{
    guard_close(net->guard);
    for (uint32_t i = 0; i < net->listener_count; i++) {
        int linger_ms = FAREWELL_MS;
        zmq_setsockopt(net->listeners[i].socket, ZMQ_LINGER, &linger_ms, sizeof linger_ms);
        zmq_close(net->listeners[i].socket);
        free(net->listeners[i].endpoint);
    }
    zap_close(&net->zap);
}

static const struct listening listening = {receive, answer, serve, close_all};

enum status net_listen(struct net *net, const struct net_listener *options, struct fault *fault)
{
    char domain[ZAP_DOMAIN_SIZE];
    struct listener listener = {0};
    if (net->listener_count == ADMISSIONS_MAX)
        return fault_set(fault, STATUS_TOO_LARGE, "%s: too many listeners", options->endpoint);
    net->listening = &listening;
    enum status status = keep_strangers_out(net, fault);
    if (!status)
        status = admission_of(options, &listener.admission, fault);
    if (status)
        return status;
    zap_add_admission(&net->zap, &listener.admission, domain);
    status = socket_open_router(net->context, &net->options.keys, options, &listener.admission,
                                domain, &listener.socket, fault);
    if (status)
        return status;
    status = guard_watch(net->guard, listener.socket, &listener.admission, fault);
    if (!status)
        status = socket_bind(listener.socket, options, &listener.admission, fault);
    listener.endpoint = xstrdup(options->endpoint);
    net->listeners[net->listener_count++] = listener; // bound or not, it is closed with the net
    net->is_stale = true;
    return status;
}

// Not zmq_unbind(): it ends the connections that came through the listener.
void net_unlisten(struct net *net)
{
    net->zap.is_shut = true;
}

struct net_refusals net_refusals(struct net *net)
{
    if (net->guard)
        net->shut = guard_refusals(net->guard);
    return (struct net_refusals){
        .connections = net->zap.refused_count,
        .unauthorised = net->unauthorised_count,
        .malformed = net->malformed_count,
        .shut = net->shut.count,
        .stranger = net->zap.refused,
        .crowder = net->shut.last,
    };
}
