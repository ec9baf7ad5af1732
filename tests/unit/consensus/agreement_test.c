// Several proposers, voters that restart, and a network that loses, repeats and reorders: never are
// two values chosen for one epoch.
//
// What is chosen is decided by a model that knows neither proposer.h nor acceptor.h: it listens to
// the votes that leave the voters, and calls a value chosen once a majority has said ACCEPTED in
// one ballot. The proposers must say the same. One voter may lose its disk. That the model finds a
// broken register is tested, too: it must with votes that leave before they are durable, and with
// a voter that lost its disk and votes as if it had never voted.
#include "base/random.h"
#include "base/xalloc.h"
#include "consensus/acceptor.h"
#include "consensus/proposer.h"
#include "unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    VOTERS_MAX = 5,
    PROPOSERS = 3,
    EPOCHS = 3,
    LETTERS_MAX = 256,
    STEPS = 1200,
    BALLOTS_MAX = 1024,
    RUNS = 8000,
};

enum letter_kind { PREPARE, ACCEPT, PROMISED, ACCEPTED, REFUSED };

struct letter {
    enum letter_kind kind;
    unsigned proposer, voter;
    uint64_t epoch;
    struct ballot ballot, other; // other: accepted or promised before
    uint64_t value;              // 0 = none
};

// A voter: what is in memory, and what its disk has.
struct voter {
    struct acceptor acceptor;
    struct buf disk;
    struct letter held[LETTERS_MAX]; // votes that wait for the disk
    unsigned held_count;
};

// Who said ACCEPTED in a ballot.
struct tally {
    uint64_t epoch;
    struct ballot ballot;
    uint64_t value;
    uint32_t voters;
};

enum bug {
    BUG_NONE,
    BUG_EARLY,   // votes leave before they are durable
    BUG_FORGETS, // who lost its disk votes at once
};

struct run {
    struct random random;
    enum bug bug;
    bool has_lost; // a voter its disk: one of them may
    unsigned voter_count;
    struct voter voters[VOTERS_MAX];
    struct proposer proposers[PROPOSERS];
    struct letter letters[LETTERS_MAX];
    unsigned letter_count;
    struct tally tallies[BALLOTS_MAX];
    unsigned tally_count;
    uint64_t chosen[EPOCHS + 2]; // by the model; 0 = nothing
    uint64_t last_value;
    unsigned conflicts, decided;
};

static bool chance(struct run *run, unsigned percent)
{
    return random_below(&run->random, 100) < percent;
}

static struct bytes bytes_of_value(const uint64_t *value)
{
    return bytes_of(value, sizeof *value);
}

static uint64_t value_of(struct bytes bytes)
{
    uint64_t value = 0;
    if (bytes.size == sizeof value)
        memcpy(&value, bytes.data, sizeof value);
    return value;
}

// When the network is full something in it is lost.
static void post(struct run *run, const struct letter *letter)
{
    unsigned at = run->letter_count < LETTERS_MAX
                      ? run->letter_count++
                      : (unsigned)random_below(&run->random, LETTERS_MAX);
    run->letters[at] = *letter;
}

// ---- the model -------------------------------------------------------------------------

static void call_chosen(struct run *run, uint64_t epoch, uint64_t value)
{
    run->conflicts += run->chosen[epoch] && run->chosen[epoch] != value;
    run->chosen[epoch] = value;
}

static void count_vote(struct run *run, const struct letter *letter)
{
    struct tally *tally = run->tallies;
    while (tally < run->tallies + run->tally_count &&
           !(tally->epoch == letter->epoch && ballot_is_same(tally->ballot, letter->ballot)))
        tally++;
    if (tally == run->tallies + run->tally_count) {
        assert_true(run->tally_count < BALLOTS_MAX);
        run->tally_count++;
        *tally = (struct tally){letter->epoch, letter->ballot, letter->value, 0};
    }
    run->conflicts += tally->value != letter->value; // two values in one ballot
    tally->voters |= 1u << letter->voter;
    if ((unsigned)__builtin_popcount(tally->voters) > run->voter_count / 2)
        call_chosen(run, letter->epoch, letter->value);
}

