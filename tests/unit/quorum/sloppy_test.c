// Puts with fallbacks: who gets a hint for whom, and what hints count for.
#include "unit/quorum/put_play.h"

TEST(an_owner_that_is_down_gets_a_hint_that_counts_for_it)
{
    play("start w=3 live=0,1 fallbacks=3,4 -> update 0",
         "updated 0                        -> merge 1 hint 2@3",
         "durable 0 ok, merged 1 ok        ->",
         "hinted 2@3 ok                    -> answer ok end",
         "tally                            -> tally 3 hints 1");
}

TEST(a_strict_put_leaves_a_hint_and_counts_owners_alone)
{
    play("start strict w=3 live=0,1 fallbacks=3,4 -> answer unavailable end");
    play("start strict live=0,1 fallbacks=3,4     -> update 0",
         "updated 0                               -> merge 1 hint 2@3",
         "hinted 2@3 ok, durable 0 ok             ->",
         "merged 1 ok                             -> answer ok end",
         "tally                                   -> tally 2 hints 0");
    play("start strict live=0,1 fallbacks=3,4     -> update 0",
         "updated 0                               -> merge 1 hint 2@3",
         "hinted 2@3 ok, durable 0 ok             ->",
         "merged 1 io                             -> hint 1@4 answer indeterminate");
}

TEST(each_owner_has_a_fallback_of_its_own)
{
    play("start n=5 w=3 live=0 fallbacks=5,6,7,8 -> update 0",
         "updated 0                              -> hint 1@5 2@6 3@7 4@8",
         "hinted 4@8 ok, hinted 1@5 ok           ->",
         "durable 0 ok                           -> answer ok");
}

TEST(a_fallback_in_the_datacenter_of_the_owner_comes_first)
{
    play("start live=0 fallbacks=3,4,5 near=4    -> update 0", "updated 0 -> hint 1@3 2@4");
    play("start live=0,1 fallbacks=3,4,5 near=4  -> update 0",
         "updated 0                              -> merge 1 hint 2@4",
         "hinted 2@4 disk-full                   -> hint 2@3");
}

TEST(one_fallback_counts_once_however_many_hints_it_keeps)
{
    play("start w=3 live=0 fallbacks=3 -> answer unavailable end");
    play("start live=0 fallbacks=3     -> update 0",
         "updated 0                    -> hint 1@3 2@3",
         "hinted 1@3 ok, hinted 2@3 ok ->",
         "tally                        -> tally 1 hints 1",
         "durable 0 ok                 -> answer ok end");
}

TEST(an_owner_and_a_hint_for_it_are_one)
{
    play("start live=0,1 fallbacks=3    -> update 0",
         "updated 0                     -> merge 1 hint 2@3",
         "late                          -> hint 0@3 1@3",
         "merged 1 ok, hinted 1@3 ok    ->",
         "tally                         -> tally 1 hints 0",
         "hinted 2@3 ok                 -> answer ok");
}

TEST(an_owner_that_fails_later_gets_one_too)
{
    play("start w=3                             -> update 0",
         "fallbacks fallbacks=3,4, updated 0    -> merge 1 2",
         "failed 1                              -> hint 1@3",
         "merged 2 disk-full                    -> hint 2@4",
         "durable 0 ok, hinted 2@4 ok           ->",
         "hinted 1@3 ok                         -> answer ok end");
    play("start w=1                             -> update 0",
         "updated 0                             -> merge 1 2",
         "durable 0 ok                          -> answer ok",
         "fallbacks fallbacks=3,4, merged 2 ok  ->",
         "failed 1                              -> hint 1@3", // after the answer
         "hinted 1@3 ok                         -> end");
    play("start w=1                             -> update 0",
         "fallbacks fallbacks=3,4, updated 0    -> merge 1 2",
         "durable 0 io                          -> hint 0@3", // the coordinator's, too
         "merged 1 ok                           -> answer ok");
}

TEST(an_owner_that_will_never_keep_it_gets_none)
{
    play("start w=3                             -> update 0",
         "fallbacks fallbacks=3,4, updated 0    -> merge 1 2",
         "durable 0 ok, merged 1 ok             ->",
         "merged 2 not-kept                     -> answer indeterminate end");
    play("start                                 -> update 0",
         "fallbacks fallbacks=3,4, updated 0    -> merge 1 2",
         "late                                  -> hint 0@3 1@4 2@3",
         "hinted 2@3 ok                         ->",
         "merged 2 not-kept                     ->", // the hint counts no more
         "durable 0 ok                          ->",
         "hinted 1@4 ok                         -> answer ok");
    play("start live=1,2 w=2 fallbacks=3,4      -> update 1",
         "updated 1                             -> merge 2 hint 0@3",
         "merged 2 not-kept                     ->",
         "durable 1 ok                          ->",
         "hinted 0@3 ok                         -> answer ok end");
}

