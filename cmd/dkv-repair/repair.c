#include "dkv-repair/repair.h"

#include "base/text.h"
#include "dkv-repair/missing.h"

#include <string.h>

enum {
    TICK_BUSY_MS = 10,
    BUDGET_MS = 10 * 1000, // a request that a store could not begin for so long is dropped there
};

enum status repair_init(struct repair *repair, const struct repair_options *options,
                        struct moment now, struct fault *fault)
{
    *repair = (struct repair){
        .options = *options, .allowance = (int64_t)options->rate, .allowance_ms = now.mono_ms};
    repair->options.ring = NULL; // there will be others
    if (ring_find_node(&options->ring->ring, options->node) < 0)
        return fault_set(fault, STATUS_INVALID, "this node is not in the ring");
    struct link_terms terms = {.ping_interval_ms = options->ping_interval_ms,
                               .down_after_ms = options->down_after_ms,
                               .self = options->node};
    throttle_init(&repair->throttle, options->rate);
    peers_init(&repair->peers, &terms, SERVICE_REPAIR,
               service_bit(SERVICE_STORE) | service_bit(SERVICE_HINTD), options->link_of);
    pulls_init(&repair->pulls, options->interval_ms);
    repair_adopt(repair, options->ring, now);
    return STATUS_OK;
}

void repair_release(struct repair *repair)
{
    asking_release(&repair->asking);
    runs_release(&repair->runs);
    closings_stop(&repair->closings);
    debts_release(&repair->debts);
    pulls_release(&repair->pulls);
    dries_release(&repair->dries);
    scrub_release(&repair->scrub);
    digests_release(&repair->digests);
    peers_release(&repair->peers);
    ring_snapshot_drop(repair->snapshot);
    buf_release(&repair->text);
    *repair = (struct repair){0};
}

static uint32_t number_of_node(const struct repair *repair, uint64_t node)
{
    int index = ring_find_node(repair->ring, node);
    return index < 0 ? UINT32_MAX : peers_number(&repair->peers, (uint32_t)index, SERVICE_STORE);
}

static bool can_ask(void *context, uint64_t node)
{
    const struct repair *repair = context;
    uint32_t number = number_of_node(repair, node);
    const struct link *link = number == UINT32_MAX ? NULL : peers_link(&repair->peers, number);
    return link && link_can_ask(link);
}

// ---- The end of a round ------------------------------------------------------------------

static void add_name(const struct repair *repair, const struct run *run, struct dry *dry,
                     struct bytes key)
{
    const struct round_plan *plan = &run->round.plan;
    buf_printf(&dry->text, "%u %u ", plan->keyspace, plan->partition);
    text_format_hex(key, &dry->text);
    buf_printf(&dry->text, " %s %s\n", repair->ring->nodes[repair->self].name,
               peers_at(&repair->peers, run->links[COMPARE_THEIRS])->name);
}

// A dry run keeps the names of keys as long as there is room; others need none.
static void take_names(struct repair *repair, struct run *run)
{
    struct dry *dry = run->pull ? NULL : &repair->dries.items[run->dry];
    struct bytes key;
    while ((!dry || dry->text.size < DRY_TEXT_MAX) && round_next_key(&run->round, &key)) {
        if (dry)
            add_name(repair, run, dry, key);
    }
}

static void end_dry(struct dry *dry, const struct run *run, struct moment now)
{
    const struct round *round = &run->round;
    dry->running--;
    bool is_again = round->status && !round->differing &&
                    dry_try_again(dry, run->attempt.pull, run->attempt.tries, now.mono_ms);
    dry->done += !is_again;
    dry->failed += !is_again && round->status;
}

static void end_run(struct repair *repair, struct run *run, struct moment now)
{
    const struct round *round = &run->round;
    repair->counts.rounds += !round->status;
    repair->counts.failed += round->status != STATUS_OK;
    repair->counts.fetched += round->fetched;
    repair->counts.left_out += round->left_out;
    if (run->pull) {
        repair->counts.differing += round->differing;
        run->pull->keys += round->differing;
        run->pull->missing = round->status ? run->pull->missing : 0;
        pulls_end(&repair->pulls, run->pull, round->status, run->begin_ms, run->sequence, now);
        if (!round->status)
            pulls_set_lost(&repair->pulls, run->pull, round->is_lost, now);
    } else {
        end_dry(&repair->dries.items[run->dry], run, now);
    }
    runs_remove(&repair->runs, run);
}

