#include "quorum/put.h"

#include "unit/unit.h"

static struct put_start plain(void)
{
    return (struct put_start){.n = 3, .w = needs_of(3, 2), .r = needs_of(3, 2), .live = 7};
}

static void expect_answer(struct put_step step, enum status status)
{
    assert_true(step.answer);
    assert_int_equal(step.status, status);
}

// A put whose coordinator, owner 0, has minted: MERGE is under way to 1 and 2.
static struct put merging(void)
{
    struct put put;
    struct put_start start = plain();
    put_start(&put, &start);
    put_on_updated(&put, 0, PUT_ALONE);
    return put;
}

TEST(the_first_live_owner_coordinates)
{
    struct put put;
    struct put_start start = plain();
    assert_int_equal(put_start(&put, &start).update, 0);
    start.live = 6;
    assert_int_equal(put_start(&put, &start).update, 1);
}

TEST(what_was_minted_goes_to_all_other_live_owners)
{
    struct put put;
    struct put_start start = plain();
    put_start(&put, &start);
    struct put_step step = put_on_updated(&put, 0, PUT_ALONE);
    assert_int_equal(step.merge, 6);
    assert_false(step.answer);
    start.live = 3;
    put_start(&put, &start);
    assert_int_equal(put_on_updated(&put, 0, PUT_ALONE).merge, 2);
}

TEST(w_durable_acknowledgements_make_it_written)
{
    struct put put = merging();
    assert_false(put_on_merged(&put, 2, STATUS_OK, PUT_ALONE).answer);
    expect_answer(put_on_merged(&put, 1, STATUS_OK, PUT_ALONE), STATUS_OK);
}

TEST(the_coordinators_own_acknowledgement_counts_like_any_other)
{
    struct put put = merging();
    assert_false(put_on_durable(&put, 0, STATUS_OK).answer);
    expect_answer(put_on_merged(&put, 2, STATUS_OK, PUT_ALONE), STATUS_OK);
}

TEST(a_second_acknowledgement_of_one_owner_does_not_count)
{
    struct put put = merging();
    assert_false(put_on_merged(&put, 1, STATUS_OK, PUT_ALONE).answer);
    assert_false(put_on_merged(&put, 1, STATUS_OK, PUT_ALONE).answer);
    assert_false(put_on_merged(&put, 1, STATUS_OK, PUT_ALONE).answer);
}

TEST(after_the_answer_it_waits_for_the_rest)
{
    struct put put = merging();
    put_on_durable(&put, 0, STATUS_OK);
    assert_false(put_on_merged(&put, 1, STATUS_OK, PUT_ALONE).ended);
    struct put_step step = put_on_merged(&put, 2, STATUS_OK, PUT_ALONE);
    assert_true(step.ended);
    assert_false(step.answer);
}

TEST(too_few_live_owners_mean_that_nothing_was_written)
{
    struct put put;
    struct put_start start = plain();
    start.live = 4;
    struct put_step step = put_start(&put, &start);
    expect_answer(step, STATUS_UNAVAILABLE);
    assert_true(step.ended);
    assert_int_equal(step.update, -1);
}

TEST(a_coordinator_that_is_lost_leaves_the_write_indeterminate)
{
    struct put put;
    struct put_start start = plain();
    put_start(&put, &start);
    struct put_step step = put_on_failed(&put, 0);
    expect_answer(step, STATUS_INDETERMINATE);
    assert_int_equal(step.update, -1); // no second coordinator: the first may have minted
}

TEST(an_explicit_refusal_sends_it_to_the_next_owner)
{
    struct put put;
    struct put_start start = plain();
    put_start(&put, &start);
    struct put_step step = put_on_refused(&put, 0, put.attempt, STATUS_DISK_FULL);
    assert_int_equal(step.update, 1);
    assert_false(step.answer);
}

