// put_play.h - plays of a put: what is fed to it, and what it does about it.
//
//     start [retry] [validate] [strict] [restored]    find 0 1 2    again 0 (the second dot)
//           [unable=OWNERS] [conditional]
//     found TARGET STATUS [CONFLICT]                   update 0      merge 0 1 2
//     purged                                           end
//     waited                                           wait          answer STATUS
//     updated TARGET [CONFLICT]                        end
//     refused TARGET STATUS [attempt=0]                hint 1@3 (for owner 1, at fallback 3)
//     durable TARGET STATUS
//     merged OWNER STATUS [CONFLICT]
//     hinted OWNER@FALLBACK STATUS [CONFLICT]
//     late
//     failed TARGET
//     sure TARGET: had it applied an earlier try, it would know
//     over: this try may mint no more
//     deadline
//     awaits TARGET: yes or no
//     tally: how many nodes have it, and how many of them as a hint
//
// Of `fallbacks=3,4` those are there that holders= says, or all; those that near= says are in the
// datacenter of owner 2, and of no other.
// A conflict is `met` (others) or `superseded`, or `lost`: the owner tells nothing.
#pragma once

#include "quorum/put.h"

#include "unit/quorum/play.h"

// A put whose coordinator, owner 0, has minted: MERGE is under way to 1 and 2.
#define MERGING "start -> update 0", "updated 0 -> merge 1 2"
// The same of a blind write, which is validated.
#define MERGING_BLIND "start validate -> update 0", "updated 0 -> merge 1 2"

static struct put put;
static struct hints hints;

static struct hints *fallbacks(struct play *play)
{
    const char *all = play_take(play, "fallbacks="), *some = play_take(play, "holders=");
    hints = (struct hints){.all = targets(all ? all : "")};
    hints.holders = some ? targets(some) : hints.all;
    const char *near = play_take(play, "near=");
    hints.near[2] = targets(near ? near : "");
    return all ? &hints : NULL;
}

static struct put_step start(struct play *play)
{
    uint8_t n = play_number(play, "n=", 3);
    struct needs w = play_needs(play, "w=", n), r = play_needs(play, "r=", n);
    struct put_start start = {.n = n,
                              .w = &w,
                              .r = &r,
                              .live = play_live(play, n),
                              .unable = play_set(play, "unable=", 0),
                              .retry = play_has(play, "retry"),
                              .validate = play_has(play, "validate"),
                              .strict = play_has(play, "strict"),
                              .conditional = play_has(play, "conditional"),
                              .hints = fallbacks(play)};
    return play_has(play, "restored") ? put_start_merging(&put, &start) : put_start(&put, &start);
}

static enum put_conflict conflict(struct play *play)
{
    bool is_lost = play_has(play, "lost"), has_met = play_has(play, "met");
    return is_lost                        ? has_met ? PUT_LOST_MET_OTHERS : PUT_LOST
           : has_met                      ? PUT_MET_OTHERS
           : play_has(play, "superseded") ? PUT_SUPERSEDED
                                          : PUT_ALONE;
}

static struct put_step hear_hinted(struct play *play)
{
    const char *word = play_take(play, "");
    if (strlen(word) != 3 || word[1] != '@')
        play_complain(play, "not OWNER@FALLBACK:", word);
    unsigned owner = play_digit(play, (char[]){word[0], '\0'});
    unsigned holder = play_digit(play, word + 2);
    enum status status = play_status(play);
    return put_on_hinted(&put, owner, holder, status, conflict(play));
}

// What a target said.
static struct put_step hear(struct play *play)
{
    if (play_is(play, "failed"))
        return put_on_failed(&put, play_owner(play));
    if (play_is(play, "hinted"))
        return hear_hinted(play);
    if (play_is(play, "late"))
        return put_on_late(&put);
    if (play_is(play, "updated")) {
        uint8_t owner = play_owner(play);
        return put_on_updated(&put, owner, conflict(play));
    }
    bool is_found = play_is(play, "found"), is_merged = play_is(play, "merged");
    bool is_refused = play_is(play, "refused"), is_durable = play_is(play, "durable");
    uint8_t owner = play_owner(play);
    enum status status = play_status(play);
    if (is_found)
        return put_on_found(&put, owner, status, conflict(play));
    if (is_merged)
        return put_on_merged(&put, owner, status, conflict(play));
    if (is_refused)
        return put_on_refused(&put, owner, play_number(play, "attempt=", put.attempt), status);
    assert_true(is_durable);
    return put_on_durable(&put, owner, status);
}

static void say_hints(struct play *play)
{
    unsigned owner, holder;
    play_say(play, "hint");
    while (hints_take(&hints, put.n, &owner, &holder))
        play_say(play, (char[]){(char)('0' + owner), '@', (char)('0' + holder), '\0'});
}

static void say(struct play *play, struct put_step step)
{
    play_say_set(play, "find", step.find);
    if (step.update >= 0)
        play_say_set(play, put.again ? "again" : "update", target_bit((unsigned)step.update));
    play_say_set(play, "merge", step.merge);
    if (step.hint)
        say_hints(play);
    if (step.wait)
        play_say(play, "wait");
    if (step.answer)
        play_say_answer(play, step.status);
    if (step.answer && put.is_final)
        play_say(play, "final");
    if (step.ended)
        play_say(play, "end");
}

static void say_tally(struct play *play)
{
    struct put_tally tally = put_tally(&put);
    play_say_set(play, "tally", target_bit(tally.acked));
    play_say_set(play, "hints", target_bit(tally.hinted));
}

static void feed(struct play *play)
{
    if (play_is(play, "start"))
        say(play, start(play));
    else if (play_is(play, "purged"))
        say(play, put_on_purged(&put));
    else if (play_is(play, "waited"))
        say(play, put_on_waited(&put));
    else if (play_is(play, "deadline"))
        say(play, put_on_deadline(&put));
    else if (play_is(play, "sure"))
        put.sure |= target_bit(play_owner(play));
    else if (play_is(play, "over"))
        put.is_over = true;
    else if (play_is(play, "tally"))
        say_tally(play);
    else if (play_is(play, "fallbacks"))
        put.hints = fallbacks(play);
    else if (play_is(play, "awaits"))
        play_say(play, put_awaits_updated(&put, play_owner(play)) ? "yes" : "no");
    else
        say(play, hear(play));
}