// Ends rounds that are over, whose names were all taken.
static void end_runs(struct repair *repair, struct moment now)
{
    for (unsigned i = 0; i < RUNS_MAX; i++) {
        struct run *run = &repair->runs.items[i];
        struct bytes key;
        if (!run->is_used)
            continue;
        if (now.mono_ms > run->heard_ms + RUNS_SILENCE_MS)
            round_end(&run->round, STATUS_TIMEOUT);
        take_names(repair, run);
        bool is_full = !run->pull && repair->dries.items[run->dry].text.size >= DRY_TEXT_MAX;
        if (round_is_ended(&run->round) && !(is_full && round_next_key(&run->round, &key)))
            end_run(repair, run, now);
    }
}

static void fail_link(struct repair *repair, uint32_t number)
{
    for (unsigned i = 0; i < RUNS_MAX; i++) {
        struct run *run = &repair->runs.items[i];
        bool is_of = run->links[COMPARE_OURS] == number || run->links[COMPARE_THEIRS] == number;
        if (run->is_used && is_of)
            round_end(&run->round, STATUS_UNREACHABLE);
    }
}

static void start_asking(struct repair *repair)
{
    asking_start(&repair->asking, repair->ring->node_count, repair->self,
                 repair->ring->nodes[repair->self].number);
}

void repair_adopt(struct repair *repair, struct ring_snapshot *ring, struct moment now)
{
    for (unsigned i = 0; i < RUNS_MAX; i++) {
        if (repair->runs.items[i].is_used)
            round_end(&repair->runs.items[i].round, STATUS_RING_CHANGED);
    }
    if (repair->snapshot)
        end_runs(repair, now);
    closings_stop(&repair->closings);
    ring_snapshot_hold(ring);
    ring_snapshot_drop(repair->snapshot);
    repair->snapshot = ring;
    repair->ring = &ring->ring;
    repair->self = (uint32_t)ring_find_node(repair->ring, repair->options.node);
    peers_adopt(&repair->peers, ring, now);
    if (repair->asking.is_running)
        start_asking(repair);
    pulls_adopt(&repair->pulls, repair->ring, repair->self, now);
    debts_adopt(&repair->debts, repair->ring);
    scrub_init(&repair->scrub, repair->options.scrub_ms, repair->ring->partition_count, now);
}

// ---- The begin of a round ----------------------------------------------------------------

static struct run *start(struct repair *repair, const struct pull *pull, bool is_dry,
                         struct moment now)
{
    uint32_t numbers[COMPARE_SIDES] = {
        number_of_node(repair, repair->options.node),
        number_of_node(repair, pull->node),
    };
    struct run *run = runs_add(&repair->runs);
    const struct ring_node *theirs = &repair->ring->nodes[ring_find_node(repair->ring, pull->node)];
    struct round_plan plan = {
        .keyspace = pull->keyspace,
        .partition = pull->partition,
        .partition_count = repair->ring->partition_count,
        .numbers = {repair->ring->nodes[repair->self].number, theirs->number},
        .settle_ms = repair->options.settle_ms,
        .is_dry = is_dry,
    };
    memcpy(run->links, numbers, sizeof run->links);
    run->begin_ms = run->heard_ms = now.mono_ms;
    round_start(&run->round, &plan);
    return run;
}

// Finds what a dry run compares next. False: it has nothing left, or has to wait.
static bool next_attempt(const struct repair *repair, struct dry *dry, struct moment now,
                         struct dry_again *attempt)
{
    const char *name = repair->ring->nodes[repair->self].name;
    while (dry->next < repair->pulls.count) {
        *attempt = (struct dry_again){.pull = dry->next++};
        const struct pull *pull = &repair->pulls.items[attempt->pull];
        const struct ring_node *theirs =
            &repair->ring->nodes[ring_find_node(repair->ring, pull->node)];
        if (scope_has(&dry->scope, pull) && strcmp(theirs->name, name) > 0)
            return true;
    }
    if (!dry->again_count || now.mono_ms < dry->again_ms)
        return false;
    *attempt = dry->again[--dry->again_count];
    return true;
}

// Starts the next round of a dry run.
static bool start_dry(struct repair *repair, uint32_t index, struct moment now)
{
    struct dry *dry = &repair->dries.items[index];
    struct dry_again attempt;
    while (dry->id && dry->text.size < DRY_TEXT_MAX && next_attempt(repair, dry, now, &attempt)) {
        const struct pull *pull = &repair->pulls.items[attempt.pull];
        attempt.tries++;
        if (can_ask(repair, pull->node)) {
            struct run *run = start(repair, pull, true, now);
            run->dry = index;
            run->attempt = attempt;
            dry->running++;
            return true;
        }
        bool is_again = dry_try_again(dry, attempt.pull, attempt.tries, now.mono_ms);
        dry->done += !is_again;
        dry->failed += !is_again;
    }
    return false;
}

