#include "unit/quorum/put_play.h"

TEST(the_first_live_owner_coordinates)
{
    play("start -> update 0");
    play("start live=1,2 -> update 1");
}

TEST(what_was_minted_goes_to_all_other_live_owners)
{
    play("start -> update 0", "updated 0 -> merge 1 2");
    play("start live=0,1 -> update 0", "updated 0 -> merge 1");
    play("start -> update 0", "failed 2, updated 0 -> merge 1");
}

TEST(only_the_coordinators_word_on_the_update_is_awaited)
{
    play("start live=1,2 -> update 1",
         "awaits 0       -> no",
         "awaits 1       -> yes",
         "updated 2      ->",
         "updated 1      -> merge 2",
         "awaits 1       -> no",
         "updated 1      ->");
}

TEST(w_durable_acknowledgements_make_it_written)
{
    play("start       -> update 0",
         "updated 0   -> merge 1 2",
         "merged 2 ok ->",
         "merged 1 ok -> answer ok");
}

TEST(the_coordinators_own_acknowledgement_counts_like_any_other)
{
    play(MERGING,
         "durable 0 ok, merged 2 ok -> answer ok");
    play(MERGING,
         "durable 0 io              ->", // and is missed like any other
         "merged 2 ok, merged 1 ok  -> answer ok end");
}

TEST(a_second_acknowledgement_of_one_owner_does_not_count)
{
    play(MERGING,
         "merged 1 ok  ->",
         "merged 1 ok  ->",
         "merged 1 ok  ->");
    play(MERGING,
         "durable 0 ok ->",
         "durable 0 ok ->");
}

TEST(w_of_two_sets_of_owners_are_w_of_each)
{
    play("start n=5 w=2of0,1,2+2of2,3,4                       -> update 0",
         "updated 0                                           -> merge 1 2 3 4",
         "durable 0 ok, merged 1 ok, merged 3 ok, merged 4 ok -> answer ok");
    play("start n=5 w=2of0,1,2+2of2,3,4                       -> update 0",
         "updated 0                                           -> merge 1 2 3 4",
         "merged 3 busy, merged 4 busy                        -> answer indeterminate");
    play("start n=5 w=2of0,1,2+2of2,3,4 live=0,1,2            -> answer unavailable end");
}

TEST(w_equal_one_is_the_coordinator_or_anybody)
{
    play("start w=1                -> update 0",
         "updated 0                -> merge 1 2",
         "durable 0 ok             -> answer ok",
         "merged 1 ok, merged 2 ok -> end");
    play("start w=1 live=2         -> update 2",
         "updated 2, durable 2 ok  -> answer ok end");
}

TEST(after_the_answer_it_waits_for_the_rest)
{
    play(MERGING,
         "durable 0 ok, merged 1 ok -> answer ok",
         "merged 2 ok               -> end");
    play(MERGING,
         "durable 0 ok, merged 1 ok -> answer ok",
         "failed 2                  -> end");
}

TEST(it_is_answered_once)
{
    play(MERGING,
         "durable 0 ok, merged 1 ok -> answer ok",
         "deadline                  -> end");
    play("start w=3                 -> update 0",
         "updated 0                 -> merge 1 2",
         "merged 1 busy             -> answer indeterminate",
         "durable 0 ok, deadline    -> end");
}

TEST(too_few_live_owners_mean_that_nothing_was_written)
{
    play("start live=2 -> answer unavailable end");
    play("start restored live=2 -> answer unavailable end");
}

TEST(a_coordinator_that_is_lost_leaves_the_write_indeterminate)
{
    play("start    -> update 0",
         // There is no second coordinator: the first may have minted.
         "failed 0 -> answer indeterminate end");
}

TEST(an_explicit_refusal_sends_it_to_the_next_owner)
{
    play("start -> update 0", "refused 0 disk-full -> update 1");
    play("start -> update 0", "failed 1, refused 0 disk-full -> update 2");
}

TEST(a_refusal_by_every_owner_is_the_answer)
{
    play("start               -> update 0",
         "refused 0 disk-full -> update 1",
         "refused 1 disk-full -> update 2",
         "refused 2 disk-full -> answer disk-full end");
}

TEST(an_owner_that_cannot_read_its_disk_is_one_that_is_not_there)
{
    play("start             -> update 0",
         "refused 0 io      -> update 1",
         "refused 1 io      -> update 2",
         "refused 2 io      -> answer unavailable end");
    play("start             -> update 0",
         "refused 0 corrupt -> update 1",
         "refused 1 corrupt -> update 2",
         "refused 2 corrupt -> answer unavailable end");
}

