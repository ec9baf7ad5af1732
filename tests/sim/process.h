// process.h - the shell around a brain: proc/daemon.h without the world.
//
// A turn takes finished jobs, receives everything that arrived, ticks if it is time, hands
// out jobs and sends what was said; messages with a gate are held until the log is durable
// up to it. Jobs run on a worker that takes its time. A process may stand still (SIGSTOP)
// or end at any moment.
#pragma once

#include "sim/network.h"

enum { PROCESS_WORKERS_MAX = 4 };

struct process_brain { // as struct daemon_brain
    void (*on_message)(void *self, const struct arrival *arrival, struct bytes message,
                       struct moment now, struct outbox *outbox);
    void (*on_lost)(void *self, link_id link, struct moment now, struct outbox *outbox); // or NULL
    void (*on_unsent)(void *self, link_id link, struct bytes message, enum status why,
                      struct moment now, struct outbox *outbox); // or NULL
    void (*on_tick)(void *self, struct moment now, struct outbox *outbox);
    void (*on_turn_end)(void *self, struct moment now, struct outbox *outbox);
    unsigned worker_count;
    void *(*next_job)(void *self, unsigned worker);
    void (*run_job)(void *job);
    enum status (*on_job_done)(void *self, unsigned worker, void *job, struct fault *fault);
    uint64_t (*durable)(void *self);
    uint64_t (*job_us)(void *self, unsigned worker); // how long a job takes
    struct moment (*now)(void *self);
    void (*on_exit)(void *self, const char *why); // it ends because a job failed
};

struct letter {
    struct arrival arrival;
    bool is_loss;    // of the link
    enum status why; // our own, which could not be sent
    struct buf bytes;
};

struct parcel {
    link_id link;
    uint64_t gate;
    struct buf bytes;
};

struct process {
    struct network *network;
    const struct process_brain *brain;
    void *self;
    uint32_t port;
    uint64_t tick_us;
    bool up;
    uint32_t life;
    uint64_t paused_until_us;
    bool is_turn_planned;
    bool is_tick_due;
    void *jobs[PROCESS_WORKERS_MAX];
    bool jobs_run[PROCESS_WORKERS_MAX], jobs_ended[PROCESS_WORKERS_MAX];
    struct letter *inbox;
    uint32_t inbox_count, inbox_capacity;
    struct parcel *held;
    uint32_t held_count, held_capacity;
    struct outbox outbox;
};

// The caller set network, brain, self, port, tick_us.
void process_start(struct process *process);

// It is gone from one moment to the next, with everything that it had not sent. A job that
// a worker was at is in `unfinished` (NULL: none), for the caller to run a part of.
void process_end(struct process *process, void *unfinished[PROCESS_WORKERS_MAX]);

void process_release(struct process *process);
void process_pause(struct process *process, uint64_t duration_us);
void process_lose_link(struct process *process, link_id link); // the shell noticed
