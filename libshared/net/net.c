#include "net/state.h"

#include "base/endian.h"
#include "base/xalloc.h"
#include "net/accept.h"
#include "net/ration.h"
#include "net/zap.h"
#include "os/clock.h"
#include "os/descriptors.h"

#include <assert.h>
#include <errno.h>
#include <nss.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <zmq.h>

enum {
    FAREWELL_MS = 100,   // for answers that are on their way when the net closes
    ROUTING_ID_SIZE = 5, // a zero byte and the number that ROUTER gave the connection
    NUMBER_BITS = 40,    // of a link_id; the listener is above
};

// Connections of others, of about 40 KiB each. An honest client is a stranger for some
// milliseconds; 128 may be at a time from one address, and 16 a second there may fail.
enum {
    CONNECTIONS_MAX = 4096, // and no more than half of the descriptors
    SHARES = 4,             // one address has at most so much of them
    STRANGERS_MAX = 384,
    CREDIT_MAX = 128,
    CREDIT_PER_S = 16,
};

enum status net_open(struct net **net, const struct net_options *options, struct fault *fault)
{
    // libzmq asks for the number of a protocol that we never use; where the system would
    // look in a database first, that alone is a hundred system calls at every start.
    __nss_configure_lookup("protocols", "files");
    void *context = zmq_ctx_new();
    if (!context)
        return fault_set(fault, STATUS_IO, "no ZeroMQ context: %s", zmq_strerror(errno));
    zmq_ctx_set(context, ZMQ_IO_THREADS, 1);
    zmq_ctx_set(context, ZMQ_MAX_SOCKETS, 3 * NET_LINKS_MAX + 64); // a link and two for its monitor
    struct net *opened = xcalloc(1, sizeof *opened);
    opened->options = *options;
    opened->context = context;
    opened->is_stale = true;
    zmq_msg_init(&opened->message);
    *net = opened;
    return STATUS_OK;
}

void net_close(struct net *net)
{
    if (!net)
        return;
    for (uint32_t i = 0; i < net->link_count; i++)
        net_disconnect(net, i);
    guard_close(net->guard);
    for (uint32_t i = 0; i < net->listener_count; i++) {
        int linger_ms = FAREWELL_MS;
        zmq_setsockopt(net->listeners[i].socket, ZMQ_LINGER, &linger_ms, sizeof linger_ms);
        zmq_close(net->listeners[i].socket);
        free(net->listeners[i].endpoint);
    }
    zap_close(&net->zap);
    zmq_msg_close(&net->message);
    while (zmq_ctx_term(net->context) && errno == EINTR)
        continue;
    free(net->links);
    free(net->items);
    free(net->sources);
    free(net->ready);
    explicit_bzero(&net->options.keys, sizeof net->options.keys);
    free(net);
}

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
static enum status open_doorkeepers(struct net *net, struct fault *fault)
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

