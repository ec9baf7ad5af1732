#include "lsm/policy/space.h"

enum {
    RETRY_MS = 1000,
    FRUGAL_MS = 10000,
};

void space_on_failure(struct space *space, enum status status, uint64_t now_ms)
{
    space->is_full |= status == STATUS_DISK_FULL;
    space->is_waiting = true;
    space->retry_ms = now_ms + RETRY_MS;
}

void space_on_written(struct space *space, bool is_wanted)
{
    space->is_full &= is_wanted;
}

void space_on_segment(struct space *space, enum status status, uint64_t now_ms)
{
    space->is_frugal = status == STATUS_DISK_FULL;
    space->frugal_ms = now_ms + FRUGAL_MS;
}

void space_on_tick(struct space *space, uint64_t now_ms)
{
    if (now_ms >= space->retry_ms)
        space->is_waiting = false;
    if (now_ms >= space->frugal_ms)
        space->is_frugal = false;
}