TEST(a_refusal_by_every_owner_is_the_answer)
{
    struct put put;
    struct put_start start = plain();
    put_start(&put, &start);
    put_on_refused(&put, 0, put.attempt, STATUS_DISK_FULL);
    put_on_refused(&put, 1, put.attempt, STATUS_DISK_FULL);
    expect_answer(put_on_refused(&put, 2, put.attempt, STATUS_DISK_FULL), STATUS_DISK_FULL);
}

TEST(an_owner_that_cannot_read_its_disk_is_one_that_is_not_there)
{
    static const enum status troubles[] = {STATUS_IO, STATUS_CORRUPT};
    for (size_t i = 0; i < 2; i++) {
        struct put put;
        struct put_start start = plain();
        put_start(&put, &start);
        assert_int_equal(put_on_refused(&put, 0, put.attempt, troubles[i]).update, 1);
        assert_int_equal(put_on_refused(&put, 1, put.attempt, troubles[i]).update, 2);
        expect_answer(put_on_refused(&put, 2, put.attempt, troubles[i]), STATUS_UNAVAILABLE);
    }
}

TEST(a_refusal_that_all_would_repeat_is_the_answer_at_once)
{
    struct put put;
    struct put_start start = plain();
    put_start(&put, &start);
    expect_answer(put_on_refused(&put, 0, put.attempt, STATUS_SIBLING_CAP), STATUS_SIBLING_CAP);
}

TEST(w_out_of_reach_is_indeterminate_at_once)
{
    struct put put = merging();
    assert_false(put_on_failed(&put, 1).answer);
    expect_answer(put_on_merged(&put, 2, STATUS_BUSY, PUT_ALONE), STATUS_INDETERMINATE);
}

TEST(a_deadline_is_never_called_a_failure_once_an_update_has_left)
{
    struct put put;
    struct put_start start = plain();
    put_start(&put, &start);
    expect_answer(put_on_deadline(&put), STATUS_INDETERMINATE);
    put = merging();
    expect_answer(put_on_deadline(&put), STATUS_INDETERMINATE);
}

TEST(a_repeated_request_asks_all_live_owners_for_the_first_try)
{
    struct put put;
    struct put_start start = plain();
    start.retry = true;
    struct put_step step = put_start(&put, &start);
    assert_int_equal(step.find, 7);
    assert_int_equal(step.update, -1);
}

TEST(a_first_try_that_is_found_is_merged_and_not_made_again)
{
    struct put put;
    struct put_start start = plain();
    start.retry = true;
    put_start(&put, &start);
    put_on_found(&put, 2, STATUS_NOT_FOUND, PUT_ALONE);
    struct put_step step = put_on_found(&put, 1, STATUS_OK, PUT_ALONE);
    assert_int_equal(step.merge, 7);
    assert_int_equal(step.update, -1);
    put_on_durable(&put, 0, STATUS_OK);
    expect_answer(put_on_merged(&put, 1, STATUS_OK, PUT_ALONE), STATUS_OK);
}

TEST(a_restored_record_goes_to_every_owner)
{
    struct put put;
    struct put_start start = plain();
    assert_int_equal(put_start_merging(&put, &start).merge, 7);
    put_on_merged(&put, 2, STATUS_OK, PUT_ALONE);
    expect_answer(put_on_durable(&put, 0, STATUS_OK), STATUS_OK);
}

TEST(a_durable_that_overtakes_its_updated_counts)
{
    struct put put;
    struct put_start start = plain();
    put_start(&put, &start);
    put_on_durable(&put, 0, STATUS_OK);
    assert_false(put_on_updated(&put, 0, PUT_ALONE).answer);
    expect_answer(put_on_merged(&put, 2, STATUS_OK, PUT_ALONE), STATUS_OK);
}

TEST(late_and_stray_replies_change_nothing)
{
    struct put put = merging();
    assert_false(put_on_refused(&put, 0, put.attempt, STATUS_DISK_FULL).answer);
    assert_int_equal(put_on_found(&put, 1, STATUS_OK, PUT_ALONE).merge, 0);
    put_on_merged(&put, 1, STATUS_OK, PUT_ALONE);
    expect_answer(put_on_merged(&put, 2, STATUS_OK, PUT_ALONE), STATUS_OK);
}

