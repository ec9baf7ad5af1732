// What is fed to a get, and what it does about it:
//
//     start [order=0,1,2]                   fetch 0         (the record)
//     record OWNER                          head 1 2
//     head OWNER                            compare
//     compared [ahead 0 1] [behind 2]       answer STATUS
//     failed TARGET [holders=3,4]           repair 2
//     hedge                                 hold 1 2        (repair, and acknowledge)
//     deadline                              end
//     held OWNER
//     refused OWNER
//     count: how many replies count
//
// `start monotonic` begins a read that no later one may fall behind. `order` lists the owners from
// the nearest to the farthest, `holders` the fallbacks (from n on).
#include "quorum/get.h"

#include "unit/quorum/play.h"

static struct get get;

static target_set holders(struct play *play)
{
    const char *text = play_take(play, "holders=");
    return targets(text ? text : "");
}

static struct get_step failed(struct play *play)
{
    uint8_t target = play_owner(play);
    return get_on_failed(&get, target, holders(play));
}

static struct get_step start(struct play *play)
{
    uint8_t n = play_number(play, "n=", 3);
    struct needs r = play_needs(play, "r=", n);
    target_set live = play_live(play, n);
    const char *text = play_take(play, "order=");
    uint8_t order[RING_OWNERS_MAX];
    for (uint8_t i = 0; i < n; i++)
        order[i] = text ? (uint8_t)(text[(size_t)2 * i] - '0') : i;
    bool monotonic = play_has(play, "monotonic");
    struct get_step step = get_start(&get, n, &r, live, holders(play), order);
    get.monotonic = monotonic;
    return step;
}

static struct get_comparison comparison(struct play *play)
{
    struct get_comparison comparison = {0};
    if (play_is(play, "ahead"))
        comparison.ahead = play_owners(play);
    if (play_is(play, "behind"))
        comparison.behind = play_owners(play);
    return comparison;
}

static void say(struct play *play, struct get_step step)
{
    play_say_set(play, "fetch", step.fetch);
    play_say_set(play, "head", step.head);
    if (step.compare)
        play_say(play, "compare");
    if (step.answer)
        play_say_answer(play, step.status);
    play_say_set(play, step.holds ? "hold" : "repair", step.repair);
    if (step.ended)
        play_say(play, "end");
}

static void feed(struct play *play)
{
    if (play_is(play, "start"))
        say(play, start(play));
    else if (play_is(play, "record"))
        say(play, get_on_reply(&get, play_owner(play), true));
    else if (play_is(play, "head"))
        say(play, get_on_reply(&get, play_owner(play), false));
    else if (play_is(play, "compared"))
        say(play, get_on_compared(&get, comparison(play)));
    else if (play_is(play, "failed"))
        say(play, failed(play));
    else if (play_is(play, "hedge"))
        say(play, get_on_hedge(&get));
    else if (play_is(play, "count"))
        play_say_set(play, "count", target_bit(get_count(&get)));
    else if (play_is(play, "deadline"))
        say(play, get_on_deadline(&get));
    else if (play_is(play, "held"))
        say(play, get_on_held(&get, play_owner(play), true));
    else if (play_is(play, "refused"))
        say(play, get_on_held(&get, play_owner(play), false));
}

TEST(the_nearest_owner_gives_the_record_and_the_others_a_head)
{
    play("start order=1,0,2 -> fetch 1 head 0");
    play("start order=2,1,0 r=3 -> fetch 2 head 0 1");
}

TEST(owners_that_are_down_are_not_asked)
{
    play("start order=1,0,2 live=0,2 -> fetch 0 head 2");
}

TEST(fewer_than_r_live_owners_are_too_few)
{
    play("start live=2 -> answer unavailable end");
    play("start r=1 live=2 -> fetch 2");
}

TEST(r_equal_replies_are_the_answer)
{
    play("start order=1,0,2 -> fetch 1 head 0",
         "head 0            ->",
         "record 1          -> compare",
         "compared          -> answer ok end");
    play("start r=1         -> fetch 0",
         "record 0          -> compare",
         "compared          -> answer ok end");
}

