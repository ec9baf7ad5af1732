#include "dkv-repair/round.h"

#include "base/xalloc.h"
#include "dkv-repair/ranges.h"

#include <stdlib.h>

enum {
    RETRY_MS = 50,      // a store that is busy is asked again
    ADOPTIONS_MAX = 40, // what is on its way to our store comes until then, or not at all
    REPLIES_OF_BOTH = 1 << COMPARE_OURS | 1 << COMPARE_THEIRS,
};

void round_start(struct round *round, const struct round_plan *plan)
{
    *round = (struct round){.plan = *plan};
    round->compares = xcalloc(TREE_KINDS, sizeof *round->compares);
}

void round_release(struct round *round)
{
    for (unsigned side = 0; side < COMPARE_SIDES; side++)
        buf_release(&round->openings[side]);
    for (unsigned kind = 0; round->compares && kind < TREE_KINDS; kind++)
        compare_release(&round->compares[kind]);
    free(round->compares);
    exchange_release(&round->exchange);
    buf_release(&round->nodes);
    *round = (struct round){0};
}

static void enter(struct round *round, enum round_state state)
{
    round->state = state;
    round->asked = round->answered = 0;
    round->due_ms = 0;
}

void round_end(struct round *round, enum status status)
{
    if (!round_is_ended(round))
        round->status = status;
    enter(round, ROUND_ENDED);
}

// ---- Steps -------------------------------------------------------------------------------

static void begin_compare(struct round *round)
{
    const struct opening_told *ours = &round->told[COMPARE_OURS];
    const struct opening_told *theirs = &round->told[COMPARE_THEIRS];
    const bool differs[TREE_KINDS] = {
        [TREE_OF_VALUES] = ours->live_root != theirs->live_root,
        [TREE_OF_DELETIONS] = ours->deleted_root != theirs->deleted_root,
    };
    // A copy that lost something still has the roots of what was written.
    bool is_lost = ours->is_lost || theirs->is_lost;
    enter(round, ROUND_COMPARING);
    for (unsigned kind = 0; kind < TREE_KINDS; kind++) {
        if (round->is_again)
            compare_begin_again(&round->compares[kind]);
        else if (differs[kind] || is_lost)
            compare_begin(&round->compares[kind]);
        else
            compare_skip(&round->compares[kind]);
    }
}

static void end_exchange(struct round *round)
{
    if (round->left_out)
        round_end(round, STATUS_CHECK_FAILED);
    else if (round->plan.is_dry)
        round_end(round, STATUS_OK);
    else
        enter(round, ROUND_REOPENING);
}

static void begin_exchange(struct round *round)
{
    struct buf ranges = {0};
    ranges_of_leaves(round->compares, round->plan.partition_count, round->plan.partition, &ranges);
    enter(round, ROUND_EXCHANGING);
    exchange_begin(&round->exchange, round->plan.keyspace, buf_bytes(&ranges));
    buf_release(&ranges);
}

// Goes on when both trees were compared.
static void end_compare(struct round *round, uint64_t now_ms)
{
    uint32_t count = 0;
    for (unsigned kind = 0; kind < TREE_KINDS; kind++) {
        if (!compare_is_done(&round->compares[kind]))
            return;
        count += round->compares[kind].count;
    }
    if (!count) {
        end_exchange(round);
    } else if (round->is_again) {
        begin_exchange(round);
    } else {
        enter(round, ROUND_SETTLING);
        round->due_ms = now_ms + round->plan.settle_ms;
        round->is_again = true;
    }
}

// ---- Requests ----------------------------------------------------------------------------

static bool ask_open(struct round *round, struct round_request *request)
{
    for (unsigned side = 0; side < COMPARE_SIDES; side++) {
        bool is_wanted = round->state == ROUND_OPENING || side == COMPARE_THEIRS;
        if (!is_wanted || round->asked & 1u << side)
            continue;
        round->asked |= 1u << side;
        request->side = (enum compare_side)side;
        request->type = MESSAGE_OPEN;
        request->open = (struct op_open){.keyspace = round->plan.keyspace,
                                         .partition = round->plan.partition,
                                         .number = round->plan.numbers[!side]};
        return true;
    }
    return false;
}

