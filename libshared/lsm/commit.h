// commit.h - flushes, merges and drops come into force.
//
// They finish at any time and in any order; each changes the version by a draft made from
// the one in force then, written to the manifest as the difference of the two. One
// commit at a time takes in everything that is ready.
#pragma once

#include "lsm/engine.h"

enum job_kind commit_next(struct lsm *lsm, struct lsm_job *job);
void commit_run(struct lsm_job *job);
void commit_on_done(struct lsm *lsm, struct lsm_job *job);
void commit_release_values(struct lsm *lsm);
