// job.h - what the workers do, and in which order: lsm_next_job(), lsm_job_run(), lsm_on_done().
#pragma once

#include "lsm/engine.h"

void job_release(struct lsm_job *job); // what it holds
