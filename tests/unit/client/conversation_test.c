// A client's side of a conversation: what is sent, tried again and given up.
#include "unit/client/talk.h"
#include "wire/client.h"
#include "wire/hello.h"

// A put is with router 0.
static void begin_put(uint32_t router_count, uint8_t flags)
{
    begin(router_count);
    put(flags);
    steps(STATUS_OK);
    welcome(0);
    steps(STATUS_OK);
    assert_steps("connect 0, hello 0, put 0");
}

TEST(a_put_waits_for_the_clock_of_its_router_and_a_get_does_not)
{
    begin(1);
    put(0);
    get(0);
    steps(STATUS_OK);
    assert_steps("connect 0, hello 0");
    welcome(0);
    steps(STATUS_OK);
    assert_steps("put 0, get 0");
    begin(1);
    get(0);
    steps(STATUS_OK);
    assert_steps("connect 0, hello 0, get 0");
}

TEST(operations_of_one_type_share_a_message)
{
    begin(1);
    get(0);
    get(0);
    get(0);
    steps(STATUS_OK);
    assert_steps("connect 0, hello 0, get 0, (3)");
}

TEST(a_try_may_mint_for_its_budget_and_a_later_one_says_what_is_left_of_that)
{
    begin_put(1, 0);
    assert_false(last_put.flags & PUT_RETRY);
    assert_int_equal(last_put.budget_ms, TRIES_BUDGET_MS);
    assert_int_equal(last_put.wait_ms, 0);
    uint64_t first_try = last_put.try;
    put_done(0, last_put.id, STATUS_INDETERMINATE);
    now_ms += 5;
    steps(STATUS_OK);
    assert_steps("put 0");
    assert_true(last_put.flags & PUT_RETRY);
    assert_int_equal(last_put.wait_ms, TRIES_BUDGET_MS + TRIES_BUDGET_MS / 2 - 5);
    assert_int_not_equal(last_put.try, first_try);
}

TEST(busy_late_and_stale_are_asked_again_after_a_pause_and_are_no_tries)
{
    static const enum status statuses[] = {STATUS_BUSY, STATUS_LATE, STATUS_STALE};
    begin_put(1, 0);
    for (unsigned i = 0; i < 3; i++) {
        put_done(0, last_put.id, statuses[i]);
        steps(STATUS_OK);
        assert_steps("");
        now_ms += 5u << i;
        steps(STATUS_OK);
        assert_steps("put 0");
        assert_false(last_put.flags & PUT_RETRY);
    }
    now_ms += TIMEOUT_MS;
    put_done(0, last_put.id, STATUS_BUSY);
    steps(STATUS_OK);
    assert_int_equal(ended_count, 1);
    assert_int_equal(ended[0], STATUS_BUSY);
}

TEST(an_answer_to_an_earlier_try_is_none)
{
    begin_put(1, 0);
    uint64_t first_id = last_put.id;
    put_done(0, first_id, STATUS_BUSY);
    now_ms += 5;
    steps(STATUS_OK);
    put_done(0, first_id, STATUS_UNAVAILABLE); // it came twice
    assert_int_equal(ended_count, 0);
    put_done(0, last_put.id, STATUS_OK);
    assert_int_equal(ended_count, 1);
    assert_int_equal(ended[0], STATUS_OK);
}

TEST(after_a_try_that_may_be_applied_the_outcome_is_never_not_written)
{
    static const enum status statuses[] = {STATUS_UNAVAILABLE, STATUS_BUSY,    STATUS_DISK_FULL,
                                           STATUS_REFUSED,     STATUS_INVALID, STATUS_PRECONDITION};
    for (unsigned i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        begin_put(1, 0);
        put_done(0, last_put.id, STATUS_INDETERMINATE);
        now_ms += 5;
        steps(STATUS_OK);
        put_done(0, last_put.id, statuses[i]);
        now_ms += TIMEOUT_MS;
        steps(STATUS_OK);
        assert_int_equal(ended_count, 1);
        assert_int_equal(ended[0], STATUS_INDETERMINATE);
    }
}

TEST(a_refusal_that_is_final_is_the_outcome_whatever_came_before)
{
    begin_put(1, PUT_CONDITIONAL);
    assert_int_equal(last_put.first_ms, 0);
    put_done(0, last_put.id, STATUS_INDETERMINATE);
    now_ms += 5;
    steps(STATUS_OK);
    assert_int_equal(last_put.first_ms, 5);
    struct op_put_done done = {.id = last_put.id, .status = STATUS_PRECONDITION, .is_final = true};
    op_encode_put_done(&done, begin_message());
    answer(0, MESSAGE_PUT_DONE);
    assert_int_equal(ended_count, 1);
    assert_int_equal(ended[0], STATUS_PRECONDITION);
}

