// One turn after the other, with a brain that does as it is told and a shell without a world.
// All that happens is a word of `story`, in its order:
//
//     message:N lost:N unsent:N job:W tick end    the brain is told, of a link or a worker
//     submit:W reset:N sent:N                     the shell is asked
#include "unit/turn/turn_stage.h"

// ---- the order -----------------------------------------------------------------------

TEST(a_turn_takes_jobs_tells_unsent_receives_ticks_ends_submits_releases_and_sends)
{
    struct stage stage;
    open_stage(&stage);
    stage.job_count[0] = 2;
    stage.unreachable = LINK;
    SAY(&stage, 0, 10);
    assert_string_equal(run(&stage), "end submit:0");
    stage.unreachable = 0;
    stage.is_done[0] = true;
    stage.durable = 10;
    stage.now_ms += TICK_MS;
    stage.resets = true;
    stage.lost[stage.lost_count++] = 3;
    arrive(&stage, 1, true);
    arrive(&stage, 2, false);
    SAY(&stage, 0);
    assert_string_equal(run(&stage), "job:0 unsent:7 message:1 message:2 lost:3 tick end reset:3 "
                                     "submit:0 sent:8 sent:7");
    close_stage(&stage);
}

TEST(the_time_is_asked_anew_for_every_message)
{
    struct stage stage;
    open_stage(&stage);
    arrive(&stage, 1, true);
    arrive(&stage, 1, true);
    run(&stage);
    assert_int_equal(stage.age_count, 2);
    assert_int_equal(stage.ages[0], BEGIN_MS + 1);
    assert_int_equal(stage.ages[1], BEGIN_MS + 2);
    close_stage(&stage);
}

TEST(a_brain_may_leave_out_all_but_messages_and_ticks)
{
    struct stage stage;
    const struct brain least = {.on_message = on_message, .on_tick = on_tick};
    open_stage_with(&stage, &least);
    arrive(&stage, 1, true);
    stage.lost[stage.lost_count++] = 3;
    assert_string_equal(run(&stage), "message:1 tick");
    assert_true(turn_is_drained(&stage.turn));
    close_stage(&stage);
}

// ---- gates ---------------------------------------------------------------------------

TEST(a_message_without_a_gate_leaves_at_once_and_one_with_a_gate_when_it_opens)
{
    struct stage stage;
    open_stage(&stage);
    SAY(&stage, 10, 0);
    assert_string_equal(run(&stage), "end sent:8");
    stage.durable = 9;
    assert_string_equal(run(&stage), "end");
    stage.durable = 10;
    assert_string_equal(run(&stage), "end sent:7");
    assert_string_equal(run(&stage), "end");
    close_stage(&stage);
}

TEST(a_gate_that_is_open_already_holds_nothing)
{
    struct stage stage;
    open_stage(&stage);
    stage.durable = 10;
    SAY(&stage, 10, 11);
    assert_string_equal(run(&stage), "end sent:7");
    close_stage(&stage);
}

TEST(held_messages_leave_in_the_order_of_their_turns_before_newer_ones)
{
    struct stage stage;
    open_stage(&stage);
    SAY(&stage, 10, 10);
    assert_string_equal(run(&stage), "end");
    SAY(&stage, 20, 20, 20);
    assert_string_equal(run(&stage), "end");
    stage.durable = 15;
    assert_string_equal(run(&stage), "end sent:7 sent:8");
    stage.durable = 30;
    SAY(&stage, 0, 0, 0, 30);
    assert_string_equal(run(&stage), "end sent:7 sent:8 sent:9 sent:7 sent:8 sent:9 sent:10");
    close_stage(&stage);
}

TEST(a_brain_without_a_log_holds_nothing)
{
    struct stage stage;
    struct brain table = brain;
    table.durable = NULL;
    open_stage_with(&stage, &table);
    SAY(&stage, 10);
    assert_string_equal(run(&stage), "tick end sent:7");
    close_stage(&stage);
}

TEST(many_held_messages_keep_their_order)
{
    struct stage stage;
    open_stage(&stage);
    for (uint64_t i = 1; i <= 1000; i++) {
        SAY(&stage, i);
        if (i > 100)
            stage.durable = i - 100;
        assert_string_equal(run(&stage), i > 100 ? "end sent:7" : "end");
    }
    close_stage(&stage);
}

// ---- messages that cannot be sent ----------------------------------------------------

TEST(a_message_that_could_not_be_sent_is_told_in_the_next_turn_which_is_due_at_once)
{
    struct stage stage;
    open_stage(&stage);
    stage.unreachable = LINK;
    SAY(&stage, 0, 0);
    assert_string_equal(run(&stage), "end sent:8");
    assert_int_equal(turn_due_ms(&stage.turn), 0);
    assert_string_equal(run(&stage), "unsent:7 end");
    assert_true(turn_due_ms(&stage.turn) > stage.now_ms);
    assert_string_equal(run(&stage), "end");
    close_stage(&stage);
}

TEST(so_is_one_that_was_held)
{
    struct stage stage;
    open_stage(&stage);
    stage.unreachable = LINK;
    SAY(&stage, 10);
    run(&stage);
    stage.durable = 10;
    assert_string_equal(run(&stage), "end");
    assert_string_equal(run(&stage), "unsent:7 end");
    close_stage(&stage);
}

