// Owners that may not coordinate: their clocks are off.
#include "unit/quorum/put_play.h"

TEST(an_owner_that_is_unable_coordinates_nothing_and_takes_part_in_the_rest)
{
    play("start unable=0 -> update 1", "updated 1 -> merge 0 2",
         "durable 1 ok, merged 0 ok -> answer ok");
}

TEST(where_only_unable_owners_are_left_the_write_is_refused)
{
    play("start unable=0,1,2 -> answer refused end");
    play("start unable=0,1 live=0,1 -> answer refused end");
    play("start unable=0 live=1,2 -> update 1");
}

TEST(a_second_dot_is_asked_of_an_able_owner_if_one_has_told)
{
    play("start validate unable=1 r=3             -> update 0",
         "updated 0                               -> merge 1 2",
         "failed 0, merged 1 ok met, merged 2 ok  -> again 2");
}
