#include "quorum/put.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

static target_set all(const struct put *put)
{
    return (target_set)(target_bit(put->n) - 1);
}

static struct put_step nothing(void)
{
    return (struct put_step){.update = -1};
}

static struct put_step answer(struct put *put, struct put_step step, enum status status)
{
    assert(!put->answered);
    put->answered = true;
    step.answer = true;
    step.status = status;
    return step;
}

static struct put_step end(struct put *put, struct put_step step)
{
    put->phase = PUT_ENDED;
    step.ended = true;
    return step;
}

// Whether a refusal is about the write. A disk that cannot be read is the owner's affair: for
// the client there are too few owners.
static bool is_answer(enum status refusal)
{
    return refusal && refusal != STATUS_IO && refusal != STATUS_CORRUPT;
}

// "Not written" as long as nothing can have been.
static enum status unless_sent(const struct put *put, enum status status)
{
    return put->sent || put->maybe_before ? STATUS_INDETERMINATE : status;
}

// Nobody is left to ask, or it may not be asked any more.
static struct put_step give_up(struct put *put, enum status status)
{
    struct put_step step = nothing();
    if (!put->answered)
        step = answer(put, step, unless_sent(put, status));
    return end(put, step);
}

// Hints that count.
static const struct hints *hints_of(const struct put *put)
{
    return put->strict ? NULL : put->hints;
}

static target_set holders(const struct put *put)
{
    return hints_of(put) ? put->hints->holders : 0;
}

// Whether these owners meet W, with all hints that may still come.
static bool can_meet(const struct put *put, target_set own)
{
    target_set some[RING_OWNERS_MAX];
    if (needs_met(&put->w, own) || !hints_of(put))
        return needs_met(&put->w, own);
    for (unsigned i = 0; i < put->n; i++)
        some[i] = put->unkept & target_bit(i) ? 0 : put->hints->kept[i] | put->hints->holders;
    struct acks acks = {.n = put->n, .own = own, .hints = some};
    return acks_meet(&acks, &put->w);
}

static bool has_enough(const struct put *put)
{
    return can_meet(put, put->live) &&
           (!put->strict || !put->validate || needs_met(&put->r, put->live));
}

// A fallback coordinates if no owner can, but not where an owner spoke of the write.
static target_set find_coordinators(const struct put *put, target_set among)
{
    target_set owners = put->live & among;
    bool is_mute = put->refusal == STATUS_BUSY || put->refusal == STATUS_DISK_FULL ||
                   !is_answer((enum status)put->refusal);
    return owners || !is_mute || put->conditional ? owners : holders(put) & among;
}

// A retry is minted by one that has answered it: the fence is there.
static struct put_step start_updating(struct put *put)
{
    target_set able =
        find_coordinators(put, ~put->refused & (put->maybe_before ? put->fenced : UINT32_MAX));
    if (!able) {
        enum status refusal = (enum status)put->refusal;
        return give_up(put, is_answer(refusal) ? refusal : STATUS_UNAVAILABLE);
    }
    if (!has_enough(put))
        return give_up(put, STATUS_UNAVAILABLE);
    if (put->is_over)
        return give_up(put, STATUS_LATE);
    struct put_step step = nothing();
    put->coordinator = (int8_t)__builtin_ctz(able);
    put->phase = PUT_UPDATING;
    put->attempt = 0;
    put->sent = true;
    step.update = put->coordinator;
    return step;
}

static void init(struct put *put, const struct put_start *start)
{
    assert(start->n >= 1 && start->n <= RING_OWNERS_MAX);
    memset(put, 0, offsetof(struct put, w));
    put->n = start->n;
    needs_copy(&put->w, start->w);
    needs_copy(&put->r, start->r);
    put->coordinator = -1;
    put->validate = start->validate;
    put->strict = start->strict;
    put->conditional = start->conditional;
    put->maybe_before = start->retry;
    put->live = start->live;
    put->hints = start->hints;
    put->refused = start->unable | start->filling;
    if (start->unable & start->live)
        put->refusal = STATUS_REFUSED;
}

struct put_step put_start(struct put *put, const struct put_start *start)
{
    init(put, start);
    if (!has_enough(put))
        return give_up(put, STATUS_UNAVAILABLE);
    if (!start->retry)
        return start_updating(put);
    struct put_step step = nothing();
    put->phase = PUT_FINDING;
    put->asked = put->live | holders(put);
    step.find = put->asked;
    return step;
}

