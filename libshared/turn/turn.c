#include "turn/turn.h"

#include <assert.h>

void turn_init(struct turn *turn, const struct brain *brain, const struct turn_shell *shell,
               uint64_t tick_ms)
{
    assert(brain->worker_count <= BRAIN_WORKERS_MAX);
    *turn = (struct turn){.brain = *brain,
                          .shell = *shell,
                          .tick_ms = tick_ms,
                          .tick_due_ms = tick_ms ? 0 : UINT64_MAX};
}

void turn_release(struct turn *turn)
{
    queue_release(&turn->held);
    queue_release(&turn->unsent);
    outbox_release(&turn->outbox);
    *turn = (struct turn){0};
}

static struct moment time_of(const struct turn *turn)
{
    return turn->shell.now(turn->shell.self);
}

// ---- in ------------------------------------------------------------------------------

static enum status take_jobs(struct turn *turn, struct moment now, struct fault *fault)
{
    const struct brain *brain = &turn->brain;
    enum status status = STATUS_OK;
    for (unsigned i = 0; !status && i < brain->worker_count; i++) {
        void *job = turn->is_busy[i] ? turn->shell.take_job(turn->shell.self, i) : NULL;
        if (!job)
            continue;
        turn->is_busy[i] = false;
        status = brain->on_job_done(brain->self, i, job, now, &turn->outbox, fault);
    }
    return status;
}

static void tell_unsent(struct turn *turn, struct moment now)
{
    const struct brain *brain = &turn->brain;
    for (struct queued *queued; (queued = queue_first(&turn->unsent));) {
        brain->on_unsent(brain->self, queued->link, buf_bytes(&queued->bytes), queued->why, now,
                         &turn->outbox);
        queue_drop_first(&turn->unsent);
    }
}

static void receive(struct turn *turn)
{
    const struct brain *brain = &turn->brain;
    struct incoming incoming;
    size_t size = 0;
    for (unsigned count = 0; count < TURN_MESSAGES_MAX && size < TURN_SIZE_MAX; count++) {
        if (!turn->shell.receive(turn->shell.self, &incoming))
            break;
        size += incoming.bytes.size;
        if (!turn->is_stopping || !incoming.is_request)
            brain->on_message(brain->self, &incoming.arrival, incoming.bytes, time_of(turn),
                              &turn->outbox);
    }
    link_id link;
    while (turn->shell.next_lost(turn->shell.self, &link)) {
        if (brain->on_lost)
            brain->on_lost(brain->self, link, time_of(turn), &turn->outbox);
    }
}

static void tick(struct turn *turn, struct moment now)
{
    if (now.mono_ms < turn->tick_due_ms)
        return;
    turn->tick_due_ms = turn->tick_ms ? now.mono_ms + turn->tick_ms : UINT64_MAX;
    turn->brain.on_tick(turn->brain.self, now, &turn->outbox);
}

static void end(struct turn *turn, struct moment now)
{
    const struct brain *brain = &turn->brain;
    if (brain->on_turn_end)
        brain->on_turn_end(brain->self, now, &turn->outbox);
    if (brain->tick_within_ms)
        turn->tick_due_ms =
            least_ms(turn->tick_due_ms, now.mono_ms + brain->tick_within_ms(brain->self));
}

static enum status think(struct turn *turn, struct fault *fault)
{
    struct moment now = time_of(turn);
    enum status status = take_jobs(turn, now, fault);
    if (status)
        return status;
    tell_unsent(turn, now);
    receive(turn);
    now = time_of(turn);
    tick(turn, now);
    end(turn, now);
    return STATUS_OK;
}

// ---- out -----------------------------------------------------------------------------

static void reset_links(struct turn *turn)
{
    for (uint32_t i = 0; turn->shell.reset_link && i < turn->outbox.reset_count; i++)
        turn->shell.reset_link(turn->shell.self, turn->outbox.resets[i]);
}

static void submit(struct turn *turn)
{
    const struct brain *brain = &turn->brain;
    for (unsigned i = 0; i < brain->worker_count; i++) {
        void *job = turn->is_busy[i] ? NULL : brain->next_job(brain->self, i);
        if (!job)
            continue;
        turn->is_busy[i] = true;
        turn->shell.submit(turn->shell.self, i, job);
    }
}

static void send(struct turn *turn, link_id link, struct buf *bytes)
{
    enum status status = turn->shell.send(turn->shell.self, link, bytes);
    if (status && turn->brain.on_unsent)
        queue_add_take(&turn->unsent, link, bytes)->why = status;
}

// Gates of later turns are not below those of earlier ones: the first that is closed ends it.
static void release_held(struct turn *turn, uint64_t durable)
{
    for (struct queued *queued; (queued = queue_first(&turn->held));) {
        if (queued->gate > durable)
            break;
        send(turn, queued->link, &queued->bytes);
        queue_drop_first(&turn->held);
    }
}

static void send_or_hold(struct turn *turn, uint64_t durable)
{
    struct outbox *outbox = &turn->outbox;
    outbox_finish(outbox);
    for (uint32_t i = 0; i < outbox->count; i++) {
        struct outbox_message *message = &outbox->messages[i];
        if (message->gate > durable)
            queue_add_take(&turn->held, message->link, &message->bytes)->gate = message->gate;
        else
            send(turn, message->link, &message->bytes);
    }
    outbox_clear(outbox);
}

enum status turn_run(struct turn *turn, struct fault *fault)
{
    const struct brain *brain = &turn->brain;
    enum status status = think(turn, fault);
    if (status)
        return status;
    reset_links(turn);
    submit(turn);
    uint64_t durable = brain->durable ? brain->durable(brain->self) : UINT64_MAX;
    release_held(turn, durable);
    send_or_hold(turn, durable);
    return STATUS_OK;
}

// ---- between turns -------------------------------------------------------------------

void turn_tick_next(struct turn *turn)
{
    turn->tick_due_ms = 0;
}

uint64_t turn_due_ms(const struct turn *turn)
{
    return queue_first(&turn->unsent) ? 0 : turn->tick_due_ms;
}

void turn_stop(struct turn *turn)
{
    turn->is_stopping = true;
}

bool turn_is_drained(const struct turn *turn)
{
    const struct brain *brain = &turn->brain;
    for (unsigned i = 0; i < brain->worker_count; i++) {
        if (turn->is_busy[i])
            return false;
    }
    return !queue_first(&turn->held) && (!brain->is_drained || brain->is_drained(brain->self));
}
