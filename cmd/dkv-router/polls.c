#include "dkv-router/polls.h"

#include "dkv-router/settled.h"

enum { HANDED_AGAIN_MS = 2000, HANDED_BUDGET_MS = 10000, REFUSED_AGAIN_MS = 10000 };

// ---- votes -----------------------------------------------------------------------------

// Tells the proposal what a voter says.
static enum status take_vote(struct epochs *epochs, uint64_t node, enum message_type type,
                             struct reader *body, struct moment now)
{
    struct proposal *proposal = &epochs->proposal;
    struct op_promised promised;
    struct op_accepted accepted;
    int voter = proposal_voter(proposal, node);
    if (type == MESSAGE_PROMISED) {
        if (op_decode_promised(&promised, body))
            return STATUS_INVALID;
        if (voter >= 0)
            proposal_on_promised(proposal, (unsigned)voter, &promised, now);
    } else {
        if (op_decode_accepted(&accepted, body))
            return STATUS_INVALID;
        if (voter >= 0)
            proposal_on_accepted(proposal, (unsigned)voter, &accepted, now);
    }
    if (proposal->state == PROPOSAL_RUNS && proposal->proposer.state == PROPOSER_CHOSEN)
        epochs_learn(epochs, buf_bytes(&proposal->proposer.value));
    return STATUS_OK;
}

// Our own vote waits for the disk like any other.
static void vote_ourselves(struct epochs *epochs, enum message_type type, struct moment now)
{
    struct op_prepare prepare = proposal_prepare(&epochs->proposal);
    struct op_accept accept = proposal_accept(&epochs->proposal);
    struct op_promised promised;
    struct op_accepted accepted;
    buf_clear(&epochs->own_vote);
    if (type == MESSAGE_PREPARE) {
        epochs->own_gate = votes_on_prepare(&epochs->votes, &prepare, &promised);
        epochs->own_type = MESSAGE_PROMISED;
        op_encode_promised(&promised, &epochs->own_vote);
    } else {
        epochs->own_gate = votes_on_accept(&epochs->votes, &accept, &accepted);
        epochs->own_type = MESSAGE_ACCEPTED;
        op_encode_accepted(&accepted, &epochs->own_vote);
    }
    if (epochs->own_gate)
        return;
    struct reader body = reader_of(buf_bytes(&epochs->own_vote));
    take_vote(epochs, epochs->peers->terms.self, (enum message_type)epochs->own_type, &body, now);
}

static void ask_voter(struct epochs *epochs, uint32_t number, enum message_type type,
                      struct outbox *outbox)
{
    struct buf *out = outbox_add(outbox, epochs->peers->link_of(number), type, 0);
    struct op_prepare prepare = proposal_prepare(&epochs->proposal);
    struct op_accept accept = proposal_accept(&epochs->proposal);
    if (type == MESSAGE_PREPARE)
        op_encode_prepare(&prepare, out);
    else
        op_encode_accept(&accept, out);
}

// Asks the voters that have not answered what is asked now. Our own answer may change that.
static void ask_voters(struct epochs *epochs, struct moment now, struct outbox *outbox)
{
    struct proposal *proposal = &epochs->proposal;
    uint64_t self = epochs->peers->terms.self;
    enum message_type type =
        proposal->proposer.state == PROPOSER_PREPARE ? MESSAGE_PREPARE : MESSAGE_ACCEPT;
    uint32_t number;
    for (uint32_t i = 0; i < proposal->voter_count; i++) {
        if (proposal_is_asked(proposal, i) && proposal->voters[i] != self &&
            epochs_find_router(epochs, proposal->voters[i], &number))
            ask_voter(epochs, number, type, outbox);
    }
    int own = proposal_voter(proposal, self);
    if (own >= 0 && proposal_is_asked(proposal, (unsigned)own))
        vote_ourselves(epochs, type, now);
}

// Whatever happened may have been what the proposal waited for.
static void go_on(struct epochs *epochs, struct moment now, struct outbox *outbox)
{
    while (proposal_on_tick(&epochs->proposal, now))
        ask_voters(epochs, now, outbox);
}