// Sends the record to every live owner of `targets`.
static struct put_step start_merging(struct put *put, target_set targets)
{
    struct put_step step = nothing();
    put->phase = PUT_MERGING;
    put->sent = true;
    step.merge = targets & put->live;
    put->merging |= step.merge;
    return step;
}

// Owners whose word is still awaited, but not for so long that a hint must take its place.
static target_set prompt(const struct put *put)
{
    return put->hints ? put->merging & ~put->hints->late : put->merging;
}

// The rest of those that have not acknowledged gets hints.
static bool plan_hints(struct put *put)
{
    target_set own = put->acked | prompt(put);
    bool is_wanted = !put->answered && !put->strict;
    target_set missing = all(put) & ~own & ~put->unkept;
    return put->hints && hints_plan(put->hints, put->n, missing, own, is_wanted ? &put->w : NULL);
}

static struct acks acks_of(const struct put *put)
{
    const struct hints *hints = hints_of(put);
    return (struct acks){put->n, put->acked, hints ? hints->kept : NULL};
}

// Enough owners have told, or all have that can; a fallback tells for one that cannot. Also W: an
// owner that acknowledges the second record alone cannot tell any more.
static bool has_heard(const struct put *put)
{
    const struct hints *hints = hints_of(put);
    target_set for_others[RING_OWNERS_MAX];
    for (unsigned i = 0; hints && i < put->n; i++)
        for_others[i] = put->merging & target_bit(i) ? 0 : hints->told[i];
    struct acks told = {put->n, put->told, hints ? for_others : NULL};
    bool is_enough = acks_meet(&told, &put->r) && acks_meet(&told, &put->w);
    bool is_hopeless = !(put->merging & ~put->told) && !(hints && hints_lack_told(hints, put->n));
    return is_enough || (is_hopeless && (!put->strict || acks_meet(&told, &put->r)));
}

static bool can_succeed(const struct put *put)
{
    bool can_tell =
        !put->strict || !put_is_validating(put) || needs_met(&put->r, put->told | put->merging);
    return can_tell && can_meet(put, put->acked | put->merging);
}

// The write met what it had not seen: a second dot that covers it. W is counted anew. If the
// coordinator is gone, another owner that has the record mints it, or else a fallback.
static struct put_step start_again(struct put *put)
{
    target_set able = put->told & put->live;
    if (hints_of(put))
        able |= hints_keepers(put->hints, put->n) & holders(put);
    if ((unsigned)put->coordinator >= put->n) // it told when it minted
        able |= target_bit((unsigned)put->coordinator) & holders(put);
    if (put->is_over || !able)
        return give_up(put, STATUS_INDETERMINATE);
    if (!(able & target_bit((unsigned)put->coordinator)))
        put->coordinator = (int8_t)target_first(able & ~put->refused ? able & ~put->refused : able);
    struct put_step step = nothing();
    put->again = true;
    put->phase = PUT_UPDATING;
    put->attempt = 0;
    put->acked = put->merging = put->early = put->unkept = 0;
    if (put->hints)
        hints_reset(put->hints, put->n);
    step.update = put->coordinator;
    return step;
}

static bool is_open(const struct put *put)
{
    return put->merging || (put->hints && hints_are_open(put->hints, put->n));
}

// In MERGING: is it written, can it still be, is anything outstanding?
static struct put_step judge(struct put *put, struct put_step step)
{
    bool must_tell = put_is_validating(put);
    step.hint |= plan_hints(put);
    if (!put->answered && must_tell && put->met_others && has_heard(put))
        return start_again(put);
    if (!put->answered) {
        struct acks acks = acks_of(put);
        if (acks_meet(&acks, &put->w) && (!must_tell || has_heard(put)))
            step = answer(put, step, STATUS_OK);
        else if (!can_succeed(put))
            step = answer(put, step, STATUS_INDETERMINATE);
    }
    if (!is_open(put))
        step = end(put, step);
    return step;
}

// A target has told, the coordinator by its record; a fallback that coordinates tells for all.
static void hear(struct put *put, unsigned target, enum put_conflict conflict)
{
    bool is_lost = conflict == PUT_LOST || conflict == PUT_LOST_MET_OTHERS;
    if (target < put->n && !is_lost)
        put->told |= target_bit(target);
    for (unsigned i = 0; i < put->n && target >= put->n && !is_lost; i++)
        put->hints->told[i] |= target_bit(target);
    put->met_others |= conflict == PUT_MET_OTHERS || conflict == PUT_LOST_MET_OTHERS;
    put->validate &= conflict != PUT_SUPERSEDED;
}

