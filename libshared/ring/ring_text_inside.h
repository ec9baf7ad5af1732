// ring_text_inside.h - words that are written and read, by the value of their enum.
#pragma once

#include "ring/ring_text.h"

enum { RING_CONFLICTS_COUNT = 2, RING_STATES_COUNT = 1 };

extern const char *const ring_conflict_names[RING_CONFLICTS_COUNT];
extern const char *const ring_state_names[RING_STATES_COUNT];