TEST(r_of_each_datacenter_reply)
{
    play("start n=4 r=1of0,1+1of2,3 -> fetch 0 head 2",
         "record 0                  ->",
         "failed 2                  -> fetch 3", // the other one there
         "record 3                  -> compare");
    play("start n=4 r=1of0,1+1of2,3 -> fetch 0 head 2",
         "failed 1, failed 3        ->",
         "failed 2                  -> answer unavailable end");
}

TEST(owners_that_do_not_count_are_not_asked)
{
    play("start n=4 r=2of2,3 -> fetch 2 head 3");
}

TEST(while_a_shard_moves_r_of_the_old_and_of_the_new_owners_reply)
{
    play("start n=4 r=2of0,1,2+2of1,2,3 -> fetch 0 head 1 2",
         "record 0, head 1              ->",
         "head 2                        -> compare");
}

TEST(what_a_head_names_and_no_record_has_is_fetched)
{
    play("start order=1,0,2 -> fetch 1 head 0",
         "record 1          ->",
         "head 0            -> compare",
         "compared ahead 0  -> fetch 0",
         "record 0          -> compare",
         "compared          -> answer ok end");
}

TEST(it_is_compared_again_when_all_records_are_there_that_heads_named)
{
    play("start n=5 r=5                    -> fetch 0 head 1 2 3 4",
         "record 0, head 1, head 2, head 3 ->",
         "head 4                           -> compare",
         "compared ahead 1 3               -> fetch 1 3",
         "record 3                         ->",
         "record 1                         -> compare",
         "compared ahead 2                 -> fetch 2",
         "record 2                         -> compare",
         "compared                         -> answer ok end");
}

TEST(whoever_lacks_some_of_the_answer_is_repaired)
{
    play("start r=3                   -> fetch 0 head 1 2",
         "record 0, head 1            ->",
         "head 2                      -> compare",
         "compared ahead 1 behind 0 2 -> fetch 1", // not yet
         "record 1                    -> compare",
         "compared behind 0 2         -> answer ok repair 0 2 end");
    play("start                       -> fetch 0 head 1",
         "record 0                    ->",
         "head 1                      -> compare",
         "compared behind 1 2         -> answer ok repair 1 end"); // 2 has not replied
}

TEST(a_failed_owner_is_replaced_by_the_next)
{
    play("start order=1,0,2 -> fetch 1 head 0",
         "failed 0          -> fetch 2",
         "record 2          ->",
         "record 1          -> compare");
}

TEST(an_owner_that_fails_without_being_asked_is_not_asked_later)
{
    play("start n=4 -> fetch 0 head 1",
         "failed 2  ->",
         "failed 1  -> fetch 3");
}

TEST(an_owner_that_fails_after_its_reply_has_replied)
{
    play("start    -> fetch 0 head 1",
         "record 0 ->",
         "failed 0 ->",
         "head 1   -> compare");
}

TEST(an_owner_that_fails_while_its_record_is_fetched_counts_no_more)
{
    play("start order=1,0,2 -> fetch 1 head 0",
         "record 1          ->",
         "hedge             -> fetch 2",
         "head 0            -> compare",
         "compared ahead 0  -> fetch 0",
         "failed 0          ->", // one reply is left
         "record 2          -> compare",
         "compared          -> answer ok end");
    play("start             -> fetch 0 head 1",
         "record 0          ->",
         "head 1            -> compare",
         "compared ahead 1  -> fetch 1",
         "failed 1          -> fetch 2",
         "record 2          -> compare");
    play("start live=0,1    -> fetch 0 head 1",
         "record 0          ->",
         "head 1            -> compare",
         "compared ahead 1  -> fetch 1",
         "failed 1          -> answer unavailable end");
}

TEST(too_many_failures_are_unavailable)
{
    play("start order=1,0,2 -> fetch 1 head 0",
         "failed 0          -> fetch 2",
         "failed 1          -> answer unavailable end");
}

