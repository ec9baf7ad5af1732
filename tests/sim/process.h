// process.h - the shell around a brain in the simulator: proc/daemon.h without the world.
//
// It runs the turns of the daemon (turn/turn.h), a moment after something arrived or became due.
// Jobs run on a worker that takes its time. A message of a router or a hintd may fail to leave. A
// process may stand still (SIGSTOP) or end at any moment.
#pragma once

#include "sim/network.h"
#include "turn/turn.h"

// The machine that it runs on.
struct process_host {
    void *self;
    struct moment (*now)(void *self);
    uint64_t (*job_us)(void *self, unsigned worker); // how long a job takes
    void (*on_exit)(void *self, const char *why);    // it ends because a job failed
};

struct letter {
    struct arrival arrival;
    struct buf bytes;
};

struct process {
    struct network *network;
    struct process_host host;
    struct brain brain; // its tick_within_ms is not asked
    uint32_t port;
    uint64_t tick_us;
    bool up;
    uint32_t life;
    uint64_t paused_until_us;
    bool is_turn_planned;
    struct turn turn;
    void *jobs[BRAIN_WORKERS_MAX];
    bool jobs_run[BRAIN_WORKERS_MAX], jobs_ended[BRAIN_WORKERS_MAX];
    struct letter *inbox; // inbox[inbox_read .. inbox_count) are unread
    uint32_t inbox_read, inbox_count, inbox_capacity;
    link_id *lost; // links
    uint32_t lost_count, lost_capacity;
};

// The caller set network, host, brain, port, tick_us.
void process_start(struct process *process);

// It is gone from one moment to the next, with everything that it had not sent. A job that
// a worker was at is in `unfinished` (NULL: none), for the caller to run a part of.
void process_end(struct process *process, void *unfinished[BRAIN_WORKERS_MAX]);

void process_release(struct process *process);
void process_pause(struct process *process, uint64_t duration_us);
void process_lose_link(struct process *process, link_id link); // the shell noticed

// Nothing is unread, to be told or with a worker.
bool process_is_idle(const struct process *process);
