#include "dkv-router/epochs.h"

#include "ring/ring_follow.h"
#include "wire/hello.h"

enum {
    SAVE_AGAIN_MS = 1000,
    PULL_AGAIN_MS = 500,
    REFUSED_AGAIN_MS = 10000,
    PASS_PAUSE_MIN_MS = 300,
    PASS_PAUSE_MAX_MS = 10000,
};

static void begin_to_pass(struct epochs *epochs)
{
    for (unsigned s = 0; s < SERVICE_COUNT; s++) {
        epochs->pass_ms[s] = 0;
        epochs->pass_pause_ms[s] = PASS_PAUSE_MIN_MS;
    }
}

// What became of the votes of former lives, if they do not count.
static void tell_votes(struct epochs *epochs, enum status status, const struct fault *fault)
{
    unsigned long long abstained = votes_abstained(&epochs->votes);
    if (abstained)
        fault_set(&epochs->told, STATUS_CORRUPT,
                  "data/ring/votes: %.100s: this node does not vote on what becomes epoch %llu or "
                  "before, so that it never contradicts itself; there is nothing to do while most "
                  "of the other voters are up (dkv-ring(5))",
                  status ? fault->text : "were lost before", abstained);
    else if (status)
        fault_set(&epochs->told, STATUS_CORRUPT, "data/ring/votes: %.100s: made anew", fault->text);
}

void epochs_init(struct epochs *epochs, struct peers *peers, struct ring_snapshot *current,
                 struct bytes durable, uint64_t name)
{
    struct fault fault = {0};
    *epochs = (struct epochs){.peers = peers, .current = current};
    tell_votes(epochs, votes_init(&epochs->votes, current, durable, &fault), &fault);
    proposal_init(&epochs->proposal, peers, name);
    begin_to_pass(epochs);
}

void epochs_release(struct epochs *epochs)
{
    votes_release(&epochs->votes);
    proposal_release(&epochs->proposal);
    buf_release(&epochs->own_vote);
    ring_snapshot_drop(epochs->next);
    ring_snapshot_drop(epochs->handed);
    ring_snapshot_drop(epochs->job.document);
    buf_release(&epochs->job.votes);
}

static uint64_t epoch_of(const struct epochs *epochs)
{
    return epochs->current->ring.epoch;
}

bool epochs_find_router(const struct epochs *epochs, uint64_t node, uint32_t *number)
{
    for (*number = UINT32_MAX; peers_next(epochs->peers, number);) {
        if (peers_service(*number) == SERVICE_ROUTER &&
            peers_at(epochs->peers, *number)->node == node)
            return peers_link(epochs->peers, *number)->up;
    }
    return false;
}

// ---- documents -------------------------------------------------------------------------

enum status epochs_check(const struct epochs *epochs, const struct ring_snapshot *document,
                         struct fault *fault)
{
    return ring_follow(epochs->current, document, epochs->peers->terms.self, fault);
}

void epochs_learn(struct epochs *epochs, struct bytes text)
{
    struct fault fault = {0};
    struct ring_snapshot *document = ring_snapshot_parse(text, &fault);
    bool is_new = document && document->ring.epoch > epoch_of(epochs) &&
                  (!epochs->next || document->ring.epoch > epochs->next->ring.epoch);
    bool is_bad = !document || (is_new && epochs_check(epochs, document, &fault));
    if (is_bad && (!document || document->hash != epochs->refused_hash)) {
        fault_set(&epochs->told, STATUS_INVALID,
                  "the ring document of epoch %llu is refused: %.220s",
                  document ? (unsigned long long)document->ring.epoch : 0ull, fault.text);
        epochs->refused_hash = document ? document->hash : 0;
        epochs->pull_again_ms += REFUSED_AGAIN_MS; // it may have been pulled
    }
    if (!is_bad && is_new) {
        ring_snapshot_drop(epochs->next);
        epochs->next = ring_snapshot_hold(document);
    }
    ring_snapshot_drop(document);
}

static void pull(struct epochs *epochs, uint32_t number, struct moment now, struct outbox *outbox)
{
    struct op_ask ask = {.id = EPOCHS_ASK, .topic = bytes_of_text("ring")};
    epochs->pull_again_ms = now.mono_ms + PULL_AGAIN_MS;
    op_encode_ask(&ask, outbox_add(outbox, epochs->peers->link_of(number), MESSAGE_ASK, 0));
}

// The router that told of the latest epoch.
static bool find_newest(const struct epochs *epochs, uint32_t *newest)
{
    uint64_t epoch = epoch_of(epochs);
    for (uint32_t i = UINT32_MAX; peers_next(epochs->peers, &i);) {
        const struct link *link = peers_link(epochs->peers, i);
        if (peers_service(i) != SERVICE_ROUTER || !link->up || link->epoch <= epoch)
            continue;
        epoch = link->epoch;
        *newest = i;
    }
    return epoch > epoch_of(epochs);
}

