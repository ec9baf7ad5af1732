// The epoch register as text. An event, an arrow, and what is answered:
//
//     acceptor    prepare EPOCH ROUND.PROPOSER         -> ok [ROUND.PROPOSER=VALUE] | refused R.P |
//     ..
//                 accept EPOCH ROUND.PROPOSER VALUE    -> ok | refused R.P | changed | stale
//                 decide EPOCH, restart, abstain       ->
//     proposer    begin VOTERS VALUE                   -> prepare R.P
//                 promised VOTER R.P [R.P VALUE]       -> accept R.P VALUE, or nothing
//                 accepted VOTER R.P                   -> chosen VALUE own|other, or nothing
//                 refused R.P R.P, again               -> beaten; prepare R.P
#include "consensus/acceptor.h"
#include "consensus/proposer.h"
#include "unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 128, WORDS = 6 };

struct line {
    char text[LINE];
    char *words[WORDS];
};

static void cut(struct line *line, const char *text)
{
    static char nothing[1];
    snprintf(line->text, sizeof line->text, "%s", text);
    unsigned count = 0;
    for (char *at = line->text; *(at += strspn(at, " "));) {
        line->words[count++] = at;
        at += strcspn(at, " ");
        if (*at)
            *at++ = 0;
    }
    while (count < WORDS)
        line->words[count++] = nothing;
}

static struct ballot ballot_of(const char *word)
{
    struct ballot ballot = {strtoull(word, NULL, 10), 0};
    const char *dot = strchr(word, '.');
    ballot.proposer = dot ? strtoull(dot + 1, NULL, 10) : 0;
    return ballot;
}

static uint64_t number_of(const char *word)
{
    return strtoull(word, NULL, 10);
}

static void say_ballot(struct ballot ballot, char answer[LINE])
{
    snprintf(answer + strlen(answer), LINE - strlen(answer), " %llu.%llu",
             (unsigned long long)ballot.round, (unsigned long long)ballot.proposer);
}

static void say_value(const struct buf *value, char answer[LINE])
{
    snprintf(answer + strlen(answer), LINE - strlen(answer), " %.*s", (int)value->size,
             (const char *)value->data);
}

static void say_vote(const struct vote *vote, char answer[LINE])
{
    const char *text = vote->status == STATUS_OK        ? "ok"
                       : vote->status == STATUS_REFUSED ? "refused"
                       : vote->status == STATUS_STALE   ? "stale"
                                                        : "changed";
    snprintf(answer, LINE, "%s", text);
    if (vote->status == STATUS_REFUSED)
        say_ballot(vote->promised, answer);
    if (vote->status == STATUS_OK && vote->accepted.round) {
        say_ballot(vote->accepted, answer);
        snprintf(answer + strlen(answer), LINE - strlen(answer), "=%.*s", (int)vote->value.size,
                 (const char *)vote->value.data);
    }
}

static void restart(struct acceptor *acceptor)
{
    struct buf bytes = {0};
    acceptor_encode(acceptor, &bytes);
    acceptor_release(acceptor);
    assert_int_equal(acceptor_decode(acceptor, buf_bytes(&bytes), NULL), STATUS_OK);
    buf_release(&bytes);
}

static void tell_acceptor(struct acceptor *acceptor, char **words, char answer[LINE])
{
    struct vote vote;
    const char *what = words[0];
    answer[0] = 0;
    if (!strcmp(what, "prepare")) {
        vote = acceptor_prepare(acceptor, number_of(words[1]), ballot_of(words[2]));
        say_vote(&vote, answer);
    } else if (!strcmp(what, "accept")) {
        vote = acceptor_accept(acceptor, number_of(words[1]), ballot_of(words[2]),
                               bytes_of_text(words[3]));
        say_vote(&vote, answer);
    } else if (!strcmp(what, "decide")) {
        acceptor_decide(acceptor, number_of(words[1]));
    } else if (!strcmp(what, "restart")) {
        restart(acceptor);
    } else {
        assert_string_equal(what, "abstain");
        acceptor_abstain(acceptor);
    }
}

static void say_state(const struct proposer *proposer, char answer[LINE])
{
    static const char *const names[] = {"idle", "prepare", "accept", "chosen"};
    snprintf(answer, LINE, "%s", proposer->is_beaten ? "beaten" : names[proposer->state]);
    if (proposer->state == PROPOSER_CHOSEN) {
        say_value(&proposer->value, answer);
        snprintf(answer + strlen(answer), LINE - strlen(answer), "%s",
                 proposer_is_own(proposer) ? " own" : " other");
        return;
    }
    if (proposer->is_beaten)
        return;
    say_ballot(proposer->ballot, answer);
    if (proposer->state == PROPOSER_ACCEPT)
        say_value(&proposer->value, answer);
}