static void start_runs(struct repair *repair, struct moment now)
{
    struct pull *pull;
    if (!can_ask(repair, repair->options.node))
        return;
    for (uint32_t i = 0; i < DRIES_MAX; i++) {
        while (runs_has_room(&repair->runs) && start_dry(repair, i, now))
            ;
    }
    while (runs_has_room(&repair->runs) &&
           (pull = pulls_next_due(&repair->pulls, now, can_ask, repair))) {
        struct run *run = start(repair, pull, false, now);
        pulls_begin(&repair->pulls, pull);
        run->pull = pull;
        run->sequence = repair->pulls.sequence;
    }
}

// ---- Requests ----------------------------------------------------------------------------

static void encode(const struct round_request *request, uint64_t id, struct buf *out)
{
    struct round_request copy = *request;
    copy.open.id = id; // every operation begins with it
    switch (request->type) {
    case MESSAGE_OPEN:
        op_encode_open(&copy.open, out);
        break;
    case MESSAGE_MEET:
        op_encode_meet(&copy.meet, out);
        break;
    case MESSAGE_TREE:
        op_encode_tree(&copy.tree, out);
        break;
    case MESSAGE_LEAVES:
        op_encode_leaves(&copy.leaves, out);
        break;
    case MESSAGE_TAKE:
        op_encode_take(&copy.take, out);
        break;
    case MESSAGE_RECONCILE:
        op_encode_reconcile(&copy.reconcile, out);
        break;
    default:
        op_encode_adopt(&copy.adopt, out);
        break;
    }
}

static void count_bytes(struct repair *repair, const struct run *run, uint32_t number, size_t size)
{
    if (peers_at(&repair->peers, number)->node == repair->options.node)
        return;
    if (run && run->pull)
        run->pull->bytes += size;
    repair->counts.bytes += size;
    throttle_use(&repair->throttle, size);
    repair->allowance -= (int64_t)size;
}

struct buf *repair_add(const struct repair *repair, uint32_t number, enum message_type type,
                       uint32_t keyspace, uint32_t partition, uint32_t budget_ms,
                       struct outbox *outbox)
{
    const struct ring *ring = repair->ring;
    struct ring_stamp stamp = {.epoch = ring->epoch,
                               .since = ring_since(ring, partition, ring_keyspace(ring, keyspace)),
                               .hash = (uint32_t)repair->snapshot->hash};
    return outbox_add_stamped(outbox, repair->options.link_of(number), type, budget_ms, stamp);
}

static void send_all(struct repair *repair, struct run *run, struct moment now,
                     struct outbox *outbox)
{
    struct round_request request;
    const struct round_plan *plan = &run->round.plan;
    while (repair->allowance > 0 && round_next(&run->round, now.mono_ms, &request)) {
        uint32_t number = run->links[request.side];
        struct buf *out = repair_add(repair, number, request.type, plan->keyspace, plan->partition,
                                     BUDGET_MS, outbox);
        size_t before = out->size;
        encode(&request, runs_ask(&repair->runs, run, request.part), out);
        count_bytes(repair, run, number, out->size - before);
        take_names(repair, run);
    }
}

static void scrub_on(struct repair *repair, struct moment now, struct outbox *outbox)
{
    struct op_scrub op;
    uint32_t number = number_of_node(repair, repair->options.node);
    if (can_ask(repair, repair->options.node) && scrub_next(&repair->scrub, now, &op))
        op_encode_scrub(&op, outbox_add(outbox, repair->options.link_of(number), MESSAGE_SCRUB, 0));
}

void repair_go_on(struct repair *repair, struct moment now, struct outbox *outbox)
{
    end_runs(repair, now);
    start_runs(repair, now);
    for (unsigned i = 0; i < RUNS_MAX; i++) {
        if (repair->runs.items[i].is_used)
            send_all(repair, &repair->runs.items[i], now, outbox);
    }
    scrub_on(repair, now, outbox);
}

// ---- What happens ------------------------------------------------------------------------

