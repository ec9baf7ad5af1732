// compact.h - the wish that everything be merged.
#pragma once

#include "lsm/engine.h"

// Finds out whether what it is about is in tables by now, and whether it has come true.
void compact_update(struct lsm *lsm);
