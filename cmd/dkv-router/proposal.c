#include "dkv-router/proposal.h"

#include <assert.h>
#include <string.h>

enum {
    ASK_AGAIN_MS = 250,
    PAUSE_MIN_MS = 15, // after a ballot that was beaten
    PAUSE_MAX_MS = 150,
    PATIENCE_MS = 1000, // without a majority that could be asked
    SPREAD_MS = 1500,
};

void proposal_init(struct proposal *proposal, const struct peers *peers, uint64_t name)
{
    *proposal = (struct proposal){.peers = peers};
    random_init(&proposal->random, name);
    proposer_init(&proposal->proposer, name);
}

void proposal_release(struct proposal *proposal)
{
    proposer_release(&proposal->proposer);
    ring_snapshot_drop(proposal->document);
    buf_release(&proposal->text);
}

void proposal_begin(struct proposal *proposal, const struct ring_snapshot *current,
                    struct ring_snapshot *document, uint64_t deadline_ms, struct moment now)
{
    uint16_t voters[RING_VOTERS_MAX];
    assert(proposal->state == PROPOSAL_NONE);
    proposal->state = PROPOSAL_RUNS;
    proposal->document = ring_snapshot_hold(document);
    proposal->parent = current->hash;
    proposal->voter_count = ring_voters(&current->ring, voters);
    for (uint32_t i = 0; i < proposal->voter_count; i++) {
        const struct ring_node *node = &current->ring.nodes[voters[i]];
        proposal->voters[i] = node->id;
        memcpy(proposal->names[i], node->name, sizeof node->name);
    }
    proposal->deadline_ms = deadline_ms;
    proposal->said_ms = proposal->again_ms = 0;
    proposal->declined = 0;
    proposal->reached_ms = now.mono_ms;
    buf_clear(&proposal->text);
    proposer_begin(&proposal->proposer, document->ring.epoch, proposal->voter_count,
                   buf_bytes(&document->text));
}

int proposal_voter(const struct proposal *proposal, uint64_t node)
{
    for (uint32_t i = 0; i < proposal->voter_count; i++) {
        if (proposal->voters[i] == node)
            return (int)i;
    }
    return -1;
}

static void done(struct proposal *proposal, enum status status)
{
    proposal->state = PROPOSAL_DONE;
    proposal->status = status;
}

void proposal_end(struct proposal *proposal)
{
    proposal->state = PROPOSAL_NONE;
    proposer_end(&proposal->proposer);
    ring_snapshot_drop(proposal->document);
    proposal->document = NULL;
    proposal->has_client = false;
}

// ---- votes -----------------------------------------------------------------------------

// Another ballot was promised: pauses of random length, so that two proposers do not beat each
// other for ever.
static void refuse(struct proposal *proposal, struct ballot ballot, struct ballot promised,
                   struct moment now)
{
    struct proposer *proposer = &proposal->proposer;
    proposer_on_refused(proposer, ballot, promised);
    if (proposer->is_beaten && !proposal->again_ms)
        proposal->again_ms = now.mono_ms + PAUSE_MIN_MS +
                             random_below(&proposal->random, PAUSE_MAX_MS - PAUSE_MIN_MS);
}

void proposal_on_promised(struct proposal *proposal, unsigned voter, const struct op_promised *op,
                          struct moment now)
{
    struct proposer *proposer = &proposal->proposer;
    struct ballot ballot = {op->round, op->proposer};
    enum proposer_state before = proposer->state;
    if (proposal->state != PROPOSAL_RUNS || op->epoch != proposer->epoch)
        return;
    if (op->status == STATUS_STALE)
        proposal->declined |= 1u << voter;
    else
        proposal->declined &= ~(1u << voter);
    if (op->status == STATUS_REFUSED)
        refuse(proposal, ballot, (struct ballot){op->promised_round, op->promised_proposer}, now);
    else if (op->status == STATUS_OK)
        proposer_on_promised(proposer, voter, ballot,
                             (struct ballot){op->accepted_round, op->accepted_proposer},
                             op->document);
    if (proposer->state != before)
        proposal->said_ms = 0;
}