struct put_step put_start_merging(struct put *put, const struct put_start *start)
{
    init(put, start);
    if (!has_enough(put))
        return give_up(put, STATUS_UNAVAILABLE);
    return judge(put, start_merging(put, all(put)));
}

// All that an earlier try may have asked to mint.
static target_set everyone(const struct put *put)
{
    return all(put) | (hints_of(put) ? put->hints->all : 0);
}

struct put_step put_on_found(struct put *put, unsigned owner, enum status status,
                             enum put_conflict conflict)
{
    bool is_looking = (put->phase == PUT_FINDING || put->phase == PUT_WAITING) &&
                      (everyone(put) & target_bit(owner));
    bool was_asked = put->asked & target_bit(owner);
    put->asked &= ~target_bit(owner);
    if (is_looking && status == STATUS_OK) { // also of one that was given up meanwhile
        put->coordinator = (int8_t)owner;
        put->sent = put->was_found = true;
        hear(put, owner, conflict);
        return judge(put, start_merging(put, all(put)));
    }
    if (put->phase != PUT_FINDING || !was_asked)
        return nothing();
    if (status == STATUS_NOT_FOUND)
        put->fenced |= target_bit(owner);
    if (put->asked)
        return nothing();
    if (put->fenced == everyone(put))
        return start_updating(put);
    if (!(put->fenced & (put->live | holders(put))))
        return give_up(put, STATUS_UNAVAILABLE);
    put->phase = PUT_WAITING;
    return (struct put_step){.update = -1, .wait = true};
}

struct put_step put_on_purged(struct put *put)
{
    bool is_looking = put->phase == PUT_FINDING || put->phase == PUT_WAITING;
    if ((!is_looking && put->phase != PUT_UPDATING) || put->answered)
        return nothing();
    return end(put, answer(put, nothing(), STATUS_OK));
}

struct put_step put_on_waited(struct put *put)
{
    return put->phase == PUT_WAITING ? start_updating(put) : nothing();
}

// Refusals that another owner would repeat.
static bool is_final(enum status status)
{
    return status == STATUS_TOO_LARGE || status == STATUS_INVALID || status == STATUS_SIBLING_CAP ||
           status == STATUS_REFUSED || status == STATUS_PRECONDITION;
}

bool put_awaits_updated(const struct put *put, unsigned owner)
{
    return put->phase == PUT_UPDATING && (int)owner == put->coordinator;
}

// Each UPDATE is sent when the one before was refused: only the last one is still to be heard of.
struct put_step put_on_refused(struct put *put, unsigned owner, uint8_t attempt, enum status status)
{
    if (!put_awaits_updated(put, owner) || attempt != put->attempt)
        return nothing();
    if (status == STATUS_LATE && attempt + 1 < PUT_ATTEMPTS_MAX && !put->is_over) {
        put->attempt++;
        return (struct put_step){.update = (int8_t)owner};
    }
    if (status == STATUS_NOT_KEPT)
        return put_on_purged(put);
    if (put->again)
        return give_up(put, STATUS_INDETERMINATE); // the first dot is there
    put->sent = false;
    put->refusal = (uint8_t)status;
    put->refused |= target_bit(owner);
    if (owner >= put->n)
        hints_drop(put->hints, put->n, owner);
    target_set sure = put->fenced & put->sure & all(put);
    put->is_final = status == STATUS_PRECONDITION && put->conditional && sure == all(put);
    if (put->is_final || (status == STATUS_PRECONDITION && put->fenced == everyone(put)))
        put->maybe_before = false; // all said no: none has an earlier try, or will obey one
    return is_final(status) ? give_up(put, status) : start_updating(put);
}

// The coordinator's DURABLE is to follow, unless it came already.
static void await_durable(struct put *put, unsigned target)
{
    bool is_early = put->early & target_bit(target);
    if (target < put->n) {
        put->acked |= put->early & target_bit(target);
        put->merging = is_early ? 0 : target_bit(target);
        return;
    }
    hints_ask_all(put->hints, put->n, target);
    for (unsigned i = 0; i < put->n && is_early; i++)
        hints_keep(put->hints, i, target);
}

struct put_step put_on_updated(struct put *put, unsigned owner, enum put_conflict conflict)
{
    if (!put_awaits_updated(put, owner))
        return nothing();
    await_durable(put, owner);
    hear(put, owner, conflict);
    return judge(put, start_merging(put, (target_set)(all(put) & ~target_bit(owner))));
}

