// The store as a brain: nothing but names.
#include "dkv-store/brain.h"

#include "dkv-store/asking.h"
#include "dkv-store/serve.h"

enum { BUSY_TICK_MS = 200 }; // while there is anything to do

static void on_message(void *self, const struct arrival *arrival, struct bytes message,
                       struct moment now, struct outbox *outbox)
{
    serve_on_message(self, arrival, message, now, outbox);
}

static void on_unsent(void *self, link_id link, struct bytes message, enum status why,
                      struct moment now, struct outbox *outbox)
{
    (void)why, (void)now, (void)outbox;
    store_on_unsent(self, link, message);
}

static void on_tick(void *self, struct moment now, struct outbox *outbox)
{
    serve_on_tick(self, now, outbox);
}

static void on_turn_end(void *self, struct moment now, struct outbox *outbox)
{
    serve_on_turn_end(self, now, outbox);
}

static unsigned tick_within_ms(void *self)
{
    unsigned within_ms =
        store_tick_within_ms(self, serve_is_quiet(self) ? UINT32_MAX : BUSY_TICK_MS);
    return asking_within_ms(self, within_ms);
}

static void *next_job(void *self, unsigned worker)
{
    return store_next_job(self, (enum lsm_worker)worker);
}

static void run_job(void *job)
{
    lsm_job_run(job);
}

static enum status on_job_done(void *self, unsigned worker, void *job, struct moment now,
                               struct outbox *outbox, struct fault *fault)
{
    (void)worker, (void)now, (void)outbox;
    return store_on_job_done(self, job, fault);
}

static uint64_t durable(void *self)
{
    return store_durable(self);
}

static bool is_drained(void *self)
{
    const struct store *store = self;
    return !store->parked.count && lsm_durable(store->lsm) >= lsm_written(store->lsm);
}

struct brain store_brain(struct store *store)
{
    return (struct brain){
        .self = store,
        .on_message = on_message,
        .on_unsent = on_unsent,
        .on_tick = on_tick,
        .on_turn_end = on_turn_end,
        .tick_within_ms = tick_within_ms,
        .worker_count = LSM_WORKER_COUNT,
        .patient_worker_count = LSM_WORKER_COUNT - LSM_WORKER_MERGE,
        .next_job = next_job,
        .run_job = run_job,
        .on_job_done = on_job_done,
        .durable = durable,
        .is_drained = is_drained,
    };
}
