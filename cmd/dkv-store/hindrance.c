#include "dkv-store/hindrance.h"

// Every dot of the clock, be it early.
static bool knows(const struct seen *seen, const struct clock *clock)
{
    for (uint32_t i = 0; i < clock->count; i++) {
        const struct clock one = {.intervals = &clock->intervals[i], .count = 1};
        bool is_closed = seen_base(seen, clock->intervals[i].actor) == UINT64_MAX;
        if (!is_closed && !clock_includes(&seen->dots, &one))
            return false;
    }
    return true;
}

static void find_behind(struct hindrance *hindrance, const struct stability *stability,
                        const struct clock *clock)
{
    for (uint32_t i = 0; i < stability->peer_count && i < RING_OWNERS_MAX; i++) {
        const struct stability_peer *peer = &stability->peers[i];
        if (!seen_base_covers(&peer->known, clock))
            hindrance->behind[hindrance->behind_count++] = peer->number;
    }
}

// The oldest point at which all knew it; none yet: it begins now.
static uint32_t wait_of(const struct stability *stability, const struct clock *clock,
                        uint64_t now_ms, uint64_t age_ms)
{
    uint64_t since_ms = now_ms;
    for (uint32_t i = stability->point_count; i-- > 0;) {
        if (seen_base_covers(&stability->points[i].seen, clock))
            since_ms = stability->points[i].at_ms;
    }
    uint64_t wait_ms = since_ms + age_ms > now_ms ? since_ms + age_ms - now_ms : 0;
    return wait_ms < UINT32_MAX ? (uint32_t)wait_ms : UINT32_MAX;
}

struct hindrance hindrance_of(const struct store *store, const struct ledger_shard *shard,
                              const struct clock *clock, struct moment now)
{
    struct hindrance hindrance = {0};
    find_behind(&hindrance, &shard->stability, clock);
    if (shard->is_lost)
        hindrance.state = PURGE_LOST;
    else if (seen_base_covers(&shard->horizon, clock))
        hindrance.state = PURGE_DUE;
    else if (!knows(&shard->seen, clock))
        hindrance.state = PURGE_LACKS;
    else if (!seen_base_covers(&shard->seen, clock))
        hindrance.state = PURGE_GAPS;
    else
        hindrance.state = hindrance.behind_count ? PURGE_WAITS : PURGE_AGES;
    if (hindrance.state != PURGE_WAITS)
        hindrance.behind_count = 0;
    if (hindrance.state == PURGE_AGES)
        hindrance.wait_ms =
            wait_of(&shard->stability, clock, now.mono_ms, store->options.purge_age_ms);
    return hindrance;
}
