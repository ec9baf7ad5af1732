// checkpoint.h - a second database made of the files of this one, as a job.
#pragma once

#include "lsm/engine.h"

enum job_kind checkpoint_next(struct lsm *lsm, struct lsm_job *job);
void checkpoint_run(struct lsm_job *job);
void checkpoint_on_done(struct lsm *lsm);