enum status polls_on_request(struct epochs *epochs, link_id link, enum message_type type,
                             struct reader *body, struct outbox *outbox)
{
    struct op_prepare prepare;
    struct op_promised promised;
    struct op_accept accept;
    struct op_accepted accepted;
    if (type == MESSAGE_PREPARE) {
        if (op_decode_prepare(&prepare, body))
            return STATUS_INVALID;
        uint64_t gate = votes_on_prepare(&epochs->votes, &prepare, &promised);
        op_encode_promised(&promised, outbox_add(outbox, link, MESSAGE_PROMISED, gate));
        return STATUS_OK;
    }
    if (op_decode_accept(&accept, body))
        return STATUS_INVALID;
    uint64_t gate = votes_on_accept(&epochs->votes, &accept, &accepted);
    op_encode_accepted(&accepted, outbox_add(outbox, link, MESSAGE_ACCEPTED, gate));
    return STATUS_OK;
}

enum status polls_on_reply(struct epochs *epochs, uint32_t number, enum message_type type,
                           struct reader *body, struct moment now, struct outbox *outbox)
{
    struct op_answer answer;
    struct op_ring_taken taken;
    if (type == MESSAGE_RING_TAKEN) {
        if (op_decode_ring_taken(&taken, body))
            return STATUS_INVALID;
        if (taken.status) {
            epochs->pass_ms[peers_service(number)] = now.mono_ms + REFUSED_AGAIN_MS;
            fault_set(&epochs->told, STATUS_INVALID, "our %s refuses the ring document: %.*s",
                      service_text(peers_service(number)), (int)taken.text.size,
                      (const char *)taken.text.data);
        }
        return STATUS_OK;
    }
    if (type == MESSAGE_ANSWER) {
        if (op_decode_answer(&answer, body))
            return STATUS_INVALID;
        if (!answer.status)
            epochs_learn(epochs, answer.text);
        return STATUS_OK;
    }
    if (peers_service(number) != SERVICE_ROUTER)
        return STATUS_INVALID;
    enum status status = take_vote(epochs, peers_at(epochs->peers, number)->node, type, body, now);
    go_on(epochs, now, outbox);
    return status;
}

// ---- proposals -------------------------------------------------------------------------

// Whether a document can be proposed now. OK also if it counts already.
static enum status judge(const struct epochs *epochs, const struct ring_snapshot *document,
                         struct fault *fault)
{
    const struct ring_snapshot *current = epochs->current;
    uint64_t epoch = document->ring.epoch, current_epoch = current->ring.epoch;
    if (document->ring.cluster != current->ring.cluster)
        return fault_set(fault, STATUS_INVALID, "it is of another cluster");
    if (document->hash == current->hash || document->hash == current->ring.parent)
        return STATUS_OK;
    if (epoch > current_epoch + 1)
        return fault_set(fault, STATUS_STALE, "this router has epoch %llu",
                         (unsigned long long)current_epoch);
    if (epoch <= current_epoch || document->ring.parent != current->hash)
        return fault_set(fault, STATUS_RING_CHANGED, "it has epoch %llu now: try again",
                         (unsigned long long)current_epoch);
    if (epochs->proposal.state != PROPOSAL_NONE || epochs->next)
        return fault_set(fault, STATUS_BUSY, "another change is on its way");
    bool is_step = document->ring.move != current->ring.move;
    bool is_abort = (current->ring.move == RING_MOVE_READ_OLD && !document->ring.move) ||
                    document->ring.move == RING_MOVE_BACK;
    enum status status =
        is_step && !is_abort ? settled_check(epochs, &document->ring, fault) : STATUS_OK;
    return status ? status : epochs_check(epochs, document, fault);
}

static void begin(struct epochs *epochs, struct ring_snapshot *document, uint64_t deadline_ms,
                  struct moment now, struct outbox *outbox)
{
    proposal_begin(&epochs->proposal, epochs->current, document, deadline_ms, now);
    if (document->ring.epoch <= epochs->current->ring.epoch)
        proposal_on_adopted(&epochs->proposal, epochs->current, now);
    go_on(epochs, now, outbox);
}

