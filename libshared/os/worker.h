// worker.h - a thread that runs one job at a time, for work that blocks.
//
//     idle ──worker_submit()──► busy ──job done──► done ──worker_take()──► idle
//
// The job belongs to the thread from submit until its descriptor becomes readable.
#pragma once

#include "base/fault.h"

#include <stdbool.h>

struct worker;

// `run` is called on the thread with each job. The thread inherits the signal mask.
enum status worker_start(struct worker **worker, void (*run)(void *job),
                         struct fault *fault) MUST_USE;

// One whose thread gives way to all others (10 nicer): for work that nobody waits for.
enum status worker_start_patient(struct worker **worker, void (*run)(void *job),
                                 struct fault *fault) MUST_USE;
void worker_stop(struct worker *worker); // waits for the job that runs; NULL is allowed

int worker_fd(const struct worker *worker);           // readable when a job is done
bool worker_is_idle(const struct worker *worker);     // no job submitted and not taken back
void worker_submit(struct worker *worker, void *job); // only when idle; not NULL
void *worker_take(struct worker *worker);             // the job that is done, NULL if none is
