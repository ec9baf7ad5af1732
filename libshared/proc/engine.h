// engine.h - the storage engine as dkv.conf wants it, for the daemons that have one.
#pragma once

#include "lsm/lsm.h"
#include "proc/node.h"

// The options that such daemons share: files (`vfs` and `dir` are borrowed, and live as long as the
// engine), limits, sizes and a seed. The caller sets what is its own, such as the cache and when
// the log is synced.
struct lsm_options engine_options(const struct node *node, struct vfs *vfs, const char *dir);
