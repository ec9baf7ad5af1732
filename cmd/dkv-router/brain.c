// The router as a brain: nothing but names.
#include "dkv-router/brain.h"

#include "dkv-router/dispatch.h"

static void on_message(void *self, const struct arrival *arrival, struct bytes message,
                       struct moment now, struct outbox *outbox)
{
    dispatch_on_message(self, arrival, message, now, outbox);
}

static void on_lost(void *self, link_id link, struct moment now, struct outbox *outbox)
{
    dispatch_on_lost(self, link, now, outbox);
}

static void on_unsent(void *self, link_id link, struct bytes message, enum status why,
                      struct moment now, struct outbox *outbox)
{
    dispatch_on_unsent(self, link, message, why, now, outbox);
}

static void on_tick(void *self, struct moment now, struct outbox *outbox)
{
    dispatch_on_tick(self, now, outbox);
}

static void on_turn_end(void *self, struct moment now, struct outbox *outbox)
{
    dispatch_on_turn_end(self, now, outbox);
}

static void *next_job(void *self, unsigned worker)
{
    (void)worker;
    return epochs_next_job(&((struct router *)self)->epochs);
}

static enum status on_job_done(void *self, unsigned worker, void *job, struct moment now,
                               struct outbox *outbox, struct fault *fault)
{
    (void)worker, (void)job, (void)fault;
    dispatch_on_job_done(self, now, outbox);
    return STATUS_OK;
}

static uint64_t durable(void *self)
{
    return ((struct router *)self)->epochs.votes.durable;
}

static unsigned tick_within_ms(void *self)
{
    return router_tick_within_ms(self);
}

static bool is_ready(void *self, struct moment now)
{
    return router_is_ready(self, now);
}

struct brain router_brain(struct router *router)
{
    return (struct brain){
        .self = router,
        .on_message = on_message,
        .on_lost = on_lost,
        .on_unsent = on_unsent,
        .on_tick = on_tick,
        .on_turn_end = on_turn_end,
        .tick_within_ms = tick_within_ms,
        .worker_count = 1,
        .next_job = next_job,
        .on_job_done = on_job_done,
        .durable = durable,
        .is_ready = is_ready,
    };
}
