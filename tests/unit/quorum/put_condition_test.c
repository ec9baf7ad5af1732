// A conditional put whose condition does not hold.
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
