// What is fed to a round, and what it asks about it. After each event it is asked until it has
// nothing more to ask for.
//
//     start [dry] [our-root=N] [lost]      what the openings will tell; theirs have root 5
//     opened SIDE [STATUS]
//     met SIDE [STATUS]
//     hashes SIDE [level=4|8] [WORD...]    of each node that was asked: the children that are not
//     0,
//                                          as PARENT:CHILD:HASH; or busy
//     listed SIDE [KEY:DOT...] [more]      heads, in the order of tokens
//     reconciled LANE VERDICT, fetched LANE [STATUS]
//     adopted [STATUS], lost, wait MS
//
// Steps: open, meet, tree, leaves and a side; reconcile LANE KEY head|whole|none; fetch LANE KEY;
// adopt; keys KEY...; end STATUS.
#include "dkv-repair/round.h"

#include "unit/quorum/play.h"

#include <stdlib.h>

static struct round stage;
static struct {
    uint64_t now_ms;
    uint64_t our_root;
    bool is_lost;
} told;

static const char *const sides[] = {"ours", "theirs"};

// ---- what it says ------------------------------------------------------------------------

static void say_bytes(struct play *play, struct bytes bytes)
{
    char text[16];
    snprintf(text, sizeof text, "%.*s", (int)bytes.size, (const char *)bytes.data);
    play_say(play, text);
}

static void say_lane(struct play *play, const char *what, unsigned part, struct bytes key)
{
    play_say(play, what);
    play_say(play, (char[]){(char)('0' + part), '\0'});
    say_bytes(play, key);
}

static void say_record(struct play *play, const struct op_reconcile *op)
{
    struct record record = {0};
    if (op->record.size)
        assert_int_equal(record_decode(&record, op->key, op->record), STATUS_OK);
    play_say(play, !op->record.size ? "none" : record.head ? "head" : "whole");
    record_release(&record);
}

static void say_request(struct play *play, const struct round_request *request)
{
    static const char *const names[] = {[MESSAGE_OPEN] = "open",
                                        [MESSAGE_MEET] = "meet",
                                        [MESSAGE_TREE] = "tree",
                                        [MESSAGE_LEAVES] = "leaves"};
    if (request->type == MESSAGE_RECONCILE) {
        say_lane(play, "reconcile", request->part, request->reconcile.key);
        say_record(play, &request->reconcile);
    } else if (request->type == MESSAGE_TAKE) {
        say_lane(play, "fetch", request->part, request->take.key);
    } else if (request->type == MESSAGE_ADOPT) {
        play_say(play, "adopt");
    } else {
        play_say(play, names[request->type]);
        play_say(play, sides[request->side]);
    }
}

static void say(struct play *play)
{
    struct round_request request;
    struct bytes key;
    bool had_keys = false;
    while (!round_is_ended(&stage) && round_next(&stage, told.now_ms, &request))
        say_request(play, &request);
    while (stage.plan.is_dry && round_next_key(&stage, &key)) {
        if (!had_keys)
            play_say(play, "keys");
        had_keys = true;
        say_bytes(play, key);
    }
    if (round_is_ended(&stage)) {
        play_say(play, "end");
        play_say(play, stage.status < STATUS_COUNT && play_statuses[stage.status]
                           ? play_statuses[stage.status]
                           : status_text(stage.status));
    }
}

// ---- what is fed -------------------------------------------------------------------------

static enum status status_of(struct play *play)
{
    return *play_next(play) ? play_status(play) : STATUS_OK;
}

static enum compare_side side_of(struct play *play)
{
    return play_is(play, "ours") ? COMPARE_OURS
           : play_is(play, "theirs")
               ? COMPARE_THEIRS
               : (play_complain(play, "no side:", play_next(play)), COMPARE_OURS);
}

