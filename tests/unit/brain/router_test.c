#include "unit/brain/router_bench.h"

#include "causal/token.h"
#include "dkv-router/answers.h"

static bool put_done(const struct bench *bench, enum status status)
{
    struct reader body;
    struct op_put_done done;
    return said(bench, CLIENT, MESSAGE_PUT_DONE, &body) && !op_decode_put_done(&done, &body) &&
           done.id == 7 && done.status == status;
}

static void put(struct bench *bench, uint8_t flags)
{
    struct buf body = {0};
    struct op_put op = {.id = 7,
                        .flags = flags,
                        .key = bytes_of_text("key"),
                        .request = {{1}},
                        .try = 3,
                        .budget_ms = 400,
                        .young_ms = 200,
                        .value = bytes_of_text("value")};
    op_encode_put(&op, &body);
    tell(bench, CLIENT, MESSAGE_PUT, &body);
}

static void get(struct bench *bench)
{
    struct buf body = {0};
    op_encode_get(&(struct op_get){.id = 7, .key = bytes_of_text("key")}, &body);
    tell(bench, CLIENT, MESSAGE_GET, &body);
}

static void durable(struct bench *bench, uint32_t store, uint64_t id)
{
    struct buf body = {0};
    op_encode_done(&(struct op_done){.id = id}, &body);
    tell(bench, store, MESSAGE_DURABLE, &body);
}

static void merged(struct bench *bench, uint32_t store, const struct op_merged *op)
{
    struct buf body = {0};
    op_encode_merged(op, &body);
    tell(bench, store, MESSAGE_MERGED, &body);
}

static void fetched(struct bench *bench, uint32_t store, uint64_t id, enum status status)
{
    struct buf body = {0};
    op_encode_fetched(&(struct op_fetched){.id = id, .status = (uint8_t)status}, &body);
    tell(bench, store, MESSAGE_FETCHED, &body);
}

// A put with --sibling, which needs no clocks, up to where its coordinator has minted.
// Returns the coordinator.
static uint32_t begin_put(struct bench *bench, uint64_t *id)
{
    put(bench, PUT_KEEP_SIBLINGS);
    int store = asked(bench, MESSAGE_UPDATE, id);
    assert_true(store >= 0);
    struct buf body = {0};
    op_encode_updated(&(struct op_updated){.id = *id, .dot = {9, 1}}, &body);
    tell(bench, (link_id)store, MESSAGE_UPDATED, &body);
    return (uint32_t)store;
}

TEST(a_put_is_written_when_two_of_three_have_it_durably)
{
    struct bench bench;
    struct reader body;
    uint64_t id = 0;
    init(&bench, 3);
    uint32_t coordinator = begin_put(&bench, &id);
    uint32_t other = (coordinator + 1) % NODES, third = (coordinator + 2) % NODES;
    assert_true(said(&bench, other, MESSAGE_MERGE, &body));
    assert_true(said(&bench, third, MESSAGE_MERGE, &body));
    durable(&bench, coordinator, id);
    assert_int_equal(bench.outbox.count, 0);
    durable(&bench, coordinator, id); // once more is not one more
    assert_int_equal(bench.outbox.count, 0);
    merged(&bench, other, &(struct op_merged){.id = id});
    assert_true(put_done(&bench, STATUS_OK));
    release(&bench);
}

TEST(a_put_without_enough_owners_is_refused_before_anything_is_sent)
{
    struct bench bench;
    uint64_t id = 0;
    init(&bench, 1);
    put(&bench, 0);
    assert_true(put_done(&bench, STATUS_UNAVAILABLE));
    assert_int_equal(asked(&bench, MESSAGE_UPDATE, &id), -1);
    release(&bench);
}

TEST(a_put_whose_coordinator_is_lost_is_indeterminate)
{
    struct bench bench;
    uint64_t id = 0;
    init(&bench, 3);
    put(&bench, PUT_KEEP_SIBLINGS);
    int store = asked(&bench, MESSAGE_UPDATE, &id);
    outbox_clear(&bench.outbox);
    router_on_lost(&bench.router, (link_id)store, bench.now, &bench.outbox);
    assert_true(put_done(&bench, STATUS_INDETERMINATE));
    release(&bench);
}

TEST(a_new_life_of_a_store_ends_what_the_old_one_was_asked)
{
    struct bench bench;
    struct buf message = {0};
    uint64_t id = 0;
    init(&bench, 3);
    put(&bench, PUT_KEEP_SIBLINGS);
    int store = asked(&bench, MESSAGE_UPDATE, &id);
    struct message_header header = {.type = MESSAGE_PONG, .boot = 99};
    message_header_encode(&header, buf_grow(&message, MESSAGE_HEADER_SIZE));
    struct arrival arrival = {.link = (link_id)store, .role = ROLE_PEER};
    outbox_clear(&bench.outbox);
    router_on_message(&bench.router, &arrival, buf_bytes(&message), bench.now, &bench.outbox);
    assert_true(put_done(&bench, STATUS_INDETERMINATE));
    buf_release(&message);
    release(&bench);
}

