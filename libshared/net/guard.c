#include "net/guard.h"

#include "base/xalloc.h"
#include "net/bar.h"
#include "net/endpoint.h"
#include "net/ration.h"
#include "net/socket.h"
#include "os/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

enum {
    BAR_MS = 100, // between changes of bars, which cost the whole machine a moment
    // Greeting 64, WELCOME 170, and an ERROR of 12: the most that a stranger is told. With a
    // READY it is 301 at least.
    TOLD_SIZE_MAX = 272,
    USER_MARK = 0xff, // stands for a local user: in IPv6 it begins a group, never a peer
};

struct watch {
    void *listener;
    void *monitor;
    enum proof proof;
    int fd;                    // that listens, -1 = not yet
    struct ration_port ration; // of tcp
};

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

struct guard {
    void *context;
    struct watch watches[ADMISSIONS_MAX];
    uint32_t watch_count;
    struct crowd crowd;
    union address *addresses; // of the guests, by descriptor
    uint32_t capacity;
    uint64_t bars_ms; // when they may change again

    pthread_t thread; // while it runs, what is above is its own
    bool is_running;
    int stop_fd;

    pthread_mutex_t mutex; // guards the rest
    struct guard_refusals refusals;
    struct crowd_address *admitted; // that the crowd does not know of yet
    uint32_t admitted_count, admitted_capacity;
};

// ---- what the kernel knows of a descriptor ---------------------------------------------

static bool find_peer(int fd, union address *address)
{
    socklen_t size = sizeof *address;
    memset(address, 0, sizeof *address);
    return !getpeername(fd, &address->any, &size);
}

// A client sends nothing more than a handshake before it has our READY, and acknowledges that with
// what it sends then.
static bool has_proved(int fd)
{
    struct tcp_info info = {0};
    socklen_t size = sizeof info;
    return !getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) &&
           info.tcpi_bytes_acked > TOLD_SIZE_MAX;
}

static struct crowd_address address_of(const union address *address)
{
    struct crowd_address found = {{0}};
    if (address->any.sa_family == AF_INET) {
        memset(found.bytes + 10, 0xff, 2);
        memcpy(found.bytes + 12, &address->v4.sin_addr, 4);
    } else if (IN6_IS_ADDR_V4MAPPED(&address->v6.sin6_addr)) {
        memcpy(found.bytes, &address->v6.sin6_addr, 16);
    } else {
        memcpy(found.bytes, &address->v6.sin6_addr, 8);
    }
    return found;
}

static struct crowd_address address_of_user(uid_t uid)
{
    struct crowd_address found = {{[0] = USER_MARK}};
    memcpy(found.bytes + 12, &uid, sizeof uid);
    return found;
}

static void format_address(const struct crowd_address *address, char *text, size_t size)
{
    static const uint8_t zeros[10];
    uid_t uid;
    memcpy(&uid, address->bytes + 12, sizeof uid);
    if (address->bytes[0] == USER_MARK)
        snprintf(text, size, "the local user %u", (unsigned)uid);
    else if (!memcmp(address->bytes, zeros, sizeof zeros) && address->bytes[10])
        inet_ntop(AF_INET, address->bytes + 12, text, (socklen_t)size);
    else
        inet_ntop(AF_INET6, address->bytes, text, (socklen_t)size);
}

// ---- shutting --------------------------------------------------------------------------

// It is counted first: a peer that sees its connection end may look at the count.
static void shut(struct guard *guard, int fd, const struct crowd_address *address)
{
    pthread_mutex_lock(&guard->mutex);
    guard->refusals.count++;
    format_address(address, guard->refusals.last, sizeof guard->refusals.last);
    pthread_mutex_unlock(&guard->mutex);
    shutdown(fd, SHUT_RDWR); // ENOTSOCK, ENOTCONN and EBADF are as good
}

static void shut_guest(struct guard *guard, int fd)
{
    union address now;
    const union address *then = &guard->addresses[fd];
    if (find_peer(fd, &now) && !memcmp(&now, then, sizeof now)) {
        struct crowd_address address = address_of(then);
        shut(guard, fd, &address);
    }
    crowd_leave(&guard->crowd, fd, guard->crowd.guests[fd].listener);
}

// A peer that sent more than a handshake takes, and was not told enough, has no key. On a thread of
// the library.
static bool may_go_on(void *context, int fd)
{
    struct guard *guard = context;
    union address peer;
    if (has_proved(fd))
        return true;
    if (find_peer(fd, &peer)) {
        struct crowd_address address = address_of(&peer);
        shut(guard, fd, &address);
    }
    return false;
}

