// Clients that do not read what they asked for, and what that costs them.
#include "unit/brain/router_ops.h"

#include "dkv-router/answers.h"
#include "dkv-router/dispatch.h"
#include "wire/hello.h"
#include "wire/replica.h"

enum { MIB = 1 << 20 };

static void get_of(struct bench *bench, link_id client, uint32_t received_kib)
{
    struct buf body = {0};
    op_encode_get(&(struct op_get){.id = 7, .level = 1, .key = bytes_of_text("key")}, &body);
    bench->received_kib = received_kib;
    tell(bench, client, MESSAGE_GET, &body);
    bench->received_kib = 0;
}

// The status that the client was answered with; -1: it was not.
static int got(const struct bench *bench, link_id client)
{
    struct reader body;
    struct op_got op;
    struct op_error error;
    if (said(bench, client, MESSAGE_GOT, &body) && !op_decode_got(&op, &body))
        return op.status;
    if (said(bench, client, MESSAGE_ERROR, &body) && !op_decode_error(&error, &body))
        return error.id == 7 ? error.status : -1;
    return -1;
}

// Asks for a value of that size; if a store is asked, it answers.
static int get_large(struct bench *bench, link_id client, uint32_t received_kib, size_t size)
{
    struct record record = {0};
    struct buf value = {0}, encoded = {0}, body = {0};
    uint64_t id;
    get_of(bench, client, received_kib);
    int store = asked(bench, MESSAGE_FETCH, &id);
    if (store < 0)
        return got(bench, client);
    memset(buf_grow(&value, size), 'v', size);
    record_update(&record,
                  &(struct record_write){.dot = {9, 1}, .hlc = 10, .value = buf_bytes(&value)},
                  false);
    record_encode(&record, bytes_of_text("key"), &encoded);
    op_encode_fetched(&(struct op_fetched){.id = id, .record = buf_bytes(&encoded)}, &body);
    tell(bench, (link_id)store, MESSAGE_FETCHED, &body);
    buf_release(&value);
    buf_release(&encoded);
    record_release(&record);
    return got(bench, client);
}

TEST(who_does_not_read_is_told_to_come_back_until_it_has_read)
{
    struct bench bench;
    init(&bench, 3);
    for (unsigned i = 0; i < 7; i++)
        assert_int_equal(get_large(&bench, CLIENT, 0, MIB), STATUS_OK);
    assert_int_equal(get_large(&bench, CLIENT, 0, MIB), STATUS_BUSY);
    assert_int_equal(get_large(&bench, CLIENT + 1, 0, MIB), STATUS_OK); // another one
    assert_true(meters_unread(&bench.router.meters, CLIENT) <= ANSWERS_UNREAD_MAX);
    assert_int_equal(get_large(&bench, CLIENT, 4 * 1024, MIB), STATUS_OK);
    assert_int_equal(bench.router.flights.count, 0);
    release(&bench);
}

TEST(a_value_above_the_bound_goes_alone)
{
    struct bench bench;
    init(&bench, 3);
    assert_int_equal(get_large(&bench, CLIENT, 0, 2 * ANSWERS_UNREAD_MAX), STATUS_OK);
    uint32_t sent_kib = (uint32_t)(meters_unread(&bench.router.meters, CLIENT) / 1024);
    put(&bench, 0);
    assert_int_equal(got(&bench, CLIENT), STATUS_BUSY);
    assert_int_equal(get_large(&bench, CLIENT, sent_kib / 4, MIB), STATUS_BUSY);
    assert_int_equal(bench.router.counts.unread, 2);
    assert_int_equal(get_large(&bench, CLIENT, sent_kib, 2 * ANSWERS_UNREAD_MAX), STATUS_OK);
    release(&bench);
}

TEST(reads_begin_only_as_far_as_their_answers_are_expected_to_fit)
{
    struct bench bench;
    unsigned begun = 0;
    uint64_t id;
    init(&bench, 3);
    for (; begun < 10000; begun++) { // nobody answers
        get_of(&bench, CLIENT, 0);
        if (asked(&bench, MESSAGE_FETCH, &id) < 0)
            break;
    }
    assert_int_equal(begun, ANSWERS_UNREAD_MAX / METER_GUESS_FIRST);
    assert_int_equal(got(&bench, CLIENT), STATUS_BUSY);
    get_of(&bench, CLIENT + 1, 0);
    assert_true(asked(&bench, MESSAGE_FETCH, &id) >= 0);
    release(&bench);
}