void epochs_on_heard(struct epochs *epochs, uint64_t node, uint64_t epoch, struct moment now,
                     struct outbox *outbox)
{
    uint32_t number;
    if (epoch <= epoch_of(epochs) || epochs->next || now.mono_ms < epochs->pull_again_ms)
        return;
    if (epochs_find_router(epochs, node, &number))
        pull(epochs, number, now, outbox);
}

static void ping(const struct epochs *epochs, uint32_t number, struct outbox *outbox)
{
    struct op_ping op = {0};
    op_encode_ping(&op, outbox_add(outbox, epochs->peers->link_of(number), MESSAGE_PING, 0));
}

// Everybody who has an older document is told, by the header of a PING, that there is a new one;
// what a store or router has its answer tells.
static void announce(const struct epochs *epochs, struct outbox *outbox)
{
    for (uint32_t i = UINT32_MAX; peers_next(epochs->peers, &i);) {
        const struct link *link = peers_link(epochs->peers, i);
        if (link->up && link->epoch < epoch_of(epochs))
            ping(epochs, i, outbox);
    }
}

// To the processes of this node that have an older document.
static void pass(struct epochs *epochs, struct moment now, struct outbox *outbox)
{
    uint32_t self = (uint32_t)ring_find_node(&epochs->current->ring, epochs->peers->terms.self);
    for (unsigned s = 0; s < SERVICE_COUNT; s++) {
        const struct link *link = peers_link_of(epochs->peers, self, (enum service)s);
        if (!link->exists || !link->up || link->epoch >= epoch_of(epochs) ||
            now.mono_ms < epochs->pass_ms[s])
            continue;
        uint32_t number = peers_number(epochs->peers, self, (enum service)s);
        struct op_ring op = {.document = buf_bytes(&epochs->current->text)};
        epochs->pass_ms[s] = now.mono_ms + epochs->pass_pause_ms[s];
        epochs->pass_pause_ms[s] = least_ms(2 * epochs->pass_pause_ms[s], PASS_PAUSE_MAX_MS);
        op_encode_ring(&op, outbox_add(outbox, epochs->peers->link_of(number), MESSAGE_RING, 0));
    }
}

void epochs_adopt(struct epochs *epochs, struct ring_snapshot *current, struct moment now,
                  struct outbox *outbox)
{
    epochs->current = current;
    votes_adopt(&epochs->votes, current);
    if (epochs->next && epochs->next->ring.epoch <= current->ring.epoch) {
        ring_snapshot_drop(epochs->next);
        epochs->next = NULL;
    }
    begin_to_pass(epochs);
    proposal_on_adopted(&epochs->proposal, current, now);
    if (outbox) {
        announce(epochs, outbox);
        pass(epochs, now, outbox);
    }
}

// ---- durable ---------------------------------------------------------------------------

struct epochs_job *epochs_next_job(struct epochs *epochs)
{
    struct epochs_job *job = &epochs->job;
    bool has_votes = epochs->votes.written > epochs->votes.durable;
    if (epochs->is_job_running || epochs->save_again_ms || (!epochs->next && !has_votes))
        return NULL;
    *job = (struct epochs_job){.votes = job->votes, .mark = epochs->votes.written};
    buf_clear(&job->votes);
    if (epochs->next)
        job->document = ring_snapshot_hold(epochs->next);
    if (has_votes)
        acceptor_encode(&epochs->votes.acceptor, &job->votes);
    epochs->is_job_running = true;
    return job;
}

struct ring_snapshot *epochs_on_job_done(struct epochs *epochs, struct moment now)
{
    struct epochs_job *job = &epochs->job;
    struct ring_snapshot *document = job->document;
    job->document = NULL;
    epochs->is_job_running = false;
    if (job->status) {
        epochs->save_again_ms = now.mono_ms + SAVE_AGAIN_MS;
        fault_set(&epochs->told, job->status, "%.300s", job->fault.text);
    } else {
        epochs->votes.durable = job->mark;
    }
    if (document && (job->status || document->ring.epoch <= epoch_of(epochs))) {
        ring_snapshot_drop(document);
        document = NULL;
    }
    return document;
}

void epochs_on_tick(struct epochs *epochs, struct moment now, struct outbox *outbox)
{
    uint32_t number;
    if (now.mono_ms >= epochs->save_again_ms)
        epochs->save_again_ms = 0;
    if (!epochs->next && now.mono_ms >= epochs->pull_again_ms && find_newest(epochs, &number))
        pull(epochs, number, now, outbox);
    if (epochs->proposal.state == PROPOSAL_SPREADS)
        announce(epochs, outbox);
    proposal_spread(&epochs->proposal, epochs->current, now);
    pass(epochs, now, outbox);
}

bool epochs_is_newest(const struct epochs *epochs)
{
    uint32_t number;
    return !epochs->next && !find_newest(epochs, &number);
}
