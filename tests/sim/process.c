#include "sim/process.h"

#include "base/xalloc.h"

#include <stdlib.h>

static void take_turn(void *self, struct event *event);

static void wake(struct process *process)
{
    if (process->is_turn_planned)
        return;
    process->is_turn_planned = true;
    uint64_t delay_us = 5 + world_below(process->network->world, 200);
    world_plan(process->network->world, delay_us, take_turn, process, process->life, 0);
}

static void deliver(void *self, const struct arrival *arrival, struct buf *bytes)
{
    struct process *process = self;
    if (process->inbox_count == process->inbox_capacity) {
        process->inbox_capacity = process->inbox_capacity ? 2 * process->inbox_capacity : 16;
        process->inbox = xrealloc(process->inbox, process->inbox_capacity * sizeof *process->inbox);
    }
    process->inbox[process->inbox_count++] = (struct letter){*arrival, *bytes};
    *bytes = (struct buf){0};
    wake(process);
}

void process_lose_link(struct process *process, link_id link)
{
    if (!process->up)
        return;
    if (process->lost_count == process->lost_capacity) {
        process->lost_capacity = process->lost_capacity ? 2 * process->lost_capacity : 4;
        process->lost = xrealloc(process->lost, process->lost_capacity * sizeof *process->lost);
    }
    process->lost[process->lost_count++] = link;
    wake(process);
}

// Puts an event off while the process stands still, a tick at a time: the end of the pause may be
// brought forward.
static bool is_paused(struct process *process, struct event *event)
{
    struct world *world = process->network->world;
    if (process->paused_until_us <= world->now_us)
        return false;
    uint64_t left_us = process->paused_until_us - world->now_us;
    world_plan(world, left_us < process->tick_us ? left_us : process->tick_us, event->fire, process,
               event->a, event->b);
    return true;
}

static void tick(void *self, struct event *event)
{
    struct process *process = self;
    if (event->a != process->life || !process->up || is_paused(process, event))
        return;
    turn_tick_next(&process->turn);
    wake(process);
    world_plan(process->network->world, process->tick_us, tick, process, process->life, 0);
}

// ---- jobs ----------------------------------------------------------------------------

static void end_job(void *self, struct event *event)
{
    struct process *process = self;
    if (event->a != process->life || !process->up || is_paused(process, event))
        return;
    process->jobs_ended[event->b] = true;
    wake(process);
}

static void run_job(void *self, struct event *event)
{
    struct process *process = self;
    if (event->a != process->life || !process->up || is_paused(process, event))
        return;
    process->brain.run_job(process->jobs[event->b]);
    process->jobs_run[event->b] = true;
    uint64_t delay_us = 10 + world_below(process->network->world, 500);
    world_plan(process->network->world, delay_us, end_job, process, process->life, event->b);
}

// ---- the world that a turn sees ------------------------------------------------------

static struct moment now(void *self)
{
    const struct process *process = self;
    return process->host.now(process->host.self);
}

static bool receive(void *self, struct incoming *incoming)
{
    struct process *process = self;
    if (process->inbox_read)
        buf_release(&process->inbox[process->inbox_read - 1].bytes);
    if (process->inbox_read == process->inbox_count) {
        process->inbox_read = process->inbox_count = 0;
        return false;
    }
    const struct letter *letter = &process->inbox[process->inbox_read++];
    *incoming = (struct incoming){.arrival = letter->arrival, .bytes = buf_bytes(&letter->bytes)};
    return true;
}

static bool next_lost(void *self, link_id *link)
{
    struct process *process = self;
    if (!process->lost_count)
        return false;
    *link = process->lost[0];
    process->lost_count--;
    memmove(process->lost, process->lost + 1, process->lost_count * sizeof *process->lost);
    return true;
}

static void submit(void *self, unsigned worker, void *job)
{
    struct process *process = self;
    uint64_t job_us = process->host.job_us(process->host.self, worker);
    process->jobs[worker] = job;
    world_plan(process->network->world, job_us, run_job, process, process->life, worker);
}

static void *take_job(void *self, unsigned worker)
{
    struct process *process = self;
    if (!process->jobs_ended[worker])
        return NULL;
    void *job = process->jobs[worker];
    process->jobs[worker] = NULL;
    process->jobs_run[worker] = process->jobs_ended[worker] = false;
    return job;
}

static enum status send(void *self, link_id link, struct buf *bytes)
{
    struct process *process = self;
    struct world *world = process->network->world;
    bool has_links = process->port >= NETWORK_ROUTER;
    if (!has_links || !world_chance(world, process->network->faults.unsent)) {
        network_send_take(process->network, process->port, link, bytes);
        return STATUS_OK;
    }
    enum status why = world_chance(world, 500) ? STATUS_BUSY : STATUS_UNREACHABLE;
    world_sometimes(world, SOMETIMES_UNSENT, true);
    wake(process); // there is something to tell
    return why;
}

static void take_turn(void *self, struct event *event)
{
    struct process *process = self;
    struct fault fault = {0};
    if (event->a != process->life || !process->up || is_paused(process, event))
        return;
    process->is_turn_planned = false;
    if (turn_run(&process->turn, &fault)) {
        process->host.on_exit(process->host.self, fault.text);
        return;
    }
    bool is_capped = process->inbox_read < process->inbox_count;
    world_sometimes(process->network->world, SOMETIMES_CAPPED, is_capped);
    if (is_capped)
        wake(process);
}

// ---- life ----------------------------------------------------------------------------

void process_start(struct process *process)
{
    struct port *port = &process->network->ports[process->port];
    struct brain brain = process->brain;
    const struct turn_shell shell = {.self = process,
                                     .now = now,
                                     .receive = receive,
                                     .next_lost = next_lost,
                                     .submit = submit,
                                     .take_job = take_job,
                                     .send = send};
    brain.tick_within_ms = NULL;
    turn_init(&process->turn, &brain, &shell, 0);
    port->receive = deliver;
    port->self = process;
    network_start(process->network, process->port);
    process->up = true;
    process->life = port->life;
    process->paused_until_us = 0;
    process->is_turn_planned = false;
    world_plan(process->network->world, world_below(process->network->world, process->tick_us),
               tick, process, process->life, 0);
}

static void clear(struct process *process)
{
    for (uint32_t i = 0; i < process->inbox_count; i++)
        buf_release(&process->inbox[i].bytes);
    process->inbox_read = process->inbox_count = process->lost_count = 0;
    turn_release(&process->turn);
}

void process_end(struct process *process, void *unfinished[BRAIN_WORKERS_MAX])
{
    network_stop(process->network, process->port);
    process->up = false;
    clear(process);
    for (unsigned i = 0; i < BRAIN_WORKERS_MAX; i++) {
        if (unfinished)
            unfinished[i] = process->jobs_run[i] ? NULL : process->jobs[i];
        process->jobs[i] = NULL;
        process->jobs_run[i] = process->jobs_ended[i] = false;
    }
}

void process_release(struct process *process)
{
    clear(process);
    free(process->inbox);
    free(process->lost);
    process->inbox = NULL;
    process->lost = NULL;
    process->inbox_capacity = process->lost_capacity = 0;
}

void process_pause(struct process *process, uint64_t duration_us)
{
    if (process->up)
        process->paused_until_us = process->network->world->now_us + duration_us;
}

bool process_is_idle(const struct process *process)
{
    for (unsigned i = 0; i < BRAIN_WORKERS_MAX; i++) {
        if (process->jobs[i])
            return false;
    }
    return process->inbox_read == process->inbox_count && !process->lost_count &&
           !queue_first(&process->turn.unsent);
}