static void tell_proposer(struct proposer *proposer, char **words, char answer[LINE])
{
    const char *what = words[0];
    enum proposer_state state = proposer->state;
    bool was_beaten = proposer->is_beaten;
    struct ballot ballot = proposer->ballot;
    if (!strcmp(what, "begin"))
        proposer_begin(proposer, 2, (unsigned)number_of(words[1]), bytes_of_text(words[2]));
    else if (!strcmp(what, "promised"))
        proposer_on_promised(proposer, (unsigned)number_of(words[1]), ballot_of(words[2]),
                             ballot_of(words[3]), bytes_of_text(words[4]));
    else if (!strcmp(what, "accepted"))
        proposer_on_accepted(proposer, (unsigned)number_of(words[1]), ballot_of(words[2]));
    else if (!strcmp(what, "refused"))
        proposer_on_refused(proposer, ballot_of(words[1]), ballot_of(words[2]));
    else
        proposer_again(proposer);
    answer[0] = 0;
    if (state != proposer->state || was_beaten != proposer->is_beaten ||
        !ballot_is_same(ballot, proposer->ballot))
        say_state(proposer, answer);
}

static void play(bool is_acceptor, const char *const *lines)
{
    struct acceptor acceptor;
    struct proposer proposer;
    acceptor_init(&acceptor, 2);
    proposer_init(&proposer, 7);
    for (; *lines; lines++) {
        char event[LINE], answer[LINE];
        const char *arrow = strstr(*lines, "->");
        snprintf(event, sizeof event, "%.*s", (int)(arrow - *lines), *lines);
        struct line line;
        cut(&line, event);
        if (is_acceptor)
            tell_acceptor(&acceptor, line.words, answer);
        else
            tell_proposer(&proposer, line.words, answer);
        const char *wanted = arrow[2] ? arrow + 3 : "";
        if (strcmp(answer, wanted))
            fail_msg("\"%s\": it says \"%s\"", *lines, answer);
    }
    acceptor_release(&acceptor);
    proposer_release(&proposer);
}

#define acceptor(...) play(true, (const char *const[]){__VA_ARGS__, NULL})
#define proposer(...) play(false, (const char *const[]){__VA_ARGS__, NULL})

// ---- the acceptor ----------------------------------------------------------------------

TEST(a_promise_keeps_earlier_ballots_out)
{
    acceptor("prepare 2 1.5 -> ok", "prepare 2 1.4 -> refused 1.5", "accept 2 1.4 x -> refused 1.5",
             "prepare 2 1.5 -> ok", "prepare 2 2.1 -> ok", "accept 2 1.5 x -> refused 2.1",
             "accept 2 2.1 x -> ok");
}

TEST(a_later_ballot_is_told_what_was_accepted)
{
    acceptor("prepare 2 1.5 -> ok", "accept 2 1.5 x -> ok", "prepare 2 2.6 -> ok 1.5=x",
             "accept 2 2.6 y -> ok", "prepare 2 2.6 -> ok 2.6=y", "prepare 2 3.1 -> ok 2.6=y");
}

TEST(a_value_without_a_promise_before_counts_as_one)
{
    acceptor("accept 2 4.5 x -> ok", "prepare 2 3.9 -> refused 4.5", "prepare 2 5.1 -> ok 4.5=x");
}

TEST(a_restart_forgets_nothing)
{
    acceptor("prepare 2 3.5 -> ok", "restart ->", "prepare 2 2.5 -> refused 3.5",
             "accept 2 3.5 x -> ok", "restart ->", "prepare 2 4.1 -> ok 3.5=x");
}

TEST(epochs_come_one_after_the_other)
{
    acceptor("prepare 3 1.1 -> stale", "prepare 1 1.1 -> changed", "prepare 2 9.1 -> ok",
             "accept 2 9.1 x -> ok", "decide 2 ->", "prepare 2 10.1 -> changed",
             "accept 2 10.1 y -> changed", "prepare 3 1.1 -> ok", "decide 2 ->", "restart ->",
             "prepare 3 1.0 -> refused 1.1", "decide 7 ->", "prepare 8 1.1 -> ok");
}