TEST(an_owner_that_is_late_gets_one_and_still_counts_by_itself)
{
    play("start                              -> update 0",
         "fallbacks fallbacks=3,4, updated 0 -> merge 1 2",
         "durable 0 ok                       ->",
         "late                               -> hint 1@3 2@4",
         "late                               ->", // once
         "hinted 2@4 ok                      -> answer ok",
         "merged 1 ok, hinted 1@3 ok         ->",
         "merged 2 ok                        -> end");
}

TEST(a_fallback_that_refuses_or_fails_is_followed_by_the_next)
{
    play("start live=0,1 fallbacks=3,4,5 -> update 0",
         "updated 0                      -> merge 1 hint 2@3",
         "hinted 2@3 disk-full           -> hint 2@4",
         "failed 4                       -> hint 2@5",
         "failed 5, durable 0 ok         ->",
         "merged 1 ok                    -> answer ok end");
    play("start w=3 live=0,1 fallbacks=3 -> update 0",
         "updated 0                      -> merge 1 hint 2@3",
         "hinted 2@3 disk-full           -> answer indeterminate");
}

TEST(fallbacks_that_are_not_there_are_not_asked)
{
    play("start live=0,1 fallbacks=3,4 holders=4 -> update 0", "updated 0 -> merge 1 hint 2@4");
}

TEST(a_hint_that_was_not_asked_for_or_comes_twice_changes_nothing)
{
    play("start w=3 live=0,1 fallbacks=3,4   -> update 0",
         "hinted 2@3 ok, updated 0           -> merge 1 hint 2@3",
         "hinted 1@3 ok, hinted 2@4 ok       ->",
         "hinted 2@3 ok, hinted 2@3 disk-full ->",
         "merged 1 ok, durable 0 ok          -> answer ok end");
}

// ---- no owner --------------------------------------------------------------------------

TEST(where_no_owner_can_be_reached_a_fallback_mints_and_others_keep_one_each)
{
    play("start live= fallbacks=3,4,5 -> update 3",
         "updated 3                   -> hint 0@4", // W-1 nodes more
         "durable 3 ok                ->",
         "tally                       -> tally 1 hints 1",
         "hinted 0@4 ok               -> answer ok end",
         "tally                       -> tally 2 hints 2");
    play("start w=3 live= fallbacks=3,4,5 -> update 3",
         "updated 3                       -> hint 0@4 1@5",
         "hinted 1@5 ok, durable 3 ok     ->",
         "hinted 0@4 ok                   -> answer ok end");
    play("start live= fallbacks=3        -> answer unavailable end");
    play("start strict live= fallbacks=3,4 -> answer unavailable end");
}

TEST(a_fallback_does_not_judge_a_condition)
{
    play("start conditional live= fallbacks=3,4  -> answer unavailable end");
    play("start conditional live=0 fallbacks=3,4 -> update 0",
         "updated 0                              -> hint 1@3 2@4", // but keeps what was minted
         "hinted 2@4 ok                          ->",
         "durable 0 ok                           -> answer ok");
}

TEST(a_durable_of_a_fallback_that_overtakes_counts)
{
    play("start live= fallbacks=3,4 -> update 3",
         "durable 3 ok, updated 3   -> hint 0@4",
         "hinted 0@4 ok             -> answer ok end");
}

TEST(a_fallback_that_does_not_keep_what_it_minted_counts_for_nothing)
{
    play("start live= fallbacks=3,4 -> update 3",
         "updated 3                 -> hint 0@4",
         "durable 3 disk-full       -> hint 1@4 2@4 answer indeterminate",
         "hinted 0@4 ok             ->");
}

TEST(a_fallback_mints_too_where_every_owner_is_full_but_not_where_it_refused_the_write)
{
    play("start live=0 fallbacks=3,4 -> update 0",
         "refused 0 disk-full        -> update 3",
         "updated 3                  -> merge 0",
         "merged 0 disk-full         -> hint 0@4",
         "durable 3 ok               ->",
         "hinted 0@4 ok              -> answer ok end");
    play("start live=0 fallbacks=3,4 -> update 0", "refused 0 stale -> answer stale end");
    play("start live=0 fallbacks=3,4 -> update 0", "refused 0 too-large -> answer too-large end");
    play("start live= fallbacks=3,4,5 -> update 3",
         "refused 3 disk-full         -> update 4",
         "refused 4 disk-full         -> answer unavailable end"); // one node is not W
}

TEST(a_fallback_that_is_lost_while_it_mints_leaves_the_write_indeterminate)
{
    play("start live= fallbacks=3,4 -> update 3", "failed 3 -> answer indeterminate end");
}

// ---- validation ------------------------------------------------------------------------