TEST(a_repeated_put_asks_every_owner_for_its_first_try)
{
    struct bench bench;
    struct reader body;
    init(&bench, 3);
    put(&bench, PUT_RETRY);
    for (uint32_t store = 0; store < NODES; store++)
        assert_true(said(&bench, store, MESSAGE_FIND, &body));
    release(&bench);
}

// What a store minted for a blind put.
static void updated(struct bench *bench, uint32_t store, uint64_t id, struct dot dot,
                    struct dot superseded)
{
    struct buf body = {0}, encoded = {0};
    struct record record = {0};
    struct record_write one = {.dot = dot, .hlc = 10, .request = {{1}}};
    record_update(&record, &one, false);
    clock_add(&record.clock,
              (struct interval){superseded.actor, superseded.counter, superseded.counter});
    record_encode(&record, bytes_of_text("key"), &encoded);
    struct op_updated op = {.id = id, .dot = dot, .hlc = 10, .record = buf_bytes(&encoded)};
    op_encode_updated(&op, &body);
    tell(bench, store, MESSAGE_UPDATED, &body);
    buf_release(&encoded);
    record_release(&record);
}

static void encode_dot(struct dot dot, struct buf *out)
{
    struct clock clock = {0};
    buf_clear(out);
    clock_add(&clock, (struct interval){dot.actor, dot.counter, dot.counter});
    clock_encode(&clock, out);
    clock_release(&clock);
}

TEST(what_a_blind_put_met_it_supersedes_with_a_second_dot_and_the_context_covers_just_that)
{
    struct bench bench;
    struct reader body;
    struct buf told = {0};
    struct op_update again;
    struct op_put_done done;
    struct context context = {0};
    uint64_t id = 0, second;
    init(&bench, 3);
    put(&bench, PUT_WANT_CONTEXT);
    uint32_t first = (uint32_t)asked(&bench, MESSAGE_UPDATE, &id);
    updated(&bench, first, id, (struct dot){9, 1}, (struct dot){4, 2});
    encode_dot((struct dot){7, 3}, &told);
    merged(&bench, (first + 1) % NODES,
           &(struct op_merged){.id = id, .hlc_told = 77, .told = buf_bytes(&told)});
    assert_true(said(&bench, first, MESSAGE_UPDATE, &body));
    assert_int_equal(op_decode_update(&again, &body), STATUS_OK);
    assert_int_equal(again.flags, UPDATE_AGAIN | UPDATE_FRESH);
    assert_true(again.hlc_floor > 77);
    // All that the first dot covers, who knows who else has it, and what it met.
    struct reader clock = reader_of(again.context);
    assert_int_equal(clock_decode(&context.clock, &clock), STATUS_OK);
    static const struct interval met[] = {{4, 2, 2}, {7, 3, 3}, {9, 1, 1}};
    assert_int_equal(context.clock.count, 3);
    for (int i = 0; i < 3; i++)
        assert_memory_equal(&context.clock.intervals[i], &met[i], sizeof met[i]);
    second = again.id;
    struct op_updated late = {.id = second, .status = STATUS_LATE};
    buf_clear(&told);
    op_encode_updated(&late, &told);
    tell(&bench, first, MESSAGE_UPDATED, &told);
    assert_true(said(&bench, first, MESSAGE_UPDATE, &body)); // it is asked once more
    assert_int_equal(bench.router.counts.again, 1);          // for the same dot
    updated(&bench, first, second, (struct dot){9, 2}, (struct dot){9, 1});
    durable(&bench, first, id); // of the first dot: it counts for nothing
    merged(&bench, (first + 2) % NODES, &(struct op_merged){.id = id});
    assert_int_equal(bench.outbox.count, 0);
    durable(&bench, first, second);
    merged(&bench, (first + 2) % NODES, &(struct op_merged){.id = second});
    assert_true(said(&bench, CLIENT, MESSAGE_PUT_DONE, &body));
    assert_int_equal(op_decode_put_done(&done, &body), STATUS_OK);
    assert_int_equal(done.status, STATUS_OK);
    assert_int_equal(context_decode(&context, &bench.seals, 1, bytes_of_text("key"), done.context),
                     STATUS_OK);
    static const struct interval expected[] = {{4, 2, 2}, {7, 3, 3}, {9, 1, 2}};
    assert_int_equal(context.clock.count, 3);
    for (int i = 0; i < 3; i++)
        assert_memory_equal(&context.clock.intervals[i], &expected[i], sizeof expected[i]);
    context_release(&context);
    buf_release(&told);
    release(&bench);
}

