// Owners that may lack what they had known, and what they did not keep.
#include "unit/quorum/put_play.h"

TEST(what_was_not_kept_is_no_acknowledgement)
{
    play(MERGING,
         "durable 0 ok      ->",
         "merged 1 not-kept ->",
         "merged 2 ok       -> answer ok end");
    play(MERGING,
         "durable 0 ok                          ->",
         "merged 1 not-kept, merged 2 not-kept  -> answer indeterminate end");
}

TEST(an_owner_that_did_not_keep_it_has_told_what_it_holds)
{
    play("start validate w=1 r=2 strict -> update 0",
         "updated 0                     -> merge 1 2",
         "durable 0 ok                  ->",
         "merged 1 not-kept             -> answer ok",
         "merged 2 ok                   -> end");
}

TEST(what_a_lost_owner_holds_is_superseded_though_it_counts_as_nobody_that_told)
{
    play("start validate w=2 r=2 strict         -> update 0",
         "updated 0                             -> merge 1 2",
         "durable 0 ok, merged 1 ok lost met    ->",
         "merged 2 ok                           -> again 0");
}

TEST(a_lost_owner_acknowledges_and_counts_as_nobody_that_told)
{
    play("start validate w=2 r=2 strict -> update 0",
         "updated 0                     -> merge 1 2",
         "durable 0 ok, merged 1 ok lost ->", // W is met, but only the coordinator has told
         "merged 2 ok                   -> answer ok end");
    play("start validate w=2 r=2 strict -> update 0",
         "updated 0 lost                -> merge 1 2",
         "durable 0 ok, merged 1 ok     ->",
         "merged 2 ok met               -> again 1"); // it does not count as one that has told
    play("start validate w=2 r=2 strict      -> update 0",
         "updated 0 lost                     -> merge 1 2",
         "durable 0 ok                       ->",
         "merged 1 ok lost                   -> answer indeterminate",
         "merged 2 ok                        -> end");
}