// ---- what the monitors say -------------------------------------------------------------

static void remember_address(struct guard *guard, int fd, const union address *address)
{
    uint32_t capacity = guard->capacity ? guard->capacity : 64;
    while (capacity <= (uint32_t)fd)
        capacity *= 2;
    if (capacity != guard->capacity)
        guard->addresses = xrealloc(guard->addresses, capacity * sizeof *guard->addresses);
    guard->capacity = capacity;
    guard->addresses[fd] = *address;
}

static void on_accepted_tcp(struct guard *guard, uint32_t listener, int fd)
{
    const struct watch *watch = &guard->watches[listener];
    union address peer;
    if (endpoint_port_of(fd) != watch->ration.number || !find_peer(fd, &peer))
        return; // it is gone already
    struct crowd_address address = address_of(&peer);
    bool is_stranger = watch->proof == PROOF_KEY;
    remember_address(guard, fd, &peer);
    if (!crowd_enter(&guard->crowd, fd, listener, &address, is_stranger, clock_mono_ms()))
        shut(guard, fd, &address);
}

static void on_accepted_ipc(struct guard *guard, uint32_t listener, int fd)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    int domain = 0;
    socklen_t domain_size = sizeof domain;
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &domain_size) || domain != AF_UNIX ||
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size))
        return;
    struct crowd_address address = address_of_user(peer.uid);
    if (!crowd_enter(&guard->crowd, fd, listener, &address, false, clock_mono_ms()))
        shut(guard, fd, &address);
}

static void on_event(struct guard *guard, uint32_t listener, int event, int fd)
{
    struct watch *watch = &guard->watches[listener];
    bool is_ipc = watch->proof == PROOF_USER;
    if (event == ZMQ_EVENT_LISTENING) {
        watch->fd = fd;
    } else if (event == ZMQ_EVENT_ACCEPTED && is_ipc) {
        on_accepted_ipc(guard, listener, fd);
    } else if (event == ZMQ_EVENT_ACCEPTED) {
        on_accepted_tcp(guard, listener, fd);
    } else if (event == ZMQ_EVENT_DISCONNECTED) {
        crowd_leave(&guard->crowd, fd, listener);
    }
}

static void read_monitors(struct guard *guard)
{
    for (uint32_t i = 0; i < guard->watch_count; i++) {
        int event;
        uint32_t value;
        while ((event = monitor_next(guard->watches[i].monitor, &value)))
            on_event(guard, i, event, (int)value);
    }
}

static void read_admitted(struct guard *guard)
{
    pthread_mutex_lock(&guard->mutex);
    for (uint32_t i = 0; i < guard->admitted_count; i++)
        crowd_admit(&guard->crowd, &guard->admitted[i], clock_mono_ms());
    guard->admitted_count = 0;
    pthread_mutex_unlock(&guard->mutex);
}

// ---- the thread ------------------------------------------------------------------------

// Nobody says who has proved a key; so who would have to go is looked at first.
static void shut_surplus(struct guard *guard)
{
    for (int fd; (fd = crowd_surplus(&guard->crowd)) >= 0;) {
        if (has_proved(fd))
            crowd_prove(&guard->crowd, fd);
        else
            shut_guest(guard, fd);
    }
}

static void set_bars(struct guard *guard, uint64_t now_ms)
{
    struct crowd_address barred[BAR_ADDRESSES_MAX];
    if (now_ms < guard->bars_ms || !crowd_refresh(&guard->crowd, now_ms))
        return;
    guard->bars_ms = now_ms + BAR_MS;
    uint32_t count = crowd_barred(&guard->crowd, barred, BAR_ADDRESSES_MAX);
    for (uint32_t i = 0; i < guard->watch_count; i++) {
        const struct watch *watch = &guard->watches[i];
        if (watch->proof == PROOF_KEY && watch->fd >= 0)
            bar_set(watch->fd, barred, count);
    }
}

static void *watch_all(void *context)
{
    struct guard *guard = context;
    struct pollfd items[ADMISSIONS_MAX + 1] = {{.fd = guard->stop_fd, .events = POLLIN}};
    for (uint32_t i = 0; i < guard->watch_count; i++) {
        size_t size = sizeof items[0].fd;
        items[1 + i].events = POLLIN;
        zmq_getsockopt(guard->watches[i].monitor, ZMQ_FD, &items[1 + i].fd, &size);
    }
    do {
        read_admitted(guard); // before the next one to come needs the credit
        read_monitors(guard);
        shut_surplus(guard);
        set_bars(guard, clock_mono_ms());
        poll(items, 1 + guard->watch_count, guard->crowd.barred_count ? BAR_MS : -1);
    } while (!items[0].revents);
    return NULL;
}