static void reply(enum compare_side side, enum message_type type, uint8_t part,
                  const struct buf *body)
{
    struct reader reader = reader_of(buf_bytes(body));
    round_on_reply(&stage, side, type, part, &reader, told.now_ms);
}

static void start(struct play *play)
{
    struct round_plan plan = {.keyspace = 1,
                              .partition = 2,
                              .partition_count = 64,
                              .numbers = {7, 8},
                              .settle_ms = 100,
                              .is_dry = play_has(play, "dry")};
    round_release(&stage);
    told.now_ms = 1000;
    told.our_root = play_number(play, "our-root=", 5);
    told.is_lost = play_has(play, "lost");
    round_start(&stage, &plan);
}

static void opened(struct play *play, struct buf *body)
{
    enum compare_side side = side_of(play);
    struct op_opened op = {.status = (uint8_t)status_of(play)};
    struct buf opening = {0};
    struct opening_told tells = {.actor = 1 + side,
                                 .live_root = side == COMPARE_OURS ? told.our_root : 5,
                                 .is_lost = side == COMPARE_OURS && told.is_lost};
    opening_told_encode(&tells, &opening);
    op.opening = buf_bytes(&opening);
    op_encode_opened(&op, body);
    reply(side, MESSAGE_OPENED, 0, body);
    buf_release(&opening);
}

static void met(struct play *play, struct buf *body)
{
    enum compare_side side = side_of(play);
    struct op_met op = {.status = (uint8_t)status_of(play)};
    op_encode_met(&op, body);
    reply(side, MESSAGE_MET, 0, body);
}

// Of the tree of values.
static void hashes(struct play *play, struct buf *body)
{
    enum compare_side side = side_of(play);
    struct buf text = {0};
    const struct compare *compare = &stage.compares[TREE_OF_VALUES];
    struct op_hashes op = {.status = play_has(play, "busy") ? STATUS_BUSY : STATUS_OK,
                           .leaf_level = play_number(play, "level=", 4)};
    size_t size = compare->count * TREE_CHILDREN * sizeof(uint64_t);
    memset(buf_grow(&text, size), 0, size);
    unsigned parent, child, hash;
    while (sscanf(play_next(play), "%u:%u:%u", &parent, &child, &hash) == 3) {
        play_take(play, "");
        text.data[(parent * TREE_CHILDREN + child) * sizeof(uint64_t)] = (uint8_t)hash;
    }
    op.hashes = buf_bytes(&text);
    op_encode_hashes(&op, body);
    reply(side, MESSAGE_HASHES, TREE_OF_VALUES, body);
    buf_release(&text);
}

// KEY:DOT, a record with one value of which that is the dot.
static void add_item(const char *word, struct buf *items)
{
    struct record record = {0};
    struct buf head = {0};
    struct bytes key = bytes_of(word, 1);
    struct record_write write = {
        .dot = {1, (uint64_t)(word[2] - '0')}, .hlc = 1, .value = bytes_of_text("value")};
    record_update(&record, &write, false);
    record_encode_head(&record, key, &head);
    buf_append_short(items, key);
    buf_append_sized(items, buf_bytes(&head));
    buf_release(&head);
    record_release(&record);
}

static void listed(struct play *play, struct buf *body)
{
    enum compare_side side = side_of(play);
    struct buf items = {0};
    struct op_listed op = {
        .is_done = !play_has(play, "more"), .last = bytes_of_text("x"), .actor = 2};
    while (*play_next(play))
        add_item(play_take(play, ""), &items);
    op.items = buf_bytes(&items);
    op_encode_listed(&op, body);
    reply(side, MESSAGE_LISTED, 0, body);
    buf_release(&items);
}

static void reconciled(struct play *play, struct buf *body)
{
    uint8_t lane = play_owner(play);
    struct op_reconciled op = {0};
    if (play_is(play, "fetch"))
        op.verdict = VERDICT_FETCH;
    else if (play_is(play, "left-out"))
        op.verdict = VERDICT_LEFT_OUT;
    else
        op.status = (uint8_t)status_of(play);
    op_encode_reconciled(&op, body);
    reply(COMPARE_OURS, MESSAGE_RECONCILED, lane, body);
}

