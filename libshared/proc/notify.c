#include "proc/notify.h"

#include "base/text.h"

#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void notify_send(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t size = path ? strlen(path) : 0;
    if (size < 2 || size > sizeof address.sun_path || (path[0] != '/' && path[0] != '@'))
        return;
    memcpy(address.sun_path, path, size);
    if (path[0] == '@') // an abstract name
        address.sun_path[0] = 0;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return;
    socklen_t address_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size);
    ssize_t sent = sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&address,
                          address_size);
    (void)sent;
    close(fd);
}

void notify_status(const char *text)
{
    struct buf state = {0};
    buf_append_text(&state, "STATUS=");
    text_escape_log(bytes_of_text(text), &state);
    notify_send(buf_text(&state));
    buf_release(&state);
}

static uint64_t number_of(const char *name)
{
    const char *text = getenv(name);
    uint64_t number = 0;
    if (!text || text_parse_number(bytes_of_text(text), &number, NULL))
        return 0;
    return number;
}

uint64_t notify_watchdog_ms(void)
{
    uint64_t pid = number_of("WATCHDOG_PID"); // inherited by a child, it is not meant for it
    if (pid != 0 && pid != (uint64_t)getpid())
        return 0;
    return number_of("WATCHDOG_USEC") / 2000;
}
