// Routers tell each other their seal keys, and a put waits for one that is on its way.
#include "unit/brain/router_bench.h"

#include "causal/token.h"
#include "dkv-router/dispatch.h"
#include "wire/client.h"

enum { FIRST = OTHER + 1, SECOND = OTHER + 2 }; // the other routers

static const uint8_t other_secret[SEAL_SECRET_SIZE] = {2};

// A put whose context is sealed with this key.
static void put(struct bench *bench, const uint8_t *secret)
{
    struct seals seals = {0};
    struct context context = {0};
    struct buf body = {0}, encoded = {0};
    assert_int_equal(seals_add_own(&seals, secret), STATUS_OK);
    clock_add(&context.clock, (struct interval){5, 1, 1});
    context_encode(&context, &seals, RING_DEFAULT_KEYSPACE, bytes_of_text("key"), &encoded);
    struct op_put op = {.id = 7,
                        .key = bytes_of_text("key"),
                        .request = {{1}},
                        .budget_ms = 400,
                        .young_ms = 200,
                        .context = buf_bytes(&encoded)};
    op_encode_put(&op, &body);
    tell(bench, CLIENT, MESSAGE_PUT, &body);
    context_release(&context);
    seals_release(&seals);
    buf_release(&encoded);
}

static void tell_keys(struct bench *bench, link_id from, struct bytes secrets)
{
    struct buf body = {0};
    op_encode_answer(&(struct op_answer){.text = secrets}, &body);
    tell(bench, from, MESSAGE_ANSWER, &body);
}

// Both other routers are up and have told that they know nothing.
static void init_whole(struct bench *bench)
{
    init(bench, 3);
    for (link_id link = FIRST; link <= SECOND; link++) {
        struct reader body;
        welcome(bench, (uint32_t)link);
        assert_true(said(bench, link, MESSAGE_ASK, &body));
        tell_keys(bench, link, (struct bytes){0});
    }
}

static void tick(struct bench *bench, uint64_t later_ms)
{
    outbox_clear(&bench->outbox);
    bench->now.mono_ms += later_ms;
    dispatch_on_tick(&bench->router, bench->now, &bench->outbox);
}

// How the put was refused; -1 if it was not.
static int refused(const struct bench *bench)
{
    struct reader body;
    struct op_put_done done;
    if (!said(bench, CLIENT, MESSAGE_PUT_DONE, &body))
        return -1;
    assert_int_equal(op_decode_put_done(&done, &body), STATUS_OK);
    assert_int_equal(done.id, 7);
    assert_true(done.text.size);
    return done.status;
}

TEST(a_put_with_the_routers_own_context_goes_at_once)
{
    struct bench bench;
    uint64_t id = 0;
    init(&bench, 3);
    put(&bench, bench.seals.own.secret);
    assert_true(asked(&bench, MESSAGE_UPDATE, &id) >= 0);
    release(&bench);
}

TEST(a_put_with_a_key_that_another_router_knows_goes_when_it_has_told)
{
    struct bench bench;
    struct reader body;
    uint64_t id = 0;
    init_whole(&bench);
    put(&bench, other_secret);
    assert_true(said(&bench, FIRST, MESSAGE_ASK, &body) &&
                said(&bench, SECOND, MESSAGE_ASK, &body));
    assert_int_equal(refused(&bench), -1);
    tell_keys(&bench, FIRST, (struct bytes){0});
    assert_int_equal(bench.outbox.count, 0);
    tell_keys(&bench, SECOND, bytes_of(other_secret, sizeof other_secret));
    assert_true(asked(&bench, MESSAGE_UPDATE, &id) >= 0);
    assert_int_equal(bench.router.counts.puts, 1);
    release(&bench);
}

TEST(a_put_with_a_key_that_nobody_knows_is_refused_as_foreign)
{
    struct bench bench;
    init_whole(&bench);
    put(&bench, other_secret);
    tell_keys(&bench, FIRST, (struct bytes){0});
    tell_keys(&bench, SECOND, (struct bytes){0});
    assert_int_equal(refused(&bench), STATUS_INVALID);
    release(&bench);
}

