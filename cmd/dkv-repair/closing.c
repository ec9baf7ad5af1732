#include "dkv-repair/closing.h"

enum { HELD_AT_ONCE = 32 };

void closing_start(struct closing *closing, const struct closing_plan *plan)
{
    *closing = (struct closing){.plan = *plan};
}

void closing_release(struct closing *closing)
{
    seen_release(&closing->seen);
}

void closing_end(struct closing *closing)
{
    closing->state = CLOSING_ENDED;
}

static void enter(struct closing *closing, enum closing_state state)
{
    closing->state = state;
    closing->step++;
    closing->asked = closing->answered = 0;
}

// The next one of those that ended.
static void go_on(struct closing *closing)
{
    closing->at++;
    enter(closing, closing->at < closing->count ? CLOSING_HELD : CLOSING_ENDED);
}

// ---- Requests ----------------------------------------------------------------------------

static bool ask_ours(struct closing *closing, struct closing_request *request)
{
    const struct closing_plan *plan = &closing->plan;
    const struct ending *ending = &closing->endings[closing->at];
    if (closing->asked)
        return false;
    closing->asked = 1;
    request->node = plan->self;
    if (closing->state == CLOSING_ENDINGS) {
        request->type = MESSAGE_ENDINGS;
        request->endings =
            (struct op_endings){.keyspace = plan->keyspace, .partition = plan->partition};
    } else {
        request->type = MESSAGE_CLOSE;
        request->close = (struct op_close){.keyspace = plan->keyspace,
                                           .partition = plan->partition,
                                           .process = ending->process,
                                           .start = ending->start};
    }
    return true;
}

static bool ask_held(struct closing *closing, struct closing_request *request)
{
    const struct closing_plan *plan = &closing->plan;
    const struct ending *ending = &closing->endings[closing->at];
    if (closing->asked == plan->node_count || closing->asked >= closing->answered + HELD_AT_ONCE)
        return false;
    request->node = (uint16_t)closing->asked++;
    request->type = MESSAGE_HELD;
    request->held = (struct op_held){.keyspace = plan->keyspace,
                                     .partition = plan->partition,
                                     .process = ending->process,
                                     .start = ending->start};
    return true;
}

static bool ask_open(struct closing *closing, struct closing_request *request)
{
    const struct closing_plan *plan = &closing->plan;
    if (closing->asked == plan->owner_count)
        return false;
    request->node = plan->owners[closing->asked++];
    request->type = MESSAGE_OPEN;
    request->open = (struct op_open){
        .keyspace = plan->keyspace, .partition = plan->partition, .number = plan->number};
    return true;
}

bool closing_next(struct closing *closing, struct closing_request *request)
{
    *request = (struct closing_request){0};
    switch (closing->state) {
    case CLOSING_ENDINGS:
    case CLOSING_CLOSE:
        return ask_ours(closing, request);
    case CLOSING_HELD:
        return ask_held(closing, request);
    case CLOSING_OPEN:
        return ask_open(closing, request);
    default:
        return false;
    }
}

// ---- Replies -----------------------------------------------------------------------------

static enum status take_ended(struct closing *closing, struct reader *body)
{
    struct op_ended op;
    if (op_decode_ended(&op, body) || op.status)
        return STATUS_INVALID;
    struct reader items = reader_of(op.items);
    while (closing->count < CLOSING_ENDINGS_MAX &&
           ending_next(&items, &closing->endings[closing->count]))
        closing->count++;
    enter(closing, closing->count ? CLOSING_HELD : CLOSING_ENDED);
    return STATUS_OK;
}

static enum status take_held(struct closing *closing, struct reader *body)
{
    struct op_held_told op;
    if (op_decode_held_told(&op, body) || op.status)
        return STATUS_INVALID;
    if (op.is_held) {
        go_on(closing);
        return STATUS_OK;
    }
    if (++closing->answered == closing->plan.node_count)
        enter(closing, CLOSING_OPEN);
    return STATUS_OK;
}

// Whether this owner knows the same dots as the first one that answered.
static bool is_same(struct closing *closing, const struct opening_told *told)
{
    const struct ending *ending = &closing->endings[closing->at];
    struct reader encoded = reader_of(told->seen);
    struct seen seen = {0};
    bool is_first = !closing->answered;
    bool is_good =
        !told->is_lost && !seen_decode(&seen, &encoded) &&
        (is_first || seen_same_starts(&closing->seen, &seen, ending->process, ending->start));
    if (is_good && is_first) {
        seen_release(&closing->seen);
        closing->seen = seen;
    } else {
        seen_release(&seen);
    }
    return is_good;
}

static enum status take_opened(struct closing *closing, struct reader *body)
{
    struct op_opened op;
    struct opening_told told;
    if (op_decode_opened(&op, body) || op.status || opening_told_decode(&told, op.opening))
        return STATUS_INVALID;
    if (!is_same(closing, &told))
        go_on(closing);
    else if (++closing->answered == closing->plan.owner_count)
        enter(closing, CLOSING_CLOSE);
    return STATUS_OK;
}

static enum status take_closed(struct closing *closing, struct reader *body)
{
    struct op_closed op;
    if (op_decode_closed(&op, body))
        return STATUS_INVALID;
    closing->closed += !op.status;
    go_on(closing);
    return STATUS_OK;
}

void closing_on_reply(struct closing *closing, uint32_t step, enum message_type type,
                      struct reader *body)
{
    enum status status = STATUS_OK;
    if (step != closing->step)
        return;
    if (type == MESSAGE_ENDED && closing->state == CLOSING_ENDINGS)
        status = take_ended(closing, body);
    else if (type == MESSAGE_HELD_TOLD && closing->state == CLOSING_HELD)
        status = take_held(closing, body);
    else if (type == MESSAGE_OPENED && closing->state == CLOSING_OPEN)
        status = take_opened(closing, body);
    else if (type == MESSAGE_CLOSED && closing->state == CLOSING_CLOSE)
        status = take_closed(closing, body);
    if (status)
        closing_end(closing);
}
