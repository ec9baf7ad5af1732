// A store that has started answers routers when it was told what others have heard of it, or when
// it has waited long enough.
#include "unit/brain/trio.h"

#include "dkv-repair/asking.h"
#include "dkv-store/asking.h"
#include "wire/hello.h"

enum { ASK_MS = 1000, SELF = 1, NUMBER = 7, COUNT = 3 };

// ---- What repair says ----------------------------------------------------------------------

static struct asking asking;

static struct op_hear next_for(uint32_t node)
{
    struct op_hear op = {0};
    assert_true(asking_next(&asking, node, &op));
    return op;
}

static bool says_nothing(void)
{
    struct op_hear op;
    bool says = false;
    for (uint32_t i = 0; i < COUNT; i++)
        says |= asking_next(&asking, i, &op);
    return !says;
}

static void reply(uint32_t node, uint64_t id, enum status status, bool is_asking)
{
    struct op_heard heard = {.id = id,
                             .status = (uint8_t)status,
                             .actor = 100 + node,
                             .position = 10 + node,
                             .heard_start = 20 + node,
                             .heard_position = 30 + node,
                             .is_asking = is_asking};
    asking_on_heard(&asking, node, &heard);
}

// Our store says that it asks.
static void begin_asking(void)
{
    asking_release(&asking);
    asking_start(&asking, COUNT, SELF, NUMBER);
    struct op_hear op;
    assert_false(asking_next(&asking, 0, &op)); // ours first
    op = next_for(SELF);
    assert_true(op.number == 0 && op.actor == 0 && !op.is_last);
    assert_true(says_nothing());
    reply(SELF, op.id, STATUS_OK, true);
}

static void assert_tells_of(uint32_t node, const struct op_hear *op)
{
    assert_true(op->actor == 100 + node && op->position == 10 + node &&
                op->heard_start == 20 + node && op->heard_position == 30 + node && !op->is_last);
}

TEST(our_store_is_told_what_each_other_one_has_heard_and_then_that_this_is_all)
{
    begin_asking();
    struct op_hear first = next_for(0), third = next_for(2);
    assert_true(first.number == NUMBER && third.number == NUMBER && !first.actor);
    assert_true(says_nothing());
    reply(2, third.id, STATUS_OK, true); // it asks, too
    struct op_hear told = next_for(SELF);
    assert_tells_of(2, &told);
    reply(SELF, told.id, STATUS_STALE, true); // and now it knows that it lacks something
    assert_true(says_nothing());              // the first has not answered
    reply(0, first.id, STATUS_OK, false);
    told = next_for(SELF);
    assert_tells_of(0, &told);
    assert_true(says_nothing());
    reply(SELF, told.id, STATUS_OK, true);
    told = next_for(SELF);
    assert_true(told.is_last && !told.actor);
    assert_true(says_nothing());
    asking_release(&asking);
}

TEST(a_store_that_is_not_asking_is_told_nothing)
{
    asking_start(&asking, COUNT, SELF, NUMBER);
    struct op_hear op = next_for(SELF);
    reply(SELF, op.id, STATUS_OK, false);
    assert_true(says_nothing());
    asking_release(&asking);
}

TEST(what_could_not_be_written_is_told_again_and_what_was_lost_asked_again)
{
    begin_asking();
    struct op_hear first = next_for(0);
    asking_on_lost(&asking, 0);
    first = next_for(0);
    reply(0, first.id, STATUS_OK, false);
    struct op_hear told = next_for(SELF);
    reply(SELF, told.id, STATUS_BUSY, true);
    told = next_for(SELF);
    assert_tells_of(0, &told);
    reply(SELF, told.id, STATUS_OK, false); // it has waited long enough
    struct op_hear third = next_for(2);     // but may learn something still
    reply(2, third.id, STATUS_OK, false);
    told = next_for(SELF);
    assert_tells_of(2, &told);
    asking_release(&asking);
}

TEST(replies_of_before_the_last_start_count_for_nothing)
{
    begin_asking();
    struct op_hear first = next_for(0);
    begin_asking();
    asking_start(&asking, COUNT, SELF, NUMBER);
    reply(0, first.id, STATUS_OK, false);
    reply(SELF, first.id, STATUS_OK, true);
    next_for(SELF);
    assert_true(says_nothing());
    asking_stop(&asking);
    assert_true(says_nothing());
    asking_release(&asking);
}

// ---- What the store does -------------------------------------------------------------------

static void begin_trio(void)
{
    trio_init();
    for (unsigned i = 0; i < TRIO; i++)
        trio[i].options.ask_ms = ASK_MS;
}

static struct op_heard hear(unsigned at, const struct op_hear *op)
{
    struct buf body = {0};
    static struct op_heard heard;
    op_encode_hear(op, &body);
    bench_tell(&trio[at], MESSAGE_HEAR, trio[at].ring.epoch, 0, &body);
    struct reader reader = bench_said(&trio[at], 0, MESSAGE_HEARD);
    assert_int_equal(op_decode_heard(&heard, &reader), STATUS_OK);
    bench_sync_log(&trio[at]);
    return heard;
}

