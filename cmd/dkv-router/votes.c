#include "dkv-router/votes.h"

#include "ring/ring_move.h"
#include "ring/ring_successor.h"
#include "ring/ring_voters.h"

enum status votes_init(struct votes *votes, const struct ring_snapshot *current,
                       struct bytes durable, struct fault *fault)
{
    uint16_t voters[RING_VOTERS_MAX];
    *votes = (struct votes){0};
    acceptor_init(&votes->acceptor, 1);
    enum status status = durable.size ? acceptor_decode(&votes->acceptor, durable, fault)
                                      : fault_set(fault, STATUS_CORRUPT, "missing or empty");
    votes_adopt(votes, current);
    if (!status)
        return STATUS_OK;
    if (ring_voters(&current->ring, voters) > 2)
        acceptor_abstain(&votes->acceptor);
    votes->written++;
    return status;
}

void votes_encode_none(struct buf *out)
{
    struct acceptor acceptor;
    acceptor_init(&acceptor, 1);
    acceptor_encode(&acceptor, out);
}

uint64_t votes_abstained(const struct votes *votes)
{
    const struct acceptor *acceptor = &votes->acceptor;
    return acceptor->abstained < acceptor->epoch ? 0 : acceptor->abstained;
}

void votes_release(struct votes *votes)
{
    acceptor_release(&votes->acceptor);
    *votes = (struct votes){0};
}

void votes_adopt(struct votes *votes, const struct ring_snapshot *current)
{
    votes->current = current;
    acceptor_decide(&votes->acceptor, current->ring.epoch);
}

// Whether it is about the epoch behind our document.
static enum status judge(const struct votes *votes, uint64_t epoch, uint64_t parent)
{
    if (votes->written - votes->durable >= VOTES_WAITING_MAX)
        return STATUS_BUSY;
    return epoch == votes->current->ring.epoch + 1 && parent != votes->current->hash ? STATUS_STALE
                                                                                     : STATUS_OK;
}

static uint64_t count(struct votes *votes, enum status status)
{
    return status ? 0 : ++votes->written;
}

uint64_t votes_on_prepare(struct votes *votes, const struct op_prepare *op,
                          struct op_promised *reply)
{
    struct vote vote = {.status = judge(votes, op->epoch, op->parent)};
    if (!vote.status)
        vote =
            acceptor_prepare(&votes->acceptor, op->epoch, (struct ballot){op->round, op->proposer});
    *reply = (struct op_promised){
        .id = op->id,
        .status = (uint8_t)vote.status,
        .epoch = op->epoch,
        .round = op->round,
        .proposer = op->proposer,
        .promised_round = vote.promised.round,
        .promised_proposer = vote.promised.proposer,
        .accepted_round = vote.accepted.round,
        .accepted_proposer = vote.accepted.proposer,
        .document = vote.value,
    };
    return count(votes, vote.status);
}

// A document that cannot follow must not be chosen, whoever proposes it: nobody could adopt it.
static enum status check(const struct votes *votes, struct bytes document)
{
    struct ring_snapshot *next = ring_snapshot_parse(document, NULL);
    const struct ring *before = &votes->current->ring;
    bool is_good = next && next->ring.epoch == before->epoch + 1 &&
                   !ring_check_successor(before, &next->ring, NULL) &&
                   !ring_check_step(before, &next->ring, NULL);
    ring_snapshot_drop(next);
    return is_good ? STATUS_OK : STATUS_INVALID;
}

uint64_t votes_on_accept(struct votes *votes, const struct op_accept *op, struct op_accepted *reply)
{
    struct vote vote = {.status = judge(votes, op->epoch, op->parent)};
    if (!vote.status && op->epoch == votes->current->ring.epoch + 1)
        vote.status = check(votes, op->document);
    if (!vote.status)
        vote = acceptor_accept(&votes->acceptor, op->epoch,
                               (struct ballot){op->round, op->proposer}, op->document);
    *reply = (struct op_accepted){
        .id = op->id,
        .status = (uint8_t)vote.status,
        .epoch = op->epoch,
        .round = op->round,
        .proposer = op->proposer,
        .promised_round = vote.promised.round,
        .promised_proposer = vote.promised.proposer,
    };
    return count(votes, vote.status);
}