static bool ask_meet(struct round *round, struct round_request *request)
{
    for (unsigned side = 0; side < COMPARE_SIDES; side++) {
        if (round->asked & 1u << side)
            continue;
        round->asked |= 1u << side;
        request->side = (enum compare_side)side;
        request->type = MESSAGE_MEET;
        request->meet = (struct op_meet){.keyspace = round->plan.keyspace,
                                         .partition = round->plan.partition,
                                         .is_pulling = side == COMPARE_OURS,
                                         .opening = buf_bytes(&round->openings[!side])};
        return true;
    }
    return false;
}

static unsigned tree_bit(unsigned kind, unsigned side)
{
    return 1u << (kind * COMPARE_SIDES + side);
}

static bool ask_tree(struct round *round, struct round_request *request)
{
    for (unsigned i = 0; i < TREE_KINDS * COMPARE_SIDES; i++) {
        unsigned kind = i / COMPARE_SIDES, side = i % COMPARE_SIDES;
        const struct compare *compare = &round->compares[kind];
        if (compare_is_done(compare) || round->asked & tree_bit(kind, side))
            continue;
        round->asked |= tree_bit(kind, side);
        buf_clear(&round->nodes);
        for (uint32_t n = 0; n < compare->count; n++)
            buf_append_u16(&round->nodes, compare->nodes[n]);
        request->side = (enum compare_side)side;
        request->type = MESSAGE_TREE;
        request->part = (uint8_t)kind;
        request->tree = (struct op_tree){.keyspace = round->plan.keyspace,
                                         .partition = round->plan.partition,
                                         .kind = (uint8_t)kind,
                                         .level = (uint8_t)compare->level,
                                         .nodes = buf_bytes(&round->nodes)};
        return true;
    }
    return false;
}

static bool ask_page(struct round *round, struct round_request *request)
{
    struct exchange *exchange = &round->exchange;
    for (unsigned side = 0; side < COMPARE_SIDES; side++) {
        if (!exchange_wants_page(exchange, (enum compare_side)side))
            continue;
        exchange->pages[side].is_asked = true;
        request->side = (enum compare_side)side;
        request->type = MESSAGE_LEAVES;
        request->leaves = (struct op_leaves){.keyspace = round->plan.keyspace,
                                             .partition = round->plan.partition,
                                             .size_max = EXCHANGE_PAGE_SIZE,
                                             .after = buf_bytes(&exchange->pages[side].after),
                                             .ranges = buf_bytes(&exchange->ranges)};
        return true;
    }
    return false;
}

static void ask_reconcile(struct round *round, const struct lane *lane,
                          struct round_request *request)
{
    request->side = COMPARE_OURS;
    request->type = MESSAGE_RECONCILE;
    request->reconcile = (struct op_reconcile){.keyspace = round->plan.keyspace,
                                               .partition = round->plan.partition,
                                               .actor = lane->actor,
                                               .key = buf_bytes(&lane->key),
                                               .record = buf_bytes(&lane->record)};
}

static bool ask_lane(struct round *round, struct round_request *request)
{
    for (unsigned i = 0; i < EXCHANGE_LANES; i++) {
        struct lane *lane = &round->exchange.lanes[i];
        request->part = (uint8_t)i;
        if (lane->state == LANE_HEAD || lane->state == LANE_WHOLE) {
            lane->state = lane->state == LANE_HEAD ? LANE_HEAD_SENT : LANE_WHOLE_SENT;
            ask_reconcile(round, lane, request);
            return true;
        }
        if (lane->state == LANE_FETCH && exchange_may_fetch(&round->exchange, lane)) {
            lane->state = LANE_FETCH_SENT;
            request->side = COMPARE_THEIRS;
            request->type = MESSAGE_TAKE;
            request->take = (struct op_take){.keyspace = round->plan.keyspace,
                                             .partition = round->plan.partition,
                                             .key = buf_bytes(&lane->key)};
            return true;
        }
    }
    return false;
}

static bool ask_adopt(struct round *round, struct round_request *request)
{
    if (round->asked)
        return false;
    round->asked = 1;
    request->side = COMPARE_OURS;
    request->type = MESSAGE_ADOPT;
    request->adopt = (struct op_adopt){.keyspace = round->plan.keyspace,
                                       .partition = round->plan.partition,
                                       .opening = buf_bytes(&round->openings[COMPARE_THEIRS])};
    round->adoptions++;
    return true;
}

static bool ask_exchange(struct round *round, struct round_request *request)
{
    // Names that nobody has taken, or lanes, held the merge up.
    if (exchange_merge(&round->exchange, round->plan.is_dry)) {
        round_end(round, STATUS_INVALID);
        return false;
    }
    round->differing = round->exchange.differing;
    if (exchange_is_done(&round->exchange)) {
        end_exchange(round);
        return round_next(round, UINT64_MAX, request);
    }
    return ask_lane(round, request) || ask_page(round, request);
}