TEST(a_refusal_that_all_would_repeat_is_the_answer_at_once)
{
    play("start -> update 0", "refused 0 sibling-cap -> answer sibling-cap end");
    play("start -> update 0", "refused 0 too-large -> answer too-large end");
    play("start -> update 0", "refused 0 invalid -> answer invalid end");
    play("start -> update 0", "refused 0 refused -> answer refused end");
}

TEST(an_owner_that_has_another_ring_is_not_the_last_word)
{
    play("start -> update 0", "refused 0 stale -> update 1");
    play("start -> update 0", "refused 0 stale -> update 1", "refused 1 stale -> update 2",
         "refused 2 stale -> answer stale end");
}

TEST(w_out_of_reach_is_indeterminate_at_once)
{
    play(MERGING,
         "failed 1, merged 2 busy -> answer indeterminate",
         "durable 0 ok            -> end");
}

TEST(a_deadline_is_never_called_a_failure_once_an_update_has_left)
{
    play("start -> update 0", "deadline -> answer indeterminate end");
    play(MERGING, "deadline -> answer indeterminate end");
}

TEST(a_restored_record_goes_to_every_owner)
{
    play("start restored             -> merge 0 1 2",
         "merged 2 ok, durable 0 ok  -> answer ok");
    play("start restored live=0,2    -> merge 0 2",
         "merged 2 ok, merged 0 busy -> answer indeterminate end");
    play("start restored             -> merge 0 1 2",
         "deadline                   -> answer indeterminate end");
}

TEST(a_durable_that_overtakes_its_updated_counts)
{
    play("start        -> update 0",
         "durable 0 ok ->",
         "updated 0    -> merge 1 2",
         "merged 2 ok  -> answer ok",
         "merged 1 ok  -> end"); // it is not waited for again
}

TEST(only_the_coordinators_durable_can_overtake)
{
    play("start                                 -> update 0",
         "durable 1 ok, durable 0 io, updated 0 -> merge 1 2",
         "merged 2 ok                           ->");
    play("start                                 -> update 0",
         "durable 1 ok, refused 0 busy          -> update 1", // it had nothing yet
         "updated 1                             -> merge 0 2",
         "merged 2 ok                           ->");
}

TEST(late_and_stray_replies_change_nothing)
{
    play("start               -> update 0",
         "merged 1 ok         ->",
         "found 1 ok          ->",
         "waited              ->",
         "updated 0           -> merge 1 2",
         "refused 0 disk-full ->",
         "found 1 ok          ->",
         "waited              ->",
         "merged 1 ok         ->",
         "merged 2 ok         -> answer ok");
}

TEST(what_comes_after_the_end_changes_nothing)
{
    play("start          -> update 0",
         "failed 0       -> answer indeterminate end",
         "updated 0      ->",
         "durable 0 ok   ->",
         "merged 1 ok    ->",
         "refused 0 busy ->",
         "found 1 ok     ->",
         "failed 1       ->");
}

// ---- validation ------------------------------------------------------------------------

TEST(a_blind_write_that_met_nothing_is_written_with_w)
{
    play(MERGING_BLIND, "durable 0 ok, merged 2 ok -> answer ok");
}

TEST(a_blind_write_waits_for_r_that_tell)
{
    play("start validate w=1 -> update 0",
         "updated 0          -> merge 1 2",
         "durable 0 ok       ->", // W = 1 are there
         "merged 1 ok        -> answer ok");
}

TEST(r_of_two_sets_of_owners_tell_before_a_blind_write_is_answered)
{
    play("start validate n=4 w=1 r=1of0,1+1of2,3 -> update 0",
         "updated 0                              -> merge 1 2 3",
         "durable 0 ok, merged 1 ok, merged 3 ok -> answer ok");
}

TEST(fewer_tell_if_no_more_can_be_reached_but_not_when_it_is_strict)
{
    play("start validate w=1               -> update 0",
         "updated 0                        -> merge 1 2",
         "durable 0 ok, failed 1, failed 2 -> answer ok end");
    play("start validate strict w=1        -> update 0",
         "updated 0                        -> merge 1 2",
         "durable 0 ok, failed 1, failed 2 -> answer indeterminate end");
}

