#include "quorum/put.h"

#include "unit/unit.h"

static struct put_start plain(void)
{
    return (struct put_start){.n = 3, .w = 2, .r = 2, .live = 7};
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
    put_on_updated(&put, 0, STATUS_OK);
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
    struct put_step step = put_on_updated(&put, 0, STATUS_OK);
    assert_int_equal(step.merge, 6);
    assert_false(step.answer);
    start.live = 3;
    put_start(&put, &start);
    assert_int_equal(put_on_updated(&put, 0, STATUS_OK).merge, 2);
}

TEST(w_durable_acknowledgements_make_it_written)
{
    struct put put = merging();
    assert_false(put_on_acked(&put, 2, STATUS_OK).answer);
    expect_answer(put_on_acked(&put, 1, STATUS_OK), STATUS_OK);
}

TEST(the_coordinators_own_acknowledgement_counts_like_any_other)
{
    struct put put = merging();
    assert_false(put_on_acked(&put, 0, STATUS_OK).answer);
    expect_answer(put_on_acked(&put, 2, STATUS_OK), STATUS_OK);
}

TEST(a_second_acknowledgement_of_one_owner_does_not_count)
{
    struct put put = merging();
    assert_false(put_on_acked(&put, 1, STATUS_OK).answer);
    assert_false(put_on_acked(&put, 1, STATUS_OK).answer);
    assert_false(put_on_acked(&put, 1, STATUS_OK).answer);
}

TEST(after_the_answer_it_waits_for_the_rest)
{
    struct put put = merging();
    put_on_acked(&put, 0, STATUS_OK);
    assert_false(put_on_acked(&put, 1, STATUS_OK).ended);
    struct put_step step = put_on_acked(&put, 2, STATUS_OK);
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
    struct put_step step = put_on_updated(&put, 0, STATUS_DISK_FULL);
    assert_int_equal(step.update, 1);
    assert_false(step.answer);
}

TEST(a_refusal_by_every_owner_is_the_answer)
{
    struct put put;
    struct put_start start = plain();
    put_start(&put, &start);
    put_on_updated(&put, 0, STATUS_DISK_FULL);
    put_on_updated(&put, 1, STATUS_DISK_FULL);
    expect_answer(put_on_updated(&put, 2, STATUS_DISK_FULL), STATUS_DISK_FULL);
}

TEST(an_owner_that_cannot_read_its_disk_is_one_that_is_not_there)
{
    static const enum status troubles[] = {STATUS_IO, STATUS_CORRUPT};
    for (size_t i = 0; i < 2; i++) {
        struct put put;
        struct put_start start = plain();
        put_start(&put, &start);
        assert_int_equal(put_on_updated(&put, 0, troubles[i]).update, 1);
        assert_int_equal(put_on_updated(&put, 1, troubles[i]).update, 2);
        expect_answer(put_on_updated(&put, 2, troubles[i]), STATUS_UNAVAILABLE);
    }
}

TEST(a_refusal_that_all_would_repeat_is_the_answer_at_once)
{
    struct put put;
    struct put_start start = plain();
    put_start(&put, &start);
    expect_answer(put_on_updated(&put, 0, STATUS_SIBLING_CAP), STATUS_SIBLING_CAP);
}

TEST(w_out_of_reach_is_indeterminate_at_once)
{
    struct put put = merging();
    assert_false(put_on_failed(&put, 1).answer);
    expect_answer(put_on_acked(&put, 2, STATUS_BUSY), STATUS_INDETERMINATE);
}

TEST(a_deadline_is_never_called_a_failure_once_an_update_has_left)
{
    struct put put;
    struct put_start start = plain();
    put_start(&put, &start);
    expect_answer(put_on_deadline(&put), STATUS_INDETERMINATE);
    put = merging();
    expect_answer(put_on_deadline(&put), STATUS_INDETERMINATE);
    start.must_read = true;
    put_start(&put, &start);
    expect_answer(put_on_deadline(&put), STATUS_UNAVAILABLE);
}

TEST(a_blind_write_that_may_have_missed_something_asks_for_clocks_first)
{
    struct put put;
    struct put_start start = plain();
    start.must_read = true;
    struct put_step step = put_start(&put, &start);
    assert_int_equal(step.read, 2); // the coordinator adds its own record
    assert_int_equal(step.update, -1);
    assert_int_equal(put_on_read(&put, 1).update, 0);
}

TEST(a_stand_in_asks_for_clocks_first)
{
    struct put put;
    struct put_start start = plain();
    start.must_read_elsewhere = true;
    assert_int_equal(put_start(&put, &start).update, 0);
    start.live = 6;
    struct put_step step = put_start(&put, &start);
    assert_int_equal(step.read, 4);
    assert_int_equal(step.update, -1);
}

TEST(an_owner_that_fails_while_reading_is_replaced)
{
    struct put put;
    struct put_start start = plain();
    start.must_read = true;
    put_start(&put, &start);
    struct put_step step = put_on_failed(&put, 1);
    assert_int_equal(step.read, 4);
    assert_int_equal(put_on_read(&put, 2).update, 0);
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
    put_on_found(&put, 2, STATUS_NOT_FOUND);
    struct put_step step = put_on_found(&put, 1, STATUS_OK);
    assert_int_equal(step.merge, 7);
    assert_int_equal(step.update, -1);
    put_on_acked(&put, 0, STATUS_OK);
    expect_answer(put_on_acked(&put, 1, STATUS_OK), STATUS_OK);
}

