#include "net/socket.h"

#include "net/endpoint.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

// Known to libzmq 4.3 but hidden behind its draft switch: without it a socket with a ZAP
// domain accepts everybody while no handler is there.
enum { OPTION_ZAP_ENFORCE_DOMAIN = 93 };

enum {
    QUEUE_COUNT = 32768, // messages, far above any credit
    HANDSHAKE_MS = 3000,
    CONNECT_MS = 2000,
    SILENCE_MS = 5000,          // unacknowledged tcp data for so long: the connection is dead
    BACKLOG_COUNT = 256,        // what a crowd may have us take before it is barred
    CURVE_OVERHEAD_SIZE = 33,   // a frame on the wire is larger than its message
    CURVE_HANDSHAKE_SIZE = 512, // and no handshake command is larger than this
};

static void set(void *socket, int option, int value)
{
    int failed = zmq_setsockopt(socket, option, &value, sizeof value);
    assert(!failed); // an option that the library does not know
    (void)failed;
}

static void set_common(void *socket, size_t message_size_max, const struct endpoint *endpoint)
{
    int64_t size_max = (int64_t)message_size_max + CURVE_OVERHEAD_SIZE;
    if (size_max < CURVE_HANDSHAKE_SIZE)
        size_max = CURVE_HANDSHAKE_SIZE;
    int failed = zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &size_max, sizeof size_max);
    assert(!failed);
    (void)failed;
    set(socket, ZMQ_LINGER, 0);
    set(socket, ZMQ_SNDHWM, QUEUE_COUNT);
    set(socket, ZMQ_RCVHWM, QUEUE_COUNT);
    set(socket, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS);
    if (endpoint->ipc)
        return;
    set(socket, ZMQ_IPV6, endpoint->ipv6);
    set(socket, ZMQ_TCP_MAXRT, SILENCE_MS);
    set(socket, ZMQ_TCP_KEEPALIVE, 1);
    set(socket, ZMQ_TCP_KEEPALIVE_IDLE, 10);
    set(socket, ZMQ_TCP_KEEPALIVE_INTVL, 3);
    set(socket, ZMQ_TCP_KEEPALIVE_CNT, 3);
}

// Wrong keys and a library without CURVE end here, so both are looked for.
static enum status set_curve(void *socket, const struct net_keys *keys, const char *server_key,
                             struct fault *fault)
{
    int is_server = !server_key;
    int failed;
    if (is_server)
        failed = zmq_setsockopt(socket, ZMQ_CURVE_SERVER, &is_server, sizeof is_server);
    else
        failed = zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, server_key, 41) ||
                 zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, keys->public_key, 41);
    failed = failed || zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, keys->secret_key, 41);
    int mechanism = ZMQ_NULL;
    size_t size = sizeof mechanism;
    if (failed || zmq_getsockopt(socket, ZMQ_MECHANISM, &mechanism, &size) ||
        mechanism != ZMQ_CURVE)
        return fault_set(fault, STATUS_INVALID, "CURVE keys are missing or not valid");
    return STATUS_OK;
}

static enum status set_domain(void *socket, const char *domain, struct fault *fault)
{
    char domain_set[32] = "";
    size_t domain_size = sizeof domain_set;
    int enforced = 1;
    size_t size = sizeof enforced;
    if (zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, domain, strlen(domain)) ||
        zmq_getsockopt(socket, ZMQ_ZAP_DOMAIN, domain_set, &domain_size) ||
        strcmp(domain, domain_set) ||
        zmq_setsockopt(socket, OPTION_ZAP_ENFORCE_DOMAIN, &enforced, sizeof enforced) ||
        zmq_getsockopt(socket, OPTION_ZAP_ENFORCE_DOMAIN, &enforced, &size) || enforced != 1)
        return fault_set(fault, STATUS_REFUSED, "libzmq does not enforce authentication");
    return STATUS_OK;
}