static void fetched(struct play *play, struct buf *body)
{
    uint8_t lane = play_owner(play);
    struct op_taken op = {.status = (uint8_t)status_of(play), .actor = 3};
    struct buf whole = {0};
    struct record record = {0};
    struct record_write write = {.dot = {1, 1}, .hlc = 1, .value = bytes_of_text("value")};
    record_update(&record, &write, false);
    if (!op.status)
        record_encode(&record, buf_bytes(&stage.exchange.lanes[lane].key), &whole);
    op.record = buf_bytes(&whole);
    op_encode_taken(&op, body);
    reply(COMPARE_THEIRS, MESSAGE_TAKEN, lane, body);
    buf_release(&whole);
    record_release(&record);
}

static void adopted(struct play *play, struct buf *body)
{
    struct op_adopted op = {.status = (uint8_t)status_of(play)};
    op_encode_adopted(&op, body);
    reply(COMPARE_OURS, MESSAGE_ADOPTED, 0, body);
}

static void feed(struct play *play)
{
    struct buf body = {0};
    if (play_is(play, "start"))
        start(play);
    else if (play_is(play, "opened"))
        opened(play, &body);
    else if (play_is(play, "met"))
        met(play, &body);
    else if (play_is(play, "hashes"))
        hashes(play, &body);
    else if (play_is(play, "listed"))
        listed(play, &body);
    else if (play_is(play, "reconciled"))
        reconciled(play, &body);
    else if (play_is(play, "fetched"))
        fetched(play, &body);
    else if (play_is(play, "adopted"))
        adopted(play, &body);
    else if (play_is(play, "gone"))
        round_end(&stage, STATUS_UNREACHABLE);
    else if (play_is(play, "wait"))
        told.now_ms += strtoull(play_take(play, ""), NULL, 10);
    buf_release(&body);
    say(play);
}

static int end(void **state)
{
    (void)state;
    round_release(&stage);
    return 0;
}

AROUND_EACH(NULL, end)

// ---- what is wanted ----------------------------------------------------------------------

// Nothing differs, up to the adoption.
#define ADOPTING                                                                                   \
    "start -> open ours open theirs", "opened ours, opened theirs -> meet ours meet theirs",       \
        "met ours, met theirs -> open theirs", "opened theirs -> adopt"

TEST(equal_replicas_adopt_what_the_other_knows_without_a_tree)
{
    play(ADOPTING, "adopted -> end ok");
    play("start         -> open ours open theirs",
         "opened theirs ->",
         "opened ours   -> meet ours meet theirs");
}

TEST(what_differs_is_compared_again_after_a_pause)
{
    play("start our-root=4                -> open ours open theirs",
         "opened ours, opened theirs      -> meet ours meet theirs",
         "met ours, met theirs            -> tree ours tree theirs",
         "hashes ours 0:3:1               ->",
         "hashes theirs 0:3:2             ->",
         "wait 99                         ->",
         "wait 1                          -> tree ours tree theirs",
         "hashes ours 0:3:1               ->",
         "hashes theirs 0:3:2             -> leaves ours leaves theirs");
}

TEST(what_was_on_its_way_is_no_difference)
{
    play("start our-root=4                -> open ours open theirs",
         "opened ours, opened theirs      -> meet ours meet theirs",
         "met ours, met theirs            -> tree ours tree theirs",
         "hashes ours 0:3:1               ->",
         "hashes theirs 0:3:2             ->",
         "wait 100                        -> tree ours tree theirs",
         "hashes ours 0:3:2 0:9:9         ->", // and a new one is on its way
         "hashes theirs 0:3:2             -> open theirs",
         "opened theirs                   -> adopt");
}

