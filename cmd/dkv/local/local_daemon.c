#include "dkv/local/local_daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LOG_LINES_SHOWN = 8, PROC_FILE_SIZE_MAX = 16 * 1024 };

const char *const local_daemon_names[] = {"store", "hintd", "router", "repair", NULL};

const char *local_state_text(enum local_state state)
{
    static const char *const texts[] = {"stopped", "running", "paused"};
    return texts[state];
}

void local_daemon_path(const struct local_daemon *daemon, const char *format,
                       char path[FILE_PATH_SIZE])
{
    // `format` has one %s, for the name; cut by hand, so that it need not be a literal.
    const char *at = strstr(format, "%s");
    int length = snprintf(path, FILE_PATH_SIZE, "%s/%.*s%s%s", daemon->dir, (int)(at - format),
                          format, daemon->name, at + 2);
    if (length < 0 || length >= FILE_PATH_SIZE)
        path[0] = '\0'; // opens nothing
}

// Field 3 (state) and 22 (start time in ticks since boot) of /proc/PID/stat, see proc(5).
static bool read_stat(pid_t pid, char *state, uint64_t *start)
{
    char path[64];
    struct buf text = {0};
    snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
    bool is_read = false;
    if (!file_read(path, PROC_FILE_SIZE_MAX, &text, NULL)) {
        // The name in field 2 may hold anything, also blanks and brackets.
        const char *at = strrchr(buf_text(&text), ')');
        is_read = at && sscanf(at + 1,
                               " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d"
                               " %*d %*d %*d %*d %" SCNu64,
                               state, start) == 2;
    }
    buf_release(&text);
    return is_read;
}

static bool names_our_conf(pid_t pid, const struct local_daemon *daemon)
{
    char path[64], conf[FILE_PATH_SIZE];
    struct buf text = {0};
    snprintf(path, sizeof path, "/proc/%ld/cmdline", (long)pid);
    bool is_ours = false;
    if (!file_join(conf, daemon->dir, "dkv.conf", NULL) &&
        !file_read(path, PROC_FILE_SIZE_MAX, &text, NULL)) {
        const char *at = buf_text(&text), *end = at + text.size;
        for (; at < end && !is_ours; at += strlen(at) + 1)
            is_ours = strcmp(at, conf) == 0;
    }
    buf_release(&text);
    return is_ours;
}

enum local_state local_daemon_find(const struct local_daemon *daemon, pid_t *pid)
{
    char path[FILE_PATH_SIZE], state = 0;
    struct buf text = {0};
    long number = 0;
    uint64_t start = 0, started = 0;
    *pid = 0;
    local_daemon_path(daemon, "run/dkv-%s.pid", path);
    bool is_known = !file_read(path, 64, &text, NULL) &&
                    sscanf(buf_text(&text), "%ld %" SCNu64, &number, &start) == 2 && number > 1;
    buf_release(&text);
    if (!is_known || !read_stat((pid_t)number, &state, &started) || started != start ||
        state == 'Z' || state == 'X' || !names_our_conf((pid_t)number, daemon))
        return LOCAL_STOPPED;
    *pid = (pid_t)number;
    return state == 'T' ? LOCAL_PAUSED : LOCAL_RUNNING;
}

// Beside this program, as it is in a build tree and when installed, else by PATH.
static void find_program(const char *name, char path[FILE_PATH_SIZE])
{
    char self[FILE_PATH_SIZE];
    ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);
    if (size > 0) {
        self[size] = '\0';
        char *slash = strrchr(self, '/');
        if (slash) {
            *slash = '\0';
            int length = snprintf(path, FILE_PATH_SIZE, "%s/dkv-%s", self, name);
            if (length > 0 && length < FILE_PATH_SIZE && access(path, X_OK) == 0)
                return;
        }
    }
    snprintf(path, FILE_PATH_SIZE, "dkv-%s", name);
}

static bool write_pid_file(const char *path)
{
    char state;
    uint64_t start;
    struct buf text = {0};
    if (!read_stat(getpid(), &state, &start))
        return false;
    buf_printf(&text, "%ld %" PRIu64 "\n", (long)getpid(), start);
    bool is_written = !file_write(path, 0644, false, buf_bytes(&text), NULL);
    buf_release(&text);
    return is_written;
}

// Why the child did not become the daemon.
struct failure {
    int error; // errno; 0: it did
    enum { FAILED_LOG, FAILED_PID, FAILED_PROGRAM } what;
};

