// Puts that end with the word of one owner: a condition does not hold, the write was purged.
#include "unit/quorum/put_play.h"

TEST(a_condition_that_does_not_hold_is_the_last_word)
{
    play("start                  -> update 0",
         "refused 0 precondition -> answer precondition end");
    play("start retry                                             -> find 0 1 2",
         "found 0 not-found, found 1 not-found, found 2 not-found -> update 0",
         "refused 0 precondition                                  -> answer precondition end");
}

TEST(a_retry_that_missed_an_owner_cannot_say_that_the_condition_failed)
{
    play("start retry                           -> find 0 1 2",
         "found 0 not-found, found 1 not-found  ->",
         "failed 2                              -> wait",
         "waited                                -> update 0",
         "refused 0 precondition                -> answer indeterminate end");
}

// Only owners mint conditional writes: what fallbacks keep comes from one of them.
TEST(owners_that_would_know_of_any_earlier_try_refuse_for_good)
{
    play("start conditional retry                       -> find 0 1 2",
         "sure 0, sure 1, sure 2                        ->",
         "found 0 not-found, found 1 not-found          ->",
         "found 2 not-found                             -> update 0",
         "refused 0 precondition                        -> answer precondition final end");
    play("start conditional retry fallbacks=3,4         -> find 0 1 2 3 4",
         "sure 0, sure 1, sure 2                        ->",
         "found 0 not-found, found 1 not-found          ->",
         "found 2 not-found, found 4 not-found          ->",
         "failed 3                                      -> wait",
         "waited                                        -> update 0",
         "refused 0 precondition                        -> answer precondition final end");
}

TEST(an_owner_that_was_started_since_the_first_try_cannot_refuse_for_good)
{
    play("start conditional retry                       -> find 0 1 2",
         "sure 0, sure 2                                ->",
         "found 0 not-found, found 1 not-found          ->",
         "found 2 not-found                             -> update 0",
         "refused 0 precondition                        -> answer precondition end");
    play("start conditional retry                       -> find 0 1 2",
         "sure 0, sure 1, sure 2                        ->", // but one does not answer
         "found 0 not-found, found 1 not-found          ->",
         "failed 2                                      -> wait",
         "waited                                        -> update 0",
         "refused 0 precondition                        -> answer indeterminate end");
}

TEST(a_repeated_put_that_was_purged_is_written)
{
    play("start retry                           -> find 0 1 2",
         "found 0 not-found                     ->",
         "purged                                -> answer ok end");
    play("start retry                           -> find 0 1 2",
         "found 0 not-found, found 1 not-found  ->",
         "failed 2                              -> wait",
         "purged                                -> answer ok end");
    play("start                                 -> update 0",
         "refused 0 not-kept                    -> answer ok end");
    play("start                                 -> update 0",
         "updated 0                             -> merge 1 2",
         "purged                                ->"); // of another try
}