TEST(a_first_try_that_nobody_has_is_made_again)
{
    struct put put;
    struct put_start start = plain();
    start.retry = true;
    put_start(&put, &start);
    put_on_found(&put, 2, STATUS_NOT_FOUND);
    put_on_failed(&put, 0);
    assert_int_equal(put_on_found(&put, 1, STATUS_NOT_FOUND).update, 1);
}

TEST(a_restored_record_goes_to_every_owner)
{
    struct put put;
    struct put_start start = plain();
    assert_int_equal(put_start_merging(&put, &start).merge, 7);
    put_on_acked(&put, 2, STATUS_OK);
    expect_answer(put_on_acked(&put, 0, STATUS_OK), STATUS_OK);
}

TEST(a_retry_is_called_not_written_only_if_every_owner_denies_the_first_try)
{
    struct put put;
    struct put_start start = plain();
    start.retry = true;
    start.live = 1; // too few for W, and the other two may have it
    expect_answer(put_start(&put, &start), STATUS_INDETERMINATE);

    start.live = 7;
    put_start(&put, &start);
    put_on_found(&put, 0, STATUS_NOT_FOUND);
    put_on_found(&put, 1, STATUS_NOT_FOUND);
    put_on_found(&put, 2, STATUS_IO); // no answer: it may be there
    expect_answer(put_on_updated(&put, 0, STATUS_TOO_LARGE), STATUS_INDETERMINATE);

    put_start(&put, &start);
    for (uint8_t owner = 0; owner < 3; owner++)
        put_on_found(&put, owner, STATUS_NOT_FOUND);
    expect_answer(put_on_updated(&put, 0, STATUS_TOO_LARGE), STATUS_TOO_LARGE);
}

TEST(a_durable_that_overtakes_its_updated_counts)
{
    struct put put;
    struct put_start start = plain();
    put_start(&put, &start);
    put_on_acked(&put, 0, STATUS_OK);
    assert_false(put_on_updated(&put, 0, STATUS_OK).answer);
    expect_answer(put_on_acked(&put, 2, STATUS_OK), STATUS_OK);
}

TEST(a_coordinator_lost_while_reading_is_not_counted_among_the_r)
{
    struct put put;
    struct put_start start = plain();
    start.must_read = true;
    assert_int_equal(put_start(&put, &start).read, 2);
    // Owner 1 will coordinate and counts itself; owner 2 must be the second of the R.
    assert_int_equal(put_on_failed(&put, 0).read, 4);
    assert_int_equal(put_on_read(&put, 1).update, -1);
    assert_int_equal(put_on_read(&put, 2).update, 1);
    start.r = 3;
    put_start(&put, &start);
    put_on_failed(&put, 0);
    assert_int_equal(put_on_read(&put, 1).update, -1); // owner 2 is still to come
    assert_int_equal(put_on_read(&put, 2).update, 1);
}

TEST(late_and_stray_replies_change_nothing)
{
    struct put put = merging();
    assert_false(put_on_updated(&put, 0, STATUS_DISK_FULL).answer);
    assert_int_equal(put_on_found(&put, 1, STATUS_OK).merge, 0);
    assert_int_equal(put_on_read(&put, 1).update, -1);
    put_on_acked(&put, 1, STATUS_OK);
    expect_answer(put_on_acked(&put, 2, STATUS_OK), STATUS_OK);
}

TESTS(RUN(the_first_live_owner_coordinates), RUN(what_was_minted_goes_to_all_other_live_owners),
      RUN(w_durable_acknowledgements_make_it_written),
      RUN(the_coordinators_own_acknowledgement_counts_like_any_other),
      RUN(a_second_acknowledgement_of_one_owner_does_not_count),
      RUN(after_the_answer_it_waits_for_the_rest),
      RUN(too_few_live_owners_mean_that_nothing_was_written),
      RUN(a_coordinator_that_is_lost_leaves_the_write_indeterminate),
      RUN(an_explicit_refusal_sends_it_to_the_next_owner),
      RUN(a_refusal_by_every_owner_is_the_answer),
      RUN(an_owner_that_cannot_read_its_disk_is_one_that_is_not_there),
      RUN(a_refusal_that_all_would_repeat_is_the_answer_at_once),
      RUN(w_out_of_reach_is_indeterminate_at_once),
      RUN(a_deadline_is_never_called_a_failure_once_an_update_has_left),
      RUN(a_blind_write_that_may_have_missed_something_asks_for_clocks_first),
      RUN(a_stand_in_asks_for_clocks_first), RUN(an_owner_that_fails_while_reading_is_replaced),
      RUN(a_repeated_request_asks_all_live_owners_for_the_first_try),
      RUN(a_first_try_that_is_found_is_merged_and_not_made_again),
      RUN(a_first_try_that_nobody_has_is_made_again), RUN(a_restored_record_goes_to_every_owner),
      RUN(a_retry_is_called_not_written_only_if_every_owner_denies_the_first_try),
      RUN(a_durable_that_overtakes_its_updated_counts),
      RUN(a_coordinator_lost_while_reading_is_not_counted_among_the_r),
      RUN(late_and_stray_replies_change_nothing))