// ---- validation ------------------------------------------------------------------------

// The same of a blind write, which is validated.
static struct put merging_blind(void)
{
    struct put put;
    struct put_start start = plain();
    start.validate = true;
    put_start(&put, &start);
    put_on_updated(&put, 0, PUT_ALONE);
    return put;
}

TEST(a_blind_write_that_met_nothing_is_written_with_w)
{
    struct put put = merging_blind();
    assert_false(put_on_durable(&put, 0, STATUS_OK).answer);
    expect_answer(put_on_merged(&put, 2, STATUS_OK, PUT_ALONE), STATUS_OK);
}

TEST(a_blind_write_waits_for_r_that_tell)
{
    struct put put;
    struct put_start start = plain();
    start.validate = true;
    start.w = needs_of(3, 1);
    put_start(&put, &start);
    put_on_updated(&put, 0, PUT_ALONE);
    assert_false(put_on_durable(&put, 0, STATUS_OK).answer); // W = 1 are there
    expect_answer(put_on_merged(&put, 1, STATUS_OK, PUT_ALONE), STATUS_OK);
}

TEST(fewer_tell_if_no_more_can_be_reached_but_not_when_it_is_strict)
{
    for (int strict = 0; strict < 2; strict++) {
        struct put put;
        struct put_start start = plain();
        start.validate = true;
        start.strict = strict;
        start.w = needs_of(3, 1);
        put_start(&put, &start);
        put_on_updated(&put, 0, PUT_ALONE);
        put_on_durable(&put, 0, STATUS_OK);
        assert_false(put_on_failed(&put, 1).answer);
        expect_answer(put_on_failed(&put, 2), strict ? STATUS_INDETERMINATE : STATUS_OK);
    }
}

TEST(a_blind_write_that_met_others_gets_a_second_dot_before_the_answer)
{
    struct put put = merging_blind();
    put_on_durable(&put, 0, STATUS_OK);
    struct put_step step = put_on_merged(&put, 1, STATUS_OK, PUT_MET_OTHERS);
    assert_int_equal(step.update, 0);
    assert_true(put.again);
    assert_false(step.answer);
    // W is counted anew, and what the second record meets is let stand.
    assert_int_equal(put_on_updated(&put, 0, PUT_ALONE).merge, 6);
    assert_false(put_on_durable(&put, 0, STATUS_OK).answer);
    expect_answer(put_on_merged(&put, 2, STATUS_OK, PUT_MET_OTHERS), STATUS_OK);
}

TEST(all_r_are_heard_before_the_second_dot)
{
    struct put put;
    struct put_start start = plain();
    start.validate = true;
    start.n = 5;
    start.live = 31;
    start.w = start.r = needs_of(5, 3);
    put_start(&put, &start);
    put_on_updated(&put, 0, PUT_ALONE);
    assert_int_equal(put_on_merged(&put, 1, STATUS_OK, PUT_MET_OTHERS).update, -1);
    assert_int_equal(put_on_merged(&put, 4, STATUS_OK, PUT_ALONE).update, 0);
    assert_true(put.again);
}

TEST(all_w_are_heard_before_the_second_dot_as_well)
{
    struct put put;
    struct put_start start = plain();
    start.w = needs_of(3, 3);
    start.validate = true;
    put_start(&put, &start);
    put_on_updated(&put, 0, PUT_MET_OTHERS);
    assert_int_equal(put_on_merged(&put, 1, STATUS_OK, PUT_MET_OTHERS).update, -1); // R has told
    assert_int_equal(put_on_merged(&put, 2, STATUS_OK, PUT_ALONE).update, 0);
    assert_true(put.again);
}

TEST(an_owner_that_cannot_take_the_record_tells_nevertheless)
{
    struct put put = merging_blind();
    assert_int_equal(put_on_merged(&put, 1, STATUS_TOO_LARGE, PUT_MET_OTHERS).update, 0);
}

