#include "replica/replica.h"

// Of a key without a record a request that is remembered was purged, if the horizon says so; else
// the record was lost, and nothing is known.
static enum fate find_purged(const struct replica *replica, const struct request_id *request,
                             struct dot *dot)
{
    bool is_known = replica_recall(replica, request, dot) && replica->horizon && dot->counter;
    return is_known && seen_has(replica->horizon, *dot) ? FATE_PURGED : FATE_UNKNOWN;
}

// A hint that had it was delivered, and this record is of another one: it cannot stand for the
// write.
static bool is_elsewhere(const struct replica *replica, struct dot dot)
{
    return replica->is_partial && dot.counter && !clock_covers(&replica->held->clock, dot);
}

enum fate replica_find(const struct replica *replica, const struct request_id *request,
                       struct dot *dot)
{
    if (request_id_is_none(request))
        return FATE_UNKNOWN;
    if (record_is_empty(replica->held))
        return find_purged(replica, request, dot);
    const struct sibling *sibling = record_find_request(replica->held, request);
    if (sibling) {
        *dot = sibling->dot;
        return FATE_LIVE;
    }
    enum fate fate = replica_recall(replica, request, dot);
    return fate && is_elsewhere(replica, *dot) ? FATE_UNKNOWN : fate;
}

enum fate replica_recall(const struct replica *replica, const struct request_id *request,
                         struct dot *dot)
{
    struct request_id bound = recall_bind(request, replica->key_hash);
    return recall_find(&replica->recall, &bound, replica->held, dot);
}

uint64_t replica_forged(const struct replica *replica, const struct clock *clock)
{
    uint64_t high = clock_high(clock, replica->actor);
    return high > replica->counter ? high : 0;
}

uint64_t replica_follow(const struct replica *replica, uint64_t hlc)
{
    uint64_t limit = (replica->wall_ms + replica->limits.clock_refuse_ms) << 16 | 0xffff;
    uint64_t believed = hlc < limit ? hlc : limit;
    return replica->hlc_last < believed ? believed : replica->hlc_last;
}