// ---- voters ----------------------------------------------------------------------------

static void leave(struct run *run, const struct letter *letter)
{
    if (letter->kind == ACCEPTED)
        count_vote(run, letter);
    post(run, letter);
}

static void vote(struct run *run, struct voter *voter, struct letter letter)
{
    struct acceptor *acceptor = &voter->acceptor;
    struct vote vote =
        letter.kind == PREPARE
            ? acceptor_prepare(acceptor, letter.epoch, letter.ballot)
            : acceptor_accept(acceptor, letter.epoch, letter.ballot, bytes_of_value(&letter.value));
    if (vote.status == STATUS_STALE || vote.status == STATUS_RING_CHANGED)
        return;
    if (vote.status == STATUS_REFUSED) {
        letter.kind = REFUSED;
        letter.other = vote.promised;
        post(run, &letter);
        return;
    }
    if (letter.kind == PREPARE)
        letter.value = value_of(vote.value);
    letter.kind = letter.kind == PREPARE ? PROMISED : ACCEPTED;
    letter.other = vote.accepted;
    if (run->bug == BUG_EARLY || voter->held_count == LETTERS_MAX)
        leave(run, &letter);
    else
        voter->held[voter->held_count++] = letter;
}

static void sync_disk(struct run *run, struct voter *voter)
{
    buf_clear(&voter->disk);
    acceptor_encode(&voter->acceptor, &voter->disk);
    for (unsigned i = 0; i < voter->held_count; i++)
        leave(run, &voter->held[i]);
    voter->held_count = 0;
}

static void restart(struct voter *voter)
{
    acceptor_release(&voter->acceptor);
    voter->held_count = 0;
    assert_int_equal(acceptor_decode(&voter->acceptor, buf_bytes(&voter->disk), NULL), STATUS_OK);
}

// The disk is empty, and what was chosen last is copied from the voter that has heard of most. Of
// two voters the other one is in every majority and remembers.
static void lose_disk(struct run *run, struct voter *voter)
{
    uint64_t epoch = 1;
    for (unsigned i = 0; i < run->voter_count; i++) {
        const struct voter *other = &run->voters[i];
        if (other != voter && other->acceptor.epoch > epoch)
            epoch = other->acceptor.epoch;
    }
    acceptor_release(&voter->acceptor);
    voter->held_count = 0;
    acceptor_init(&voter->acceptor, epoch);
    if (run->bug != BUG_FORGETS && run->voter_count > 2)
        acceptor_abstain(&voter->acceptor);
    sync_disk(run, voter);
    run->has_lost = true;
}

// ---- proposers -------------------------------------------------------------------------

// Says to one voter what the state asks for.
static void say(struct run *run, unsigned index)
{
    struct proposer *proposer = &run->proposers[index];
    struct letter letter = {.kind = proposer->state == PROPOSER_PREPARE ? PREPARE : ACCEPT,
                            .proposer = index,
                            .voter = (unsigned)random_below(&run->random, run->voter_count),
                            .epoch = proposer->epoch,
                            .ballot = proposer->ballot,
                            .value = value_of(buf_bytes(&proposer->value))};
    post(run, &letter);
}

// What was chosen is the beginning of the next epoch, for this proposer and the voters it tells.
static void conclude(struct run *run, struct proposer *proposer)
{
    uint64_t value = value_of(buf_bytes(&proposer->value));
    run->conflicts += run->chosen[proposer->epoch] != value;
    run->decided++;
    for (unsigned i = 0; i < run->voter_count; i++) {
        if (chance(run, 60))
            acceptor_decide(&run->voters[i].acceptor, proposer->epoch);
    }
    proposer_end(proposer);
}

static void propose(struct run *run, unsigned index)
{
    struct proposer *proposer = &run->proposers[index];
    switch (proposer->state) {
    case PROPOSER_IDLE:
        if (proposer->epoch == EPOCHS + 1)
            return;
        run->last_value++;
        proposer_begin(proposer, proposer->epoch ? proposer->epoch + 1 : 1, run->voter_count,
                       bytes_of_value(&run->last_value));
        return;
    case PROPOSER_CHOSEN:
        conclude(run, proposer);
        return;
    default:
        if (chance(run, proposer->is_beaten ? 30 : 2))
            proposer_again(proposer);
        else
            say(run, index);
    }
}

