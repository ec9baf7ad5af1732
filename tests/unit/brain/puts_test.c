// What a router does of a put: whom it asks, and what it tells the client.
#include "unit/brain/router_ops.h"

#include "causal/token.h"
#include "dkv-router/dispatch.h"
#include "wire/replica.h"

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
    dispatch_on_lost(&bench.router, (link_id)store, bench.now, &bench.outbox);
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
    dispatch_on_message(&bench.router, &arrival, buf_bytes(&message), bench.now, &bench.outbox);
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

// What a store minted for a blind put, which superseded these.
static void updated_of(struct bench *bench, uint32_t store, uint64_t id, struct dot dot,
                       const struct dot *superseded, unsigned count)
{
    struct buf body = {0}, encoded = {0};
    struct record record = {0};
    struct record_write one = {.dot = dot, .hlc = 10, .request = {{1}}};
    record_update(&record, &one, false);
    for (unsigned i = 0; i < count; i++)
        clock_add(&record.clock, (struct interval){superseded[i].actor, superseded[i].counter,
                                                   superseded[i].counter});
    record_encode(&record, bytes_of_text("key"), &encoded);
    struct op_updated op = {.id = id, .dot = dot, .hlc = 10, .record = buf_bytes(&encoded)};
    op_encode_updated(&op, &body);
    tell(bench, store, MESSAGE_UPDATED, &body);
    buf_release(&encoded);
    record_release(&record);
}

