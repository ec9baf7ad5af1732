// put_play.h - plays of a put: what is fed to it, and what it does about it.
//
//     start [retry] [validate] [strict] [restored]    find 0 1 2    again 0 (the second dot)
//           [unable=OWNERS]
//     found OWNER STATUS [CONFLICT]                    update 0      merge 0 1 2
//     waited                                           wait          answer STATUS
//     updated OWNER [CONFLICT]                         end
//     refused OWNER STATUS [attempt=0]
//     durable OWNER STATUS
//     merged OWNER STATUS [CONFLICT]
//     failed OWNER
//     over: this try may mint no more
//     deadline
//     awaits OWNER: yes or no
//
// A conflict is `met` (others) or `superseded`, or `lost`: the owner tells nothing.
#pragma once

#include "quorum/put.h"

#include "unit/quorum/play.h"

// A put whose coordinator, owner 0, has minted: MERGE is under way to 1 and 2.
#define MERGING "start -> update 0", "updated 0 -> merge 1 2"
// The same of a blind write, which is validated.
#define MERGING_BLIND "start validate -> update 0", "updated 0 -> merge 1 2"

static struct put put;

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
                              .strict = play_has(play, "strict")};
    return play_has(play, "restored") ? put_start_merging(&put, &start) : put_start(&put, &start);
}

static enum put_conflict conflict(struct play *play)
{
    return play_has(play, "lost")         ? PUT_LOST
           : play_has(play, "met")        ? PUT_MET_OTHERS
           : play_has(play, "superseded") ? PUT_SUPERSEDED
                                          : PUT_ALONE;
}

// What an owner said.
static struct put_step hear(struct play *play)
{
    if (play_is(play, "failed"))
        return put_on_failed(&put, play_owner(play));
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

static void say(struct play *play, struct put_step step)
{
    play_say_set(play, "find", step.find);
    if (step.update >= 0)
        play_say_set(play, put.again ? "again" : "update", target_bit((unsigned)step.update));
    play_say_set(play, "merge", step.merge);
    if (step.wait)
        play_say(play, "wait");
    if (step.answer)
        play_say_answer(play, step.status);
    if (step.ended)
        play_say(play, "end");
}

static void feed(struct play *play)
{
    if (play_is(play, "start"))
        say(play, start(play));
    else if (play_is(play, "waited"))
        say(play, put_on_waited(&put));
    else if (play_is(play, "deadline"))
        say(play, put_on_deadline(&put));
    else if (play_is(play, "over"))
        put.is_over = true;
    else if (play_is(play, "awaits"))
        play_say(play, put_awaits_updated(&put, play_owner(play)) ? "yes" : "no");
    else
        say(play, hear(play));
}
