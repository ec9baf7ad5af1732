#include "replica/zombie.h"

bool zombie_is_deletion(const struct replica *replica, const struct sibling *sibling)
{
    return sibling->flags & SIBLING_TOMBSTONE ||
           (sibling->expires_ms && sibling->expires_ms <= replica->wall_ms);
}

bool zombie_was_purged(const struct replica *replica, const struct sibling *sibling)
{
    return replica->horizon && seen_has(replica->horizon, sibling->dot) &&
           !clock_covers(&replica->held->clock, sibling->dot);
}

// `is_whole`: all that the record covers is below the horizon.
static bool is_zombie(const struct replica *replica, const struct sibling *sibling, bool is_whole)
{
    bool is_deletion = zombie_is_deletion(replica, sibling);
    if (clock_covers(&replica->held->clock, sibling->dot))
        return false;
    if (!is_deletion && replica->told && seen_has(replica->told, sibling->dot))
        return true;
    return replica->seen && seen_has(replica->seen, sibling->dot) &&
           zombie_was_purged(replica, sibling) && (!is_deletion || is_whole);
}

uint32_t zombie_drop(const struct replica *replica, struct record *incoming)
{
    bool is_whole = replica->horizon && seen_base_covers(replica->horizon, &incoming->clock);
    uint32_t kept = 0, count = incoming->count;
    for (uint32_t i = 0; i < count; i++) {
        const struct sibling *sibling = &incoming->siblings[i];
        if (!is_zombie(replica, sibling, is_whole))
            incoming->siblings[kept++] = *sibling;
        else if (!zombie_is_deletion(replica, sibling))
            clock_remove(&incoming->clock, sibling->dot);
    }
    incoming->count = kept;
    return count - kept;
}