TEST(even_refusals_end_for_who_reads_none)
{
    struct bench bench;
    init(&bench, 3);
    assert_int_equal(get_large(&bench, CLIENT, 0, 2 * ANSWERS_UNREAD_MAX), STATUS_OK);
    for (unsigned i = 0; i < ANSWERS_REFUSED_MAX; i++) {
        get_of(&bench, CLIENT, 0);
        assert_int_equal(got(&bench, CLIENT), STATUS_BUSY);
    }
    get_of(&bench, CLIENT, 0);
    assert_int_equal(bench.outbox.count, 0);
    get_of(&bench, CLIENT, 1); // it reads again
    assert_int_equal(got(&bench, CLIENT), STATUS_BUSY);
    release(&bench);
}

static void say_garbage(struct bench *bench, link_id client)
{
    struct arrival arrival = {.link = client, .role = ROLE_CLIENT};
    outbox_clear(&bench->outbox);
    dispatch_on_message(&bench->router, &arrival, bytes_of_text("garbage"), bench->now,
                        &bench->outbox);
}

TEST(garbage_is_answered_only_as_far_as_anything_else)
{
    struct bench bench;
    struct reader body;
    init(&bench, 3);
    say_garbage(&bench, CLIENT);
    assert_true(said(&bench, CLIENT, MESSAGE_ERROR, &body));
    assert_int_equal(get_large(&bench, CLIENT, 0, 2 * ANSWERS_UNREAD_MAX), STATUS_OK);
    for (unsigned i = 0; i < ANSWERS_REFUSED_MAX; i++) {
        say_garbage(&bench, CLIENT);
        assert_true(said(&bench, CLIENT, MESSAGE_ERROR, &body));
    }
    say_garbage(&bench, CLIENT);
    assert_int_equal(bench.outbox.count, 0);
    say_garbage(&bench, CLIENT + 1); // another one
    assert_int_equal(bench.outbox.count, 1);
    release(&bench);
}

TEST(clients_that_are_gone_are_found_out_when_room_is_short)
{
    enum { GONE = 40 };
    struct bench bench;
    struct reader body;
    init(&bench, 3);
    for (link_id client = CLIENT; client < CLIENT + GONE; client++)
        assert_int_equal(get_large(&bench, client, 0, MIB), STATUS_OK);
    for (unsigned i = 0; i < GONE; i++) {
        outbox_clear(&bench.outbox);
        dispatch_on_tick(&bench.router, bench.now, &bench.outbox);
        for (link_id client = CLIENT; client < CLIENT + GONE; client++) {
            if (said(&bench, client, MESSAGE_PONG, &body))
                dispatch_on_unsent(&bench.router, client, (struct bytes){0}, STATUS_UNREACHABLE,
                                   bench.now, &bench.outbox);
        }
    }
    assert_true(bench.router.meters.unread_bytes <= ANSWERS_UNREAD_ALL_MAX / 2);
    release(&bench);
}

TEST(an_answer_that_was_not_queued_is_not_unread)
{
    struct bench bench;
    init(&bench, 3);
    assert_int_equal(get_large(&bench, CLIENT, 0, MIB), STATUS_OK);
    struct bytes message = buf_bytes(&bench.outbox.messages[0].bytes);
    dispatch_on_unsent(&bench.router, CLIENT, message, STATUS_BUSY, bench.now, &bench.outbox);
    assert_int_equal(meters_unread(&bench.router.meters, CLIENT), 0);
    release(&bench);
}

TEST(a_store_that_waits_for_its_router_makes_the_client_come_again)
{
    struct bench bench;
    uint64_t id = 0;
    init(&bench, 3);
    get_of(&bench, CLIENT, 0);
    int store = asked(&bench, MESSAGE_FETCH, &id);
    assert_true(store >= 0);
    fetched(&bench, (uint32_t)store, id, STATUS_BUSY);
    assert_int_equal(got(&bench, CLIENT), STATUS_BUSY);
    assert_int_equal(bench.router.flights.count, 0);
    release(&bench);
}
