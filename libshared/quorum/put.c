#include "quorum/put.h"

#include <assert.h>

static owner_mask bit(unsigned owner)
{
    return (owner_mask)(1u << owner);
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

// Nothing was written and nobody is left to ask.
static struct put_step give_up(struct put *put)
{
    enum status refusal = (enum status)put->refusal;
    enum status status = is_answer(refusal) ? refusal : STATUS_UNAVAILABLE;
#if DKV_MUTANT != 8
    if (put->sent || put->maybe_before)
        status = STATUS_INDETERMINATE;
#endif
    struct put_step step = nothing();
    if (!put->answered)
        step = answer(put, step, status);
    return end(put, step);
}

static int next_coordinator(const struct put *put)
{
    for (int i = 0; i < put->n; i++) {
        if ((put->live & bit((unsigned)i)) && !(put->refused & bit((unsigned)i)))
            return i;
    }
    return -1;
}

static struct put_step start_updating(struct put *put)
{
    struct put_step step = nothing();
    put->phase = PUT_UPDATING;
    put->sent = true;
    step.update = put->coordinator;
    return step;
}

// The first `count` of the live owners that are not in `except`.
static owner_mask first_live(const struct put *put, owner_mask except, unsigned count)
{
    owner_mask mask = 0;
    for (unsigned i = 0; i < put->n && mask_count(mask) < count; i++) {
        if ((put->live & bit(i)) && !(except & bit(i)))
            mask |= bit(i);
    }
    return mask;
}

static struct put_step start_reading_or_updating(struct put *put)
{
    put->coordinator = (int8_t)next_coordinator(put);
    if (put->coordinator < 0)
        return give_up(put);
    bool read = put->must_read || (put->must_read_elsewhere && put->coordinator != 0);
#if DKV_MUTANT == 9
    read = false;
#endif
    if (!read)
        return start_updating(put);
    if (put->phase != PUT_READING)
        put->asked = put->replied = 0;
    put->phase = PUT_READING;
    // The coordinator adds its own record, so it is one of the R without being asked.
    put->replied |= bit((unsigned)put->coordinator);
    owner_mask busy = put->asked | put->replied;
    unsigned missing = put->r > mask_count(busy) ? (unsigned)(put->r - mask_count(busy)) : 0;
    struct put_step step = nothing();
    step.read = first_live(put, busy, missing);
    put->asked |= step.read;
    return put->asked ? step : start_updating(put);
}

static void init(struct put *put, const struct put_start *start)
{
    assert(start->n >= 1 && start->n <= RING_OWNERS_MAX);
    assert(start->w >= 1 && start->w <= start->n && start->r >= 1 && start->r <= start->n);
    *put = (struct put){.n = start->n,
                        .w = start->w,
                        .r = start->r,
                        .coordinator = -1,
                        .must_read = start->must_read,
                        .must_read_elsewhere = start->must_read_elsewhere,
                        .maybe_before = start->retry,
                        .live = start->live};
}

struct put_step put_start(struct put *put, const struct put_start *start)
{
    init(put, start);
    if (mask_count(put->live) < put->w)
        return give_up(put);
    if (!start->retry) {
        put->phase = PUT_UPDATING;
        return start_reading_or_updating(put);
    }
    struct put_step step = nothing();
    put->phase = PUT_FINDING;
    put->asked = put->live;
    step.find = put->asked;
    return step;
}

// Sends the record to every live owner of `targets` and judges the rest as failed.
static struct put_step start_merging(struct put *put, owner_mask targets)
{
    struct put_step step = nothing();
    put->phase = PUT_MERGING;
    put->sent = true;
    step.merge = targets & put->live;
    put->merging |= step.merge;
    put->failed = (owner_mask)((bit(put->n) - 1) & ~(put->merging | put->acked));
    return step;
}

// In MERGING: is it written, can it still be, is anything outstanding?
static struct put_step judge(struct put *put, struct put_step step)
{
    if (!put->answered) {
        if (mask_count(put->acked) >= put->w)
            step = answer(put, step, STATUS_OK);
        else if (mask_count(put->acked | put->merging) < put->w)
            step = answer(put, step, STATUS_INDETERMINATE);
    }
    if (!put->merging)
        step = end(put, step);
    return step;
}

struct put_step put_start_merging(struct put *put, const struct put_start *start)
{
    init(put, start);
    if (mask_count(put->live) < put->w)
        return give_up(put);
    return judge(put, start_merging(put, (owner_mask)(bit(put->n) - 1)));
}

struct put_step put_on_found(struct put *put, uint8_t owner, enum status status)
{
    if (put->phase != PUT_FINDING || !(put->asked & bit(owner)))
        return nothing();
    put->asked &= (owner_mask)~bit(owner);
#if DKV_MUTANT == 7
    status = STATUS_NOT_FOUND;
#endif
    if (status == STATUS_OK)
        return judge(put, start_merging(put, (owner_mask)(bit(put->n) - 1)));
    if (status == STATUS_NOT_FOUND)
        put->denied |= bit(owner);
    if (put->denied == (owner_mask)(bit(put->n) - 1))
        put->maybe_before = false;
    if (put->asked)
        return nothing();
    return start_reading_or_updating(put);
}

struct put_step put_on_read(struct put *put, uint8_t owner)
{
    if (put->phase != PUT_READING || !(put->asked & bit(owner)))
        return nothing();
    put->asked &= (owner_mask)~bit(owner);
    put->replied |= bit(owner);
    if (put->asked)
        return nothing();
    return start_reading_or_updating(put);
}

// Refusals that another owner would repeat.
static bool is_final(enum status status)
{
    return status == STATUS_TOO_LARGE || status == STATUS_INVALID || status == STATUS_SIBLING_CAP ||
           status == STATUS_REFUSED || status == STATUS_STALE;
}

struct put_step put_on_updated(struct put *put, uint8_t owner, enum status status)
{
    if (put->phase != PUT_UPDATING || owner != put->coordinator)
        return nothing();
    if (status == STATUS_OK) {
        put->acked |= put->early & bit(owner);
        put->merging = (owner_mask)(bit(owner) & ~put->early); // its DURABLE
        return judge(put, start_merging(put, (owner_mask)((bit(put->n) - 1) & ~bit(owner))));
    }
    // An explicit no: this owner wrote nothing, so the write does not exist.
    put->sent = false;
    put->refusal = (uint8_t)status;
    put->refused |= bit(owner);
    if (is_final(status))
        return give_up(put);
    return start_reading_or_updating(put);
}

struct put_step put_on_acked(struct put *put, uint8_t owner, enum status status)
{
#if DKV_MUTANT == 4
    if (put->phase == PUT_MERGING && status == STATUS_OK && (put->acked & bit(owner)) &&
        !put->answered)
        return answer(put, nothing(), STATUS_OK);
#endif
    if (put->phase == PUT_UPDATING && owner == put->coordinator && status == STATUS_OK)
        put->early |= bit(owner);
    if (put->phase != PUT_MERGING || !(put->merging & bit(owner)))
        return nothing();
    put->merging &= (owner_mask)~bit(owner);
    if (status == STATUS_OK)
        put->acked |= bit(owner);
    else
        put->failed |= bit(owner);
    return judge(put, nothing());
}

struct put_step put_on_failed(struct put *put, uint8_t owner)
{
    put->live &= (owner_mask)~bit(owner);
    switch (put->phase) {
    case PUT_FINDING:
        return put_on_found(put, owner, STATUS_UNREACHABLE);
    case PUT_READING:
        if (owner != put->coordinator && !(put->asked & bit(owner)))
            return nothing();
        put->asked &= (owner_mask)~bit(owner);
        if (owner == put->coordinator) // which was counted, but not asked
            put->replied &= (owner_mask)~bit(owner);
        return start_reading_or_updating(put);
    case PUT_UPDATING:
        return owner == put->coordinator ? give_up(put) : nothing();
    case PUT_MERGING:
        return put_on_acked(put, owner, STATUS_UNREACHABLE);
    default:
        return nothing();
    }
}

struct put_step put_on_deadline(struct put *put)
{
    struct put_step step = nothing();
    if (!put->answered)
        step = answer(put, step,
                      put->sent || put->maybe_before ? STATUS_INDETERMINATE : STATUS_UNAVAILABLE);
    return end(put, step);
}
