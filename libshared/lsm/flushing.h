// flushing.h - flushes of the sealed memtable, as jobs.
#pragma once

#include "lsm/engine.h"

enum job_kind flushing_next(struct lsm *lsm, struct lsm_job *job); // the next step, or JOB_NONE
void flushing_run(struct lsm_job *job);
void flushing_on_done(struct lsm *lsm, struct lsm_job *job);
