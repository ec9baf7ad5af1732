// brain.h - a brain, as a table of functions.
//
// A brain is deterministic: messages, ticks, finished jobs and the time go in, messages and jobs
// come out. It opens no socket, reads no clock and starts no thread. turn.h calls it.
//
// Each brain exports one table. The main.c around it replaces some entries by functions of its own,
// which may touch files, and which call those of the brain. `self` stays the address of the brain:
// it is the first member of the struct of main.c, so both have that address.
//
// NULL is allowed where a comment says so, and means: nothing to do.
#pragma once

#include "base/fault.h"
#include "base/moment.h"
#include "wire/outbox.h"
#include "wire/role.h"

enum { BRAIN_WORKERS_MAX = 4 };

struct brain {
    void *self;

    // What happened; the answers go into the outbox.
    void (*on_message)(void *self, const struct arrival *arrival, struct bytes message,
                       struct moment now, struct outbox *outbox);
    void (*on_lost)(void *self, link_id link, struct moment now, struct outbox *outbox); // or NULL
    // A message did not leave. UNREACHABLE: nobody is there; BUSY: too many wait. Or NULL.
    void (*on_unsent)(void *self, link_id link, struct bytes message, enum status why,
                      struct moment now, struct outbox *outbox);
    void (*on_tick)(void *self, struct moment now, struct outbox *outbox);
    // The last word of every turn, before jobs and messages leave; or NULL.
    void (*on_turn_end)(void *self, struct moment now, struct outbox *outbox);
    // Asked then: how long the next tick may wait, if not as long as ever; or NULL.
    unsigned (*tick_within_ms)(void *self);

    // Work that blocks; all NULL if there is none. A job is opaque, and run by its worker's thread.
    unsigned worker_count;
    unsigned patient_worker_count; // the last ones of them, whose threads give way to all others
    void *(*next_job)(void *self, unsigned worker); // NULL: none now
    void (*run_job)(void *job);
    // Not OK: the process must end, the fault says why.
    enum status (*on_job_done)(void *self, unsigned worker, void *job, struct moment now,
                               struct outbox *outbox, struct fault *fault);
    uint64_t (*durable)(void *self); // to be compared with gates; or NULL

    // The life of the daemon.
    void (*on_reload)(void *self); // set by main.c: its files may have changed; or NULL
    bool (*is_ready)(void *self, struct moment now); // asked until true, then it serves; or NULL
    bool (*is_drained)(void *self);                  // asked to stop: nothing is open; or NULL
    // Set by main.c: how it goes, a line such as "serving; 3 of 3 stores up"; or NULL.
    void (*describe)(void *self, struct buf *out);
};