bool round_next(struct round *round, uint64_t now_ms, struct round_request *request)
{
    if (now_ms < round->due_ms)
        return false;
    *request = (struct round_request){0};
    if (round->state == ROUND_SETTLING)
        begin_compare(round);
    switch (round->state) {
    case ROUND_OPENING:
    case ROUND_REOPENING:
        return ask_open(round, request);
    case ROUND_MEETING:
        return ask_meet(round, request);
    case ROUND_COMPARING:
        return ask_tree(round, request);
    case ROUND_EXCHANGING:
        return ask_exchange(round, request);
    case ROUND_ADOPTING:
        return ask_adopt(round, request);
    default:
        return false;
    }
}

// ---- Replies -----------------------------------------------------------------------------

static enum status take_opened(struct round *round, unsigned side, struct reader *body,
                               uint64_t now_ms)
{
    struct op_opened op;
    struct opening_told *told = &round->told[side];
    if (op_decode_opened(&op, body))
        return STATUS_INVALID;
    if (op.status)
        return (enum status)op.status;
    buf_set(&round->openings[side], op.opening);
    if (opening_told_decode(told, buf_bytes(&round->openings[side])))
        return STATUS_INVALID;
    if (round->state == ROUND_REOPENING) {
        enter(round, ROUND_ADOPTING);
        return STATUS_OK;
    }
    round->answered |= 1u << side;
    if (round->answered != REPLIES_OF_BOTH)
        return STATUS_OK;
    if (!round->plan.is_dry) {
        enter(round, ROUND_MEETING);
    } else {
        begin_compare(round);
        end_compare(round, now_ms);
    }
    return STATUS_OK;
}

static enum status take_met(struct round *round, unsigned side, struct reader *body,
                            uint64_t now_ms)
{
    struct op_met op;
    if (op_decode_met(&op, body))
        return STATUS_INVALID;
    round->answered |= 1u << side;
    if (op.status || round->answered != REPLIES_OF_BOTH)
        return (enum status)op.status;
    begin_compare(round);
    end_compare(round, now_ms);
    return STATUS_OK;
}

static enum status take_hashes(struct round *round, unsigned side, unsigned kind,
                               struct reader *body, uint64_t now_ms)
{
    struct op_hashes op;
    if (op_decode_hashes(&op, body) || kind >= TREE_KINDS)
        return STATUS_INVALID;
    if (op.status == STATUS_BUSY) {
        round->asked &= ~tree_bit(kind, side);
        round->due_ms = now_ms + RETRY_MS;
        return STATUS_OK;
    }
    if (op.status)
        return (enum status)op.status;
    struct compare *compare = &round->compares[kind];
    enum status status =
        compare_on_hashes(compare, (enum compare_side)side, op.leaf_level, op.hashes);
    if (status)
        return status;
    if (!compare_has(compare, COMPARE_OURS) && !compare_has(compare, COMPARE_THEIRS)) {
        round->asked &= ~(tree_bit(kind, COMPARE_OURS) | tree_bit(kind, COMPARE_THEIRS));
        end_compare(round, now_ms);
    }
    return STATUS_OK;
}

static enum status take_listed(struct round *round, unsigned side, struct reader *body)
{
    struct op_listed op;
    if (op_decode_listed(&op, body))
        return STATUS_INVALID;
    return op.status ? (enum status)op.status
                     : exchange_on_page(&round->exchange, (enum compare_side)side, &op);
}

// The lane of a reply, if it waits for one.
static struct lane *lane_of(struct round *round, unsigned part, enum lane_state a,
                            enum lane_state b)
{
    struct lane *lane = part < EXCHANGE_LANES ? &round->exchange.lanes[part] : NULL;
    return lane && (lane->state == a || lane->state == b) ? lane : NULL;
}

static void leave_out(struct round *round, struct lane *lane)
{
    round->left_out++;
    lane->state = LANE_FREE;
}

// This key can be asked about again soon.
static bool is_passing(enum status status)
{
    return status == STATUS_BUSY || status == STATUS_EXHAUSTED;
}

// It says nothing of one key: the round has lost its ground.
static bool is_final(enum status status)
{
    return status == STATUS_STALE || status == STATUS_NOT_OWNER || status == STATUS_REFUSED;
}

