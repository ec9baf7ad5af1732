// drop.h - ranges of keys that the owner lets go.
#pragma once

#include "lsm/engine.h"

// A failed drop has left everything as it was.
void drop_end(struct lsm *lsm, enum status status, const struct fault *fault);
