// plan.h - moving data: what the ring would become, that it becomes so, and how far it is.
//
// A plan is made from the document of the cluster alone: nodes that joined, leave or were given
// another weight, and the copies that keyspaces are to have. So it is the same wherever it is made,
// and its hash names it.
#pragma once

#include "dkv/dkv.h"

// Each returns the exit status.
int plan_show(const struct globals *globals, bool hash_alone);

// `hash` is what plan_show() printed. 11: the ring has changed since; 10: shards would be empty,
// since only nodes that do not come back have them, unless the caller accepts that.
int plan_commit(const struct globals *globals, const char *hash, bool accepts_loss);

int plan_abort(const struct globals *globals);

// 12: data is moving, or a node has not followed yet. `waits`: until that is over, or the timeout
// that was given.
int plan_status(const struct globals *globals, bool waits);
