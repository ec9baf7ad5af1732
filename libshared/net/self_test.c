// net_self_test(): a stranger must be refused.
#include "net/net_inside.h"
#include "net/socket.h"
#include "os/clock.h"

#include <stdio.h>

// Serves the ZAP handler until the monitor of a stranger's connection tells how it ended.
static enum status await_refusal(struct net *net, void *monitor, const char *endpoint,
                                 struct fault *fault)
{
    uint64_t deadline_ms = clock_mono_ms() + NET_SELF_TEST_MS;
    for (uint64_t now_ms; (now_ms = clock_mono_ms()) < deadline_ms;) {
        zmq_pollitem_t items[] = {{.socket = net->zap.socket, .events = ZMQ_POLLIN},
                                  {.socket = monitor, .events = ZMQ_POLLIN}};
        zmq_poll(items, 2, (long)(deadline_ms - now_ms));
        zap_serve(&net->zap);
        int event = monitor_next(monitor, NULL);
        if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED)
            return fault_set(fault, STATUS_REFUSED, "%s lets strangers in", endpoint);
        if (event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH)
            return STATUS_OK;
    }
    return fault_set(fault, STATUS_TIMEOUT, "%s did not refuse a stranger in time", endpoint);
}

static enum status test_listener(struct net *net, const struct listener *listener,
                                 struct fault *fault)
{
    struct net_options options = net->options;
    net_keys_generate(&options.keys);
    char name[48];
    snprintf(name, sizeof name, "inproc://monitor-%llu", (unsigned long long)net->monitor_serial++);
    void *socket, *monitor;
    enum status status =
        socket_connect(net->context, &options, listener->endpoint, net->options.keys.public_key,
                       name, &socket, &monitor, fault);
    if (status)
        return status;
    uint64_t refused_count = net->zap.refused_count; // the test is not news
    status = await_refusal(net, monitor, listener->endpoint, fault);
    net->zap.refused_count = refused_count;
    zmq_socket_monitor(socket, NULL, 0);
    zmq_close(monitor);
    zmq_close(socket);
    return status;
}

enum status net_self_test(struct net *net, struct fault *fault)
{
    enum status status = STATUS_OK;
    for (uint32_t i = 0; !status && i < net->listener_count; i++) {
        if (net->listeners[i].admission.proof == PROOF_KEY)
            status = test_listener(net, &net->listeners[i], fault);
    }
    return status;
}