enum status socket_open_router(void *context, const struct net_keys *keys,
                               const struct net_listener *listener,
                               const struct admission *admission, const char *domain, void **socket,
                               struct fault *fault)
{
    struct endpoint endpoint;
    enum status status = endpoint_parse(listener->endpoint, &endpoint, fault);
    if (status)
        return status;
    void *router = zmq_socket(context, ZMQ_ROUTER);
    if (!router)
        return fault_set(fault, STATUS_IO, "%s: no socket: %s", listener->endpoint,
                         zmq_strerror(errno));
    set_common(router, listener->message_size_max, &endpoint);
    set(router, ZMQ_ROUTER_MANDATORY, 1);
    set(router, ZMQ_BACKLOG, BACKLOG_COUNT);
    status = set_domain(router, domain, fault);
    if (!status && admission->proof == PROOF_KEY)
        status = set_curve(router, keys, NULL, fault);
    if (status)
        zmq_close(router);
    else
        *socket = router;
    return status;
}

enum status socket_bind(void *socket, const struct net_listener *listener,
                        const struct admission *admission, struct fault *fault)
{
    mode_t before = umask(admission->role_local ? 0007 : 0077);
    int failed = zmq_bind(socket, listener->endpoint);
    umask(before);
    if (failed)
        return fault_set(fault, STATUS_UNREACHABLE, "%s: cannot listen: %s", listener->endpoint,
                         zmq_strerror(errno));
    return STATUS_OK;
}

// The PAIR is connected to one that the library binds.
void *monitor_open(void *context, void *socket, const char *name, int events)
{
    if (zmq_socket_monitor(socket, name, events))
        return NULL;
    void *monitor = zmq_socket(context, ZMQ_PAIR);
    if (!monitor)
        return NULL;
    set(monitor, ZMQ_LINGER, 0);
    set(monitor, ZMQ_RCVHWM, 0);
    if (zmq_connect(monitor, name)) {
        zmq_close(monitor);
        return NULL;
    }
    return monitor;
}

enum status socket_connect(void *context, const struct net_options *options, const char *text,
                           const char *server_key, const char *monitor_name, void **socket,
                           void **monitor, struct fault *fault)
{
    struct endpoint endpoint;
    enum status status = endpoint_parse(text, &endpoint, fault);
    if (status)
        return status;
    if (!endpoint.ipc && !endpoint.loopback && !server_key)
        return fault_set(fault, STATUS_REFUSED, "%s: tcp needs the key of the server", text);
    void *dealer = zmq_socket(context, ZMQ_DEALER);
    if (!dealer)
        return fault_set(fault, STATUS_IO, "%s: no socket: %s", text, zmq_strerror(errno));
    set_common(dealer, options->message_size_max, &endpoint);
    set(dealer, ZMQ_IMMEDIATE, 1);
    set(dealer, ZMQ_RECONNECT_IVL, endpoint.ipc ? 10 : 50);
    set(dealer, ZMQ_RECONNECT_IVL_MAX, endpoint.ipc ? 100 : 500);
    set(dealer, ZMQ_CONNECT_TIMEOUT, CONNECT_MS);
    if (!endpoint.ipc && server_key)
        status = set_curve(dealer, &options->keys, server_key, fault);
    int events = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_CLOSED |
                 ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                 ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;
    *monitor = status ? NULL : monitor_open(context, dealer, monitor_name, events);
    if (!status && (!*monitor || zmq_connect(dealer, text)))
        status =
            fault_set(fault, STATUS_INVALID, "%s: cannot connect: %s", text, zmq_strerror(errno));
    if (status) {
        if (*monitor)
            zmq_close(*monitor);
        zmq_close(dealer);
        *monitor = NULL;
        return status;
    }
    *socket = dealer;
    return STATUS_OK;
}

// An event is two frames: u16 event and u32 value, then the address.
int monitor_next(void *monitor, uint32_t *value)
{
    uint8_t frame[6];
    int size = zmq_recv(monitor, frame, sizeof frame, ZMQ_DONTWAIT);
    if (size < 0)
        return 0;
    uint16_t event = 0;
    memcpy(&event, frame, sizeof event);
    if (value)
        memcpy(value, frame + sizeof event, sizeof *value);
    int more = 1;
    size_t more_size = sizeof more;
    while (!zmq_getsockopt(monitor, ZMQ_RCVMORE, &more, &more_size) && more)
        zmq_recv(monitor, frame, sizeof frame, ZMQ_DONTWAIT);
    return event;
}
