// ring_follow.h - whether a node may work by another ring document from now on.
#pragma once

#include "ring/ring_snapshot.h"

// `next` must be one that may follow (ring_successor.h), in one step if it follows at once
// (ring_move.h), and leave this node, `self`, who it is. INVALID, or REFUSED if data would be left
// behind, with the reason.
enum status ring_follow(const struct ring_snapshot *current, const struct ring_snapshot *next,
                        uint64_t self, struct fault *fault) MUST_USE;