// ---- the network -----------------------------------------------------------------------

static void deliver(struct run *run)
{
    if (!run->letter_count)
        return;
    unsigned at = (unsigned)random_below(&run->random, run->letter_count);
    struct letter letter = run->letters[at];
    if (!chance(run, 15)) // else it comes again
        run->letters[at] = run->letters[--run->letter_count];
    if (chance(run, 10)) // it is lost
        return;
    struct proposer *proposer = &run->proposers[letter.proposer];
    bool is_of_now = proposer->epoch == letter.epoch && proposer->state != PROPOSER_IDLE;
    if (letter.kind == PREPARE || letter.kind == ACCEPT)
        vote(run, &run->voters[letter.voter], letter);
    else if (is_of_now && letter.kind == PROMISED)
        proposer_on_promised(proposer, letter.voter, letter.ballot, letter.other,
                             letter.value ? bytes_of_value(&letter.value) : (struct bytes){0});
    else if (is_of_now && letter.kind == ACCEPTED)
        proposer_on_accepted(proposer, letter.voter, letter.ballot);
    else if (is_of_now)
        proposer_on_refused(proposer, letter.ballot, letter.other);
}

static void step(struct run *run)
{
    unsigned dice = (unsigned)random_below(&run->random, 100);
    struct voter *voter = &run->voters[random_below(&run->random, run->voter_count)];
    if (dice < 30)
        propose(run, (unsigned)random_below(&run->random, PROPOSERS));
    else if (dice < 75)
        deliver(run);
    else if (dice < 97)
        sync_disk(run, voter);
    else if (run->has_lost || run->voter_count == 1 || !chance(run, 10))
        restart(voter);
    else
        lose_disk(run, voter);
}

// Returns how often the model saw two values.
static unsigned play(uint64_t seed, enum bug bug, unsigned *decided)
{
    struct run *run = xcalloc(1, sizeof *run);
    random_init(&run->random, seed);
    run->bug = bug;
    run->voter_count = 1 + (unsigned)random_below(&run->random, VOTERS_MAX);
    for (unsigned i = 0; i < run->voter_count; i++) {
        acceptor_init(&run->voters[i].acceptor, 1);
        sync_disk(run, &run->voters[i]);
    }
    for (unsigned i = 0; i < PROPOSERS; i++)
        proposer_init(&run->proposers[i], i + 1);
    for (unsigned i = 0; i < STEPS; i++)
        step(run);
    unsigned conflicts = run->conflicts;
    *decided += run->decided;
    for (unsigned i = 0; i < run->voter_count; i++) {
        acceptor_release(&run->voters[i].acceptor);
        buf_release(&run->voters[i].disk);
    }
    for (unsigned i = 0; i < PROPOSERS; i++)
        proposer_release(&run->proposers[i]);
    free(run);
    return conflicts;
}

TEST(one_value_is_chosen_for_an_epoch_whatever_the_network_and_restarts_do)
{
    unsigned decided = 0;
    for (uint64_t seed = 1; seed <= RUNS; seed++) {
        if (play(seed, BUG_NONE, &decided))
            fail_msg("seed %llu: two values were chosen", (unsigned long long)seed);
    }
    assert_true(decided > RUNS); // it is no test of proposers that never come to an end
}

TEST(votes_that_leave_before_they_are_durable_are_found)
{
    unsigned conflicts = 0, decided = 0;
    for (uint64_t seed = 1; seed <= RUNS; seed++)
        conflicts += play(seed, BUG_EARLY, &decided) > 0;
    assert_true(conflicts > 0);
    assert_true(decided > RUNS);
}

TEST(a_voter_that_lost_its_disk_and_votes_as_if_it_never_had_is_found)
{
    unsigned conflicts = 0, decided = 0;
    for (uint64_t seed = 1; seed <= RUNS; seed++)
        conflicts += play(seed, BUG_FORGETS, &decided) > 0;
    assert_true(conflicts > 0);
    assert_true(decided > RUNS);
}