static struct put_step take_ack(struct put *put, unsigned owner, enum status status)
{
    put->merging &= ~target_bit(owner);
    if (status == STATUS_OK)
        put->acked |= target_bit(owner);
    return judge(put, nothing());
}

static struct put_step drop_holder(struct put *put, unsigned holder)
{
    hints_drop(put->hints, put->n, holder);
    return judge(put, nothing());
}

// Of a fallback that coordinates: all its hints are.
static struct put_step take_durable_hints(struct put *put, unsigned holder, enum status status)
{
    if (status)
        return drop_holder(put, holder);
    for (unsigned i = 0; i < put->n; i++) {
        if (hints_is_asked(put->hints, i, holder))
            hints_keep(put->hints, i, holder);
    }
    return judge(put, nothing());
}

struct put_step put_on_durable(struct put *put, unsigned owner, enum status status)
{
    if (put_awaits_updated(put, owner) && status == STATUS_OK)
        put->early |= target_bit(owner);
    if (put->phase == PUT_MERGING && put->hints && (int)owner == put->coordinator &&
        owner >= put->n)
        return take_durable_hints(put, owner, status);
    if (put->phase != PUT_MERGING || !(put->merging & target_bit(owner)))
        return nothing();
    return take_ack(put, owner, status);
}

// A hint for it counts as little: its target would not keep that either.
static void leave_unkept(struct put *put, unsigned owner)
{
    put->unkept |= target_bit(owner);
    if (put->hints)
        put->hints->wanted[owner] = put->hints->asked[owner] = put->hints->kept[owner] = 0;
}

struct put_step put_on_merged(struct put *put, unsigned owner, enum status status,
                              enum put_conflict conflict)
{
    if (put->phase != PUT_MERGING || !(put->merging & target_bit(owner)))
        return nothing();
    // An owner without room has told, too, and one that did not keep what was purged.
    if (status == STATUS_OK || status == STATUS_NOT_KEPT || conflict != PUT_ALONE)
        hear(put, owner, conflict);
    if (status == STATUS_NOT_KEPT)
        leave_unkept(put, owner);
    return take_ack(put, owner, status);
}

struct put_step put_on_hinted(struct put *put, unsigned owner, unsigned holder, enum status status,
                              enum put_conflict conflict)
{
    if (put->phase != PUT_MERGING || !put->hints || !hints_is_asked(put->hints, owner, holder))
        return nothing();
    bool has_told = status == STATUS_OK || conflict != PUT_ALONE;
    if (has_told && hints_of(put)) {
        put->hints->told[owner] |= target_bit(holder);
        put->met_others |= conflict == PUT_MET_OTHERS;
        put->validate &= conflict != PUT_SUPERSEDED;
    }
    if (status)
        return drop_holder(put, holder);
    hints_keep(put->hints, owner, holder);
    return judge(put, nothing());
}

struct put_step put_on_late(struct put *put)
{
    if (put->phase != PUT_MERGING || !put->hints)
        return nothing();
    put->hints->late |= put->merging;
    return judge(put, nothing());
}

// The target is asked no more.
static void give_up_on(struct put *put, unsigned target)
{
    put->live &= ~target_bit(target);
    if (target >= put->n && put->hints)
        hints_drop(put->hints, put->n, target);
}

struct put_step put_on_failed(struct put *put, unsigned target)
{
    give_up_on(put, target);
    switch (put->phase) {
    case PUT_FINDING:
        return put_on_found(put, target, STATUS_UNREACHABLE, PUT_ALONE);
    case PUT_UPDATING:
        return put_awaits_updated(put, target) ? give_up(put, STATUS_INDETERMINATE) : nothing();
    case PUT_MERGING:
        if (target >= put->n)
            return judge(put, nothing());
        return put->merging & target_bit(target) ? take_ack(put, target, STATUS_UNREACHABLE)
                                                 : nothing();
    default:
        return nothing();
    }
}

struct put_step put_on_deadline(struct put *put)
{
    struct put_step step = nothing();
    if (!put->answered)
        step = answer(put, step, unless_sent(put, STATUS_UNAVAILABLE));
    return end(put, step);
}

struct put_tally put_tally(const struct put *put)
{
    struct acks acks = acks_of(put);
    uint8_t count = acks_count(&acks), own = target_count(put->acked & all(put));
    return (struct put_tally){count, (uint8_t)(count - own)};
}
