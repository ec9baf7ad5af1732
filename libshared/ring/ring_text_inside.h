// ring_text_inside.h - words that are written and read, by the value of their enum.
#pragma once

#include "ring/ring_text.h"

enum { RING_CONFLICTS_COUNT = 2, RING_STATES_COUNT = 3, RING_MOVES_COUNT = 4 };

extern const char *const ring_conflict_names[RING_CONFLICTS_COUNT];
extern const char *const ring_state_names[RING_STATES_COUNT];
extern const char *const ring_move_names[RING_MOVES_COUNT];

// The version of the format that can say all of it.
int ring_text_version(const struct ring *ring);

// Whether a partition has the same list after the move.
bool ring_keeps_list(const struct ring *ring, uint32_t partition);
