#include "dkv/pipe.h"

#include "dkv/arguments.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

// Its standard output is `fd`. Signals that we ignore are not ignored there.
static int start(char *const argv[], int fd, pid_t *pid)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t all;
    sigfillset(&all);
    sigdelset(&all, SIGKILL);
    sigdelset(&all, SIGSTOP);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    posix_spawn_file_actions_adddup2(&files, fd, STDOUT_FILENO);
    if (!isatty(STDIN_FILENO)) // which is the list of keys of a loop, perhaps
        posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    int error = posix_spawnp(pid, argv[0], &files, &attributes, argv, environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    return error;
}

static enum status wait_for(pid_t pid, const char *name, struct fault *fault)
{
    int how;
    while (waitpid(pid, &how, 0) < 0) {
        if (errno != EINTR)
            return fault_set(fault, STATUS_INTERNAL, "%s: %s", name, strerror(errno));
    }
    if (WIFSIGNALED(how))
        return fault_set(fault, STATUS_INTERNAL, "%s was ended by signal %d", name, WTERMSIG(how));
    if (WEXITSTATUS(how))
        return fault_set(fault, STATUS_INTERNAL, "%s ended with status %d", name, WEXITSTATUS(how));
    return STATUS_OK;
}

static enum status run(char *const argv[], size_t size_max, struct buf *out, struct fault *fault)
{
    int ends[2];
    pid_t pid;
    if (pipe2(ends, O_CLOEXEC))
        return fault_set(fault, STATUS_INTERNAL, "unable to make a pipe: %s", strerror(errno));
    int error = start(argv, ends[1], &pid);
    close(ends[1]);
    if (error) {
        close(ends[0]);
        return fault_set(fault, STATUS_INVALID, "unable to start %s: %s", argv[0], strerror(error));
    }
    struct fault reason = {0};
    enum status status = argument_read(ends[0], size_max, out, &reason);
    close(ends[0]); // what it still prints ends it
    enum status ended = wait_for(pid, argv[0], fault);
    if (status)
        return fault_set(fault, status, "%s: %s", argv[0], reason.text);
    return ended;
}

// What a terminal sends to both ends the command, and us by what became of that.
enum status pipe_run(char *const argv[], size_t size_max, struct buf *out, struct fault *fault)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN}, interrupt, quit;
    sigaction(SIGINT, &ignore, &interrupt);
    sigaction(SIGQUIT, &ignore, &quit);
    enum status status = run(argv, size_max, out, fault);
    sigaction(SIGINT, &interrupt, NULL);
    sigaction(SIGQUIT, &quit, NULL);
    return status;
}
