#include "unit/brain/router_ops.h"

#include "causal/token.h"
#include "dkv-router/dispatch.h"
#include "wire/hello.h"
#include "wire/replica.h"

TEST(a_get_is_answered_when_two_of_three_replied)
{
    struct bench bench;
    struct reader body;
    struct op_got got;
    uint64_t id = 0;
    init(&bench, 3);
    get(&bench);
    uint32_t first = (uint32_t)asked(&bench, MESSAGE_FETCH, &id);
    uint32_t second = 0;
    while (second == first || !said(&bench, second, MESSAGE_FETCH, &body))
        second++;
    fetched(&bench, first, id, STATUS_NOT_FOUND);
    assert_int_equal(bench.outbox.count, 0);
    fetched(&bench, second, id, STATUS_NOT_FOUND);
    assert_true(said(&bench, CLIENT, MESSAGE_GOT, &body));
    assert_int_equal(op_decode_got(&got, &body), STATUS_OK);
    assert_int_equal(got.status, STATUS_NOT_FOUND);
    assert_int_equal(got.replied, 2);
    release(&bench);
}

TEST(a_get_carries_a_sealed_context_only_if_it_is_wanted)
{
    struct bench bench;
    struct context context = {0};
    init(&bench, 3);
    for (uint8_t flags = 0; flags <= GET_WANT_CONTEXT; flags += GET_WANT_CONTEXT) {
        struct buf body = {0}, encoded = {0};
        struct record record = {0};
        struct reader reader;
        struct op_got got;
        uint64_t id = 0;
        op_encode_get(
            &(struct op_get){.id = 7, .level = 1, .flags = flags, .key = bytes_of_text("key")},
            &body);
        tell(&bench, CLIENT, MESSAGE_GET, &body);
        uint32_t store = (uint32_t)asked(&bench, MESSAGE_FETCH, &id);
        record_update(&record, &(struct record_write){.dot = {9, 4}, .hlc = 10}, false);
        record_encode(&record, bytes_of_text("key"), &encoded);
        op_encode_fetched(&(struct op_fetched){.id = id, .record = buf_bytes(&encoded)}, &body);
        tell(&bench, store, MESSAGE_FETCHED, &body);
        assert_true(said(&bench, CLIENT, MESSAGE_GOT, &reader));
        assert_int_equal(op_decode_got(&got, &reader), STATUS_OK);
        assert_true(bytes_equal(got.record, buf_bytes(&encoded)));
        assert_int_equal(got.context.size != 0, flags != 0);
        if (flags)
            assert_int_equal(context_decode(&context, &bench.seals, RING_DEFAULT_KEYSPACE,
                                            bytes_of_text("key"), got.context),
                             STATUS_OK);
        record_release(&record);
        buf_release(&encoded);
    }
    assert_true(clock_covers(&context.clock, (struct dot){9, 4}) && context.hlc_max == 10);
    context_release(&context);
    release(&bench);
}

TEST(status_says_who_answers_instead_of_a_store)
{
    struct bench bench;
    struct reader reader;
    struct buf body = {0}, text = {0};
    struct op_answer answer;
    init(&bench, 3);
    struct link *link = peers_link_of(&bench.router.peers, 0, SERVICE_STORE);
    static const char *const states[] = {"other-cluster", "other-node", "other-version",
                                         "other-ring", "twin"};
    for (unsigned i = 0; i < 5; i++) {
        link->up = false;
        link->problem = (uint8_t)(LINK_OTHER_CLUSTER + i);
        op_encode_ask(&(struct op_ask){.topic = bytes_of_text("status")}, &body);
        tell(&bench, CLIENT, MESSAGE_ASK, &body);
        assert_true(said(&bench, CLIENT, MESSAGE_ANSWER, &reader));
        assert_int_equal(op_decode_answer(&answer, &reader), STATUS_OK);
        buf_set(&text, answer.text);
        char expected[64];
        snprintf(expected, sizeof expected, "\"state\":\"%s\"", states[i]);
        assert_non_null(strstr(buf_text(&text), expected));
    }
    buf_release(&text);
    release(&bench);
}

TEST(what_a_role_does_not_allow_is_refused_by_its_id)
{
    struct bench bench;
    struct buf body = {0};
    struct reader reader;
    struct op_error error;
    init(&bench, 3);
    op_encode_find(&(struct op_find){.id = 7, .key = bytes_of_text("key")}, &body);
    tell(&bench, CLIENT, MESSAGE_FIND, &body);
    assert_true(said(&bench, CLIENT, MESSAGE_ERROR, &reader));
    assert_int_equal(op_decode_error(&error, &reader), STATUS_OK);
    assert_int_equal(error.id, 7);
    assert_int_equal(error.status, STATUS_NOT_AUTHORISED);
    release(&bench);
}

TEST(a_repair_that_is_refused_is_counted)
{
    struct bench bench;
    init(&bench, 3);
    merged(&bench, 0, &(struct op_merged){.id = 0});
    assert_int_equal(bench.router.counts.repairs_refused, 0);
    merged(&bench, 0, &(struct op_merged){.status = STATUS_BUSY});
    assert_int_equal(bench.router.counts.repairs_refused, 1);
    release(&bench);
}

TEST(a_reply_that_comes_again_changes_nothing)
{
    struct bench bench;
    uint64_t id = 0;
    init(&bench, 3);
    get(&bench);
    uint32_t store = (uint32_t)asked(&bench, MESSAGE_FETCH, &id);
    fetched(&bench, store, id, STATUS_NOT_FOUND);
    fetched(&bench, store, id, STATUS_NOT_FOUND);
    assert_int_equal(bench.outbox.count, 0);
    assert_int_equal(bench.router.counts.late, 1);
    release(&bench);
}

TEST(every_operation_is_answered_by_its_deadline)
{
    struct bench bench;
    struct reader body;
    init(&bench, 3);
    get(&bench);
    outbox_clear(&bench.outbox);
    bench.now.mono_ms += 300;
    dispatch_on_tick(&bench.router, bench.now, &bench.outbox);
    assert_false(said(&bench, CLIENT, MESSAGE_GOT, &body));
    bench.now.mono_ms += 210;
    dispatch_on_tick(&bench.router, bench.now, &bench.outbox);
    assert_true(said(&bench, CLIENT, MESSAGE_GOT, &body));
    assert_int_equal(bench.router.flights.count, 0);
    release(&bench);
}

TEST(a_get_whose_owners_have_another_ring_is_to_come_again)
{
    struct bench bench;
    struct reader body;
    struct op_got got;
    uint64_t id = 0;
    init(&bench, 3);
    get(&bench);
    asked(&bench, MESSAGE_FETCH, &id);
    bool is_asked[NODES];
    for (uint32_t i = 0; i < NODES; i++)
        is_asked[i] = said(&bench, i, MESSAGE_FETCH, &body);
    for (uint32_t i = 0; i < NODES && !said(&bench, CLIENT, MESSAGE_GOT, &body); i++) {
        if (is_asked[i])
            fetched(&bench, i, id, STATUS_STALE);
    }
    assert_true(said(&bench, CLIENT, MESSAGE_GOT, &body));
    assert_int_equal(op_decode_got(&got, &body), STATUS_OK);
    assert_int_equal(got.status, STATUS_STALE);
    release(&bench);
}
