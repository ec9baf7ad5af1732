// jobs.h - an engine under test, small enough that everything happens soon, whose jobs run on the
// thread of its owner and go well.
#pragma once

#include "unit/unit.h"

#include "base/random.h"
#include "disk/memory_vfs.h"
#include "lsm/lsm.h"

#include <stdio.h>

// On this disk, in "db"; memory for 256 KiB, two segments of the log.
static inline struct lsm_options small_options(struct memory_vfs *disk)
{
    struct lsm_options options = lsm_options_default();
    options.vfs = &disk->vfs;
    options.dir = "db";
    options.memtable_size = 256 << 10;
    options.log_segment_size = 64 << 10;
    return options;
}

// Runs the next job of the worker; false if there is none.
static inline bool run_job(struct lsm *lsm, enum lsm_worker worker)
{
    struct fault fault;
    struct lsm_job *job = lsm_next_job(lsm, worker);
    if (!job)
        return false;
    lsm_job_run(job);
    if (lsm_on_done(lsm, job, &fault))
        fail_msg("%s", fault.text);
    return true;
}

// Runs jobs until no worker has any.
static inline void run_jobs(struct lsm *lsm)
{
    for (int worker = LSM_WORKER_LOG; worker < LSM_WORKER_COUNT; worker++) {
        if (run_job(lsm, (enum lsm_worker)worker))
            worker = LSM_WORKER_LOG - 1; // which may have given the others work
    }
}

// Writes half a KiB that cannot be compressed under one of so many keys.
static inline enum status put_random(struct lsm *lsm, struct random *random, unsigned key_count)
{
    uint8_t value[500];
    char key[16];
    uint64_t position;
    struct lsm_batch batch = {0};
    for (size_t i = 0; i < sizeof value; i++)
        value[i] = (uint8_t)random_u64(random);
    snprintf(key, sizeof key, "%u", (unsigned)random_below(random, key_count));
    lsm_batch_put(&batch, bytes_of_text(key), bytes_of(value, sizeof value));
    enum status status = lsm_write(lsm, &batch, &position);
    lsm_batch_release(&batch);
    return status;
}
