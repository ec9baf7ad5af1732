#include "net/net_inside.h"

#include "base/xalloc.h"

#include <assert.h>
#include <errno.h>
#include <nss.h>
#include <stdlib.h>

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
    for (uint32_t i = 0; i < net->connector_count; i++)
        net_disconnect(net, i);
    if (net->listening)
        net->listening->close(net);
    zmq_msg_close(&net->message);
    while (zmq_ctx_term(net->context) && errno == EINTR)
        continue;
    free(net->connectors);
    free(net->items);
    free(net->sources);
    free(net->ready);
    explicit_bzero(&net->options.keys, sizeof net->options.keys);
    free(net);
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
                                           : &net->connectors[source->index].is_unsure;
}

static void list_sources(struct net *net)
{
    uint32_t count = net->listener_count;
    for (uint32_t i = 0; i < net->connector_count; i++)
        count += net->connectors[i].socket ? 2 : 0;
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
    for (uint32_t i = 0; i < net->connector_count; i++) {
        if (!net->connectors[i].socket)
            continue;
        net->connectors[i].is_unsure = true;
        add_source(net, SOURCE_CONNECTOR, i, net->connectors[i].socket);
        add_source(net, SOURCE_MONITOR, i, net->connectors[i].monitor);
        // A pipe wakes only a reader that once found it empty.
        connector_read_monitor(net, &net->connectors[i]);
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

// Asks those that are unsure. A socket that is ready stays unsure until it was drained.
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
            connector_read_monitor(net, &net->connectors[source->index]);
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
        net->listening->serve(net);
    return STATUS_OK;
}

bool net_receive_frame(struct net *net, void *socket)
{
    return zmq_msg_recv(&net->message, socket, ZMQ_DONTWAIT) >= 0;
}

bool net_receive_body(struct net *net, void *socket)
{
    unsigned extra = 0;
    while (zmq_msg_more(&net->message)) {
        if (!net_receive_frame(net, socket))
            return false;
        extra++;
    }
    net->malformed_count += extra > 0;
    return extra == 0;
}

bool net_receive(struct net *net, struct arrival *arrival, struct bytes *message)
{
    while (net->ready_count) {
        if (net->ready_next >= net->ready_count)
            net->ready_next = 0;
        struct source source = net->ready[net->ready_next];
        enum outcome outcome = source.kind == SOURCE_LISTENER
                                   ? net->listening->receive(net, source.index, arrival)
                                   : connector_receive(net, source.index, arrival);
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

enum status net_send(struct net *net, link_id to, struct bytes message)
{
    if (net_is_link(to))
        return connector_send(net, net_link_number(to), message);
    return net->listening ? net->listening->send(net, to, message) : STATUS_UNREACHABLE;
}

void net_keys_generate(struct net_keys *keys)
{
    int failed = zmq_curve_keypair(keys->public_key, keys->secret_key);
    assert(!failed); // a libzmq without CURVE
    (void)failed;
}
