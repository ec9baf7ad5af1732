// ring_voters.h - who decides what the next ring document is.
//
// All nodes, or five of them if there are more: from as many datacenters as possible, and in these
// from as many racks. Every node finds the same ones in the same document.
#pragma once

#include "ring/ring.h"

enum { RING_VOTERS_MAX = 5 };

// Indexes into nodes, in the order of ids. Returns how many.
uint32_t ring_voters(const struct ring *ring, uint16_t voters[RING_VOTERS_MAX]);
