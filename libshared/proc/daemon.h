// daemon.h - the shell around the brain of every daemon: runs its turns in the world.
//
// Waits for messages, a finished job, a signal or the next tick, and runs a turn (turn/turn.h)
// with the sockets of a net, the clocks of the system and the threads of workers.
//
// The daemon owns signals (SIGTERM and SIGINT stop, SIGHUP reloads), READY=1, STOPPING=1,
// STATUS= and WATCHDOG=1 to systemd, and the threads of the workers. Everything else is the
// brain's.
#pragma once

#include "net/key_file.h"
#include "net/net.h"
#include "turn/brain.h"

struct daemon_options {
    const char *name;                     // "dkv-store"
    unsigned tick_ms;                     // on_tick is called at least this often
    const struct net_listener *listeners; // to bind: the first ones at once, the others (and
    uint32_t listener_count;              // READY=1) once the brain is ready
    uint32_t listen_at_once;
    struct key_directory *keys; // re-read about once a second and at SIGHUP; or NULL
};

// At the very start of the process (arguments_parse() does it): from here on the signals above wait
// for daemon_run(), the limit of open files is as high as it may be, and neither a core file nor a
// debugger sees our keys (unless DKV_DUMPABLE is in the environment).
void daemon_init(void);

// The exit status of a daemon that cannot open what it keeps: 10 if it can be started again when a
// lock is free or there is room, 2 if it is told to do what is wrong, 1 for all else.
int daemon_exit_status(enum status status);

// Runs until stopped. Once asked to stop, the daemon takes no new connection and reads no
// more requests; answers on its own links still reach the brain. It ends when the brain is
// drained, no job runs and no message is held, or after 10 s.
//
// Returns the exit status of the process: 0 stopped as asked, 1 corruption, a failed sync or an
// address that cannot be listened on, 2 an address that may not, or strangers are not kept out. If
// it is not 0 a worker may still run a job: end the process, release nothing.
int daemon_run(const struct daemon_options *options, const struct brain *brain, struct net *net);
