// ours.h - the engine of libshared/lsm with an owner's thread and its workers.
#pragma once

#include "bench/engine/peer.h"
#include "lsm/lsm.h"
#include "os/huge_pages.h"
#include "os/posix_vfs.h"
#include "os/worker.h"

#include <stdatomic.h>

struct ours;

// What a worker is given: a job, and where to say that it is done.
struct ours_task {
    struct ours *ours;
    struct lsm_job *job;
};

struct ours {
    struct posix_vfs vfs;
    struct lsm *lsm;
    struct lsm_batch batch;
    struct buf value;
    enum peer_durability durability;
    size_t bytes_since_turn;
    uint64_t position;    // of the newest write
    unsigned outstanding; // puts that did not wait, since the last sync

    struct worker *workers[LSM_WORKER_COUNT];
    struct ours_task tasks[LSM_WORKER_COUNT];
    _Alignas(64) atomic_uint done_count; // jobs that ran and were not taken back
};

void ours_open(struct ours *ours, const struct peer_options *options);
void ours_close(struct ours *ours);

// Applies the batch; waits for the workers while memory is full.
void ours_write(struct ours *ours);

// Takes back what the workers have done, gives them what there is to do.
void ours_turn(struct ours *ours);

// Runs the log's job on this thread, until all that was written is durable.
void ours_sync(struct ours *ours);