static void stop(struct guard *guard)
{
    if (!guard->is_running)
        return;
    eventfd_write(guard->stop_fd, 1);
    pthread_join(guard->thread, NULL);
    eventfd_t count;
    eventfd_read(guard->stop_fd, &count);
    guard->is_running = false;
}

// Signals are for the thread of the daemon.
static enum status start(struct guard *guard, struct fault *fault)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&guard->thread, NULL, watch_all, guard);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    guard->is_running = !failed;
    return failed ? fault_set(fault, STATUS_IO, "no thread: %s", strerror(failed)) : STATUS_OK;
}

// ---- public ----------------------------------------------------------------------------

struct guard *guard_open(void *context, const struct crowd_limits *limits)
{
    struct guard *guard = xcalloc(1, sizeof *guard);
    guard->context = context;
    guard->stop_fd = -1;
    crowd_init(&guard->crowd, limits);
    pthread_mutex_init(&guard->mutex, NULL);
    return guard;
}

enum status guard_watch(struct guard *guard, void *listener, const struct admission *admission,
                        struct fault *fault)
{
    if (guard->watch_count == ADMISSIONS_MAX)
        return fault_set(fault, STATUS_TOO_LARGE, "too many listeners to guard");
    if (guard->stop_fd < 0)
        guard->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (guard->stop_fd < 0)
        return fault_set(fault, STATUS_IO, "no eventfd: %s", strerror(errno));
    stop(guard);
    char name[32];
    snprintf(name, sizeof name, "inproc://guard-%u", (unsigned)guard->watch_count);
    int events = ZMQ_EVENT_LISTENING | ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED;
    void *monitor = monitor_open(guard->context, listener, name, events);
    if (!monitor)
        return fault_set(fault, STATUS_IO, "no monitor: %s", zmq_strerror(errno));
    struct watch *watch = &guard->watches[guard->watch_count++];
    *watch = (struct watch){.listener = listener,
                            .monitor = monitor,
                            .proof = admission->proof,
                            .fd = -1,
                            .ration = {admission->port, may_go_on, guard, NULL}};
    if (admission->proof == PROOF_KEY)
        ration_open(&watch->ration);
    return start(guard, fault);
}

// The library must not speak to a monitor that nobody reads: it would wait.
void guard_close(struct guard *guard)
{
    if (!guard)
        return;
    for (uint32_t i = 0; i < guard->watch_count; i++) {
        zmq_socket_monitor(guard->watches[i].listener, NULL, 0);
        ration_shut(&guard->watches[i].ration);
    }
    stop(guard);
    for (uint32_t i = 0; i < guard->watch_count; i++)
        zmq_close(guard->watches[i].monitor);
    if (guard->stop_fd >= 0)
        close(guard->stop_fd);
    crowd_release(&guard->crowd);
    pthread_mutex_destroy(&guard->mutex);
    free(guard->addresses);
    free(guard->admitted);
    free(guard);
}

void guard_admit(struct guard *guard, const char *address)
{
    union address parsed = {.v4.sin_family = AF_INET};
    char text[INET6_ADDRSTRLEN];
    snprintf(text, sizeof text, "%.*s", (int)strcspn(address, "%"), address); // the scope
    if (inet_pton(AF_INET, text, &parsed.v4.sin_addr) != 1) {
        parsed = (union address){.v6.sin6_family = AF_INET6};
        if (inet_pton(AF_INET6, text, &parsed.v6.sin6_addr) != 1)
            return;
    }
    pthread_mutex_lock(&guard->mutex);
    if (guard->admitted_count == guard->admitted_capacity) {
        guard->admitted_capacity = guard->admitted_capacity ? 2 * guard->admitted_capacity : 64;
        guard->admitted =
            xrealloc(guard->admitted, guard->admitted_capacity * sizeof *guard->admitted);
    }
    guard->admitted[guard->admitted_count++] = address_of(&parsed);
    pthread_mutex_unlock(&guard->mutex);
}

struct guard_refusals guard_refusals(struct guard *guard)
{
    pthread_mutex_lock(&guard->mutex);
    struct guard_refusals refusals = guard->refusals;
    pthread_mutex_unlock(&guard->mutex);
    return refusals;
}