void proposal_on_accepted(struct proposal *proposal, unsigned voter, const struct op_accepted *op,
                          struct moment now)
{
    struct proposer *proposer = &proposal->proposer;
    struct ballot ballot = {op->round, op->proposer};
    if (proposal->state != PROPOSAL_RUNS || op->epoch != proposer->epoch)
        return;
    if (op->status == STATUS_REFUSED)
        refuse(proposal, ballot, (struct ballot){op->promised_round, op->promised_proposer}, now);
    else if (op->status == STATUS_OK)
        proposer_on_accepted(proposer, voter, ballot);
}

// ---- questions -------------------------------------------------------------------------

bool proposal_is_asked(const struct proposal *proposal, unsigned voter)
{
    return !proposer_has_heard(&proposal->proposer, voter);
}

struct op_prepare proposal_prepare(const struct proposal *proposal)
{
    const struct proposer *proposer = &proposal->proposer;
    return (struct op_prepare){.epoch = proposer->epoch,
                               .parent = proposal->parent,
                               .round = proposer->ballot.round,
                               .proposer = proposer->ballot.proposer};
}

struct op_accept proposal_accept(const struct proposal *proposal)
{
    const struct proposer *proposer = &proposal->proposer;
    return (struct op_accept){.epoch = proposer->epoch,
                              .parent = proposal->parent,
                              .round = proposer->ballot.round,
                              .proposer = proposer->ballot.proposer,
                              .document = buf_bytes(&proposer->value)};
}

static bool can_be_asked(const struct proposal *proposal, unsigned voter)
{
    const struct peers *peers = proposal->peers;
    uint64_t node = proposal->voters[voter];
    if (node == peers->terms.self)
        return true;
    for (uint32_t i = UINT32_MAX; peers_next(peers, &i);) {
        if (peers_at(peers, i)->node == node && peers_service(i) == SERVICE_ROUTER)
            return peers_link(peers, i)->up;
    }
    return false;
}

static bool has_majority(const struct proposal *proposal)
{
    unsigned count = 0;
    for (uint32_t i = 0; i < proposal->voter_count; i++)
        count += can_be_asked(proposal, i);
    return count >= proposer_majority(&proposal->proposer);
}

static bool has_declined(const struct proposal *proposal, unsigned voter)
{
    return can_be_asked(proposal, voter) && (proposal->declined >> voter & 1);
}

// "a majority of the 3 voters is needed; no answer from n2, n3"
static void explain_silence(struct proposal *proposal)
{
    struct buf *text = &proposal->text;
    unsigned silent = 0, declined = 0;
    buf_printf(text, "a majority of the %u voters is needed", proposal->voter_count);
    for (uint32_t i = 0; i < proposal->voter_count; i++) {
        if (!can_be_asked(proposal, i))
            buf_printf(text, "%s%s", silent++ ? ", " : "; no answer from ", proposal->names[i]);
    }
    for (uint32_t i = 0; i < proposal->voter_count; i++) {
        if (has_declined(proposal, i))
            buf_printf(text, "%s%s",
                       declined++ ? ", " : "; behind, or without its votes (dkv-ring(5)): ",
                       proposal->names[i]);
    }
}

static void give_up(struct proposal *proposal)
{
    const struct proposer *proposer = &proposal->proposer;
    if (proposer->state == PROPOSER_CHOSEN) {
        buf_append_text(&proposal->text,
                        "the vote is over, but this router cannot keep the outcome");
        done(proposal, proposer_is_own(proposer) ? STATUS_INDETERMINATE : STATUS_RING_CHANGED);
        return;
    }
    if (proposer->is_offered)
        buf_append_text(&proposal->text, "the change was put to the vote and may still come; ");
    explain_silence(proposal);
    done(proposal, proposer->is_offered ? STATUS_INDETERMINATE : STATUS_UNAVAILABLE);
}