static enum status take_taken(struct round *round, unsigned part, struct reader *body,
                              uint64_t now_ms)
{
    struct op_taken op;
    struct lane *lane = lane_of(round, part, LANE_FETCH_SENT, LANE_FETCH_SENT);
    if (op_decode_taken(&op, body) || !lane)
        return STATUS_INVALID;
    if (is_final((enum status)op.status))
        return (enum status)op.status;
    if (is_passing((enum status)op.status)) {
        lane->state = LANE_FETCH;
        round->due_ms = now_ms + RETRY_MS;
    } else if (!op.status || op.status == STATUS_NOT_FOUND) { // it is gone meanwhile
        lane->state = LANE_WHOLE;
        lane->size = op.record.size;
        lane->actor = op.actor;
        buf_set(&lane->record, op.record);
        round->fetched++;
    } else {
        leave_out(round, lane);
    }
    return STATUS_OK;
}

static enum status take_reconciled(struct round *round, unsigned part, struct reader *body,
                                   uint64_t now_ms)
{
    struct op_reconciled op;
    struct lane *lane = lane_of(round, part, LANE_HEAD_SENT, LANE_WHOLE_SENT);
    if (op_decode_reconciled(&op, body) || !lane)
        return STATUS_INVALID;
    bool is_head = lane->state == LANE_HEAD_SENT;
    if (is_final((enum status)op.status))
        return (enum status)op.status;
    if (is_passing((enum status)op.status)) {
        lane->state = is_head ? LANE_HEAD : LANE_WHOLE;
        round->due_ms = now_ms + RETRY_MS;
    } else if (!op.status && op.verdict == VERDICT_RESOLVED) {
        lane->state = LANE_FREE;
    } else if (!op.status && op.verdict == VERDICT_FETCH && is_head) {
        lane->state = LANE_FETCH;
    } else {
        leave_out(round, lane);
    }
    return STATUS_OK;
}

static enum status take_adopted(struct round *round, struct reader *body, uint64_t now_ms)
{
    struct op_adopted op;
    if (op_decode_adopted(&op, body))
        return STATUS_INVALID;
    if (op.status == STATUS_BUSY && round->adoptions < ADOPTIONS_MAX) {
        round->asked = 0;
        round->due_ms = now_ms + RETRY_MS;
        return STATUS_OK;
    }
    round->is_lost = op.is_lost;
    round_end(round, (enum status)op.status);
    return STATUS_OK;
}

// What is told in a state in which nobody asked for it is no reply.
static bool is_expected(const struct round *round, enum message_type type)
{
    switch (round->state) {
    case ROUND_OPENING:
    case ROUND_REOPENING:
        return type == MESSAGE_OPENED;
    case ROUND_MEETING:
        return type == MESSAGE_MET;
    case ROUND_COMPARING:
        return type == MESSAGE_HASHES;
    case ROUND_EXCHANGING:
        return type == MESSAGE_LISTED || type == MESSAGE_TAKEN || type == MESSAGE_RECONCILED;
    case ROUND_ADOPTING:
        return type == MESSAGE_ADOPTED;
    default:
        return false;
    }
}

void round_on_reply(struct round *round, enum compare_side side, enum message_type type,
                    uint8_t part, struct reader *body, uint64_t now_ms)
{
    enum status status = STATUS_INVALID;
    if (round_is_ended(round))
        return;
    if (is_expected(round, type)) {
        status = type == MESSAGE_OPENED       ? take_opened(round, side, body, now_ms)
                 : type == MESSAGE_MET        ? take_met(round, side, body, now_ms)
                 : type == MESSAGE_HASHES     ? take_hashes(round, side, part, body, now_ms)
                 : type == MESSAGE_LISTED     ? take_listed(round, side, body)
                 : type == MESSAGE_TAKEN      ? take_taken(round, part, body, now_ms)
                 : type == MESSAGE_RECONCILED ? take_reconciled(round, part, body, now_ms)
                                              : take_adopted(round, body, now_ms);
    }
    if (status)
        round_end(round, status);
}

bool round_next_key(struct round *round, struct bytes *key)
{
    struct exchange *exchange = &round->exchange;
    struct reader reader = reader_of(bytes_of(exchange->names.data + exchange->names_at,
                                              exchange->names.size - exchange->names_at));
    if (!reader_left(&reader)) {
        buf_clear(&exchange->names);
        exchange->names_at = 0;
        return false;
    }
    *key = reader_short(&reader);
    exchange->names_at = exchange->names.size - reader_left(&reader);
    return true;
}
