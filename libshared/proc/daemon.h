// daemon.h - the turn: the one loop of every daemon.
//
//     wait     for messages, a finished job, a signal or the next tick
//     receive  every ready socket, drained, up to a cap of messages and bytes
//     think    brain on_message / on_job_done / on_tick fill the outbox
//     submit   the next jobs go to their workers (log, background)
//     send     one message per destination; those with a gate wait until the log is
//              durable up to it
//
// Natural batching: no timer and no delay to tune. Under light load a turn is one
// operation; under heavy load the next turn grows while the last fsync runs.
//
// The daemon owns signals (SIGTERM and SIGINT stop, SIGHUP reloads), READY=1, STOPPING=1,
// STATUS= and WATCHDOG=1 to systemd, and the threads of the workers. Everything else is the
// brain's.
#pragma once

#include "base/moment.h"
#include "net/key_file.h"

enum { DAEMON_WORKERS_MAX = 4 };

struct daemon_brain {
    void *self;
    void (*on_message)(void *self, const struct arrival *arrival, struct bytes message,
                       struct moment now, struct outbox *outbox);
    void (*on_lost)(void *self, link_id link, struct moment now, struct outbox *outbox); // or NULL
    // A message that could not be queued, as net_send() said; or NULL.
    void (*on_unsent)(void *self, link_id link, struct bytes message, enum status why,
                      struct moment now, struct outbox *outbox);
    void (*on_tick)(void *self, struct moment now, struct outbox *outbox);
    // At the end of every turn's thinking, before jobs and messages leave; or NULL.
    void (*on_turn_end)(void *self, struct moment now, struct outbox *outbox);
    // Asked then: how long the next tick may wait, at most daemon_options.tick_ms; or NULL.
    unsigned (*tick_within_ms)(void *self);

    // Blocking work; all NULL if there is none. Jobs are opaque.
    unsigned worker_count;
    unsigned patient_worker_count; // the last ones of them, whose threads give way to all others
    void *(*next_job)(void *self, unsigned worker);
    void (*run_job)(void *job); // on the worker's thread
    enum status (*on_job_done)(void *self, unsigned worker, void *job, struct moment now,
                               struct outbox *outbox,
                               struct fault *fault); // not OK: the daemon dies
    uint64_t (*durable)(void *self);                 // what gates are compared with; or NULL

    void (*on_reload)(void *self);                   // SIGHUP; or NULL
    bool (*is_ready)(void *self, struct moment now); // asked every turn until true; or NULL
    bool (*is_drained)(void *self); // asked after SIGTERM until true or 10 s; or NULL
    // How it goes, for `systemctl status`: a line such as "serving; 3 of 3 stores up". Asked
    // about once a second; or NULL.
    void (*describe)(void *self, struct buf *out);
};

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

// Runs until stopped. Once asked to stop, the daemon takes no new connection and reads no
// more requests; answers on its own links still reach the brain. It ends when the brain is
// drained, no job runs and nothing is held back, or after 10 s.
//
// Returns the exit status of the process: 0 stopped as asked, 1 corruption, a failed sync or an
// address that cannot be listened on, 2 an address that may not, or strangers are not kept out. If
// it is not 0 a worker may still run a job: end the process, release nothing.
int daemon_run(const struct daemon_options *options, const struct daemon_brain *brain,
               struct net *net);