enum status polls_on_propose(struct epochs *epochs, link_id client, const struct op_ask *ask,
                             uint64_t deadline_ms, struct moment now, struct outbox *outbox,
                             struct fault *fault)
{
    struct ring_snapshot *document = ring_snapshot_parse(ask->argument, fault);
    enum status status = document ? judge(epochs, document, fault) : STATUS_INVALID;
    if (!status && epochs->proposal.state != PROPOSAL_NONE)
        status = fault_set(fault, STATUS_BUSY, "another change is on its way");
    if (!status) {
        epochs->proposal.has_client = true;
        epochs->proposal.client = client;
        epochs->proposal.client_id = ask->id;
        begin(epochs, document, deadline_ms, now, outbox);
    }
    ring_snapshot_drop(document);
    return status;
}

enum status polls_hand(struct epochs *epochs, struct ring_snapshot *document, struct fault *fault)
{
    enum status status = document->ring.epoch <= epochs->current->ring.epoch
                             ? judge(epochs, document, fault)
                             : epochs_check(epochs, document, fault);
    if (status)
        return status;
    ring_snapshot_drop(epochs->handed);
    epochs->handed = ring_snapshot_hold(document);
    epochs->handed_again_ms = 0;
    epochs->is_handed_told = false;
    return STATUS_OK;
}

static void forget_handed(struct epochs *epochs)
{
    ring_snapshot_drop(epochs->handed);
    epochs->handed = NULL;
}

// Proposes what the operator handed in, until something became its epoch.
static void propose_handed(struct epochs *epochs, struct moment now, struct outbox *outbox)
{
    struct fault fault = {0};
    if (epochs->proposal.state != PROPOSAL_NONE || now.mono_ms < epochs->handed_again_ms)
        return;
    enum status status = judge(epochs, epochs->handed, &fault);
    if (status == STATUS_STALE || status == STATUS_BUSY || status == STATUS_UNAVAILABLE)
        return; // documents before it are still to come, or have not come everywhere
    if (status)
        fault_set(&epochs->told, status, "the document that was handed in is not taken: %.240s",
                  fault.text);
    if (status || epochs->handed->ring.epoch <= epochs->current->ring.epoch)
        forget_handed(epochs);
    else
        begin(epochs, epochs->handed, now.mono_ms + HANDED_BUDGET_MS, now, outbox);
}

// What became of a document that the operator handed in is for the log.
static void end_handed(struct epochs *epochs)
{
    struct proposal *proposal = &epochs->proposal;
    bool is_over = !proposal->status || proposal->status == STATUS_RING_CHANGED;
    if (proposal->status && !epochs->is_handed_told)
        fault_set(&epochs->told, proposal->status,
                  "the document that was handed in does not count%s: %.220s", is_over ? "" : " yet",
                  buf_text(&proposal->text));
    epochs->is_handed_told = true;
    epochs->handed_again_ms = epochs->now_ms + HANDED_AGAIN_MS;
    if (is_over && epochs->handed)
        forget_handed(epochs);
    proposal_end(proposal);
}

bool polls_next_answer(struct epochs *epochs, link_id *client, struct op_answer *answer)
{
    struct proposal *proposal = &epochs->proposal;
    if (proposal->state == PROPOSAL_DONE && !proposal->has_client)
        end_handed(epochs);
    if (proposal->state != PROPOSAL_DONE)
        return false;
    *client = proposal->client;
    *answer = (struct op_answer){.id = proposal->client_id,
                                 .status = (uint8_t)proposal->status,
                                 .text = buf_bytes(&proposal->text)};
    proposal_end(proposal);
    return true;
}

void polls_on_job_done(struct epochs *epochs, struct moment now, struct outbox *outbox)
{
    if (!epochs->own_gate || epochs->own_gate > epochs->votes.durable)
        return;
    struct reader body = reader_of(buf_bytes(&epochs->own_vote));
    epochs->own_gate = 0;
    take_vote(epochs, epochs->peers->terms.self, (enum message_type)epochs->own_type, &body, now);
    go_on(epochs, now, outbox);
}

void polls_on_tick(struct epochs *epochs, struct moment now, struct outbox *outbox)
{
    epochs->now_ms = now.mono_ms;
    if (epochs->handed)
        propose_handed(epochs, now, outbox);
    go_on(epochs, now, outbox);
}