TEST(a_deeper_tree_is_asked_below_the_node_that_differs)
{
    play("start our-root=4                -> open ours open theirs",
         "opened ours, opened theirs      -> meet ours meet theirs",
         "met ours, met theirs            -> tree ours tree theirs",
         "hashes ours level=8 0:3:1       ->",
         "hashes theirs level=8 0:3:2     -> tree ours tree theirs",
         "hashes ours level=8 0:7:1       ->",
         "hashes theirs level=8 0:7:2     ->",
         "wait 100                        -> tree ours tree theirs");
}

TEST(a_tree_that_is_not_made_yet_is_asked_for_again)
{
    play("start our-root=4                -> open ours open theirs",
         "opened ours, opened theirs      -> meet ours meet theirs",
         "met ours, met theirs            -> tree ours tree theirs",
         "hashes ours busy                ->",
         "wait 50                         -> tree ours",
         "hashes ours                     ->",
         "hashes theirs busy              ->",
         "wait 50                         -> tree theirs",
         "hashes theirs                   -> open theirs");
}

// Up to the exchange.
#define EXCHANGE                                                                                   \
    "start our-root=4 -> open ours open theirs",                                                   \
        "opened ours, opened theirs -> meet ours meet theirs",                                     \
        "met ours, met theirs -> tree ours tree theirs",                                           \
        "hashes ours 0:3:1, hashes theirs 0:3:2 ->", "wait 100 -> tree ours tree theirs",          \
        "hashes ours 0:3:1, hashes theirs 0:3:2 -> leaves ours leaves theirs"

// In the order of tokens the keys are these.
TEST(the_order_of_tokens_is_the_one_that_these_tests_suppose)
{
    const char *const keys[] = {"i", "b", "c", "g", "f", "d"};
    for (unsigned i = 1; i < sizeof keys / sizeof *keys; i++)
        assert_true(ring_token(1, bytes_of_text(keys[i - 1])) <
                    ring_token(1, bytes_of_text(keys[i])));
}

TEST(keys_that_differ_are_reconciled_and_no_others)
{
    play(EXCHANGE,
         "listed ours i:1 b:1 g:1            ->",
         "listed theirs i:1 c:1 g:2          -> reconcile 0 b none reconcile 1 c head "
         "reconcile 2 g head",
         "reconciled 1                       ->",
         "reconciled 0                       ->",
         "reconciled 2                       -> open theirs",
         "opened theirs                      -> adopt",
         "adopted                            -> end ok");
}

TEST(a_whole_record_is_fetched_only_if_our_store_wants_it)
{
    play(EXCHANGE,
         "listed ours, listed theirs i:1 b:1 -> reconcile 0 i head reconcile 1 b head",
         "reconciled 0 fetch                 -> fetch 0 i",
         "fetched 0                          -> reconcile 0 i whole",
         "reconciled 0                       ->",
         "reconciled 1                       -> open theirs");
}

TEST(a_record_is_that_of_the_life_of_their_store_that_told_it)
{
    play(EXCHANGE,
         "listed ours, listed theirs i:1     -> reconcile 0 i head");
    assert_int_equal(stage.exchange.lanes[0].actor, 2);
    play(EXCHANGE,
         "listed ours, listed theirs i:1     -> reconcile 0 i head",
         "reconciled 0 fetch                 -> fetch 0 i",
         "fetched 0                          -> reconcile 0 i whole");
    assert_int_equal(stage.exchange.lanes[0].actor, 3);
}

TEST(a_record_that_is_gone_when_it_is_fetched_is_none)
{
    play(EXCHANGE,
         "listed ours, listed theirs i:1     -> reconcile 0 i head",
         "reconciled 0 fetch                 -> fetch 0 i",
         "fetched 0 not-found                -> reconcile 0 i none",
         "reconciled 0                       -> open theirs");
}

