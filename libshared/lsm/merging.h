// merging.h - merges of tables, and drops of ranges, as jobs.
#pragma once

#include "lsm/engine.h"

enum job_kind merging_next(struct lsm *lsm, struct lsm_job *job); // the next step, or JOB_NONE
void merging_run(struct lsm_job *job);
void merging_on_done(struct lsm *lsm, struct lsm_job *job);
