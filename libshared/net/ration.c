#include "net/ration.h"

#include "base/xalloc.h"
#include "net/endpoint.h"
#include "os/descriptors.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { DESCRIPTORS_MAX = 1 << 20 }; // as the kernel has it; those above have no ration

struct rations {
    uint32_t count;
    _Atomic uint16_t left[]; // by descriptor: bytes, and one; 0 = may be read without end
};

static struct rations *_Atomic rations; // once it is there, it stays
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct ration_port *ports; // guarded by it

void ration_open(struct ration_port *port)
{
    pthread_mutex_lock(&mutex);
    port->next = ports;
    ports = port;
    pthread_mutex_unlock(&mutex);
}

void ration_shut(struct ration_port *port)
{
    pthread_mutex_lock(&mutex);
    struct ration_port **at = &ports;
    while (*at && *at != port)
        at = &(*at)->next;
    if (*at)
        *at = port->next;
    pthread_mutex_unlock(&mutex);
}

static _Atomic uint16_t *ration_of(int fd)
{
    struct rations *all = rations;
    return all && fd >= 0 && (uint32_t)fd < all->count ? &all->left[fd] : NULL;
}

void ration_on_accepted(int fd)
{
    _Atomic uint16_t *left = ration_of(fd);
    if (left)
        *left = RATION_SIZE + 1;
}

// A descriptor may have become another connection's, such as one that we made: its port is
// none of these then.
static bool may_go_on(int fd)
{
    uint16_t number = endpoint_port_of(fd);
    pthread_mutex_lock(&mutex);
    struct ration_port *port = ports;
    while (port && port->number != number)
        port = port->next;
    bool may = !port || port->may_go_on(port->context, fd);
    pthread_mutex_unlock(&mutex);
    return may;
}

static ssize_t take(int fd, void *data, size_t size, int flags)
{
    return syscall(SYS_recvfrom, fd, data, size, flags, NULL, NULL);
}

static ssize_t take_of_ration(int fd, void *data, size_t size, int flags, _Atomic uint16_t *left)
{
    size_t most = *left - 1u;
    ssize_t taken = take(fd, data, size < most ? size : most, flags);
    if (taken > 0)
        *left = (uint16_t)(*left - taken);
    return taken;
}

// For the linker its name is recv; it is not to be called by another one.
ssize_t take_within_ration(int fd, void *data, size_t size, int flags) __asm__("recv");

ssize_t take_within_ration(int fd, void *data, size_t size, int flags)
{
    _Atomic uint16_t *left = ration_of(fd);
    if (left && *left > 1)
        return take_of_ration(fd, data, size, flags, left);
    if (left && *left == 1) {
        if (!may_go_on(fd)) {
            errno = ECONNRESET;
            return -1;
        }
        *left = 0;
    }
    return take(fd, data, size, flags);
}

enum status ration_prepare(struct fault *fault)
{
    uintptr_t found = (uintptr_t)dlsym(RTLD_DEFAULT, "recv");
    if (found != (uintptr_t)take_within_ration)
        return fault_set(fault, STATUS_REFUSED,
                         "libzmq would read strangers without end: recv() is not the one of this "
                         "program");
    pthread_mutex_lock(&mutex);
    if (!rations) {
        uint32_t count = descriptors_max() < DESCRIPTORS_MAX ? descriptors_max() : DESCRIPTORS_MAX;
        struct rations *made = xcalloc(1, sizeof *made + count * sizeof made->left[0]);
        made->count = count;
        rations = made;
    }
    pthread_mutex_unlock(&mutex);
    return STATUS_OK;
}