static void updated(struct bench *bench, uint32_t store, uint64_t id, struct dot dot,
                    struct dot superseded)
{
    updated_of(bench, store, id, dot, &superseded, 1);
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
    assert_int_equal(again.flags, UPDATE_AGAIN | UPDATE_FRESH | UPDATE_TAKES_HEAD);
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
    static const struct dot superseded[] = {{4, 2}, {7, 3}, {9, 1}};
    updated_of(&bench, first, second, (struct dot){9, 2}, superseded, 3);
    durable(&bench, first, id); // of the first dot: it counts for nothing
    merged(&bench, (first + 2) % NODES, &(struct op_merged){.id = id});
    assert_int_equal(bench.outbox.count, 0);
    durable(&bench, first, second);
    merged(&bench, (first + 2) % NODES, &(struct op_merged){.id = second});
    done = put_answer(&bench);
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

TEST(a_second_dot_of_an_earlier_try_may_not_have_met_what_this_one_did)
{
    struct bench bench;
    struct reader body;
    struct buf told = {0};
    struct op_update again;
    struct context context = {0};
    uint64_t id = 0;
    init(&bench, 3);
    put(&bench, PUT_WANT_CONTEXT);
    uint32_t first = (uint32_t)asked(&bench, MESSAGE_UPDATE, &id);
    updated(&bench, first, id, (struct dot){9, 1}, (struct dot){4, 2});
    encode_dot((struct dot){7, 3}, &told);
    merged(&bench, (first + 1) % NODES,
           &(struct op_merged){.id = id, .hlc_told = 77, .told = buf_bytes(&told)});
    assert_true(said(&bench, first, MESSAGE_UPDATE, &body));
    assert_int_equal(op_decode_update(&again, &body), STATUS_OK);
    uint64_t second = again.id;
    static const struct dot superseded[] = {{4, 2}, {9, 1}}; // 7@3 stands
    updated_of(&bench, first, second, (struct dot){9, 2}, superseded, 2);
    durable(&bench, first, second);
    merged(&bench, (first + 2) % NODES, &(struct op_merged){.id = second});
    struct op_put_done done = put_answer(&bench);
    assert_int_equal(context_decode(&context, &bench.seals, 1, bytes_of_text("key"), done.context),
                     STATUS_OK);
    assert_true(clock_covers(&context.clock, (struct dot){9, 2}));
    assert_false(clock_covers(&context.clock, (struct dot){7, 3}));
    context_release(&context);
    buf_release(&told);
    release(&bench);
}

TEST(a_blind_put_that_was_superseded_before_its_answer_has_no_context)
{
    struct bench bench;
    struct buf encoded = {0};
    struct record record = {0};
    uint64_t id = 0;
    init(&bench, 3);
    put(&bench, PUT_RETRY | PUT_WANT_CONTEXT);
    uint32_t first = (uint32_t)asked(&bench, MESSAGE_FIND, &id);
    struct record_write later = {.dot = {9, 2}, .hlc = 20, .request = {{2}}};
    record_update(&record, &later, false); // on top of 9@1, and of what that superseded
    clock_add(&record.clock, (struct interval){9, 1, 1});
    record_encode(&record, bytes_of_text("key"), &encoded);
    struct dot first_dot = {9, 1};
    found(&bench, first,
          &(struct op_found){.id = id, .dot = first_dot, .record = buf_bytes(&encoded)});
    for (uint32_t store = 0; store < NODES; store++) {
        if (store != first)
            merged(&bench, store, &(struct op_merged){.id = id});
    }
    struct op_put_done done = put_answer(&bench);
    assert_int_equal(done.status, STATUS_OK);
    assert_true(dot_equal(done.dot, first_dot));
    assert_int_equal(done.context.size, 0);
    record_release(&record);
    buf_release(&encoded);
    release(&bench);
}

// What the context of a put covers that was written at once: the store superseded 4@2.
static bool covers_superseded(uint8_t flags)
{
    struct bench bench;
    struct context context = {0};
    uint64_t id = 0;
    init(&bench, 3);
    put(&bench, flags | PUT_WANT_CONTEXT);
    uint32_t first = (uint32_t)asked(&bench, MESSAGE_UPDATE, &id);
    updated(&bench, first, id, (struct dot){9, 1}, (struct dot){4, 2});
    durable(&bench, first, id);
    merged(&bench, (first + 1) % NODES, &(struct op_merged){.id = id});
    struct op_put_done done = put_answer(&bench);
    assert_int_equal(done.status, STATUS_OK);
    assert_int_equal(context_decode(&context, &bench.seals, 1, bytes_of_text("key"), done.context),
                     STATUS_OK);
    assert_true(clock_covers(&context.clock, (struct dot){9, 1}));
    bool does = clock_covers(&context.clock, (struct dot){4, 2});
    context_release(&context);
    release(&bench);
    return does;
}

TEST(the_context_of_a_put_if_absent_covers_the_deletion_that_it_superseded)
{
    assert_true(covers_superseded(0));
    assert_true(covers_superseded(PUT_CONDITIONAL));
    assert_false(covers_superseded(PUT_KEEP_SIBLINGS));
    assert_false(covers_superseded(PUT_CONDITIONAL | PUT_KEEP_SIBLINGS));
}

TEST(a_dot_of_who_does_not_coordinate_is_not_that_of_the_write)
{
    struct bench bench;
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
    done = put_answer(&bench);
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
    dispatch_on_tick(&bench.router, bench.now, &bench.outbox);
    assert_int_equal(asked(&bench, MESSAGE_UPDATE, &id), -1);
    bench.now.mono_ms += 20;
    dispatch_on_tick(&bench.router, bench.now, &bench.outbox);
    assert_true(asked(&bench, MESSAGE_UPDATE, &id) >= 0);
    release(&bench);
}

// A repeated conditional put that all owners refuse, whose first try was sent 1000 ms ago; they
// would know what they had applied so long ago.
static bool is_refused_for_good(uint32_t remembers_ms)
{
    struct bench bench;
    struct buf body = {0};
    struct op_put_done done = {0};
    struct reader reader;
    uint64_t id = 0;
    init(&bench, 3);
    bench.now.mono_ms += 5000;
    struct op_put op = {.id = 7,
                        .flags = PUT_RETRY | PUT_CONDITIONAL,
                        .key = bytes_of_text("key"),
                        .request = {{1}},
                        .budget_ms = 400,
                        .young_ms = 200,
                        .first_ms = 1000};
    op_encode_put(&op, &body);
    tell(&bench, CLIENT, MESSAGE_PUT, &body);
    asked(&bench, MESSAGE_FIND, &id);
    int coordinator = -1;
    for (uint32_t store = 0; store < NODES && coordinator < 0; store++) {
        struct op_found found = {
            .id = id, .status = STATUS_NOT_FOUND, .remembers_ms = remembers_ms};
        op_encode_found(&found, &body);
        tell(&bench, store, MESSAGE_FOUND, &body);
        coordinator = asked(&bench, MESSAGE_UPDATE, &id);
    }
    assert_true(coordinator >= 0);
    struct op_updated updated = {.id = id, .status = STATUS_PRECONDITION};
    op_encode_updated(&updated, &body);
    tell(&bench, (uint32_t)coordinator, MESSAGE_UPDATED, &body);
    assert_true(said(&bench, CLIENT, MESSAGE_PUT_DONE, &reader));
    assert_int_equal(op_decode_put_done(&done, &reader), STATUS_OK);
    assert_int_equal(done.status, STATUS_PRECONDITION);
    release(&bench);
    return done.is_final;
}

TEST(a_repeated_condition_is_refused_for_good_by_owners_that_ran_since_the_first_try)
{
    assert_false(is_refused_for_good(0));
    assert_false(is_refused_for_good(1200)); // their clocks may be fast
    assert_true(is_refused_for_good(1300));
}

TEST(a_receipt_is_sealed_and_comes_also_if_the_outcome_is_not_known)
{
    struct bench bench;
    struct op_put_done done;
    struct receipt receipt;
    uint64_t id = 0;
    init(&bench, 3);
    put(&bench, PUT_KEEP_SIBLINGS | PUT_WANT_RECEIPT);
    int store = asked(&bench, MESSAGE_UPDATE, &id);
    outbox_clear(&bench.outbox);
    dispatch_on_lost(&bench.router, (link_id)store, bench.now, &bench.outbox);
    done = put_answer(&bench);
    assert_int_equal(done.status, STATUS_INDETERMINATE);
    assert_int_equal(receipt_decode(&receipt, &bench.seals, done.receipt), STATUS_OK);
    assert_true(receipt.is_sealed && bytes_equal(receipt.key, bytes_of_text("key")));
    assert_int_equal(receipt.request.bytes[0], 1);
    release(&bench);
}

// The head of what a store minted for the put of `router_ops.h`, or for one of another value.
static void updated_by_head(struct bench *bench, uint32_t store, uint64_t id, const char *value)
{
    struct buf body = {0}, encoded = {0};
    struct record record = {0};
    struct record_write one = {
        .dot = {9, 1}, .hlc = 10, .request = {{1}}, .value = bytes_of_text(value)};
    record_update(&record, &one, false);
    record_encode_head(&record, bytes_of_text("key"), &encoded);
    op_encode_updated(
        &(struct op_updated){
            .id = id, .dot = one.dot, .hlc = 10, .record = buf_bytes(&encoded), .is_head = 1},
        &body);
    tell(bench, store, MESSAGE_UPDATED, &body);
    buf_release(&encoded);
    record_release(&record);
}

TEST(the_head_of_a_record_is_enough_for_a_router_that_has_its_value)
{
    struct bench bench;
    struct reader body;
    struct op_merge merge;
    struct record record = {0};
    uint64_t id = 0;
    init(&bench, 3);
    put(&bench, PUT_KEEP_SIBLINGS);
    uint32_t first = (uint32_t)asked(&bench, MESSAGE_UPDATE, &id);
    updated_by_head(&bench, first, id, "value");
    assert_true(said(&bench, (first + 1) % NODES, MESSAGE_MERGE, &body));
    assert_int_equal(op_decode_merge(&merge, &body), STATUS_OK);
    assert_int_equal(record_decode(&record, merge.key, merge.record), STATUS_OK);
    assert_false(record.head);
    assert_true(bytes_equal(record.siblings[0].value, bytes_of_text("value")));
    record_release(&record);
    release(&bench);
}

TEST(the_head_of_another_value_is_no_answer_but_the_write_may_be_there)
{
    struct bench bench;
    struct reader body;
    uint64_t id = 0;
    init(&bench, 3);
    put(&bench, PUT_KEEP_SIBLINGS);
    uint32_t first = (uint32_t)asked(&bench, MESSAGE_UPDATE, &id);
    updated_by_head(&bench, first, id, "other");
    assert_false(said(&bench, (first + 1) % NODES, MESSAGE_MERGE, &body));
    assert_true(put_done(&bench, STATUS_INDETERMINATE));
    release(&bench);
}