TEST(a_fallback_tells_for_the_owner_of_its_hint)
{
    play("start validate live=0 fallbacks=3,4 -> update 0",
         "updated 0                           -> hint 1@3 2@4",
         "durable 0 ok                        ->",
         "hinted 2@4 ok met                   -> again 0",
         "updated 0                           -> hint 1@3 2@4", // with the second record
         "durable 0 ok                        ->",
         "hinted 1@3 ok met                   -> answer ok");
    play("start validate strict r=1 w=1 live=0 fallbacks=3,4 -> update 0",
         "updated 0                           -> hint 1@3 2@4",
         "hinted 2@4 ok met                   ->", // owners alone
         "durable 0 ok                        -> answer ok");
}

TEST(an_owner_that_is_late_tells_by_itself_until_it_cannot_be_reached)
{
    play("start validate                     -> update 0",
         "fallbacks fallbacks=3,4, updated 0 -> merge 1 2",
         "durable 0 ok                       ->",
         "late                               -> hint 1@3 2@4",
         "hinted 1@3 ok, hinted 2@4 ok       ->", // W is met
         "failed 1                           -> answer ok");
    play("start validate                     -> update 0",
         "fallbacks fallbacks=3,4, updated 0 -> merge 1 2",
         "durable 0 ok                       ->",
         "late                               -> hint 1@3 2@4",
         "hinted 1@3 ok                      ->",
         "merged 2 ok met                    -> again 0");
}

TEST(one_fallback_tells_for_one_owner)
{
    play("start validate w=1 r=3 live=0 fallbacks=3,4 -> update 0",
         "updated 0                           -> hint 1@3 2@4",
         "hinted 1@3 ok, durable 0 ok         ->",
         "hinted 2@4 ok                       -> answer ok end");
    play("start validate w=1 r=3 live=0 fallbacks=3 -> update 0",
         "updated 0                           -> hint 1@3 2@3",
         "durable 0 ok, hinted 1@3 ok         ->",
         "hinted 2@3 ok                       -> answer ok end"); // all that there are have told
}

TEST(a_fallback_that_coordinates_mints_again_as_well)
{
    play("start validate live= fallbacks=3,4 -> update 3",
         "updated 3                          -> hint 0@4",
         "durable 3 ok                       ->",
         "hinted 0@4 ok met                  -> again 3",
         "updated 3                          -> hint 0@4",
         "durable 3 ok, hinted 0@4 ok met    -> answer ok end");
    play("start validate live= fallbacks=3,4 -> update 3",
         "updated 3 met                      -> hint 0@4",
         "hinted 0@4 ok                      -> again 3");
}

TEST(a_fallback_that_keeps_the_record_mints_again_if_nobody_else_is_left)
{
    play("start validate n=1 w=1 r=1 fallbacks=1,2 -> update 0",
         "updated 0                                -> ",
         "failed 0                                 -> hint 0@1",
         "hinted 0@1 ok met                        -> again 1");
    play("start validate live=0 fallbacks=3,4      -> update 0",
         "updated 0                                -> hint 1@3 2@4",
         "failed 0                                 -> hint 0@3",
         "hinted 1@3 ok                            ->",
         "hinted 2@4 ok met                        -> again 3");
}

// ---- one try at a time -----------------------------------------------------------------

TEST(a_retry_asks_fallbacks_as_well_unless_it_is_strict)
{
    play("start retry fallbacks=3,4                             -> find 0 1 2 3 4",
         "found 0 not-found, found 1 not-found, found 2 not-found ->",
         "found 4 not-found, found 3 not-found                   -> update 0");
    play("start retry strict fallbacks=3,4                      -> find 0 1 2",
         "found 3 ok                                             ->",
         "found 0 not-found, found 1 not-found, found 2 not-found -> update 0");
}

TEST(what_a_fallback_has_of_a_first_try_is_merged)
{
    play("start retry live=0,1 fallbacks=3,4 -> find 0 1 3 4",
         "found 0 not-found                  ->",
         "found 4 ok                         -> merge 0 1 hint 2@3",
         "merged 0 ok                        ->",
         "merged 1 ok                        -> answer ok");
}

TEST(a_retry_waits_if_a_fallback_that_may_have_minted_does_not_answer)
{
    play("start retry fallbacks=3,4 holders=3                   -> find 0 1 2 3",
         "found 0 not-found, found 1 not-found, found 2 not-found ->",
         "found 3 not-found                                      -> wait",
         "waited                                                 -> update 0");
    play("start retry fallbacks=3                               -> find 0 1 2 3",
         "found 0 not-found, found 1 not-found, found 2 not-found ->",
         "failed 3                                               -> wait");
}

TEST(a_retry_without_owners_is_minted_by_a_fallback_that_was_fenced)
{
    play("start retry live= fallbacks=3,4 -> find 3 4",
         "found 3 busy                    ->",
         "found 4 not-found               -> wait",
         "waited                          -> update 4");
}

TEST(a_restored_record_is_kept_for_owners_that_are_down)
{
    play("start restored live=2 fallbacks=3,4 -> merge 2 hint 0@3 1@4",
         "hinted 1@4 ok                       ->",
         "merged 2 ok                         -> answer ok");
}