enum status net_listen(struct net *net, const struct net_listener *options, struct fault *fault)
{
    char domain[ZAP_DOMAIN_SIZE];
    struct listener listener = {0};
    if (net->listener_count == DOORS_MAX)
        return fault_set(fault, STATUS_TOO_LARGE, "%s: too many listeners", options->endpoint);
    enum status status = open_doorkeepers(net, fault);
    if (!status)
        status = door_of(options, &listener.door, fault);
    if (status)
        return status;
    zap_add_door(&net->zap, &listener.door, domain);
    status = socket_open_router(net->context, &net->options.keys, options, &listener.door, domain,
                                &listener.socket, fault);
    if (status)
        return status;
    status = guard_watch(net->guard, listener.socket, &listener.door, fault);
    if (!status)
        status = socket_bind(listener.socket, options, &listener.door, fault);
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

static struct pollfd item_of(void *socket)
{
    int fd = -1; // poll() passes over it
    size_t size = sizeof fd;
    if (socket)
        zmq_getsockopt(socket, ZMQ_FD, &fd, &size);
    return (struct pollfd){.fd = fd, .events = POLLIN};
}

static void add_source(struct net *net, enum source_kind kind, uint32_t index, void *socket)
{
    net->items[1 + net->source_count] = item_of(socket);
    net->sources[net->source_count++] = (struct source){kind, index, socket};
}

// Whether the socket of this source may have messages that its descriptor does not show.
static bool *unsure_of(struct net *net, const struct source *source)
{
    return source->kind == SOURCE_LISTENER ? &net->listeners[source->index].is_unsure
                                           : &net->links[source->index].is_unsure;
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

static void read_monitor(struct net *net, struct link *link)
{
    int event;
    while ((event = monitor_next(link->monitor, NULL))) {
        // What comes behind a reason, such as the end of the connection, does not replace it.
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

static void list_sources(struct net *net)
{
    uint32_t count = net->listener_count;
    for (uint32_t i = 0; i < net->link_count; i++)
        count += net->links[i].socket ? 2 : 0;
    if (count > net->source_capacity || !net->items) {
        net->source_capacity = 2 * count;
        net->sources = xrealloc(net->sources, (2 * count + 1) * sizeof *net->sources);
        net->ready = xrealloc(net->ready, (2 * count + 1) * sizeof *net->ready);
        net->items = xrealloc(net->items, (2 * count + 1 + NET_FDS_MAX) * sizeof *net->items);
    }
    net->source_count = 0;
    for (uint32_t i = 0; i < net->listener_count; i++) {
        net->listeners[i].is_unsure = true;
        add_source(net, SOURCE_LISTENER, i, net->listeners[i].socket);
    }
    for (uint32_t i = 0; i < net->link_count; i++) {
        if (!net->links[i].socket)
            continue;
        net->links[i].is_unsure = true;
        add_source(net, SOURCE_LINK, i, net->links[i].socket);
        add_source(net, SOURCE_MONITOR, i, net->links[i].monitor);
        // A pipe wakes only a reader that once found it empty.
        read_monitor(net, &net->links[i]);
    }
    net->items[0] = item_of(net->zap.socket); // a client has none
    net->is_stale = false;
}

static bool has_message(void *socket)
{
    int events = 0;
    size_t size = sizeof events;
    return zmq_getsockopt(socket, ZMQ_EVENTS, &events, &size) == 0 && (events & ZMQ_POLLIN);
}

// Asks those that are unsure. What is ready stays unsure until it was drained.
static void ask_unsure(struct net *net)
{
    for (uint32_t i = 0; i < net->source_count; i++) {
        const struct source *source = &net->sources[i];
        if (source->kind == SOURCE_MONITOR || !*unsure_of(net, source))
            continue;
        if (has_message(source->socket))
            net->ready[net->ready_count++] = *source;
        else
            *unsure_of(net, source) = false;
    }
}

static void ask_moved(struct net *net)
{
    for (uint32_t i = 0; i < net->source_count; i++) {
        const struct source *source = &net->sources[i];
        if (!net->items[1 + i].revents)
            continue;
        if (source->kind == SOURCE_MONITOR) {
            read_monitor(net, &net->links[source->index]);
        } else if (!*unsure_of(net, source) && has_message(source->socket)) {
            *unsure_of(net, source) = true;
            net->ready[net->ready_count++] = *source;
        }
    }
}

enum status net_wait(struct net *net, const int *fds, uint32_t fd_count, int timeout_ms)
{
    assert(fd_count <= NET_FDS_MAX);
    if (net->is_stale)
        list_sources(net);
    for (uint32_t i = 0; i < fd_count; i++)
        net->items[1 + net->source_count + i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
    net->ready_count = net->ready_next = 0;
    ask_unsure(net);
    if (net->ready_count)
        timeout_ms = 0;
    int moved = poll(net->items, 1 + net->source_count + fd_count, timeout_ms);
    if (moved < 0)
        return errno == EINTR ? STATUS_OK : STATUS_IO;
    if (moved)
        ask_moved(net);
    if (net->items[0].revents)
        zap_serve(&net->zap);
    return STATUS_OK;
}

static bool receive_frame(void *socket, zmq_msg_t *frame)
{
    return zmq_msg_recv(frame, socket, ZMQ_DONTWAIT) >= 0;
}

// True if the body, the last frame of the message, is in net->message; else the message
// was dropped whole.
static bool receive_body(struct net *net, void *socket)
{
    unsigned extra = 0;
    while (zmq_msg_more(&net->message)) {
        if (!receive_frame(socket, &net->message))
            return false;
        extra++;
    }
    net->malformed_count += extra > 0;
    return extra == 0;
}

// Who sent the message: what libzmq attached to its body (to the routing id it is lost
// after a poll, libzmq 4.3.4).
static void identify(struct net *net, const struct listener *listener, struct arrival *arrival)
{
    const char *user = zmq_msg_gets(&net->message, "User-Id");
    arrival->role = ROLE_NONE;
    arrival->node = 0;
    if (user)
        arrival->role = zap_role(&net->zap, &listener->door, user, &arrival->node);
}

enum outcome { OUTCOME_EMPTY, OUTCOME_DROPPED, OUTCOME_RECEIVED };

static enum outcome receive_at_listener(struct net *net, uint32_t index, struct arrival *arrival)
{
    const struct listener *listener = &net->listeners[index];
    if (!receive_frame(listener->socket, &net->message))
        return OUTCOME_EMPTY;
    const uint8_t *id = zmq_msg_data(&net->message);
    bool is_ours = zmq_msg_size(&net->message) == ROUTING_ID_SIZE && id[0] == 0;
    uint32_t number = is_ours ? load_u32_be(id + 1) : 0;
    if (!zmq_msg_more(&net->message) || !receive_frame(listener->socket, &net->message) ||
        !receive_body(net, listener->socket))
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

static enum outcome receive_on_link(struct net *net, uint32_t number, struct arrival *arrival)
{
    const struct link *link = find_link(net, number); // may have gone since the last wait
    if (!link || !receive_frame(link->socket, &net->message))
        return OUTCOME_EMPTY;
    if (!receive_body(net, link->socket))
        return OUTCOME_DROPPED;
    *arrival = (struct arrival){.link = net_link(number), .role = ROLE_PEER};
    return OUTCOME_RECEIVED;
}

bool net_receive(struct net *net, struct arrival *arrival, struct bytes *message)
{
    while (net->ready_count) {
        if (net->ready_next >= net->ready_count)
            net->ready_next = 0;
        struct source source = net->ready[net->ready_next];
        enum outcome outcome = source.kind == SOURCE_LISTENER
                                   ? receive_at_listener(net, source.index, arrival)
                                   : receive_on_link(net, source.index, arrival);
        if (outcome == OUTCOME_EMPTY) {
            *unsure_of(net, &source) = false;
            net->ready[net->ready_next] = net->ready[--net->ready_count];
            continue;
        }
        net->ready_next++;
        if (outcome == OUTCOME_RECEIVED) {
            *message = bytes_of(zmq_msg_data(&net->message), zmq_msg_size(&net->message));
            return true;
        }
    }
    return false;
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

static enum status send_on_link(struct net *net, uint32_t number, struct bytes message)
{
    struct link *link = find_link(net, number);
    if (!link)
        return STATUS_UNREACHABLE;
    link->is_unsure = true;
    if (zmq_send(link->socket, message.data, message.size, ZMQ_DONTWAIT) >= 0)
        return STATUS_OK;
    return errno == EAGAIN && link->is_connected ? STATUS_BUSY : STATUS_UNREACHABLE;
}

enum status net_send(struct net *net, link_id to, struct bytes message)
{
    if (net_is_link(to))
        return send_on_link(net, net_link_number(to), message);
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

void net_keys_generate(struct net_keys *keys)
{
    int failed = zmq_curve_keypair(keys->public_key, keys->secret_key);
    assert(!failed); // a libzmq without CURVE
    (void)failed;
}
