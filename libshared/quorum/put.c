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

static bool has_enough(const struct put *put)
{
    return needs_met(&put->w, put->live) &&
           (!put->strict || !put->validate || needs_met(&put->r, put->live));
}

// A retry is minted by an owner that has answered it: the fence is there.
static struct put_step start_updating(struct put *put)
{
    target_set able = put->live & ~put->refused;
    if (put->maybe_before)
        able &= put->fenced;
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
    put->maybe_before = start->retry;
    put->live = start->live;
    put->refused = start->unable;
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
    put->asked = put->live;
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

// Enough owners have told, or all have that can. Also W: an owner that acknowledges the
// second record alone cannot tell any more.
static bool has_heard(const struct put *put)
{
    bool is_enough = needs_met(&put->r, put->told) && needs_met(&put->w, put->told);
    bool is_hopeless = !(put->merging & ~put->told);
    return is_enough || (!put->strict && is_hopeless);
}

static bool can_succeed(const struct put *put)
{
    bool can_tell =
        !put->strict || !put_is_validating(put) || needs_met(&put->r, put->told | put->merging);
    return can_tell && needs_met(&put->w, put->acked | put->merging);
}

// The write met what it had not seen: a second dot that covers it. W is counted anew. If the
// coordinator is gone, another owner that has the record mints it.
static struct put_step start_again(struct put *put)
{
    target_set able = put->told & put->live;
    if (put->is_over || !able)
        return give_up(put, STATUS_INDETERMINATE);
    if (!(able & target_bit((unsigned)put->coordinator)))
        put->coordinator =
            (int8_t)__builtin_ctz(able & ~put->refused ? able & ~put->refused : able);
    struct put_step step = nothing();
    put->again = true;
    put->phase = PUT_UPDATING;
    put->attempt = 0;
    put->acked = put->merging = put->early = 0;
    step.update = put->coordinator;
    return step;
}

// In MERGING: is it written, can it still be, is anything outstanding?
static struct put_step judge(struct put *put, struct put_step step)
{
    bool must_tell = put_is_validating(put);
    if (!put->answered && must_tell && put->met_others && has_heard(put))
        return start_again(put);
    if (!put->answered) {
        if (needs_met(&put->w, put->acked) && (!must_tell || has_heard(put)))
            step = answer(put, step, STATUS_OK);
        else if (!can_succeed(put))
            step = answer(put, step, STATUS_INDETERMINATE);
    }
    if (!put->merging)
        step = end(put, step);
    return step;
}

// An owner has told, the coordinator by its record.
static void hear(struct put *put, unsigned owner, enum put_conflict conflict)
{
    if (conflict == PUT_LOST)
        return;
    put->told |= target_bit(owner);
    put->met_others |= conflict == PUT_MET_OTHERS;
    put->validate &= conflict != PUT_SUPERSEDED;
}

struct put_step put_start_merging(struct put *put, const struct put_start *start)
{
    init(put, start);
    if (!has_enough(put))
        return give_up(put, STATUS_UNAVAILABLE);
    return judge(put, start_merging(put, all(put)));
}

struct put_step put_on_found(struct put *put, unsigned owner, enum status status,
                             enum put_conflict conflict)
{
    bool is_looking = put->phase == PUT_FINDING || put->phase == PUT_WAITING;
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
    if (put->fenced == all(put))
        return start_updating(put);
    if (!(put->fenced & put->live))
        return give_up(put, STATUS_UNAVAILABLE);
    put->phase = PUT_WAITING;
    return (struct put_step){.update = -1, .wait = true};
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
    if (put->again)
        return give_up(put, STATUS_INDETERMINATE); // the first dot is there
    put->sent = false;
    put->refusal = (uint8_t)status;
    put->refused |= target_bit(owner);
    if (status == STATUS_PRECONDITION && put->fenced == all(put))
        put->maybe_before = false; // every owner said no: none has an earlier try, or will obey one
    return is_final(status) ? give_up(put, status) : start_updating(put);
}

struct put_step put_on_updated(struct put *put, unsigned owner, enum put_conflict conflict)
{
    if (!put_awaits_updated(put, owner))
        return nothing();
    put->acked |= put->early & target_bit(owner);
    put->merging = (target_set)(target_bit(owner) & ~put->early); // its DURABLE
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

struct put_step put_on_durable(struct put *put, unsigned owner, enum status status)
{
    if (put_awaits_updated(put, owner) && status == STATUS_OK)
        put->early |= target_bit(owner);
    if (put->phase != PUT_MERGING || !(put->merging & target_bit(owner)))
        return nothing();
    return take_ack(put, owner, status);
}

struct put_step put_on_merged(struct put *put, unsigned owner, enum status status,
                              enum put_conflict conflict)
{
    if (put->phase != PUT_MERGING || !(put->merging & target_bit(owner)))
        return nothing();
    // An owner without room has told, too, and one that did not keep what was purged.
    if (status == STATUS_OK || status == STATUS_NOT_KEPT || conflict != PUT_ALONE)
        hear(put, owner, conflict);
    return take_ack(put, owner, status);
}

struct put_step put_on_failed(struct put *put, unsigned owner)
{
    put->live &= ~target_bit(owner);
    switch (put->phase) {
    case PUT_FINDING:
        return put_on_found(put, owner, STATUS_UNREACHABLE, PUT_ALONE);
    case PUT_UPDATING:
        return put_awaits_updated(put, owner) ? give_up(put, STATUS_INDETERMINATE) : nothing();
    case PUT_MERGING:
        return put->merging & target_bit(owner) ? take_ack(put, owner, STATUS_UNREACHABLE)
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
