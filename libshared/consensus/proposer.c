#include "consensus/proposer.h"

#include <assert.h>

void proposer_init(struct proposer *proposer, uint64_t name)
{
    *proposer = (struct proposer){.name = name};
}

void proposer_release(struct proposer *proposer)
{
    buf_release(&proposer->own);
    buf_release(&proposer->value);
    *proposer = (struct proposer){0};
}

void proposer_again(struct proposer *proposer)
{
    proposer->state = PROPOSER_PREPARE;
    proposer->latest.round++;
    proposer->ballot = (struct ballot){proposer->latest.round, proposer->name};
    proposer->found = (struct ballot){0};
    proposer->promised = proposer->accepted = 0;
    proposer->is_beaten = false;
    buf_set(&proposer->value, buf_bytes(&proposer->own));
}

// Rounds go on rising from epoch to epoch: nothing is lost by that.
void proposer_begin(struct proposer *proposer, uint64_t epoch, unsigned voter_count,
                    struct bytes value)
{
    assert(voter_count > 0 && voter_count <= PROPOSER_VOTERS_MAX);
    proposer->epoch = epoch;
    proposer->voter_count = voter_count;
    proposer->is_offered = false;
    buf_set(&proposer->own, value);
    proposer_again(proposer);
}

void proposer_end(struct proposer *proposer)
{
    proposer->state = PROPOSER_IDLE;
    buf_release(&proposer->own);
    buf_release(&proposer->value);
}

static void hear_of(struct proposer *proposer, struct ballot ballot)
{
    if (ballot_is_before(proposer->latest, ballot))
        proposer->latest = ballot;
}

static bool is_majority(const struct proposer *proposer, uint32_t voters)
{
    return (unsigned)__builtin_popcount(voters) >= proposer_majority(proposer);
}

// Whether a vote belongs to what is asked now.
static bool is_asked(const struct proposer *proposer, enum proposer_state state, unsigned voter,
                     struct ballot ballot)
{
    return proposer->state == state && voter < proposer->voter_count &&
           ballot_is_same(ballot, proposer->ballot);
}

void proposer_on_promised(struct proposer *proposer, unsigned voter, struct ballot ballot,
                          struct ballot accepted, struct bytes value)
{
    if (!is_asked(proposer, PROPOSER_PREPARE, voter, ballot))
        return;
    proposer->promised |= 1u << voter;
    if (accepted.round && ballot_is_before(proposer->found, accepted)) {
        proposer->found = accepted;
        buf_set(&proposer->value, value);
    }
    if (!is_majority(proposer, proposer->promised))
        return;
    proposer->state = PROPOSER_ACCEPT;
    proposer->is_offered |= proposer_is_own(proposer);
}

void proposer_on_accepted(struct proposer *proposer, unsigned voter, struct ballot ballot)
{
    if (!is_asked(proposer, PROPOSER_ACCEPT, voter, ballot))
        return;
    proposer->accepted |= 1u << voter;
    if (is_majority(proposer, proposer->accepted))
        proposer->state = PROPOSER_CHOSEN;
}

void proposer_on_refused(struct proposer *proposer, struct ballot ballot, struct ballot promised)
{
    hear_of(proposer, promised);
    bool is_open = proposer->state == PROPOSER_PREPARE || proposer->state == PROPOSER_ACCEPT;
    if (is_open && ballot_is_same(ballot, proposer->ballot))
        proposer->is_beaten = true;
}

bool proposer_has_heard(const struct proposer *proposer, unsigned voter)
{
    uint32_t heard = proposer->state == PROPOSER_PREPARE ? proposer->promised : proposer->accepted;
    return heard >> voter & 1;
}
