// moves.h - who drives a move of the ring from step to step.
//
// Every router does, of which the first in the order of nodes that is up proposes: the document
// that follows is the same whoever makes it (ring/ring_move.h), so it does no harm if two do.
#pragma once

#include "dkv-router/epochs.h"

// Hands in the next step when all are settled (settled.h).
void moves_on_tick(struct epochs *epochs, struct moment now);
