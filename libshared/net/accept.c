#include "net/accept.h"

#include "net/ration.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int spare = -1; // guarded by it

static void open_spare(void)
{
    if (spare < 0)
        spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static int take(int fd, struct sockaddr *address, socklen_t *size, int flags)
{
    return (int)syscall(SYS_accept4, fd, address, size, flags);
}

// Several threads may accept; another may open a file meanwhile: then the connection waits.
static int turn_away(int fd)
{
    pthread_mutex_lock(&mutex);
    if (spare >= 0)
        close(spare);
    spare = -1;
    int taken = take(fd, NULL, NULL, SOCK_CLOEXEC);
    if (taken >= 0)
        close(taken);
    open_spare();
    pthread_mutex_unlock(&mutex);
    errno = taken >= 0 ? ECONNABORTED : EAGAIN;
    return -1;
}

// For the linker its name is accept4; it is not to be called by another one.
int accept_or_turn_away(int fd, struct sockaddr *address, socklen_t *size,
                        int flags) __asm__("accept4");

int accept_or_turn_away(int fd, struct sockaddr *address, socklen_t *size, int flags)
{
    int taken = take(fd, address, size, flags);
    if (taken >= 0)
        ration_on_accepted(taken);
    return taken >= 0 || (errno != EMFILE && errno != ENFILE) ? taken : turn_away(fd);
}

enum status accept_prepare(struct fault *fault)
{
    uintptr_t found = (uintptr_t)dlsym(RTLD_DEFAULT, "accept4");
    if (found != (uintptr_t)accept_or_turn_away)
        return fault_set(fault, STATUS_REFUSED,
                         "libzmq would not survive EMFILE: accept4() is not "
                         "the one of this program");
    pthread_mutex_lock(&mutex);
    open_spare();
    int reason = errno;
    bool is_open = spare >= 0;
    pthread_mutex_unlock(&mutex);
    if (!is_open)
        return fault_set(fault, STATUS_IO, "/dev/null: %s", strerror(reason));
    return STATUS_OK;
}