TEST(a_strict_write_needs_r_that_are_there_before_it_begins)
{
    play("start validate strict w=1 live=1 -> answer unavailable end");
    play("start validate w=1 live=1        -> update 1");
    play("start strict w=1 live=1          -> update 1"); // with a context nobody has to tell
}

TEST(a_blind_write_that_met_others_gets_a_second_dot_before_the_answer)
{
    play(MERGING_BLIND,
         "durable 0 ok    ->",
         "merged 1 ok met -> again 0",
         // W is counted anew, and what the second record meets is let stand.
         "updated 0       -> merge 1 2",
         "durable 0 ok    ->",
         "merged 2 ok met -> answer ok",
         "merged 1 ok met -> end");
}

TEST(what_the_coordinators_own_record_met_counts_as_well)
{
    play("start validate -> update 0",
         "updated 0 met  -> merge 1 2",
         "merged 1 ok    -> again 0");
}

TEST(all_r_are_heard_before_the_second_dot)
{
    play("start validate n=5 w=3 r=3 -> update 0",
         "updated 0                  -> merge 1 2 3 4",
         "merged 1 ok met            ->",
         "merged 4 ok                -> again 0");
}

TEST(all_w_are_heard_before_the_second_dot_as_well)
{
    play("start validate w=3 -> update 0",
         "updated 0 met      -> merge 1 2",
         "merged 1 ok met    ->", // R has told
         "merged 2 ok        -> again 0");
}

TEST(an_owner_that_cannot_take_the_record_tells_nevertheless)
{
    play(MERGING_BLIND,
         "merged 1 too-large met           -> again 0");
    play("start validate w=1               -> update 0",
         "updated 0                        -> merge 1 2",
         "durable 0 ok, merged 1 too-large ->", // unless it says nothing of what it holds
         "merged 2 ok                      -> answer ok end");
}

TEST(what_was_superseded_somewhere_gets_no_second_dot)
{
    play(MERGING_BLIND,
         "durable 0 ok, merged 1 ok superseded                  -> answer ok");
    play("start validate w=3 r=3                                -> update 0",
         "updated 0                                             -> merge 1 2",
         "merged 1 ok met, merged 2 ok superseded, durable 0 ok -> answer ok end");
    play("start validate w=1                                    -> update 0",
         "updated 0 superseded                                  -> merge 1 2",
         "durable 0 ok                                          -> answer ok");
}

TEST(a_second_dot_is_asked_of_who_told_if_the_coordinator_is_gone)
{
    play(MERGING_BLIND,
         "failed 0, merged 1 ok met -> again 1",
         "updated 1                 -> merge 2");
}

TEST(a_first_try_that_is_found_with_others_is_merged_until_r_told_and_gets_a_second_dot)
{
    play("start validate retry -> find 0 1 2",
         "found 1 ok met       -> merge 0 1 2",
         "merged 2 ok          -> again 1");
}

TEST(a_second_dot_that_fails_leaves_the_write_indeterminate)
{
    play(MERGING_BLIND,
         "merged 1 ok met     -> again 0",
         "refused 0 disk-full -> answer indeterminate end");
    play(MERGING_BLIND,
         "merged 1 ok met     -> again 0",
         "failed 0            -> answer indeterminate end");
    play(MERGING_BLIND,
         "merged 1 ok met     -> again 0",
         "deadline            -> answer indeterminate end");
    play(MERGING_BLIND,
         "over                ->", // this try may mint no more
         "merged 1 ok met     -> answer indeterminate end");
}

TEST(a_second_update_that_came_too_late_is_sent_again_as_well)
{
    play(MERGING_BLIND,
         "merged 1 ok met         -> again 0",
         "refused 0 late          -> again 0",
         "durable 0 ok, updated 0 -> merge 1 2",
         "merged 2 ok             -> answer ok");
}

TEST(a_write_with_a_context_is_not_validated)
{
    play(MERGING, "durable 0 ok, merged 1 ok met -> answer ok");
}

// ---- one try at a time -----------------------------------------------------------------

TEST(a_repeated_request_asks_all_live_owners_for_the_first_try)
{
    play("start retry -> find 0 1 2");
    play("start retry live=0,2 -> find 0 2");
}

TEST(a_first_try_that_is_found_is_merged_and_not_made_again)
{
    play("start retry                   -> find 0 1 2",
         "found 2 not-found, found 1 ok -> merge 0 1 2",
         "durable 0 ok, merged 1 ok     -> answer ok");
    play("start retry                   -> find 0 1 2",
         "found 1 ok                    -> merge 0 1 2",
         "found 2 ok                    ->"); // it is the same
}