TEST(a_put_whose_router_is_lost_goes_to_the_next_one_as_a_retry)
{
    begin_put(2, 0);
    conversation_on_lost(&talk, 0, STATUS_UNREACHABLE, (struct bytes){0}, now_ms);
    steps(STATUS_OK);
    welcome(1);
    steps(STATUS_OK);
    assert_steps("close 0, connect 1, hello 1, put 1");
    assert_true(last_put.flags & PUT_RETRY);
    put_done(0, last_put.id, STATUS_OK); // it is not with that one any more
    assert_int_equal(ended_count, 0);
    put_done(1, last_put.id, STATUS_OK);
    assert_int_equal(ended_count, 1);
}

TEST(a_put_that_is_sent_at_its_deadline_is_indeterminate_and_one_that_is_not_is_not)
{
    begin_put(1, 0);
    now_ms += TIMEOUT_MS;
    steps(STATUS_OK);
    assert_int_equal(ended[0], STATUS_INDETERMINATE);
    begin(1);
    put(0);
    steps(STATUS_OK);
    now_ms += TIMEOUT_MS;
    steps(STATUS_OK);
    assert_int_equal(ended_count, 1);
    assert_int_equal(ended[0], STATUS_TIMEOUT);
}

TEST(an_id_that_was_used_before_is_not_called_not_written)
{
    begin_put(1, PUT_RETRY);
    put_done(0, last_put.id, STATUS_UNAVAILABLE);
    assert_int_equal(ended[0], STATUS_INDETERMINATE);
    begin_put(1, PUT_RETRY);
    put_done(0, last_put.id, STATUS_INVALID);
    assert_int_equal(ended[0], STATUS_INVALID);
    static const enum status refusals[] = {STATUS_UNREACHABLE, STATUS_NOT_AUTHORISED};
    for (unsigned i = 0; i < 2; i++) { // its first try may be there, whatever this one met
        begin(1);
        put(PUT_RETRY);
        steps(STATUS_UNREACHABLE);
        conversation_on_lost(&talk, 0, refusals[i], (struct bytes){0}, now_ms);
        assert_int_equal(ended[0], STATUS_INDETERMINATE);
    }
}

TEST(a_put_that_did_not_leave_was_no_try)
{
    begin(1);
    put(PUT_RETRY);
    steps(STATUS_OK);
    welcome(0);
    for (unsigned i = 0; i < 40; i++) { // the connection takes nothing
        steps(STATUS_BUSY);
        now_ms += CONNECTION_BLOCKED_MS;
    }
    uint32_t wait_ms = last_put.wait_ms;
    steps(STATUS_OK);
    assert_true(last_put.wait_ms <= wait_ms);
}

TEST(a_router_that_is_not_able_is_followed_by_each_other_one_once)
{
    begin_put(3, 0);
    put_done(0, last_put.id, STATUS_UNAVAILABLE);
    steps(STATUS_OK);
    welcome(1);
    steps(STATUS_OK);
    assert_steps("connect 1, hello 1, put 1");
    assert_false(last_put.flags & PUT_RETRY);
    put_done(1, last_put.id, STATUS_UNAVAILABLE);
    steps(STATUS_OK);
    welcome(2);
    steps(STATUS_OK);
    assert_steps("connect 2, hello 2, put 2");
    put_done(2, last_put.id, STATUS_UNAVAILABLE);
    assert_int_equal(ended_count, 1);
    assert_int_equal(ended[0], STATUS_UNAVAILABLE);
    assert_string_equal(ended_text, "because");
}

TEST(a_router_that_was_not_able_rests_while_another_one_is)
{
    begin(2);
    get(0);
    steps(STATUS_OK);
    welcome(0);
    got(0, last_ids[0], STATUS_UNAVAILABLE);
    steps(STATUS_OK);
    welcome(1);
    got(1, last_ids[0], STATUS_OK);
    assert_int_equal(ended_count, 1);
    assert_int_equal(ended[0], STATUS_OK);
    *said = 0;
    get(0);
    steps(STATUS_OK);
    assert_steps("get 1");
}

TEST(what_one_router_alone_is_asked_no_other_one_is)
{
    begin(2);
    get(GET_LOCAL);
    steps(STATUS_OK);
    got(0, last_ids[0], STATUS_UNAVAILABLE);
    assert_int_equal(ended_count, 1);
    assert_int_equal(ended[0], STATUS_UNAVAILABLE);
}