TEST(an_owner_that_counted_for_two_sets_is_replaced_in_both)
{
    play("start r=1of0,1+1of0,2           -> fetch 0",
         "failed 0                        -> fetch 1 2",
         "record 1                        ->",
         "record 2                        -> compare");
    play("start r=1of0,1+1of0,2 live=0,1  -> fetch 0",
         "failed 0                        -> answer unavailable end"); // 1 would not be enough
}

TEST(an_owner_that_fails_is_not_replaced_if_the_others_are_enough)
{
    play("start n=4 r=2of0,1,2+2of1,2,3 order=1,0,2,3 -> fetch 1 head 0 2",
         "failed 0, record 1                          ->",
         "head 2                                      -> compare");
}

TEST(heads_alone_are_no_answer)
{
    play("start order=1,0,2 -> fetch 1 head 0",
         "head 0            ->",
         "failed 1          -> fetch 2", // it was asked for the record
         "head 2            -> fetch 0",
         "record 0          -> compare");
}

TEST(a_record_that_is_on_its_way_is_not_fetched_again)
{
    play("start n=4          -> fetch 0 head 1",
         "head 1             ->",
         "failed 0           -> fetch 2",
         "head 2             -> fetch 1",
         "hedge              -> fetch 3",
         "record 3           -> compare",
         "compared ahead 1 2 -> fetch 2",
         "record 2           ->",
         "record 1           -> compare");
}

TEST(an_owner_that_fails_is_not_replaced_if_a_hedge_has_asked_another)
{
    play("start    -> fetch 0 head 1",
         "hedge    -> fetch 2",
         "failed 0 ->", // 1 and 2 are R
         "head 1   ->",
         "record 2 -> compare");
}

TEST(a_reply_that_comes_twice_counts_once)
{
    play("start order=1,0,2 -> fetch 1 head 0",
         "record 1          ->",
         "record 1          ->");
    play("start r=3         -> fetch 0 head 1 2",
         "record 0          ->",
         "head 1            ->",
         "head 1            ->");
}

TEST(a_slow_read_asks_one_more_owner)
{
    play("start order=1,0,2 -> fetch 1 head 0",
         "record 1          ->",
         "hedge             -> fetch 2",
         "record 2          -> compare",
         "hedge             ->"); // nobody is left to ask
    play("start live=0,1    -> fetch 0 head 1",
         "hedge             ->");
}

TEST(every_hedge_asks_another_owner)
{
    play("start n=4 -> fetch 0 head 1",
         "hedge     -> fetch 2",
         "hedge     -> fetch 3",
         "hedge     ->");
}

TEST(nobody_else_is_asked_while_records_that_heads_named_are_fetched)
{
    play("start            -> fetch 0 head 1",
         "record 0         ->",
         "head 1           -> compare",
         "compared ahead 1 -> fetch 1",
         "hedge            ->");
}

TEST(a_reply_to_a_hedge_does_not_end_the_fetching)
{
    play("start n=4        -> fetch 0 head 1",
         "record 0         ->",
         "hedge            -> fetch 2",
         "head 1           -> compare",
         "compared ahead 1 -> fetch 1",
         "record 2         ->",
         "record 1         -> compare");
}

TEST(the_deadline_ends_it_once)
{
    play("start order=1,0,2 -> fetch 1 head 0",
         "deadline          -> answer timeout end",
         "deadline          ->",
         "record 1          ->");
}

TEST(what_comes_after_the_end_changes_nothing)
{
    play("start            -> fetch 0 head 1",
         "record 0         ->",
         "head 1           -> compare",
         "compared         -> answer ok end",
         "record 2         ->",
         "compared ahead 1 ->",
         "failed 0         ->",
         "hedge            ->",
         "deadline         ->");
}

// ---- Monotonic reads -------------------------------------------------------------------------

TEST(a_monotonic_read_is_answered_at_once_if_every_later_one_asks_a_holder)
{
    play("start monotonic  -> fetch 0 head 1",
         "record 0, head 1 -> compare",
         "compared         -> answer ok end");
    play("start monotonic r=3          -> fetch 0 head 1 2",
         "record 0, head 1, head 2     -> compare",
         "compared behind 1 2          -> answer ok repair 1 2 end"); // one of three is enough
}

