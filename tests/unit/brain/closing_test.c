// What is fed to a closing, and what it asks about it. The shard has owners 0, 1, 2 of four nodes.
//
//     start
//     ended PROCESS:START...     our store
//     held [yes]                 the next hintd
//     opened WORD                the next owner: what it knows of process 5, start 3: dots up to
//                                WORD; or lost
//     closed, gone, stale        stale: a reply of the step before
#include "dkv-repair/closing.h"

#include "causal/actor.h"
#include "unit/quorum/play.h"

static struct closing stage;

static void say(struct play *play)
{
    struct closing_request request;
    while (closing_next(&stage, &request)) {
        play_say(play, request.type == MESSAGE_ENDINGS ? "endings"
                       : request.type == MESSAGE_HELD  ? "held"
                       : request.type == MESSAGE_OPEN  ? "open"
                                                       : "close");
        play_say(play, (char[]){(char)('0' + request.node), '\0'});
    }
    if (closing_is_ended(&stage))
        play_say(play, "end");
}

static void start(struct play *play)
{
    (void)play;
    struct closing_plan plan = {.keyspace = 1,
                                .partition = 2,
                                .self = 1,
                                .owners = {0, 1, 2},
                                .owner_count = 3,
                                .node_count = 4};
    closing_release(&stage);
    closing_start(&stage, &plan);
}

static void ended(struct play *play, struct buf *body)
{
    struct buf items = {0};
    struct ending ending;
    while (sscanf(play_next(play), "%u:%u", &ending.process, &ending.start) == 2) {
        play_take(play, "");
        ending_append(ending, &items);
    }
    struct op_ended op = {.items = buf_bytes(&items)};
    op_encode_ended(&op, body);
    buf_release(&items);
}

static void opened(struct play *play, struct buf *body)
{
    struct seen seen = {0};
    struct buf encoded = {0}, opening = {0};
    struct opening_told told = {.is_lost = play_has(play, "lost")};
    struct actor actor = {.node = 2, .kind = ACTOR_HINTD, .start = 3};
    assert_int_equal(actor_process(actor_make(actor)), 5);
    for (uint64_t counter = told.is_lost ? 0 : play_owner(play); counter; counter--)
        seen_add(&seen, (struct dot){actor_make(actor), counter});
    seen_encode(&seen, &encoded);
    told.seen = buf_bytes(&encoded);
    opening_told_encode(&told, &opening);
    struct op_opened op = {.opening = buf_bytes(&opening)};
    op_encode_opened(&op, body);
    seen_release(&seen);
    buf_release(&encoded);
    buf_release(&opening);
}

static void feed(struct play *play)
{
    struct buf body = {0};
    enum message_type type = MESSAGE_ERROR;
    uint32_t step = stage.step;
    if (play_is(play, "start")) {
        start(play);
    } else if (play_is(play, "ended")) {
        type = MESSAGE_ENDED;
        ended(play, &body);
    } else if (play_is(play, "held")) {
        type = MESSAGE_HELD_TOLD;
        step -= play_has(play, "stale");
        struct op_held_told op = {.is_held = play_has(play, "yes")};
        op_encode_held_told(&op, &body);
    } else if (play_is(play, "opened")) {
        type = MESSAGE_OPENED;
        opened(play, &body);
    } else if (play_is(play, "closed")) {
        type = MESSAGE_CLOSED;
        struct op_closed op = {0};
        op_encode_closed(&op, &body);
    } else if (play_is(play, "gone")) {
        closing_end(&stage);
    }
    struct reader reader = reader_of(buf_bytes(&body));
    if (body.size)
        closing_on_reply(&stage, step, type, &reader);
    buf_release(&body);
    say(play);
}

static int end(void **state)
{
    (void)state;
    closing_release(&stage);
    return 0;
}

AROUND_EACH(NULL, end)

TEST(hintds_are_asked_and_then_owners_and_then_it_is_closed)
{
    play("start                         -> endings 1",
         "ended 5:3                     -> held 0 held 1 held 2 held 3",
         "held, held, held              ->",
         "held                          -> open 0 open 1 open 2",
         "opened 4, opened 4            ->",
         "opened 4                      -> close 1",
         "closed                        -> end");
}

TEST(nothing_that_ended_is_nothing_to_do)
{
    play("start -> endings 1",
         "ended -> end");
}

TEST(a_hint_that_has_a_dot_keeps_them_open)
{
    play("start                         -> endings 1",
         "ended 5:3                     -> held 0 held 1 held 2 held 3",
         "held                          ->",
         "held yes                      -> end");
}

TEST(owners_that_know_different_dots_keep_them_open)
{
    play("start                         -> endings 1",
         "ended 5:3                     -> held 0 held 1 held 2 held 3",
         "held, held, held              ->",
         "held                          -> open 0 open 1 open 2",
         "opened 4                      ->",
         "opened 3                      -> end");
}

TEST(a_lost_owner_keeps_them_open)
{
    play("start                         -> endings 1",
         "ended 5:3                     -> held 0 held 1 held 2 held 3",
         "held, held, held              ->",
         "held                          -> open 0 open 1 open 2",
         "opened 4, opened 4            ->",
         "opened lost                   -> end");
}

TEST(dots_of_later_starts_do_not_count)
{
    play("start                         -> endings 1",
         "ended 5:2                     -> held 0 held 1 held 2 held 3",
         "held, held, held              ->",
         "held                          -> open 0 open 1 open 2",
         "opened 4, opened 3            ->",
         "opened 2                      -> close 1");
}

TEST(one_after_the_other_is_looked_at)
{
    play("start                         -> endings 1",
         "ended 5:3 7:1                 -> held 0 held 1 held 2 held 3",
         "held yes                      -> held 0 held 1 held 2 held 3",
         "held stale, held stale, held stale ->", // of the first one
         "held, held, held              ->",
         "held                          -> open 0 open 1 open 2");
}

TEST(a_process_that_is_gone_ends_it)
{
    play("start -> endings 1",
         "gone  -> end");
}