TEST(who_may_have_forgotten_abstains_for_two_epochs)
{
    acceptor("abstain ->", "prepare 2 1.1 -> stale", "accept 2 1.1 x -> stale", "restart ->",
             "prepare 2 1.1 -> stale", "decide 2 ->", "prepare 3 1.1 -> stale", "restart ->",
             "accept 3 1.1 x -> stale", "decide 3 ->", "prepare 4 1.1 -> ok");
}

TEST(damaged_votes_are_told_from_whole_ones)
{
    struct acceptor acceptor, read;
    struct buf bytes = {0};
    acceptor_init(&acceptor, 5);
    acceptor_accept(&acceptor, 5, (struct ballot){3, 4}, bytes_of_text("value"));
    acceptor_encode(&acceptor, &bytes);
    for (size_t i = 0; i < bytes.size; i++) {
        bytes.data[i] ^= 1;
        assert_int_equal(acceptor_decode(&read, buf_bytes(&bytes), NULL), STATUS_CORRUPT);
        bytes.data[i] ^= 1;
        assert_int_equal(acceptor_decode(&read, bytes_of(bytes.data, i), NULL), STATUS_CORRUPT);
    }
    buf_release(&bytes);
    acceptor_release(&acceptor);
}

// ---- the proposer ----------------------------------------------------------------------

TEST(a_majority_of_promises_then_a_majority_of_votes)
{
    proposer("begin 3 x -> prepare 1.7", "promised 0 1.7 ->", "promised 0 1.7 ->",
             "promised 2 1.7 -> accept 1.7 x", "accepted 0 1.7 ->", "accepted 0 1.7 ->",
             "accepted 1 1.7 -> chosen x own");
    proposer("begin 1 x -> prepare 1.7", "promised 0 1.7 -> accept 1.7 x",
             "accepted 0 1.7 -> chosen x own");
    proposer("begin 4 x -> prepare 1.7", "promised 0 1.7 ->", "promised 1 1.7 ->",
             "promised 3 1.7 -> accept 1.7 x", "accepted 3 1.7 ->", "accepted 1 1.7 ->",
             "accepted 2 1.7 -> chosen x own");
}

TEST(what_may_have_been_chosen_is_proposed_in_place_of_our_own)
{
    proposer("begin 3 x -> prepare 1.7", "refused 1.7 4.9 -> beaten", "again -> prepare 5.7",
             "promised 0 5.7 2.3 a ->", "promised 1 5.7 4.9 b -> accept 5.7 b", "accepted 0 5.7 ->",
             "accepted 1 5.7 -> chosen b other");
    proposer("begin 5 x -> prepare 1.7", "promised 0 1.7 0.4 a ->", "promised 1 1.7 ->",
             "promised 2 1.7 0.3 b -> accept 1.7 x");
}

TEST(votes_of_ballots_that_are_over_count_for_nothing)
{
    proposer("begin 3 x -> prepare 1.7", "promised 0 1.7 ->", "again -> prepare 2.7",
             "promised 1 1.7 ->", "accepted 1 2.7 ->", "promised 1 2.7 ->", "refused 1.7 1.9 ->",
             "promised 2 2.7 -> accept 2.7 x", "accepted 0 1.7 ->", "promised 0 2.7 ->",
             "accepted 3 2.7 ->", "accepted 0 2.7 ->", "accepted 2 2.7 -> chosen x own");
}

TEST(once_offered_our_value_may_be_chosen_later)
{
    struct proposer proposer;
    proposer_init(&proposer, 7);
    proposer_begin(&proposer, 2, 3, bytes_of_text("x"));
    struct ballot none = {0};
    proposer_on_promised(&proposer, 0, proposer.ballot, none, (struct bytes){0});
    assert_false(proposer.is_offered);
    proposer_on_promised(&proposer, 1, proposer.ballot, (struct ballot){1, 1}, bytes_of_text("y"));
    assert_false(proposer.is_offered);
    proposer_again(&proposer);
    proposer_on_promised(&proposer, 0, proposer.ballot, none, (struct bytes){0});
    proposer_on_promised(&proposer, 2, proposer.ballot, none, (struct bytes){0});
    assert_true(proposer.is_offered);
    proposer_again(&proposer);
    assert_true(proposer.is_offered);
    proposer_begin(&proposer, 3, 3, bytes_of_text("z"));
    assert_false(proposer.is_offered);
    proposer_release(&proposer);
}