TEST(a_dot_of_who_does_not_coordinate_is_not_that_of_the_write)
{
    struct bench bench;
    struct reader body;
    struct op_put_done done;
    uint64_t id = 0;
    init(&bench, 3);
    put(&bench, 0);
    uint32_t first = (uint32_t)asked(&bench, MESSAGE_UPDATE, &id), other = (first + 1) % NODES;
    updated(&bench, other, id, (struct dot){8, 1}, (struct dot){4, 2});
    assert_int_equal(bench.outbox.count, 0);
    assert_int_equal(bench.router.counts.late, 1);
    updated(&bench, first, id, (struct dot){9, 1}, (struct dot){4, 2});
    updated(&bench, other, id, (struct dot){8, 1}, (struct dot){4, 2});
    durable(&bench, first, id);
    merged(&bench, other, &(struct op_merged){.id = id});
    assert_true(said(&bench, CLIENT, MESSAGE_PUT_DONE, &body));
    assert_int_equal(op_decode_put_done(&done, &body), STATUS_OK);
    assert_int_equal(done.status, STATUS_OK);
    assert_true(dot_equal(done.dot, (struct dot){9, 1}));
    release(&bench);
}

TEST(a_put_that_waited_beyond_its_budget_is_not_begun)
{
    struct bench bench;
    uint64_t id = 0;
    init(&bench, 3);
    bench.age_ms = 399;
    put(&bench, 0);
    assert_true(asked(&bench, MESSAGE_UPDATE, &id) >= 0);
    bench.age_ms = 400; // of its try
    put(&bench, 0);
    assert_true(put_done(&bench, STATUS_LATE));
    assert_int_equal(asked(&bench, MESSAGE_UPDATE, &id), -1);
    bench.age_ms = 500; // of its client
    put(&bench, 0);
    assert_int_equal(bench.outbox.count, 0);
    bench.age_ms = (uint64_t)1 << 50; // the client does not know our clock
    put(&bench, 0);
    assert_true(put_done(&bench, STATUS_LATE));
    release(&bench);
}

TEST(a_retry_that_misses_an_owner_waits_until_the_try_before_is_over)
{
    struct bench bench;
    uint64_t id = 0;
    init(&bench, 2);
    struct buf body = {0};
    struct op_put op = {.id = 7,
                        .flags = PUT_RETRY,
                        .key = bytes_of_text("key"),
                        .request = {{1}},
                        .budget_ms = 400,
                        .young_ms = 200,
                        .wait_ms = 100};
    op_encode_put(&op, &body);
    tell(&bench, CLIENT, MESSAGE_PUT, &body);
    asked(&bench, MESSAGE_FIND, &id);
    for (uint32_t store = 0; store < 2; store++) {
        op_encode_found(&(struct op_found){.id = id, .status = STATUS_NOT_FOUND}, &body);
        tell(&bench, store, MESSAGE_FOUND, &body);
        assert_int_equal(asked(&bench, MESSAGE_UPDATE, &id), -1);
    }
    bench.now.mono_ms += 90;
    outbox_clear(&bench.outbox);
    router_on_tick(&bench.router, bench.now, &bench.outbox);
    assert_int_equal(asked(&bench, MESSAGE_UPDATE, &id), -1);
    bench.now.mono_ms += 20;
    router_on_tick(&bench.router, bench.now, &bench.outbox);
    assert_true(asked(&bench, MESSAGE_UPDATE, &id) >= 0);
    release(&bench);
}

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

TEST(a_receipt_is_sealed_and_comes_also_if_the_outcome_is_not_known)
{
    struct bench bench;
    struct reader body;
    struct op_put_done done;
    struct receipt receipt;
    uint64_t id = 0;
    init(&bench, 3);
    put(&bench, PUT_KEEP_SIBLINGS | PUT_WANT_RECEIPT);
    int store = asked(&bench, MESSAGE_UPDATE, &id);
    outbox_clear(&bench.outbox);
    router_on_lost(&bench.router, (link_id)store, bench.now, &bench.outbox);
    assert_true(said(&bench, CLIENT, MESSAGE_PUT_DONE, &body));
    assert_int_equal(op_decode_put_done(&done, &body), STATUS_OK);
    assert_int_equal(done.status, STATUS_INDETERMINATE);
    assert_int_equal(receipt_decode(&receipt, &bench.seals, done.receipt), STATUS_OK);
    assert_true(receipt.is_sealed && bytes_equal(receipt.key, bytes_of_text("key")));
    assert_int_equal(receipt.request.bytes[0], 1);
    release(&bench);
}

