#include "sim/process.h"

#include "base/xalloc.h"

#include <stdlib.h>

static void turn(void *self, struct event *event);

static void wake(struct process *process)
{
    if (process->is_turn_planned)
        return;
    process->is_turn_planned = true;
    uint64_t delay_us = 5 + world_below(process->network->world, 200);
    world_plan(process->network->world, delay_us, turn, process, process->life, 0);
}

static void add_letter(struct process *process, const struct letter *letter)
{
    if (process->inbox_count == process->inbox_capacity) {
        process->inbox_capacity = process->inbox_capacity ? 2 * process->inbox_capacity : 16;
        process->inbox = xrealloc(process->inbox, process->inbox_capacity * sizeof *process->inbox);
    }
    process->inbox[process->inbox_count++] = *letter;
    wake(process);
}

static void receive(void *self, const struct arrival *arrival, struct buf *bytes)
{
    struct letter letter = {.arrival = *arrival, .bytes = *bytes};
    *bytes = (struct buf){0};
    add_letter(self, &letter);
}

void process_lose_link(struct process *process, link_id link)
{
    if (process->up)
        add_letter(process, &(struct letter){.arrival.link = link, .is_loss = true});
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
    process->is_tick_due = true;
    wake(process);
    world_plan(process->network->world, process->tick_us, tick, process, process->life, 0);
}

// ---- the parts of a turn -------------------------------------------------------------

static enum status take_jobs(struct process *process, struct fault *fault)
{
    enum status status = STATUS_OK;
    for (unsigned i = 0; !status && i < process->brain->worker_count; i++) {
        if (!process->jobs_ended[i])
            continue;
        void *job = process->jobs[i];
        process->jobs[i] = NULL;
        process->jobs_run[i] = process->jobs_ended[i] = false;
        status = process->brain->on_job_done(process->self, i, job, fault);
    }
    return status;
}

static void read_inbox(struct process *process, struct moment now)
{
    const struct process_brain *brain = process->brain;
    for (uint32_t i = 0; i < process->inbox_count; i++) {
        struct letter *letter = &process->inbox[i];
        if (letter->why)
            brain->on_unsent(process->self, letter->arrival.link, buf_bytes(&letter->bytes),
                             letter->why, now, &process->outbox);
        else if (!letter->is_loss)
            brain->on_message(process->self, &letter->arrival, buf_bytes(&letter->bytes), now,
                              &process->outbox);
        buf_release(&letter->bytes);
    }
    for (uint32_t i = 0; brain->on_lost && i < process->inbox_count; i++) {
        if (process->inbox[i].is_loss)
            brain->on_lost(process->self, process->inbox[i].arrival.link, now, &process->outbox);
    }
    process->inbox_count = 0;
}

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
    process->brain->run_job(process->jobs[event->b]);
    process->jobs_run[event->b] = true;
    uint64_t delay_us = 10 + world_below(process->network->world, 500);
    world_plan(process->network->world, delay_us, end_job, process, process->life, event->b);
}

static void submit(struct process *process)
{
    const struct process_brain *brain = process->brain;
    for (unsigned i = 0; i < brain->worker_count; i++) {
        if (process->jobs[i] || !(process->jobs[i] = brain->next_job(process->self, i)))
            continue;
        world_plan(process->network->world, brain->job_us(process->self, i), run_job, process,
                   process->life, i);
    }
}

static void hold(struct process *process, struct outbox_message *message)
{
    if (process->held_count == process->held_capacity) {
        process->held_capacity = process->held_capacity ? 2 * process->held_capacity : 16;
        process->held = xrealloc(process->held, process->held_capacity * sizeof *process->held);
    }
    process->held[process->held_count++] =
        (struct parcel){message->link, message->gate, message->bytes};
    message->bytes = (struct buf){0};
}

// Takes the bytes. What cannot be sent comes back in the next turn.
static void send(struct process *process, link_id link, struct buf *bytes)
{
    struct world *world = process->network->world;
    bool is_unsent =
        process->brain->on_unsent && world_chance(world, process->network->faults.unsent);
    if (!is_unsent) {
        network_send_take(process->network, process->port, link, bytes);
        return;
    }
    struct letter letter = {.arrival.link = link,
                            .why = world_chance(world, 500) ? STATUS_BUSY : STATUS_UNREACHABLE,
                            .bytes = *bytes};
    *bytes = (struct buf){0};
    world_sometimes(world, SOMETIMES_UNSENT, true);
    add_letter(process, &letter);
}

static void send_all(struct process *process)
{
    const struct process_brain *brain = process->brain;
    struct outbox *outbox = &process->outbox;
    uint64_t durable = brain->durable ? brain->durable(process->self) : UINT64_MAX;
    uint32_t sent = 0;
    for (; sent < process->held_count && process->held[sent].gate <= durable; sent++)
        send(process, process->held[sent].link, &process->held[sent].bytes);
    if (sent) {
        process->held_count -= sent;
        memmove(process->held, process->held + sent, process->held_count * sizeof *process->held);
    }
    outbox_finish(outbox);
    for (uint32_t i = 0; i < outbox->count; i++) {
        struct outbox_message *message = &outbox->messages[i];
        if (message->gate > durable)
            hold(process, message);
        else
            send(process, message->link, &message->bytes);
    }
    outbox_clear(outbox);
}

static void turn(void *self, struct event *event)
{
    struct process *process = self;
    struct fault fault = {0};
    if (event->a != process->life || !process->up || is_paused(process, event))
        return;
    process->is_turn_planned = false;
    struct moment now = process->brain->now(process->self);
    if (take_jobs(process, &fault)) {
        process->brain->on_exit(process->self, fault.text);
        return;
    }
    read_inbox(process, now);
    if (process->is_tick_due) {
        process->is_tick_due = false;
        process->brain->on_tick(process->self, now, &process->outbox);
    }
    process->brain->on_turn_end(process->self, now, &process->outbox);
    submit(process);
    send_all(process);
}

// ---- life ----------------------------------------------------------------------------

void process_start(struct process *process)
{
    struct port *port = &process->network->ports[process->port];
    port->receive = receive;
    port->self = process;
    network_start(process->network, process->port);
    process->up = true;
    process->life = port->life;
    process->paused_until_us = 0;
    process->is_turn_planned = process->is_tick_due = false;
    world_plan(process->network->world, world_below(process->network->world, process->tick_us),
               tick, process, process->life, 0);
}

static void clear(struct process *process)
{
    for (uint32_t i = 0; i < process->inbox_count; i++)
        buf_release(&process->inbox[i].bytes);
    for (uint32_t i = 0; i < process->held_count; i++)
        buf_release(&process->held[i].bytes);
    process->inbox_count = process->held_count = 0;
    outbox_clear(&process->outbox);
}

void process_end(struct process *process, void *unfinished[PROCESS_WORKERS_MAX])
{
    network_stop(process->network, process->port);
    process->up = false;
    clear(process);
    for (unsigned i = 0; i < PROCESS_WORKERS_MAX; i++) {
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
    free(process->held);
    outbox_release(&process->outbox);
    process->inbox = NULL;
    process->held = NULL;
    process->inbox_capacity = process->held_capacity = 0;
}

void process_pause(struct process *process, uint64_t duration_us)
{
    if (process->up)
        process->paused_until_us = process->network->world->now_us + duration_us;
}
