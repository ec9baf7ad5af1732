// ring_change.h - the ring document that follows is proposed to the cluster.
#pragma once

#include "dkv/dkv.h"
#include "ring/ring.h"

// Proposes `next`, which ring_succeed() has made, and says what became of it; `what` is its
// subject. Returns the exit status. 0: every node that can be reached has it; others have it when
// they are back. 11: another change came first.
int ring_change(const struct globals *globals, const char *verb, const struct ring *next,
                const char *what);