TEST(else_it_is_repaired_first_and_answered_when_enough_have_acknowledged)
{
    play("start monotonic   -> fetch 0 head 1",
         "record 0, head 1  -> compare",
         "compared behind 1 -> hold 1 2", // also one that was not asked
         "held 2            -> answer ok end");
    play("start monotonic r=1 -> fetch 0",
         "record 0            -> compare",
         "compared            -> hold 1 2",
         "held 1              ->",
         "held 1              ->",
         "held 2              -> answer ok end");
}

TEST(a_monotonic_read_that_too_few_owners_can_hold_is_unavailable)
{
    play("start monotonic r=1 live=0,1 -> fetch 0",
         "record 0                     -> compare",
         "compared                     -> answer unavailable end");
    play("start monotonic   -> fetch 0 head 1",
         "record 0, head 1  -> compare",
         "compared behind 1 -> hold 1 2",
         "refused 1         ->",
         "failed 2          -> answer unavailable end");
}

TEST(a_monotonic_read_waits_for_its_holders_to_the_deadline)
{
    play("start monotonic   -> fetch 0 head 1",
         "record 0, head 1  -> compare",
         "compared behind 1 -> hold 1 2",
         "hedge             ->",
         "record 2          ->", // asked before; it was sent the answer
         "deadline          -> answer timeout end");
}

TEST(who_holds_is_counted_in_each_datacenter)
{
    play("start monotonic n=4 r=1of0,1+1of2,3 -> fetch 0 head 2",
         "record 0, head 2                    -> compare",
         "compared                            -> hold 1 3",
         "held 3                              -> answer ok end"); // both of one are enough
}

// ---- fallbacks -------------------------------------------------------------------------

TEST(fallbacks_are_asked_where_fewer_than_r_owners_can_be)
{
    play("start live=0,1 holders=3,4 -> fetch 0 head 1");
    play("start live=2 holders=3,4   -> fetch 2 3 4",
         "record 2, record 3         ->", // 4 may have what they have not
         "record 4                   -> compare",
         "compared                   -> answer ok end",
         "count                      -> count 3");
    play("start live= holders=3,4    -> fetch 3 4",
         "record 4, record 3         -> compare",
         "compared behind 3          -> answer ok end"); // nobody repairs a hint
    play("start live= holders=3      -> answer unavailable end");
}

TEST(a_fallback_stands_for_one_owner_that_is_gone)
{
    play("start r=3 live=0,1 holders=3,4 -> fetch 0 3 4 head 1",
         "record 3, record 4, record 0   ->",
         "head 1                         -> compare",
         "count                          -> count 3");
    play("start r=3 live=0 holders=3     -> answer unavailable end");
    // Of the owner that is gone, which is in the other datacenter.
    play("start n=4 r=1of0,1+1of2,3 live=0,1,2 holders=4       -> fetch 0 head 2",
         "record 0                                             ->",
         "failed 2                                             -> answer unavailable end");
    play("start n=4 r=1of0,1+1of2,3 live=0,1 holders=4         -> fetch 0 4",
         "record 4                                             ->",
         "record 0                                             -> compare");
}

TEST(fallbacks_are_asked_when_owners_fail)
{
    play("start                  -> fetch 0 head 1",
         "failed 1               -> fetch 2",
         "failed 2 holders=3,4   -> fetch 3 4",
         "record 0, failed 3     ->",
         "record 4               -> compare");
    play("start                  -> fetch 0 head 1",
         "failed 1               -> fetch 2",
         "failed 2 holders=3     -> fetch 3",
         "failed 3               -> answer unavailable end");
}

TEST(after_the_hedge_r_replies_are_enough)
{
    play("start live=2 holders=3,4 -> fetch 2 3 4",
         "record 2, record 3       ->",
         "hedge                    -> compare");
    play("start live=2 holders=3,4 -> fetch 2 3 4",
         "record 2, hedge          ->",
         "record 4                 -> compare");
}