// What repair does between two stores.
static enum status tell(unsigned at, unsigned of)
{
    struct op_hear ask = {.number = actor_parse(actor(at)).node};
    struct op_heard told = hear(of, &ask);
    struct op_hear op = {.actor = told.actor,
                         .position = told.position,
                         .heard_start = told.heard_start,
                         .heard_position = told.heard_position};
    return (enum status)hear(at, &op).status;
}

static void say_that_is_all(unsigned at)
{
    struct op_hear op = {.is_last = true};
    hear(at, &op);
}

static enum status read_at(unsigned at)
{
    struct record record = {0};
    enum status status = (enum status)bench_fetch(&trio[at], &record).status;
    record_release(&record);
    return status;
}

static bool is_welcomed_as_asking(unsigned at)
{
    struct op_hello hello = {.version_max = 255};
    struct op_welcome welcome;
    struct buf body = {0};
    op_encode_hello(&hello, &body);
    bench_tell(&trio[at], MESSAGE_HELLO, trio[at].ring.epoch, 0, &body);
    struct reader reader = bench_said(&trio[at], 0, MESSAGE_WELCOME);
    assert_int_equal(op_decode_welcome(&welcome, &reader), STATUS_OK);
    return welcome.is_asking;
}

TEST(a_store_that_was_put_back_is_told_so_before_it_answers_a_read)
{
    begin_trio();
    write_everywhere(A, "value");
    assert_int_equal(pull(B, A), STATUS_OK);
    wipe(A);
    assert_true(is_welcomed_as_asking(A));
    assert_int_equal(read_at(A), STATUS_LOST);
    assert_int_equal(tell(A, C), STATUS_OK); // which has heard nothing
    assert_int_equal(read_at(A), STATUS_LOST);
    assert_int_equal(tell(A, B), STATUS_STALE);
    say_that_is_all(A);
    assert_false(is_welcomed_as_asking(A));
    assert_true(shard(A)->is_lost);
    assert_int_equal(read_at(A), STATUS_LOST);
    assert_int_equal(pull(A, B), STATUS_OK);
    assert_int_equal(pull(A, C), STATUS_OK);
    assert_int_equal(read_at(A), STATUS_OK);
    trio_release();
}

TEST(a_store_that_lacks_nothing_answers_when_all_were_asked)
{
    begin_trio();
    write_everywhere(A, "value");
    assert_int_equal(pull(B, A), STATUS_OK);
    restart(A);
    assert_int_equal(read_at(A), STATUS_LOST);
    assert_int_equal(tell(A, B), STATUS_OK);
    assert_int_equal(tell(A, C), STATUS_OK);
    assert_int_equal(read_at(A), STATUS_LOST);
    say_that_is_all(A);
    assert_int_equal(read_at(A), STATUS_OK);
    trio_release();
}

TEST(a_store_that_nobody_tells_anything_waits_and_answers_then)
{
    begin_trio();
    write_everywhere(A, "value");
    restart(A);
    pass_ms(ASK_MS - 1);
    assert_int_equal(asking_within_ms(store(A), 5000), 1 + ASK_MS - 1); // of the last turn
    assert_int_equal(read_at(A), STATUS_LOST);
    pass_ms(1);
    assert_int_equal(read_at(A), STATUS_OK);
    assert_int_equal(asking_within_ms(store(A), 5000), 5000);
    trio_release();
}

// It has nothing to tell and promises nothing of what it held, but keeps what comes.
TEST(writes_are_kept_meanwhile_as_by_a_lost_copy)
{
    begin_trio();
    write_everywhere(A, "old");
    restart(A);
    write_at(B, "new");
    assert_true(merge_into(A, buf_bytes(&sent), NULL).flags & MERGED_LOST);
    struct op_update update = bench_update_of(&trio[A], 77, "mine");
    struct op_updated updated = bench_update(&trio[A], &update);
    assert_int_equal(updated.status, STATUS_OK);
    assert_true(updated.is_lost);
    update.flags |= UPDATE_CONDITIONAL;
    memset(update.request.bytes, 78, sizeof update.request.bytes);
    assert_int_equal(bench_update(&trio[A], &update).status, STATUS_LOST);
    say_that_is_all(A);
    assert_false(merge_into(A, buf_bytes(&sent), NULL).flags & MERGED_LOST);
    trio_release();
}

// A later start of it would hide what it lacks.
TEST(what_a_store_has_heard_of_another_is_told_as_it_was_before)
{
    begin_trio();
    write_everywhere(A, "value");
    assert_int_equal(pull(B, A), STATUS_OK);
    uint32_t start = actor_parse(actor(A)).start;
    wipe(A);
    struct op_hear op = {.number = actor_parse(actor(A)).node, .actor = actor(A), .position = 1};
    assert_int_equal(hear(B, &op).heard_start, start);
    assert_int_equal(hear(B, &op).heard_start, actor_parse(actor(A)).start);
    trio_release();
}
