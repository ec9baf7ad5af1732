#include "replica/recall.h"

#include "base/endian.h"

static const uint64_t beaten_bit = (uint64_t)1 << 63; // of the counter

struct request_id recall_bind(const struct request_id *request, uint64_t key_hash)
{
    struct request_id bound = *request;
    if (!request_id_is_none(request))
        store_u64(bound.bytes, load_u64(bound.bytes) ^ key_hash);
    return bound;
}

struct dot recall_beaten_by(struct dot winner)
{
    return (struct dot){winner.actor, winner.counter | beaten_bit};
}

bool recall_has(const struct recall *recall, const struct request_id *bound)
{
    return recall->find && recall->find(recall->context, bound);
}

enum fate recall_find(const struct recall *recall, const struct request_id *bound,
                      const struct record *held, struct dot *dot)
{
    const struct dot *found = recall->find ? recall->find(recall->context, bound) : NULL;
    if (!found)
        return FATE_UNKNOWN;
    bool has_lost = found->counter & beaten_bit;
    struct dot winner = {found->actor, found->counter & ~beaten_bit};
    *dot = has_lost ? (struct dot){0} : *found;
    return has_lost && record_find_dot(held, winner) ? FATE_BEATEN : FATE_SUPERSEDED;
}
