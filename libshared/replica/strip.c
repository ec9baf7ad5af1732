#include "replica/strip.h"

// Clocks of nodes differ by so much at most: a value is not stripped while others may show it.
static uint64_t strip_ms(const struct replica *replica, const struct sibling *sibling)
{
    if (sibling->flags & SIBLING_TOMBSTONE)
        return 0;
    return sibling->expires_ms ? sibling->expires_ms + replica->limits.clock_refuse_ms : UINT64_MAX;
}

static void strip(const struct replica *replica, struct record *result, uint64_t *expires_ms)
{
    uint32_t kept = 0;
    clock_clear(&result->clock);
    for (uint32_t i = 0; i < result->count; i++) {
        struct sibling sibling = result->siblings[i];
        uint64_t until_ms = strip_ms(replica, &sibling);
        if (until_ms <= replica->wall_ms)
            continue;
        if (until_ms < *expires_ms)
            *expires_ms = until_ms;
        result->siblings[kept++] = sibling;
        clock_add(&result->clock,
                  (struct interval){sibling.dot.actor, sibling.dot.counter, sibling.dot.counter});
    }
    result->count = kept;
}

bool strip_record(const struct replica *replica, struct change *change, uint64_t *expires_ms)
{
    const struct record *held = replica->held;
    if (replica->is_lost || !replica->horizon || record_is_empty(held) ||
        !seen_base_covers(replica->horizon, &held->clock))
        return false;
    change_begin(change, replica);
    struct record *result = &change->result;
    record_copy(result, held);
    strip(replica, result, expires_ms);
    if (record_same_versions(result, held))
        return false;
    struct bytes encoded = {0};
    if (result->count) {
        buf_clear(&change->encoded);
        record_encode(result, replica->key, &change->encoded);
        encoded = buf_bytes(&change->encoded);
    }
    change_replace(change, replica, result, encoded);
    return true;
}