TEST(while_a_router_is_down_a_foreign_key_may_be_its_own)
{
    struct bench bench;
    init_whole(&bench);
    dispatch_on_lost(&bench.router, SECOND, bench.now, &bench.outbox);
    put(&bench, other_secret);
    assert_int_equal(refused(&bench), -1);
    tell_keys(&bench, FIRST, (struct bytes){0});
    assert_int_equal(refused(&bench), STATUS_UNAVAILABLE);
    release(&bench);
}

TEST(who_does_not_tell_is_not_waited_for_beyond_the_budget)
{
    struct bench bench;
    init_whole(&bench);
    put(&bench, other_secret);
    tick(&bench, 499);
    assert_int_equal(refused(&bench), -1);
    tick(&bench, 1);
    assert_int_equal(refused(&bench), STATUS_UNAVAILABLE);
    assert_int_equal(bench.router.keyring.held_count, 0);
    release(&bench);
}

TEST(a_put_that_waited_for_a_key_beyond_its_try_is_late)
{
    struct bench bench;
    uint64_t id = 0;
    init_whole(&bench);
    put(&bench, other_secret);
    tell_keys(&bench, FIRST, (struct bytes){0});
    bench.now.mono_ms += 400;
    tell_keys(&bench, SECOND, bytes_of(other_secret, sizeof other_secret));
    assert_int_equal(refused(&bench), STATUS_LATE);
    assert_int_equal(asked(&bench, MESSAGE_UPDATE, &id), -1);
    release(&bench);
}

TEST(puts_that_wait_for_keys_are_bounded)
{
    struct bench bench;
    init_whole(&bench);
    for (unsigned i = 0; i < KEYRING_HELD_MAX; i++) {
        put(&bench, other_secret);
        assert_int_equal(refused(&bench), -1);
    }
    put(&bench, other_secret);
    assert_int_equal(refused(&bench), STATUS_BUSY);
    release(&bench);
}

TEST(keys_are_told_to_routers_alone)
{
    struct bench bench;
    struct reader reader;
    struct buf body = {0};
    struct op_answer answer;
    init(&bench, 3);
    op_encode_ask(&(struct op_ask){.topic = bytes_of_text("seals")}, &body);
    tell(&bench, CLIENT, MESSAGE_ASK, &body);
    assert_true(said(&bench, CLIENT, MESSAGE_ANSWER, &reader));
    assert_int_equal(op_decode_answer(&answer, &reader), STATUS_OK);
    assert_int_equal(answer.status, STATUS_NOT_AUTHORISED);
    assert_int_equal(answer.text.size, 0);
    op_encode_ask(&(struct op_ask){.topic = bytes_of_text("seals")}, &body);
    tell(&bench, CLIENT + 1, MESSAGE_ASK, &body); // a peer
    assert_true(said(&bench, CLIENT + 1, MESSAGE_ANSWER, &reader));
    assert_int_equal(op_decode_answer(&answer, &reader), STATUS_OK);
    assert_memory_equal(answer.text.data, bench.seals.own.secret, SEAL_SECRET_SIZE);
    release(&bench);
}

TEST(a_router_is_ready_when_all_were_heard_or_time_is_over)
{
    struct bench bench;
    init(&bench, 2);
    for (link_id link = FIRST; link <= SECOND; link++) {
        welcome(&bench, (uint32_t)link);
        tell_keys(&bench, link, (struct bytes){0});
    }
    assert_false(router_is_ready(&bench.router, bench.now));
    welcome(&bench, 2);
    assert_true(router_is_ready(&bench.router, bench.now));
    dispatch_on_lost(&bench.router, FIRST, bench.now, &bench.outbox);
    assert_false(router_is_ready(&bench.router, bench.now));
    bench.now.mono_ms += bench.router.options.down_after_ms;
    assert_true(router_is_ready(&bench.router, bench.now));
    release(&bench);
}