TEST(what_was_superseded_somewhere_gets_no_second_dot)
{
    struct put put = merging_blind();
    put_on_durable(&put, 0, STATUS_OK);
    expect_answer(put_on_merged(&put, 1, STATUS_OK, PUT_SUPERSEDED), STATUS_OK);
    put = merging_blind();
    put.w = needs_of(3, 3);
    put.r = needs_of(3, 3);
    put_on_merged(&put, 1, STATUS_OK, PUT_MET_OTHERS);
    assert_int_equal(put_on_merged(&put, 2, STATUS_OK, PUT_SUPERSEDED).update, -1);
}

TEST(a_second_dot_is_asked_of_who_told_if_the_coordinator_is_gone)
{
    struct put put = merging_blind();
    put_on_failed(&put, 0);
    assert_int_equal(put_on_merged(&put, 1, STATUS_OK, PUT_MET_OTHERS).update, 1);
}

TEST(a_first_try_that_is_found_with_others_is_merged_until_r_told_and_gets_a_second_dot)
{
    struct put put;
    struct put_start start = plain();
    start.retry = true;
    start.validate = true;
    put_start(&put, &start);
    assert_int_equal(put_on_found(&put, 1, STATUS_OK, PUT_MET_OTHERS).merge, 7);
    assert_int_equal(put_on_merged(&put, 2, STATUS_OK, PUT_ALONE).update, 1);
    assert_true(put.again);
}

TEST(a_second_dot_that_fails_leaves_the_write_indeterminate)
{
    struct put put = merging_blind();
    put_on_merged(&put, 1, STATUS_OK, PUT_MET_OTHERS);
    expect_answer(put_on_refused(&put, 0, put.attempt, STATUS_DISK_FULL), STATUS_INDETERMINATE);
    put = merging_blind();
    put.is_over = true; // this try may mint no more
    expect_answer(put_on_merged(&put, 1, STATUS_OK, PUT_MET_OTHERS), STATUS_INDETERMINATE);
}

TEST(a_write_with_a_context_is_not_validated)
{
    struct put put = merging();
    put_on_durable(&put, 0, STATUS_OK);
    expect_answer(put_on_merged(&put, 1, STATUS_OK, PUT_MET_OTHERS), STATUS_OK);
}

// ---- one try at a time -----------------------------------------------------------------

static struct put finding(struct put_step *step)
{
    struct put put;
    struct put_start start = plain();
    start.retry = true;
    start.validate = true;
    *step = put_start(&put, &start);
    return put;
}

TEST(a_retry_mints_at_once_when_every_owner_was_fenced)
{
    struct put_step step;
    struct put put = finding(&step);
    put_on_found(&put, 2, STATUS_NOT_FOUND, PUT_ALONE);
    put_on_found(&put, 0, STATUS_NOT_FOUND, PUT_ALONE);
    step = put_on_found(&put, 1, STATUS_NOT_FOUND, PUT_ALONE);
    assert_int_equal(step.update, 0);
    assert_false(step.wait);
}

TEST(a_retry_that_missed_an_owner_waits_and_is_minted_by_one_that_was_fenced)
{
    struct put_step step;
    struct put put = finding(&step);
    put_on_found(&put, 2, STATUS_NOT_FOUND, PUT_ALONE);
    put_on_found(&put, 1, STATUS_NOT_FOUND, PUT_ALONE);
    step = put_on_found(&put, 0, STATUS_BUSY, PUT_ALONE); // alive, but no answer
    assert_true(step.wait);
    assert_int_equal(step.update, -1);
    assert_int_equal(put_on_waited(&put).update, 1);
}

TEST(an_owner_that_was_given_up_and_tells_after_all_is_believed)
{
    struct put_step step;
    struct put put = finding(&step);
    put_on_failed(&put, 0);
    assert_int_equal(put_on_found(&put, 0, STATUS_OK, PUT_ALONE).merge, 6);
    put = finding(&step);
    put_on_failed(&put, 0);
    put_on_found(&put, 1, STATUS_NOT_FOUND, PUT_ALONE);
    assert_true(put_on_found(&put, 2, STATUS_NOT_FOUND, PUT_ALONE).wait);
    assert_int_equal(put_on_found(&put, 0, STATUS_OK, PUT_ALONE).merge, 6);
    assert_int_equal(put_on_waited(&put).update, -1);
}