TEST(unavailable_stands_when_no_other_router_can_be_reached)
{
    begin_put(2, 0);
    put_done(0, last_put.id, STATUS_UNAVAILABLE);
    steps(STATUS_UNREACHABLE);
    assert_steps("connect 1, hello 1");
    conversation_on_lost(&talk, 1, STATUS_UNREACHABLE, bytes_of_text("gone"), now_ms);
    assert_int_equal(ended_count, 1);
    assert_int_equal(ended[0], STATUS_UNAVAILABLE);
    assert_string_equal(ended_text, "because");
}

TEST(when_nobody_is_there_all_fail_at_once_and_say_why)
{
    begin(2);
    get(0);
    put(0);
    steps(STATUS_UNREACHABLE);
    conversation_on_lost(&talk, 0, STATUS_UNREACHABLE, bytes_of_text("A"), now_ms);
    steps(STATUS_UNREACHABLE);
    assert_int_equal(ended_count, 0);
    conversation_on_lost(&talk, 1, STATUS_UNREACHABLE, bytes_of_text("B"), now_ms);
    assert_int_equal(ended_count, 2);
    assert_int_equal(ended[0], STATUS_UNREACHABLE);
    assert_int_equal(ended[1], STATUS_UNREACHABLE);
    assert_string_equal(ended_text, "A; B");
}

TEST(a_key_that_is_refused_everywhere_is_not_authorised)
{
    begin(2);
    get(0);
    steps(STATUS_UNREACHABLE);
    conversation_on_lost(&talk, 0, STATUS_NOT_AUTHORISED, bytes_of_text("A"), now_ms);
    steps(STATUS_UNREACHABLE);
    conversation_on_lost(&talk, 1, STATUS_UNREACHABLE, bytes_of_text("B"), now_ms);
    assert_int_equal(ended[0], STATUS_NOT_AUTHORISED);
    // Revoked while it was used.
    begin(1);
    get(0);
    steps(STATUS_OK);
    conversation_on_lost(&talk, 0, STATUS_UNREACHABLE, (struct bytes){0}, now_ms);
    now_ms += CONNECTION_RECONNECT_MS;
    steps(STATUS_UNREACHABLE);
    assert_int_equal(ended_count, 0);
    conversation_on_lost(&talk, 0, STATUS_NOT_AUTHORISED, bytes_of_text("A"), now_ms);
    assert_int_equal(ended[0], STATUS_NOT_AUTHORISED);
}

TEST(a_cluster_that_was_there_is_waited_for)
{
    begin(1);
    get(0);
    steps(STATUS_OK);
    *said = 0;
    for (unsigned i = 0; i < 10; i++) {
        conversation_on_lost(&talk, 0, STATUS_UNREACHABLE, (struct bytes){0}, now_ms);
        now_ms += CONNECTION_RECONNECT_MS;
        steps(STATUS_UNREACHABLE);
    }
    assert_int_equal(ended_count, 0);
    now_ms += 10;
    *said = 0;
    steps(STATUS_OK);
    assert_steps("hello 0, get 0");
}

TEST(a_silent_router_is_pinged_and_then_left)
{
    begin(2);
    get(0);
    steps(STATUS_OK);
    *said = 0;
    now_ms += CONNECTION_PING_AFTER_MS;
    steps(STATUS_OK);
    assert_steps("ping 0");
    now_ms += CONNECTION_SILENCE_MS - CONNECTION_PING_AFTER_MS - 1;
    steps(STATUS_OK);
    assert_steps("ping 0");
    now_ms += 1;
    steps(STATUS_OK);
    assert_steps("close 0, connect 1, hello 1, get 1");
}

TEST(a_connection_that_is_not_made_in_time_is_left_for_the_next_router)
{
    begin(2);
    get(0);
    steps(STATUS_UNREACHABLE);
    now_ms += CONNECT_MS;
    *said = 0;
    steps(STATUS_OK);
    assert_steps("close 0, connect 1, hello 1, get 1");
}

TEST(after_a_long_silence_the_clock_is_asked_for_before_anything_is_sent)
{
    begin(1);
    get(0);
    steps(STATUS_OK);
    welcome(0);
    got(0, last_ids[0], STATUS_OK);
    now_ms += 60 * 1000;
    *said = 0;
    get(0);
    steps(STATUS_OK);
    assert_steps("ping 0");
    op_encode_pong(&(struct op_pong){.id = 1}, begin_message());
    answer(0, MESSAGE_PONG);
    steps(STATUS_OK);
    assert_steps("get 0");
}

TEST(a_connection_that_takes_nothing_for_now_is_offered_the_same_again)
{
    begin(1);
    get(0);
    steps(STATUS_OK);
    *said = 0;
    get(0);
    assert_true(steps(STATUS_BUSY) <= now_ms + CONNECTION_BLOCKED_MS);
    assert_steps("get 0");
    now_ms += CONNECTION_BLOCKED_MS;
    steps(STATUS_OK);
    assert_steps("get 0");
}