TEST(a_brain_that_does_not_want_to_know_is_not_told)
{
    struct stage stage;
    struct brain table = brain;
    table.on_unsent = NULL;
    open_stage_with(&stage, &table);
    stage.unreachable = LINK;
    SAY(&stage, 0);
    run(&stage);
    assert_true(turn_due_ms(&stage.turn) > stage.now_ms);
    assert_string_equal(run(&stage), "end");
    close_stage(&stage);
}

// ---- jobs ----------------------------------------------------------------------------

TEST(a_job_goes_to_a_worker_only_when_its_last_one_is_done)
{
    struct stage stage;
    open_stage(&stage);
    stage.job_count[0] = 2;
    stage.job_count[1] = 1;
    assert_string_equal(run(&stage), "end submit:0 submit:1");
    assert_string_equal(run(&stage), "end");
    stage.is_done[1] = true;
    assert_string_equal(run(&stage), "job:1 end");
    stage.is_done[0] = true;
    assert_string_equal(run(&stage), "job:0 end submit:0");
    close_stage(&stage);
}

TEST(a_job_that_failed_ends_the_turn_before_anything_is_sent)
{
    struct stage stage;
    struct fault fault = {0};
    open_stage(&stage);
    stage.job_count[0] = 1;
    SAY(&stage, 10);
    run(&stage);
    stage.job_status = STATUS_IO;
    stage.is_done[0] = true;
    stage.durable = 10;
    SAY(&stage, 0);
    stage.story[0] = 0;
    assert_int_equal(turn_run(&stage.turn, &fault), STATUS_IO);
    assert_string_equal(stage.story, "job:0");
    assert_string_equal(fault.text, "the disk is on fire");
    close_stage(&stage);
}

// ---- caps ----------------------------------------------------------------------------

TEST(a_turn_receives_no_more_than_its_cap_of_messages)
{
    struct stage stage;
    open_stage(&stage);
    stage.flood = 1;
    stage.lost[stage.lost_count++] = 3;
    assert_string_equal(run(&stage), "lost:3 end");
    assert_int_equal(stage.flood, 1 + TURN_MESSAGES_MAX);
    close_stage(&stage);
}

TEST(a_turn_receives_no_more_once_it_has_its_cap_of_bytes)
{
    struct stage stage;
    open_stage(&stage);
    stage.flood = 1;
    stage.flood_size = TURN_SIZE_MAX / 2 - 1;
    run(&stage);
    assert_int_equal(stage.flood, 1 + 3);
    close_stage(&stage);
}

// ---- ticks ---------------------------------------------------------------------------

TEST(a_tick_comes_when_it_is_due)
{
    struct stage stage;
    open_stage(&stage);
    assert_int_equal(turn_due_ms(&stage.turn), BEGIN_MS + TICK_MS);
    stage.now_ms += TICK_MS - 1;
    assert_string_equal(run(&stage), "end");
    stage.now_ms++;
    assert_string_equal(run(&stage), "tick end");
    assert_int_equal(turn_due_ms(&stage.turn), stage.now_ms + TICK_MS);
    close_stage(&stage);
}

TEST(a_brain_may_want_the_next_tick_sooner_but_not_later)
{
    struct stage stage;
    open_stage(&stage);
    stage.within_ms = 5;
    run(&stage);
    assert_int_equal(turn_due_ms(&stage.turn), BEGIN_MS + 5);
    stage.within_ms = 10 * TICK_MS;
    stage.now_ms += 5;
    assert_string_equal(run(&stage), "tick end");
    assert_int_equal(turn_due_ms(&stage.turn), stage.now_ms + TICK_MS);
    close_stage(&stage);
}

TEST(a_shell_may_tick_by_itself)
{
    struct stage stage;
    struct brain own = brain;
    struct turn_shell around = shell;
    stage = (struct stage){.gates = {UINT64_MAX}};
    own.self = around.self = &stage;
    own.tick_within_ms = NULL;
    turn_init(&stage.turn, &own, &around, 0);
    assert_string_equal(run(&stage), "end");
    assert_true(turn_due_ms(&stage.turn) == UINT64_MAX);
    turn_tick_next(&stage.turn);
    assert_string_equal(run(&stage), "tick end");
    assert_string_equal(run(&stage), "end");
    close_stage(&stage);
}

// ---- the end -------------------------------------------------------------------------

TEST(a_turn_that_stops_drops_requests_and_still_hears_answers)
{
    struct stage stage;
    open_stage(&stage);
    turn_stop(&stage.turn);
    arrive(&stage, 1, true);
    arrive(&stage, 2, false);
    arrive(&stage, 3, true);
    assert_string_equal(run(&stage), "message:2 end");
    assert_int_equal(stage.arrived_next, 3);
    close_stage(&stage);
}

TEST(it_is_drained_when_no_job_runs_no_message_is_held_and_nothing_is_open)
{
    struct stage stage;
    open_stage(&stage);
    assert_true(turn_is_drained(&stage.turn));
    stage.job_count[0] = 1;
    run(&stage);
    assert_false(turn_is_drained(&stage.turn));
    stage.is_done[0] = true;
    SAY(&stage, 10);
    run(&stage);
    assert_false(turn_is_drained(&stage.turn));
    stage.durable = 10;
    run(&stage);
    assert_true(turn_is_drained(&stage.turn));
    stage.is_open = true;
    assert_false(turn_is_drained(&stage.turn));
    close_stage(&stage);
}
