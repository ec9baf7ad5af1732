// joins.h - how far a store has come with the copies that a move wants of it (joining.h).
#pragma once

#include <stdint.h>

struct joins {
    uint64_t epoch; // of the ring that was looked at
    uint64_t left;  // copies that are still to be filled; 0: none, and that is durable
    uint64_t mark;  // of the log, when there were none; 0: there are some
};