TEST(a_retry_mints_at_once_when_every_owner_was_fenced)
{
    play("start validate retry                                    -> find 0 1 2",
         "found 2 not-found, found 0 not-found, found 1 not-found -> update 0");
}

TEST(an_owner_that_denies_twice_was_asked_once)
{
    play("start retry                                             -> find 0 1 2",
         "found 2 not-found, found 2 not-found, found 0 not-found ->",
         "found 1 busy                                            -> wait");
}

TEST(a_retry_that_missed_an_owner_waits_and_is_minted_by_one_that_was_fenced)
{
    play("start validate retry                               -> find 0 1 2",
         "found 2 not-found, found 1 not-found, found 0 busy -> wait", // alive, but no answer
         "waited                                             -> update 1",
         "waited                                             ->");
    play("start retry live=1,2                               -> find 1 2",
         "found 1 not-found, found 2 not-found               -> wait", // 0 may obey the try before
         "waited                                             -> update 1");
}

TEST(a_retry_that_nobody_answers_is_indeterminate)
{
    play("start retry                        -> find 0 1 2",
         "found 0 busy, failed 1, found 2 io -> answer indeterminate end");
}

TEST(an_owner_that_was_given_up_and_tells_after_all_is_believed)
{
    play("start validate retry                           -> find 0 1 2",
         "failed 0, found 0 ok                           -> merge 1 2");
    play("start validate retry                           -> find 0 1 2",
         "failed 0, found 1 not-found, found 2 not-found -> wait",
         "found 0 ok                                     -> merge 1 2",
         "waited                                         ->");
}

TEST(what_is_found_after_a_new_dot_was_asked_for_changes_nothing)
{
    play("start retry       -> find 0 1 2",
         "found 0 busy      ->",
         "found 1 not-found ->",
         "found 2 not-found -> wait",
         "waited            -> update 1",
         "found 0 ok        ->",
         "updated 1         -> merge 0 2");
}

TEST(a_retry_is_never_called_not_written)
{
    play("start validate retry                                    -> find 0 1 2",
         "found 0 not-found, found 1 not-found, found 2 not-found -> update 0",
         "refused 0 too-large                                     -> answer indeterminate end");
    play("start retry live=0                                      -> answer indeterminate end");
    play("start retry                                             -> find 0 1 2",
         "deadline                                                -> answer indeterminate end");
    play("start retry                                             -> find 0 1 2",
         "found 0 busy, found 1 not-found, found 2 not-found      -> wait",
         "deadline                                                -> answer indeterminate end");
    play("start retry                                             -> find 0 1 2",
         "found 0 busy, found 1 not-found, found 2 not-found      -> wait",
         "over, waited                                            -> answer indeterminate end");
}

TEST(a_first_try_that_was_superseded_is_merged_and_nothing_is_minted)
{
    play("start validate retry             -> find 0 1 2",
         "found 1 ok superseded            -> merge 0 1 2",
         "merged 0 ok met, merged 1 ok met -> answer ok");
}

TEST(an_update_that_came_too_late_is_sent_again_to_the_same_owner)
{
    play("start                -> update 0",
         "refused 0 late       -> update 0",
         "refused 0 late       -> update 0",
         "refused 0 late       -> update 1",
         "over, refused 1 late -> answer late end");
}

TEST(a_refusal_that_comes_twice_says_nothing_of_the_next_update)
{
    play("start                    -> update 0",
         "refused 0 late attempt=0 -> update 0",
         // The first refusal comes twice; it is not that of the second UPDATE, which may be obeyed.
         "refused 0 late attempt=0 ->",
         "refused 0 late attempt=0 ->",
         "refused 0 late attempt=2 ->", // it was never sent
         "refused 0 busy attempt=1 -> update 1",
         "updated 0                ->", // not the coordinator any more
         "updated 1                -> merge 0 2");
}

TEST(no_update_leaves_when_fewer_than_w_owners_are_left)
{
    play("start                              -> update 0",
         "failed 1, failed 2, refused 0 busy -> answer busy end");
    play("start live=0,1                     -> update 0",
         "failed 1, refused 0 late           -> update 0");
    play("start w=3                          -> update 0",
         // One that would take it is there, but not W.
         "failed 1, refused 0 busy           -> answer unavailable end");
}
