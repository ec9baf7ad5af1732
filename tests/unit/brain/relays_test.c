// Questions of clients that another service of some node answers.
#include "unit/brain/router_bench.h"

#include "wire/client.h"

// The hintds of all nodes answer.
static void init_hintds(struct bench *bench)
{
    init(bench, NODES);
    for (link_id node = 0; node < NODES; node++)
        welcome(bench, HINTD + node);
}

static void ask(struct bench *bench, const char *topic, const char *argument)
{
    struct buf body = {0};
    op_encode_ask(&(struct op_ask){.id = 9,
                                   .topic = bytes_of_text(topic),
                                   .argument = bytes_of_text(argument)},
                  &body);
    tell(bench, CLIENT, MESSAGE_ASK, &body);
}

// What the hintd of node `node` was asked.
static struct op_ask passed_on(const struct bench *bench, link_id node)
{
    struct op_ask op;
    struct reader body;
    assert_true(said(bench, HINTD + node, MESSAGE_ASK, &body));
    assert_int_equal(op_decode_ask(&op, &body), STATUS_OK);
    return op;
}

static void answer(struct bench *bench, link_id link, uint64_t id, enum status status,
                   const char *text)
{
    struct buf body = {0};
    op_encode_answer(
        &(struct op_answer){.id = id, .status = (uint8_t)status, .text = bytes_of_text(text)},
        &body);
    tell(bench, link, MESSAGE_ANSWER, &body);
}

// What the client was answered. False if it was not.
static bool answered(const struct bench *bench, struct op_answer *op)
{
    struct reader body;
    if (!said(bench, CLIENT, MESSAGE_ANSWER, &body))
        return false;
    assert_int_equal(op_decode_answer(op, &body), STATUS_OK);
    assert_int_equal(op->id, 9);
    return true;
}

static enum status answer_status(const struct bench *bench)
{
    struct op_answer op;
    assert_true(answered(bench, &op));
    return op.status;
}

TEST(a_question_goes_to_the_service_of_the_node_that_it_names)
{
    struct bench bench;
    init_hintds(&bench);
    ask(&bench, "hintd/flush", "n1\nthe rest\nof it");
    struct op_ask op = passed_on(&bench, 1);
    assert_true(bytes_equal(op.topic, bytes_of_text("flush")));
    assert_true(bytes_equal(op.argument, bytes_of_text("the rest\nof it")));
    release(&bench);
}

TEST(without_a_name_it_goes_to_that_of_the_own_node)
{
    struct bench bench;
    init_hintds(&bench);
    ask(&bench, "hintd/list", "");
    struct op_ask op = passed_on(&bench, bench.router.self);
    assert_true(bytes_equal(op.topic, bytes_of_text("list")));
    assert_int_equal(op.argument.size, 0);
    release(&bench);
}

TEST(the_answer_goes_back_to_the_client_with_its_own_id_and_once)
{
    struct bench bench;
    struct op_answer op;
    init_hintds(&bench);
    ask(&bench, "hintd/list", "n1");
    uint64_t id = passed_on(&bench, 1).id;
    answer(&bench, HINTD + 1, id, STATUS_DISK_FULL, "what waits");
    assert_true(answered(&bench, &op));
    assert_int_equal(op.status, STATUS_DISK_FULL);
    assert_true(bytes_equal(op.text, bytes_of_text("what waits")));
    answer(&bench, HINTD + 1, id, STATUS_OK, "again");
    assert_false(answered(&bench, &op));
    release(&bench);
}

TEST(an_answer_of_a_service_that_was_not_asked_is_none)
{
    struct bench bench;
    struct op_answer op;
    init_hintds(&bench);
    ask(&bench, "hintd/list", "n1");
    uint64_t id = passed_on(&bench, 1).id;
    answer(&bench, HINTD + 2, id, STATUS_OK, "of another");
    assert_false(answered(&bench, &op));
    answer(&bench, HINTD + 1, id, STATUS_OK, "its own");
    assert_true(answered(&bench, &op));
    release(&bench);
}

TEST(a_service_that_is_down_and_a_node_that_is_none_are_told_at_once)
{
    struct bench bench;
    init(&bench, NODES); // stores alone
    ask(&bench, "hintd/list", "n1");
    assert_int_equal(answer_status(&bench), STATUS_UNAVAILABLE);
    ask(&bench, "hintd/list", "n9");
    assert_int_equal(answer_status(&bench), STATUS_INVALID);
    release(&bench);
}

TEST(a_service_that_is_lost_ends_its_questions_and_no_others)
{
    struct bench bench;
    struct op_answer op;
    init_hintds(&bench);
    ask(&bench, "hintd/list", "n1");
    ask(&bench, "hintd/list", "n2");
    uint64_t id = passed_on(&bench, 2).id;
    outbox_clear(&bench.outbox);
    dispatch_on_lost(&bench.router, HINTD + 1, bench.now, &bench.outbox);
    assert_int_equal(answer_status(&bench), STATUS_UNAVAILABLE);
    answer(&bench, HINTD + 2, id, STATUS_OK, "");
    assert_true(answered(&bench, &op));
    release(&bench);
}

TEST(a_question_that_is_not_answered_in_time_is_told_so)
{
    struct bench bench;
    struct op_answer op;
    init_hintds(&bench);
    ask(&bench, "hintd/list", "n1");
    bench.now.mono_ms += 499;
    outbox_clear(&bench.outbox);
    dispatch_on_tick(&bench.router, bench.now, &bench.outbox);
    assert_false(answered(&bench, &op));
    bench.now.mono_ms += 1;
    outbox_clear(&bench.outbox);
    dispatch_on_tick(&bench.router, bench.now, &bench.outbox);
    assert_int_equal(answer_status(&bench), STATUS_UNAVAILABLE);
    release(&bench);
}

TEST(a_question_needs_the_role_that_its_topic_has)
{
    struct bench bench;
    init_hintds(&bench);
    ask(&bench, "store/accept-loss", "n1"); // admin
    assert_int_equal(answer_status(&bench), STATUS_NOT_AUTHORISED);
    ask(&bench, "hintd/settle", "n1"); // known to hintds, and not relayed
    assert_int_equal(answer_status(&bench), STATUS_INVALID);
    release(&bench);
}

TEST(more_questions_than_are_kept_are_put_off)
{
    struct bench bench;
    struct op_answer op;
    init_hintds(&bench);
    for (unsigned i = 0; i < ROUTER_RELAYS_MAX; i++) {
        ask(&bench, "hintd/list", "n1");
        assert_false(answered(&bench, &op));
    }
    ask(&bench, "hintd/list", "n1");
    assert_int_equal(answer_status(&bench), STATUS_BUSY);
    release(&bench);
}
