#include "dkv/bulk/intake.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_SIZE_MAX = 256 * 1024 }; // at once; it is memory, too

static bool is_stdin(const char *path)
{
    return !strcmp(path, "-");
}

static void use(struct intake *intake, int fd)
{
    struct stat stat_now;
    struct epoll_event event = {.events = EPOLLIN};
    intake->fd = fd;
    intake->is_regular = !fstat(fd, &stat_now) && S_ISREG(stat_now.st_mode);
    // Descriptors that epoll does not know (a file, /dev/null) never keep us waiting.
    if (!intake->is_regular && epoll_ctl(intake->wait_fd, EPOLL_CTL_ADD, fd, &event))
        intake->is_regular = true;
}

static void leave(struct intake *intake)
{
    if (intake->fd < 0)
        return;
    if (!intake->is_regular)
        epoll_ctl(intake->wait_fd, EPOLL_CTL_DEL, intake->fd, NULL);
    if (intake->fd != STDIN_FILENO)
        close(intake->fd);
    intake->fd = -1;
}

static enum status open_next(struct intake *intake, struct fault *fault)
{
    const char *path = intake->paths[intake->next_path++];
    int fd = is_stdin(path) ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fault_set(fault, STATUS_INVALID, "%s: unable to open: %s", path, strerror(errno));
    use(intake, fd);
    return STATUS_OK;
}

// All files must be there before the first is read.
static enum status measure(struct intake *intake, struct fault *fault)
{
    for (uint32_t i = 0; i < intake->path_count; i++) {
        struct stat stat_now;
        const char *path = intake->paths[i];
        if (is_stdin(path) ? fstat(STDIN_FILENO, &stat_now) : stat(path, &stat_now))
            return fault_set(fault, STATUS_INVALID, "%s: unable to open: %s", path,
                             strerror(errno));
        if (S_ISDIR(stat_now.st_mode))
            return fault_set(fault, STATUS_INVALID, "%s: is a directory", path);
        if (!S_ISREG(stat_now.st_mode)) {
            intake->size = 0;
            return STATUS_OK;
        }
        intake->size += (uint64_t)stat_now.st_size;
    }
    return STATUS_OK;
}

enum status intake_open(struct intake *intake, const char *const *paths, uint32_t path_count,
                        struct fault *fault)
{
    static const char *const only_stdin[] = {"-"};
    *intake = (struct intake){.paths = path_count ? paths : only_stdin,
                              .path_count = path_count ? path_count : 1,
                              .fd = -1};
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    intake->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    intake->wait_fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN};
    if (intake->signal_fd < 0 || intake->wait_fd < 0 ||
        epoll_ctl(intake->wait_fd, EPOLL_CTL_ADD, intake->signal_fd, &event))
        return fault_set(fault, STATUS_IO, "no descriptors: %s", strerror(errno));
    enum status status = measure(intake, fault);
    return status ? status : open_next(intake, fault);
}

void intake_close(struct intake *intake)
{
    leave(intake);
    close(intake->signal_fd);
    close(intake->wait_fd);
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_UNBLOCK, &signals, NULL);
}

enum status intake_feed(struct intake *intake, struct format_reader *reader, struct fault *fault)
{
    struct pollfd wanted = {.fd = intake->fd, .events = POLLIN};
    if (!intake->is_regular && poll(&wanted, 1, 0) == 0)
        return STATUS_BUSY;
    size_t room;
    uint8_t *space = format_reader_space(reader, &room);
    ssize_t size = read(intake->fd, space, room < READ_SIZE_MAX ? room : READ_SIZE_MAX);
    if (size < 0 && (errno == EINTR || errno == EAGAIN))
        return STATUS_BUSY;
    if (size < 0)
        return fault_set(fault, STATUS_IO, "unable to read the input: %s", strerror(errno));
    if (!size) {
        format_reader_end(reader);
        return STATUS_END;
    }
    format_reader_feed(reader, (size_t)size);
    return STATUS_OK;
}

enum status intake_next(struct intake *intake, struct format_reader *reader, struct fault *fault)
{
    leave(intake);
    if (intake->next_path == intake->path_count)
        return STATUS_END;
    format_reader_restart(reader);
    return open_next(intake, fault);
}

int intake_wait_fd(const struct intake *intake, bool wants_input)
{
    return wants_input ? intake->wait_fd : intake->signal_fd;
}

bool intake_interrupted(struct intake *intake)
{
    struct signalfd_siginfo info;
    if (read(intake->signal_fd, &info, sizeof info) == (ssize_t)sizeof info)
        intake->signal_caught = (int)info.ssi_signo;
    return intake->signal_caught != 0;
}
