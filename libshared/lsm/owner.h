// owner.h - what the owner of a database gets back when it is opened: its snapshot, its notes.
#pragma once

#include "lsm/engine.h"
#include "lsm/log/log_op.h"

// The snapshot that the manifest has or names; only an owner that wants it is told of damage.
enum status owner_restore(struct lsm *lsm, const struct edit_state *state,
                          struct fault *fault) MUST_USE;

// A note of the log, or a part of one. CORRUPT: the fault is the caller's to make.
enum status owner_replay(struct lsm *lsm, const struct log_op *op, struct fault *fault) MUST_USE;