// In the child. Says through `report` if it does not become the daemon.
static _Noreturn void become(const char *program, char *conf, const char *pid_file,
                             const char *log_file, int report)
{
    struct failure failure = {.what = FAILED_LOG};
    setsid();
    int in = open("/dev/null", O_RDONLY);
    int log = open(log_file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    bool is_ready = in >= 0 && log >= 0 && dup2(in, 0) == 0 && dup2(log, 1) == 1 &&
                    dup2(log, 2) == 2 && dup3(report, 3, O_CLOEXEC) == 3;
    if (is_ready) {
        failure.what = FAILED_PID;
        report = 3;
        is_ready = write_pid_file(pid_file);
    }
    if (is_ready) {
        failure.what = FAILED_PROGRAM;
        // A reader of a pipe that we inherited must not wait for a daemon to close it.
        close_range(4, ~0U, 0);
        char *const argv[] = {(char *)(uintptr_t)program, "--config", conf, NULL};
        execvp(program, argv);
    }
    failure.error = errno;
    (void)!write(report, &failure, sizeof failure);
    _exit(127);
}

enum status local_daemon_start(const struct local_daemon *daemon, struct fault *fault)
{
    char program[FILE_PATH_SIZE], conf[FILE_PATH_SIZE], log_file[FILE_PATH_SIZE],
        pid_file[FILE_PATH_SIZE], log_dir[FILE_PATH_SIZE];
    pid_t pid;
    if (local_daemon_find(daemon, &pid) != LOCAL_STOPPED)
        return fault_set(fault, STATUS_EXISTS, "%s: %s runs already", daemon->node, daemon->name);
    find_program(daemon->name, program);
    local_daemon_path(daemon, "log/dkv-%s.log", log_file);
    local_daemon_path(daemon, "run/dkv-%s.pid", pid_file);
    enum status status = file_join(conf, daemon->dir, "dkv.conf", fault);
    if (!status)
        status = file_join(log_dir, daemon->dir, "log", fault);
    if (!status)
        status = file_make_dir(log_dir, 0755, fault);
    if (status)
        return status;

    int pipe_fds[2];
    if (pipe2(pipe_fds, O_CLOEXEC))
        return fault_set(fault, STATUS_IO, "unable to make a pipe: %s", strerror(errno));
    fflush(NULL);
    pid = fork();
    if (pid == 0)
        become(program, conf, pid_file, log_file, pipe_fds[1]);
    close(pipe_fds[1]);
    struct failure failure = {.error = pid < 0 ? errno : 0, .what = FAILED_PROGRAM};
    // The end of the pipe means that exec closed it.
    while (pid > 0 && read(pipe_fds[0], &failure, sizeof failure) < 0 && errno == EINTR)
        ;
    close(pipe_fds[0]);
    if (!failure.error)
        return STATUS_OK;
    if (pid > 0)
        waitpid(pid, NULL, 0);
    if (failure.what != FAILED_PROGRAM)
        return fault_set(fault, failure.error == ENOSPC ? STATUS_DISK_FULL : STATUS_IO,
                         "%s: unable to write %s: %s", daemon->node,
                         failure.what == FAILED_LOG ? log_file : pid_file, strerror(failure.error));
    return fault_set(fault, failure.error == ENOENT ? STATUS_INVALID : STATUS_IO,
                     "%s: unable to start %s: %s", daemon->node, program, strerror(failure.error));
}

bool local_daemon_is_serving(const struct local_daemon *daemon)
{
    char path[FILE_PATH_SIZE];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    bool is_router = strcmp(daemon->name, "router") == 0; // the one that is for users
    local_daemon_path(daemon, is_router ? "run/%s.sock" : "run/private/%s.sock", path);
    if (strlen(path) >= sizeof address.sun_path)
        return false;
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool is_serving = fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    if (fd >= 0)
        close(fd);
    return is_serving;
}

bool local_daemon_signal(const struct local_daemon *daemon, int signal)
{
    pid_t pid;
    return local_daemon_find(daemon, &pid) != LOCAL_STOPPED && kill(pid, signal) == 0;
}

void local_daemon_print_log(const struct local_daemon *daemon)
{
    char path[FILE_PATH_SIZE];
    struct buf text = {0};
    local_daemon_path(daemon, "log/dkv-%s.log", path);
    if (!file_read(path, SIZE_MAX / 2, &text, NULL)) {
        size_t at = text.size;
        for (unsigned lines = 0; at > 0; at--)
            if (text.data[at - 1] == '\n' && at < text.size && ++lines == LOG_LINES_SHOWN)
                break;
        fprintf(stderr, "--- %s\n", path);
        fwrite(text.data + at, 1, text.size - at, stderr);
    }
    buf_release(&text);
}