TEST(status_says_who_answers_instead_of_a_store)
{
    struct bench bench;
    struct reader reader;
    struct buf body = {0}, text = {0};
    struct op_answer answer;
    init(&bench, 3);
    struct link *link = &bench.router.links.links[0];
    static const char *const states[] = {"other-cluster", "other-node", "other-version",
                                         "other-ring"};
    for (unsigned i = 0; i < 4; i++) {
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
    router_on_tick(&bench.router, bench.now, &bench.outbox);
    assert_false(said(&bench, CLIENT, MESSAGE_GOT, &body));
    bench.now.mono_ms += 210;
    router_on_tick(&bench.router, bench.now, &bench.outbox);
    assert_true(said(&bench, CLIENT, MESSAGE_GOT, &body));
    assert_int_equal(bench.router.flights.count, 0);
    release(&bench);
}

// ---- clients that do not read -------------------------------------------------------

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
    router_on_message(&bench->router, &arrival, bytes_of_text("garbage"), bench->now,
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
        router_on_tick(&bench.router, bench.now, &bench.outbox);
        for (link_id client = CLIENT; client < CLIENT + GONE; client++) {
            if (said(&bench, client, MESSAGE_PONG, &body))
                router_on_unsent(&bench.router, client, (struct bytes){0}, STATUS_UNREACHABLE,
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
    router_on_unsent(&bench.router, CLIENT, message, STATUS_BUSY, bench.now, &bench.outbox);
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

TEST(a_scan_that_a_store_is_too_busy_for_does_not_speak_of_R)
{
    struct bench bench;
    struct buf body = {0};
    struct reader reader;
    struct op_scanned scanned;
    uint64_t id = 0;
    init(&bench, 3);
    op_encode_scan(&(struct op_scan){.id = 7, .level = 2, .size_max = 1000}, &body);
    tell(&bench, CLIENT, MESSAGE_SCAN, &body);
    int store = asked(&bench, MESSAGE_SCAN_LOCAL, &id);
    assert_true(store >= 0);
    op_encode_scanned(&(struct op_scanned){.id = id, .status = STATUS_BUSY}, &body);
    tell(&bench, (link_id)store, MESSAGE_SCANNED_LOCAL, &body);
    assert_true(said(&bench, CLIENT, MESSAGE_SCANNED, &reader));
    assert_int_equal(op_decode_scanned(&scanned, &reader), STATUS_OK);
    assert_int_equal(scanned.status, STATUS_BUSY);
    assert_true(bytes_equal(scanned.text, bytes_of_text("too much in flight")));
    assert_int_equal(bench.router.flights.count, 0);
    release(&bench);
}

TESTS(RUN(a_put_is_written_when_two_of_three_have_it_durably),
      RUN(a_put_without_enough_owners_is_refused_before_anything_is_sent),
      RUN(a_put_whose_coordinator_is_lost_is_indeterminate),
      RUN(a_new_life_of_a_store_ends_what_the_old_one_was_asked),
      RUN(a_repeated_put_asks_every_owner_for_its_first_try),
      RUN(what_a_blind_put_met_it_supersedes_with_a_second_dot_and_the_context_covers_just_that),
      RUN(a_dot_of_who_does_not_coordinate_is_not_that_of_the_write),
      RUN(a_put_that_waited_beyond_its_budget_is_not_begun),
      RUN(a_retry_that_misses_an_owner_waits_until_the_try_before_is_over),
      RUN(a_get_is_answered_when_two_of_three_replied),
      RUN(a_get_carries_a_sealed_context_only_if_it_is_wanted),
      RUN(a_receipt_is_sealed_and_comes_also_if_the_outcome_is_not_known),
      RUN(status_says_who_answers_instead_of_a_store),
      RUN(what_a_role_does_not_allow_is_refused_by_its_id),
      RUN(a_repair_that_is_refused_is_counted), RUN(a_reply_that_comes_again_changes_nothing),
      RUN(every_operation_is_answered_by_its_deadline),
      RUN(who_does_not_read_is_told_to_come_back_until_it_has_read),
      RUN(a_value_above_the_bound_goes_alone),
      RUN(reads_begin_only_as_far_as_their_answers_are_expected_to_fit),
      RUN(even_refusals_end_for_who_reads_none),
      RUN(garbage_is_answered_only_as_far_as_anything_else),
      RUN(clients_that_are_gone_are_found_out_when_room_is_short),
      RUN(an_answer_that_was_not_queued_is_not_unread),
      RUN(a_store_that_waits_for_its_router_makes_the_client_come_again),
      RUN(a_scan_that_a_store_is_too_busy_for_does_not_speak_of_R))
