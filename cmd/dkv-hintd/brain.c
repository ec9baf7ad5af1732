// The hintd as a brain: nothing but names.
#include "dkv-hintd/brain.h"

#include "dkv-hintd/reception.h"

static void on_message(void *self, const struct arrival *arrival, struct bytes message,
                       struct moment now, struct outbox *outbox)
{
    reception_on_message(self, arrival, message, now, outbox);
}

static void on_lost(void *self, link_id link, struct moment now, struct outbox *outbox)
{
    (void)outbox;
    reception_on_lost(self, link, now);
}

static void on_unsent(void *self, link_id link, struct bytes message, enum status why,
                      struct moment now, struct outbox *outbox)
{
    (void)why, (void)outbox;
    reception_on_unsent(self, link, message, now);
}

static void on_tick(void *self, struct moment now, struct outbox *outbox)
{
    reception_on_tick(self, now, outbox);
}

static void on_turn_end(void *self, struct moment now, struct outbox *outbox)
{
    reception_on_turn_end(self, now, outbox);
}

static unsigned tick_within_ms(void *self)
{
    return reception_tick_within_ms(self);
}

static void *next_job(void *self, unsigned worker)
{
    return hintd_next_job(self, (enum lsm_worker)worker);
}

static void run_job(void *job)
{
    lsm_job_run(job);
}

static enum status on_job_done(void *self, unsigned worker, void *job, struct moment now,
                               struct outbox *outbox, struct fault *fault)
{
    (void)worker, (void)now, (void)outbox;
    return hintd_on_job_done(self, job, fault);
}

static uint64_t durable(void *self)
{
    const struct hintd *hintd = self;
    return brake_durable(&hintd->brake, lsm_durable(hintd->lsm));
}

static bool is_drained(void *self)
{
    const struct hintd *hintd = self;
    return !hintd->parked.count && lsm_durable(hintd->lsm) >= lsm_written(hintd->lsm);
}

struct brain hintd_brain(struct hintd *hintd)
{
    return (struct brain){
        .self = hintd,
        .on_message = on_message,
        .on_lost = on_lost,
        .on_unsent = on_unsent,
        .on_tick = on_tick,
        .on_turn_end = on_turn_end,
        .tick_within_ms = tick_within_ms,
        .worker_count = LSM_WORKER_MERGE, // hints are few and short-lived: one merge at a time
        .next_job = next_job,
        .run_job = run_job,
        .on_job_done = on_job_done,
        .durable = durable,
        .is_drained = is_drained,
    };
}
