// space.h - a disk that was full: when to try again, and what goes on meanwhile.
//
//     room ──a job finds none──> full, waiting ──a second──> full, tries again
//       ^                                                        │
//       └──────────── something was written, and nobody waits ───┘
//
// While it waits, it only frees room. The next segment of the log, when it is not needed
// yet, holds up nobody: the log goes without it for longer.
//
// Pure: it knows no disk and no clock.
#pragma once

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

// Zero-filled: there is room.
struct space {
    bool is_full;
    bool is_waiting; // for the next attempt
    bool is_frugal;  // no segment of the log is prepared before it is needed
    uint64_t retry_ms;
    uint64_t frugal_ms; // until then
};

// Whether a job that failed so is tried again, and until then only what needs it waits: nothing is
// damaged, and there may be room, or a descriptor, again.
static inline bool space_may_return(enum status status)
{
    return status == STATUS_DISK_FULL || status == STATUS_EXHAUSTED;
}

// A job failed so, which may pass, and others have to wait with it.
void space_on_failure(struct space *space, enum status status, uint64_t now_ms);

// Something was written, so there is room; unless someone still waits for some.
void space_on_written(struct space *space, bool is_wanted);

// The next segment of the log was to be prepared, and it ended so.
void space_on_segment(struct space *space, enum status status, uint64_t now_ms);

void space_on_tick(struct space *space, uint64_t now_ms);
