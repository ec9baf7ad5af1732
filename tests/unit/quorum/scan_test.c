// What is fed to a scan, and what it does about it:
//
//     start                ask 0 1
//     replied OWNER        join
//     failed OWNER         answer STATUS
//     deadline
#include "quorum/scan.h"

#include "unit/quorum/play.h"

static struct scan scan;

static struct scan_step start(struct play *play)
{
    uint8_t n = play_number(play, "n=", 3);
    struct needs r = play_needs(play, "r=", n);
    return scan_start(&scan, n, &r, play_live(play, n));
}

static void say(struct play *play, struct scan_step step)
{
    play_say_set(play, "ask", step.ask);
    if (step.join)
        play_say(play, "join");
    if (step.answer)
        play_say_answer(play, step.status);
}

static void feed(struct play *play)
{
    if (play_is(play, "start"))
        say(play, start(play));
    else if (play_is(play, "replied"))
        say(play, scan_on_reply(&scan, play_owner(play)));
    else if (play_is(play, "failed"))
        say(play, scan_on_failed(&scan, play_owner(play)));
    else if (play_is(play, "deadline"))
        say(play, scan_on_deadline(&scan));
}

TEST(the_first_r_live_owners_are_asked)
{
    play("start -> ask 0 1");
    play("start live=1,2 -> ask 1 2");
    play("start r=1 -> ask 0");
    play("start r=3 -> ask 0 1 2");
}

TEST(fewer_than_r_live_owners_are_too_few)
{
    play("start live=2 -> answer unavailable");
    play("start r=3 live=0,1 -> answer unavailable");
}

TEST(when_all_that_were_asked_have_replied_their_pages_are_joined)
{
    play("start     -> ask 0 1",
         "replied 1 ->",
         "replied 0 -> join");
    play("start r=1 -> ask 0",
         "replied 0 -> join");
}

TEST(r_of_each_datacenter_are_asked)
{
    play("start n=6 r=2of0,1,2+2of3,4,5              -> ask 0 1 3 4",
         "replied 0, replied 1, replied 3            ->",
         "replied 4                                  -> join");
    play("start n=6 r=2of0,1,2+2of3,4,5 live=0,1,2,3 -> answer unavailable");
}

TEST(an_owner_that_fails_is_replaced_in_its_own_datacenter)
{
    play("start n=6 r=2of0,1,2+2of3,4,5 -> ask 0 1 3 4",
         "failed 3                      -> ask 5",
         "failed 5                      -> answer unavailable");
}

TEST(owners_that_do_not_count_are_not_asked)
{
    play("start n=4 r=2of1,3 -> ask 1 3",
         "failed 0           ->",
         "replied 1          ->",
         "replied 3          -> join");
}

TEST(while_a_shard_moves_r_of_the_old_and_of_the_new_owners_are_asked)
{
    play("start n=4 r=2of0,1,2+2of1,2,3 -> ask 0 1 2",
         "replied 0, replied 2          ->",
         "failed 1                      -> ask 3",
         "replied 3                     -> join");
    play("start n=4 r=2of0,1,2+2of1,2,3 -> ask 0 1 2",
         "replied 1, replied 2          ->", // they would do, but who was asked is waited for
         "replied 0                     -> join");
}

TEST(an_owner_that_counted_for_two_sets_is_replaced_in_both)
{
    play("start r=1of0,1+1of0,2 -> ask 0",
         "failed 0              -> ask 1 2",
         "replied 1             ->",
         "replied 2             -> join");
}

TEST(the_pages_are_joined_when_an_owner_fails_and_the_others_are_enough)
{
    play("start n=4 r=2of0,1,2+2of1,2,3 -> ask 0 1 2",
         "replied 1, replied 2          ->",
         "failed 0                      -> join");
    play("start n=4 r=2of0,1,2+2of1,2,3 -> ask 0 1 2",
         "failed 0, replied 1           ->",
         "replied 2                     -> join");
}

TEST(a_failed_owner_is_replaced_by_the_next)
{
    play("start     -> ask 0 1",
         "failed 0  -> ask 2",
         "replied 2 ->",
         "replied 1 -> join");
    play("start n=4 -> ask 0 1",
         "failed 0  -> ask 2",
         "failed 1  -> ask 3",
         "replied 3 ->",
         "replied 2 -> join");
    play("start     -> ask 0 1",
         "replied 0 ->",
         "failed 1  -> ask 2",
         "replied 2 -> join");
}

TEST(when_nobody_is_left_to_replace_it_too_few_can_be_reached)
{
    play("start     -> ask 0 1",
         "failed 0  -> ask 2",
         "failed 1  -> answer unavailable");
    play("start     -> ask 0 1",
         "replied 0 ->",
         "failed 1  -> ask 2",
         "failed 2  -> answer unavailable");
}

TEST(an_owner_that_fails_without_being_asked_is_not_asked_later)
{
    play("start n=4 -> ask 0 1",
         "failed 2  ->",
         "failed 1  -> ask 3");
    play("start     -> ask 0 1",
         "failed 2  ->",
         "failed 0  -> answer unavailable");
}

TEST(an_owner_that_fails_after_its_reply_has_replied)
{
    play("start               -> ask 0 1",
         "replied 0           ->",
         "failed 0            ->",
         "replied 1           -> join");
    play("start               -> ask 0 1",
         "replied 0, failed 0 ->",
         "failed 1            -> ask 2",
         "replied 2           -> join");
}

TEST(a_reply_that_comes_twice_counts_once)
{
    play("start     -> ask 0 1",
         "replied 0 ->",
         "replied 0 ->",
         "replied 1 -> join");
}

TEST(an_owner_that_was_given_up_or_never_asked_counts_no_more)
{
    play("start     -> ask 0 1",
         "replied 2 ->",
         "failed 0  -> ask 2",
         "replied 0 ->",
         "replied 1 ->",
         "replied 2 -> join");
}

TEST(an_owner_that_fails_twice_is_replaced_once)
{
    play("start n=4 -> ask 0 1",
         "failed 0  -> ask 2",
         "failed 0  ->");
}

TEST(the_deadline_ends_it_and_what_comes_then_is_late)
{
    play("start     -> ask 0 1",
         "replied 0 ->",
         "deadline  -> answer timeout",
         "replied 1 ->",
         "failed 1  ->");
}
