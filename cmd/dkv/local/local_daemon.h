// local_daemon.h - one daemon of a local cluster: started, found again, signalled.
//
//     DIR/nX/run/PROGRAM.pid   "PID STARTTIME\n", written by the child before it becomes
//                              the daemon, so that no daemon runs without one
//     DIR/nX/log/PROGRAM.log   its standard output and error
//     DIR/nX/run/router.sock   bound last: a client that can connect finds the daemon ready;
//                              so it is with run/private/NAME.sock of the others
//
// A pid alone proves nothing: numbers are used again. A process is ours if it started at
// that tick and its command line names our dkv.conf.
#pragma once

#include "base/fault.h"
#include "os/file.h"

#include <sys/types.h>

struct local_daemon {
    const char *node;         // "n1"; borrowed
    const char *name;         // "store", of local_daemon_names
    char dir[FILE_PATH_SIZE]; // of the node
};

enum { LOCAL_DAEMONS_MAX = 4 };

// In the order of starting; ends with NULL.
extern const char *const local_daemon_names[];

enum local_state {
    LOCAL_STOPPED,
    LOCAL_RUNNING,
    LOCAL_PAUSED, // by SIGSTOP
};

const char *local_state_text(enum local_state state);

// *pid is 0 if stopped. A zombie is stopped.
enum local_state local_daemon_find(const struct local_daemon *daemon, pid_t *pid);

// Starts it in a session of its own. EXISTS if it runs. INVALID: no such program beside
// this one or in PATH. OK means that the program runs, not that it serves.
enum status local_daemon_start(const struct local_daemon *daemon, struct fault *fault) MUST_USE;

bool local_daemon_is_serving(const struct local_daemon *daemon);

// False if it is not running.
bool local_daemon_signal(const struct local_daemon *daemon, int signal);

// The path of a file of the daemon: "run/%s.sock", "log/dkv-%s.log".
void local_daemon_path(const struct local_daemon *daemon, const char *format,
                       char path[FILE_PATH_SIZE]);

// The last lines of its log, on standard error.
void local_daemon_print_log(const struct local_daemon *daemon);