// At the opening both have told what they know.
static void look_at_openings(struct repair *repair, struct run *run, struct moment now)
{
    const struct round *round = &run->round;
    if (!run->pull || round->state != ROUND_MEETING || round->asked)
        return;
    const struct opening_told *ours = &round->told[COMPARE_OURS];
    run->pull->missing = missing_dots(ours->seen, round->told[COMPARE_THEIRS].seen);
    pulls_set_lost(&repair->pulls, run->pull, ours->is_lost, now);
}

void repair_on_reply(struct repair *repair, uint32_t number, const struct message_header *header,
                     struct reader *body, struct moment now)
{
    struct reader ahead = *body;
    struct reader operation = reader_of(reader_sized(&ahead));
    uint64_t id = reader_u64(&operation);
    struct reader one = *body;
    uint8_t part;
    *body = ahead;
    if (operation.bad ||
        closings_on_reply(&repair->closings, id, (enum message_type)header->type, &one, now))
        return;
    struct run *run = runs_take(&repair->runs, id, &part);
    count_bytes(repair, run, number, reader_left(&one) - reader_left(&ahead));
    if (!run)
        return;
    enum compare_side side = run->links[COMPARE_OURS] == number ? COMPARE_OURS : COMPARE_THEIRS;
    if (run->links[side] != number)
        return;
    run->heard_ms = now.mono_ms;
    round_on_reply(&run->round, side, (enum message_type)header->type, part, &one, now.mono_ms);
    look_at_openings(repair, run, now);
}

// A store came or went, that may have to be told, or asked, what others have heard of ours.
static void follow_store(struct repair *repair, uint64_t node, enum link_change change)
{
    int index = ring_find_node(repair->ring, node);
    bool is_ours = node == repair->options.node;
    if (change == LINK_WENT_UP && is_ours)
        start_asking(repair);
    else if (change == LINK_WENT_DOWN && is_ours)
        asking_stop(&repair->asking);
    else if (change == LINK_WENT_DOWN && index >= 0)
        asking_on_lost(&repair->asking, (uint32_t)index);
}

void repair_take_change(struct repair *repair, uint32_t number, enum link_change change,
                        struct moment now)
{
    uint64_t node = peers_at(&repair->peers, number)->node;
    bool is_ours = node == repair->options.node;
    struct scope scope = {.node = is_ours ? 0 : node};
    if (peers_service(number) != SERVICE_STORE)
        return;
    follow_store(repair, node, change);
    if (change == LINK_WENT_DOWN) {
        fail_link(repair, number);
        if (is_ours)
            scrub_on_lost(&repair->scrub);
    } else if (change == LINK_WENT_UP) {
        repair->losses = is_ours ? 0 : repair->losses; // it counts anew
        pulls_hurry(&repair->pulls, &scope, now);
    }
}

// The longest of those whose rounds are under way.
static uint64_t delay_us(const struct repair *repair)
{
    uint64_t most = 0;
    for (unsigned i = 0; i < RUNS_MAX; i++) {
        const struct run *run = &repair->runs.items[i];
        for (unsigned side = 0; run->is_used && side < COMPARE_SIDES; side++) {
            const struct link *link = peers_link(&repair->peers, run->links[side]);
            uint64_t told = link && link->up ? link->metrics.values[METRIC_DELAY_US] : 0;
            most = told > most ? told : most;
        }
    }
    return most;
}

void repair_on_pong(struct repair *repair, struct moment now)
{
    if (repair->runs.count)
        throttle_tell(&repair->throttle, delay_us(repair), now);
}

static void allow(struct repair *repair, struct moment now)
{
    int64_t rate = (int64_t)repair->throttle.rate;
    int64_t more = rate * (int64_t)(now.mono_ms - repair->allowance_ms) / 1000;
    repair->allowance_ms = now.mono_ms;
    repair->allowance = repair->allowance + more < rate ? repair->allowance + more : rate;
}

void repair_on_tick(struct repair *repair, struct moment now, struct outbox *outbox)
{
    repair->peers.terms.is_idle = !repair->runs.count;
    peers_begin_tick(&repair->peers, now);
    for (uint32_t number = UINT32_MAX; peers_next(&repair->peers, &number);)
        repair_take_change(repair, number, peers_on_tick(&repair->peers, number, now, outbox), now);
    allow(repair, now);
    dries_forget_old(&repair->dries, now.mono_ms);
    repair_go_on(repair, now, outbox);
}

unsigned repair_tick_within_ms(const struct repair *repair)
{
    bool is_busy = repair->runs.count || repair->scrub.left;
    return is_busy ? TICK_BUSY_MS : peers_tick_within_ms(&repair->peers);
}
