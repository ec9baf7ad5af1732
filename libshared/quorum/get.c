#include "quorum/get.h"

#include <assert.h>

static struct get_step answer(struct get *get, enum status status)
{
    get->phase = GET_ENDED;
    return (struct get_step){.answer = true, .status = status, .ended = true};
}

struct get_step get_start(struct get *get, uint8_t n, const struct needs *r, owner_mask live,
                          const uint8_t *order)
{
    assert(n <= RING_OWNERS_MAX);
    *get = (struct get){.n = n, .r = *r, .phase = GET_ASKING, .live = live};
    if (!needs_met(r, live))
        return answer(get, STATUS_UNAVAILABLE);
    struct get_step step = {0};
    for (unsigned i = 0; i < n; i++) {
        owner_mask owner = owner_bit(order[i]);
        if (!(live & owner) || !needs_help_of(r, get->asked, order[i]))
            continue;
        if (!step.fetch)
            step.fetch = owner;
        else
            step.head |= owner;
        get->asked |= owner;
    }
    return step;
}

// R have answered, and at least one with a full record: time to compare.
static struct get_step check(struct get *get)
{
    if (get->phase == GET_FETCHING)
        return get->fetching ? (struct get_step){0} : answer(get, STATUS_OK);
    if (!needs_met(&get->r, get->replied))
        return (struct get_step){0};
    if (get->full)
        return (struct get_step){.compare = true};
    if (get->fetching)
        return (struct get_step){0};
    // Only heads so far (the owner asked for the record failed): fetch from one of them.
    owner_mask owner = get->replied & (owner_mask)-get->replied;
    get->fetching |= owner;
    return (struct get_step){.fetch = owner};
}

struct get_step get_on_reply(struct get *get, uint8_t owner, bool full)
{
    if (get->phase == GET_ENDED)
        return (struct get_step){0};
    get->asked &= (owner_mask)~owner_bit(owner);
    get->replied |= owner_bit(owner);
    if (full) {
        get->full |= owner_bit(owner);
        get->fetching &= (owner_mask)~owner_bit(owner);
    }
    return check(get);
}

struct get_step get_on_compared(struct get *get, owner_mask differing)
{
    differing &= (owner_mask) ~(get->full);
    if (get->phase != GET_ASKING)
        return (struct get_step){0};
    if (!differing)
        return answer(get, STATUS_OK);
    get->phase = GET_FETCHING;
    struct get_step step = {.fetch = differing & (owner_mask)~get->fetching};
    get->fetching |= differing;
    return step;
}

struct get_step get_on_failed(struct get *get, uint8_t owner)
{
    get->live &= (owner_mask)~owner_bit(owner);
    if (get->phase == GET_ENDED || !((get->asked | get->fetching) & owner_bit(owner)))
        return (struct get_step){0};
    get->asked &= (owner_mask)~owner_bit(owner);
    bool was_fetching = get->fetching & owner_bit(owner);
    get->fetching &= (owner_mask)~owner_bit(owner);
    if (was_fetching) { // what its head named cannot be had from it any more
        get->replied &= (owner_mask)~owner_bit(owner);
        get->phase = GET_ASKING; // R have to reply again, and to be compared
    }
    if (needs_met(&get->r, get->replied | get->asked))
        return check(get);
    // One more owner, for the full record: whatever it has needs no second question.
    for (unsigned i = 0; i < get->n; i++) {
        if ((get->live & owner_bit(i)) && needs_help_of(&get->r, get->replied | get->asked, i)) {
            get->asked |= owner_bit(i);
            return (struct get_step){.fetch = owner_bit(i)};
        }
    }
    return answer(get, STATUS_UNAVAILABLE);
}

struct get_step get_on_hedge(struct get *get)
{
    if (get->phase != GET_ASKING)
        return (struct get_step){0};
    for (unsigned i = 0; i < get->n; i++) {
        if ((get->live & owner_bit(i)) && !((get->replied | get->asked) & owner_bit(i))) {
            get->asked |= owner_bit(i);
            return (struct get_step){.fetch = owner_bit(i)};
        }
    }
    return (struct get_step){0};
}

struct get_step get_on_deadline(struct get *get)
{
    if (get->phase == GET_ENDED)
        return (struct get_step){0};
    return answer(get, STATUS_TIMEOUT);
}