TEST(what_is_busy_is_asked_again_soon)
{
    play(EXCHANGE,
         "listed ours, listed theirs i:1     -> reconcile 0 i head",
         "reconciled 0 busy                  ->",
         "wait 50                            -> reconcile 0 i head",
         "reconciled 0 fetch                 -> fetch 0 i",
         "fetched 0 busy                     ->",
         "wait 50                            -> fetch 0 i",
         "fetched 0                          -> reconcile 0 i whole",
         "reconciled 0 busy                  ->",
         "wait 50                            -> reconcile 0 i whole");
}

TEST(what_is_on_its_way_to_our_store_is_waited_for_before_it_adopts)
{
    play(ADOPTING, "adopted busy ->", "wait 50 -> adopt", "adopted -> end ok");
}

TEST(nothing_is_adopted_if_one_key_was_left_out)
{
    play(EXCHANGE,
         "listed ours, listed theirs i:1 b:1 -> reconcile 0 i head reconcile 1 b head",
         "reconciled 0 left-out              ->",
         "reconciled 1                       -> end check failed");
}

TEST(nothing_is_adopted_if_one_record_cannot_be_had)
{
    play(EXCHANGE,
         "listed ours, listed theirs i:1     -> reconcile 0 i head",
         "reconciled 0 fetch                 -> fetch 0 i",
         "fetched 0 corrupt                  -> end check failed");
    play(EXCHANGE,
         "listed ours, listed theirs i:1     -> reconcile 0 i head",
         "reconciled 0 io                    -> end check failed");
}

TEST(a_key_is_not_fetched_twice)
{
    play(EXCHANGE,
         "listed ours, listed theirs i:1     -> reconcile 0 i head",
         "reconciled 0 fetch                 -> fetch 0 i",
         "fetched 0                          -> reconcile 0 i whole",
         "reconciled 0 fetch                 -> end check failed");
}

TEST(a_page_is_asked_for_when_the_last_one_was_taken)
{
    play(EXCHANGE,
         "listed ours i:1 more               ->",
         "listed theirs i:1 b:1              -> leaves ours",
         "listed ours b:1                    -> open theirs");
}

TEST(a_dry_round_names_the_keys_and_changes_nothing)
{
    play("start dry our-root=4               -> open ours open theirs",
         "opened ours, opened theirs         -> tree ours tree theirs",
         "hashes ours 0:3:1, hashes theirs 0:3:2 ->",
         "wait 100                           -> tree ours tree theirs",
         "hashes ours 0:3:1, hashes theirs 0:3:2 -> leaves ours leaves theirs",
         "listed ours i:1 b:1                ->",
         "listed theirs i:1 c:1              -> keys b c end ok");
    play("start dry                          -> open ours open theirs",
         "opened ours, opened theirs         -> end ok");
}

TEST(a_failure_ends_the_round_and_nothing_is_adopted)
{
    play("start -> open ours open theirs", "opened ours ->", "opened theirs stale -> end stale");
    play("start                      -> open ours open theirs",
         "opened ours, opened theirs -> meet ours meet theirs",
         "met ours stale             -> end stale");
    play(ADOPTING, "adopted stale -> end stale");
    play(EXCHANGE, "listed ours, listed theirs i:1 -> reconcile 0 i head",
         "reconciled 0 stale -> end stale");
    play(EXCHANGE, "gone -> end unreachable");
}

TEST(a_reply_that_nobody_asked_for_ends_the_round)
{
    play("start -> open ours open theirs", "adopted -> end invalid");
    play(EXCHANGE, "reconciled 3 -> end invalid");
}

// It has the roots of all that was written, and perhaps not the records.
TEST(the_trees_of_a_lost_copy_are_compared_though_the_roots_are_equal)
{
    play("start lost                  -> open ours open theirs",
         "opened ours, opened theirs  -> meet ours meet theirs",
         "met ours, met theirs        -> tree ours tree theirs tree ours tree theirs");
}