bool proposal_on_tick(struct proposal *proposal, struct moment now)
{
    struct proposer *proposer = &proposal->proposer;
    if (proposal->state != PROPOSAL_RUNS)
        return false;
    if (has_majority(proposal))
        proposal->reached_ms = now.mono_ms;
    bool is_hopeless = !proposer->is_offered && proposer->state == PROPOSER_PREPARE &&
                       now.mono_ms >= proposal->reached_ms + PATIENCE_MS;
    if (is_hopeless || now.mono_ms >= proposal->deadline_ms) {
        give_up(proposal);
        return false;
    }
    if (proposer->state == PROPOSER_CHOSEN)
        return false; // until it is durable here
    if (proposer->is_beaten) {
        if (now.mono_ms < proposal->again_ms)
            return false;
        proposer_again(proposer);
        proposal->again_ms = proposal->said_ms = 0;
    }
    if (proposal->said_ms && now.mono_ms < proposal->said_ms + ASK_AGAIN_MS)
        return false;
    proposal->said_ms = now.mono_ms;
    return true;
}

// ---- the outcome -----------------------------------------------------------------------

void proposal_on_adopted(struct proposal *proposal, const struct ring_snapshot *current,
                         struct moment now)
{
    const struct ring_snapshot *ours = proposal->document;
    if (proposal->state != PROPOSAL_RUNS || current->ring.epoch < ours->ring.epoch)
        return;
    bool is_ours = current->hash == ours->hash || (current->ring.epoch == ours->ring.epoch + 1 &&
                                                   current->ring.parent == ours->hash);
    if (is_ours) {
        proposal->state = PROPOSAL_SPREADS;
        proposal->spread_until_ms = least_ms(now.mono_ms + SPREAD_MS, proposal->deadline_ms);
        return;
    }
    buf_printf(&proposal->text,
               "another change became epoch %llu meanwhile: look at it and try "
               "again",
               (unsigned long long)ours->ring.epoch);
    done(proposal, STATUS_RING_CHANGED);
}

// Whether a process that can be reached has an older document.
static bool is_behind(const struct proposal *proposal, uint32_t number, uint64_t epoch)
{
    const struct link *link = peers_link(proposal->peers, number);
    enum service service = peers_service(number);
    return (service == SERVICE_ROUTER || service == SERVICE_STORE) && link->up &&
           link->epoch < epoch;
}

// Appends the names of nodes that do not have the document, as far as we see.
static void name_missing(struct proposal *proposal, uint64_t epoch)
{
    unsigned count = 0;
    for (uint32_t i = UINT32_MAX; peers_next(proposal->peers, &i);) {
        const struct link *link = peers_link(proposal->peers, i);
        if (peers_service(i) != SERVICE_ROUTER || (link->up && link->epoch >= epoch))
            continue;
        buf_printf(&proposal->text, "%s%s",
                   count++ ? ", " : "; not there yet: ", peers_at(proposal->peers, i)->name);
    }
}

void proposal_spread(struct proposal *proposal, const struct ring_snapshot *current,
                     struct moment now)
{
    if (proposal->state != PROPOSAL_SPREADS)
        return;
    uint64_t epoch = proposal->document->ring.epoch;
    bool is_everywhere = true;
    for (uint32_t i = UINT32_MAX; is_everywhere && peers_next(proposal->peers, &i);)
        is_everywhere = !is_behind(proposal, i, epoch);
    if (!is_everywhere && now.mono_ms < proposal->spread_until_ms)
        return;
    buf_printf(&proposal->text, "epoch %llu", (unsigned long long)current->ring.epoch);
    name_missing(proposal, epoch);
    done(proposal, STATUS_OK);
}
