#include "bench/engine/child.h"

#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SESSION_MAX_S = 600, FTW_DESCRIPTORS = 16 };

static int remove_entry(const char *path, const struct stat *stat, int type, struct FTW *ftw)
{
    (void)stat, (void)type, (void)ftw;
    return remove(path);
}

void dir_remove(const char *dir)
{
    if (nftw(dir, remove_entry, FTW_DESCRIPTORS, FTW_DEPTH | FTW_PHYS) && errno != ENOENT)
        die("cannot remove %s", dir);
}

static _Noreturn void be_child(const struct session *session, const struct peer *peer,
                               const char *dir, int samples)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL); // it does not go on without the driver
    alarm(SESSION_MAX_S);             // an engine that hangs does not stop the others
    run_session(session, peer, dir, samples);
    exit(EXIT_SUCCESS);
}

bool child_run(const struct session *session, const struct peer *peer, const char *dir,
               void (*on_sample)(void *context, const struct sample *sample), void *context)
{
    int pipes[2], status;
    struct sample sample;
    dir_remove(dir);
    if (mkdir(dir, 0777) || pipe(pipes))
        die("cannot begin in %s", dir);
    fflush(NULL);
    pid_t child = fork();
    if (child < 0)
        die("cannot fork");
    if (!child) {
        close(pipes[0]);
        be_child(session, peer, dir, pipes[1]);
    }
    close(pipes[1]);
    while (read(pipes[0], &sample, sizeof sample) == sizeof sample)
        on_sample(context, &sample);
    close(pipes[0]);
    waitpid(child, &status, 0);
    dir_remove(dir);
    sync(); // what one engine left to be written is no burden for the next
    if (WIFSIGNALED(status))
        fprintf(stderr, "%s: %s\n", peer->name, strsignal(WTERMSIG(status)));
    return status == 0;
}