TEST(a_retry_is_never_called_not_written)
{
    struct put_step step;
    struct put put = finding(&step);
    for (uint8_t owner = 0; owner < 3; owner++)
        put_on_found(&put, owner, STATUS_NOT_FOUND, PUT_ALONE);
    expect_answer(put_on_refused(&put, 0, put.attempt, STATUS_TOO_LARGE), STATUS_INDETERMINATE);
    struct put_start start = plain();
    start.retry = true;
    start.live = 1;
    expect_answer(put_start(&put, &start), STATUS_INDETERMINATE);
}

TEST(a_first_try_that_was_superseded_is_merged_and_nothing_is_minted)
{
    struct put_step step;
    struct put put = finding(&step);
    assert_int_equal(put_on_found(&put, 1, STATUS_OK, PUT_SUPERSEDED).merge, 7);
    assert_int_equal(put_on_merged(&put, 0, STATUS_OK, PUT_MET_OTHERS).update, -1);
    expect_answer(put_on_merged(&put, 1, STATUS_OK, PUT_MET_OTHERS), STATUS_OK);
}

TEST(an_update_that_came_too_late_is_sent_again_to_the_same_owner)
{
    struct put put;
    struct put_start start = plain();
    put_start(&put, &start);
    assert_int_equal(put_on_refused(&put, 0, put.attempt, STATUS_LATE).update, 0);
    assert_int_equal(put_on_refused(&put, 0, put.attempt, STATUS_LATE).update, 0);
    assert_int_equal(put_on_refused(&put, 0, put.attempt, STATUS_LATE).update, 1);
    put.is_over = true;
    expect_answer(put_on_refused(&put, 1, put.attempt, STATUS_LATE), STATUS_LATE);
}

TEST(a_refusal_that_comes_twice_says_nothing_of_the_next_update)
{
    struct put put;
    struct put_start start = plain();
    put_start(&put, &start);
    assert_int_equal(put_on_refused(&put, 0, 0, STATUS_LATE).update, 0);
    // The first refusal comes twice; it is not that of the second UPDATE, which may be obeyed.
    assert_int_equal(put_on_refused(&put, 0, 0, STATUS_LATE).update, -1);
    assert_int_equal(put_on_refused(&put, 0, 0, STATUS_LATE).update, -1);
    assert_int_equal(put_on_refused(&put, 0, 2, STATUS_LATE).update, -1); // it was never sent
    assert_int_equal(put_on_refused(&put, 0, 1, STATUS_BUSY).update, 1);
    assert_int_equal(put_on_updated(&put, 0, PUT_ALONE).merge, 0); // not the coordinator any more
    assert_int_equal(put_on_updated(&put, 1, PUT_ALONE).merge, 5);
}

TEST(no_update_leaves_when_fewer_than_w_owners_are_left)
{
    struct put put;
    struct put_start start = plain();
    put_start(&put, &start);
    put_on_failed(&put, 1);
    put_on_failed(&put, 2);
    struct put_step step = put_on_refused(&put, 0, put.attempt, STATUS_BUSY);
    expect_answer(step, STATUS_BUSY);
    start.live = 3;
    put_start(&put, &start);
    put_on_failed(&put, 1);
    assert_int_equal(put_on_refused(&put, 0, put.attempt, STATUS_LATE).update, 0);
    start.live = 7;
    start.w = needs_of(3, 3); // one that would take it is there, but not W
    put_start(&put, &start);
    put_on_failed(&put, 1);
    step = put_on_refused(&put, 0, put.attempt, STATUS_BUSY);
    assert_int_equal(step.update, -1);
    expect_answer(step, STATUS_UNAVAILABLE);
}
