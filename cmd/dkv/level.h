// level.h - how many owners must answer, as people write it: "2", "quorum", "each-quorum" ...
#pragma once

#include "ring/ring.h"

// NULL is the keyspace's own level. INVALID: it is no level; the fault says what is.
enum status level_parse(const char *text, uint8_t *level, struct fault *fault) MUST_USE;
