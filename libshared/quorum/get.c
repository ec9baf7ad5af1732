#include "quorum/get.h"

#include <assert.h>

static struct get_step answer(struct get *get, enum status status)
{
    get->phase = GET_ENDED;
    return (struct get_step){.answer = true, .status = status, .ended = true};
}

// What of these replies is of owners and what of fallbacks, each for any owner that is gone.
static struct acks acks_of(const struct get *get, target_set replies,
                           target_set hints[RING_OWNERS_MAX])
{
    target_set owners = targets_below(get->n);
    for (unsigned i = 0; i < get->n; i++)
        hints[i] = get->live & target_bit(i) ? 0 : replies & ~owners;
    return (struct acks){get->n, replies & owners, hints};
}

// Whether these replies meet R.
static bool is_met(const struct get *get, target_set replies)
{
    target_set hints[RING_OWNERS_MAX];
    if (needs_met(&get->r, replies) || !(replies >> get->n))
        return needs_met(&get->r, replies);
    struct acks acks = acks_of(get, replies, hints);
    return acks_meet(&acks, &get->r);
}

uint8_t get_count(const struct get *get)
{
    target_set hints[RING_OWNERS_MAX];
    if (!(get->replied >> get->n))
        return target_count(get->replied);
    struct acks acks = acks_of(get, get->replied, hints);
    return acks_count(&acks);
}

struct get_step get_start(struct get *get, uint8_t n, const struct needs *r, target_set live,
                          target_set holders, const uint8_t *order)
{
    assert(n <= RING_OWNERS_MAX);
    *get = (struct get){.n = n, .phase = GET_ASKING, .live = live};
    needs_copy(&get->r, r);
    if (!needs_met(r, live))
        get->holders = holders;
    if (!is_met(get, live | get->holders))
        return answer(get, STATUS_UNAVAILABLE);
    struct get_step step = {.fetch = get->holders};
    get->asked = get->holders;
    for (unsigned i = 0; i < n; i++) {
        target_set owner = target_bit(order[i]);
        if (!(live & owner) || !needs_help_of(r, get->asked, order[i]))
            continue;
        if (!(step.fetch & targets_below(n)))
            step.fetch |= owner;
        else
            step.head |= owner;
        get->asked |= owner;
    }
    return step;
}

// R have replied, and at least one with a full record: time to compare.
static struct get_step check(struct get *get)
{
    if (get->phase == GET_FETCHING)
        return (struct get_step){.compare = !get->fetching};
    if (!is_met(get, get->replied) || (get->asked >> get->n && !get->is_hedged))
        return (struct get_step){0};
    if (get->full)
        return (struct get_step){.compare = true};
    if (get->fetching)
        return (struct get_step){0};
    // Only heads so far (the owner asked for the record failed): fetch from one of them.
    target_set owner = get->replied & -get->replied;
    get->fetching |= owner;
    return (struct get_step){.fetch = owner};
}

struct get_step get_on_reply(struct get *get, unsigned owner, bool full)
{
    if (get->phase >= GET_HOLDING) // one that is asked besides has been sent the answer
        return (struct get_step){0};
    get->asked &= ~target_bit(owner);
    get->replied |= target_bit(owner);
    if (full) {
        get->full |= target_bit(owner);
        get->fetching &= ~target_bit(owner);
    }
    return check(get);
}

static target_set all_of(const struct get *get)
{
    return targets_below(get->n);
}

// So many hold the answer that every later read asks one of them.
static bool is_held_by(const struct get *get, target_set owners)
{
    return needs_cross(&get->r, all_of(get), owners) &&
           (!get->later.count || needs_cross(&get->later, all_of(get), owners));
}

static struct get_step answer_and_repair(struct get *get, target_set behind)
{
    struct get_step step = answer(get, STATUS_OK);
    step.repair = behind & get->replied & all_of(get);
    return step;
}

static struct get_step start_holding(struct get *get, target_set behind)
{
    get->holding = get->replied & ~behind & all_of(get);
    if (is_held_by(get, get->holding))
        return answer_and_repair(get, behind);
    get->phase = GET_HOLDING;
    get->repaired = get->live & ~get->holding;
    if (!is_held_by(get, get->holding | get->repaired))
        return answer(get, STATUS_UNAVAILABLE);
    return (struct get_step){.repair = get->repaired, .holds = true};
}

struct get_step get_on_held(struct get *get, unsigned owner, bool is_held)
{
    if (get->phase != GET_HOLDING || !(get->repaired & target_bit(owner)))
        return (struct get_step){0};
    get->repaired &= ~target_bit(owner);
    if (is_held)
        get->holding |= target_bit(owner);
    if (is_held_by(get, get->holding))
        return answer(get, STATUS_OK);
    bool can_be = is_held_by(get, get->holding | get->repaired);
    return can_be ? (struct get_step){0} : answer(get, STATUS_UNAVAILABLE);
}

struct get_step get_on_compared(struct get *get, struct get_comparison comparison)
{
    target_set ahead = comparison.ahead & get->replied & ~get->full;
    if (get->phase == GET_ENDED)
        return (struct get_step){0};
    if (!ahead && get->monotonic)
        return start_holding(get, comparison.behind);
    if (!ahead)
        return answer_and_repair(get, comparison.behind);
    get->phase = GET_FETCHING;
    struct get_step step = {.fetch = ahead & ~get->fetching};
    get->fetching |= ahead;
    return step;
}

// One more owner of each need that missed one, for the full record: so no second question is
// needed. If there are none, the fallbacks.
static struct get_step ask_others(struct get *get, target_set holders)
{
    struct get_step step = {0};
    for (unsigned i = 0; i < get->n; i++) {
        if ((get->live & target_bit(i)) && needs_help_of(&get->r, get->replied | get->asked, i)) {
            get->asked |= target_bit(i);
            step.fetch |= target_bit(i);
        }
    }
    if (!is_met(get, get->replied | get->asked) && !get->holders) {
        get->holders = holders;
        get->asked |= holders;
        step.fetch |= holders;
    }
    return is_met(get, get->replied | get->asked) ? step : answer(get, STATUS_UNAVAILABLE);
}

struct get_step get_on_failed(struct get *get, unsigned target, target_set holders)
{
    get->live &= ~target_bit(target);
    if (get->phase == GET_HOLDING)
        return get_on_held(get, target, false);
    if (get->phase == GET_ENDED || !((get->asked | get->fetching) & target_bit(target)))
        return (struct get_step){0};
    get->asked &= ~target_bit(target);
    bool was_fetching = get->fetching & target_bit(target);
    get->fetching &= ~target_bit(target);
    if (was_fetching) { // what its head named cannot be had from it any more
        get->replied &= ~target_bit(target);
        get->phase = GET_ASKING; // R have to reply again, and to be compared
    }
    if (is_met(get, get->replied | get->asked))
        return check(get);
    return ask_others(get, holders);
}

struct get_step get_on_hedge(struct get *get)
{
    if (get->phase != GET_ASKING)
        return (struct get_step){0};
    get->is_hedged = true;
    if (get->asked >> get->n && is_met(get, get->replied))
        return check(get);
    for (unsigned i = 0; i < get->n; i++) {
        if ((get->live & target_bit(i)) && !((get->replied | get->asked) & target_bit(i))) {
            get->asked |= target_bit(i);
            return (struct get_step){.fetch = target_bit(i)};
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
