// twin.h - a daemon whose node runs a second time, elsewhere and younger.
//
// It stays for ten minutes, so that everybody is told, and ends with exit status 10. Who starts it
// again takes the place of the other one.
#pragma once

#include "base/fault.h"
#include "base/moment.h"

#include <stdbool.h>
#include <stdint.h>

struct twin {
    uint64_t since_ms; // monotonic; 0: there is none
};

// Call at every tick. `found` says who has our identity; OK: nobody. `what` says what this one does
// meanwhile; it does not end while something is not durable.
void twin_on_tick(struct twin *twin, const struct fault *found, const char *what, bool is_durable,
                  struct moment now);
