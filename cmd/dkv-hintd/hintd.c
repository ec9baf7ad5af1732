#include "dkv-hintd/hintd.h"

#include "base/search.h"
#include "base/xalloc.h"
#include "dkv-hintd/tally_format.h"

#include <stdlib.h>

enum {
    DEBTS_MS = 1000, // between two writings of debts
    YOUNG_MS = 10 * 1000,
};

void hintd_adopt(struct hintd *hintd, struct ring_snapshot *ring, struct moment now)
{
    ring_snapshot_hold(ring);
    ring_snapshot_drop(hintd->snapshot);
    hintd->snapshot = ring;
    hintd->ring = &ring->ring;
    hintd->node_index = ring_find_node(hintd->ring, hintd->options.node);
    peers_adopt(&hintd->peers, ring, now);
    hintd->may_owe_strangers = true;
    for (uint32_t i = 0; i < hintd->delivery_count; i++)
        hintd->deliveries[i].must_sort = true;
}

// ---- the engine --------------------------------------------------------------------------

static void on_snapshot(void *context, struct buf *out)
{
    const struct hintd *hintd = context;
    tally_format_snapshot(&hintd->tally, out);
}

static enum status on_restore(void *context, struct bytes snapshot, struct fault *fault)
{
    struct hintd *hintd = context;
    return tally_format_restore(&hintd->tally, snapshot, fault);
}

static enum status on_replay(void *context, struct bytes note, struct fault *fault)
{
    struct hintd *hintd = context;
    return tally_format_replay(&hintd->tally, note, fault);
}

// A merge that met damage has left its range as it was: all else goes on. One that met a fault
// which may pass is tried again.
static enum status take_job(struct hintd *hintd, struct lsm_job *job, struct fault *fault)
{
    struct fault reason = {0};
    enum status status = lsm_on_done(hintd->lsm, job, &reason);
    if (!status || status == STATUS_DISK_FULL || status == STATUS_EXHAUSTED ||
        lsm_failed(hintd->lsm))
        return status ? fault_set(fault, status, "%s", reason.text) : STATUS_OK;
    if (status == STATUS_CORRUPT)
        hintd_note_damage(hintd, &hintd->counts.damaged_merges, &reason);
    return STATUS_OK;
}

struct lsm_job *hintd_next_job(struct hintd *hintd, enum lsm_worker worker)
{
    return lsm_next_job(hintd->lsm, worker);
}

enum status hintd_on_job_done(struct hintd *hintd, struct lsm_job *job, struct fault *fault)
{
    enum status status = take_job(hintd, job, fault);
    return lsm_failed(hintd->lsm) ? status : STATUS_OK;
}

void hintd_note_damage(struct hintd *hintd, uint64_t *count, const struct fault *fault)
{
    (*count)++;
    hintd->damage = *fault;
}

// ---- the start ---------------------------------------------------------------------------

// Runs the next job of a worker, of the log before the background.
static enum status run_job(struct hintd *hintd, struct fault *fault)
{
    struct lsm_job *job = lsm_next_job(hintd->lsm, LSM_WORKER_LOG);
    if (!job)
        job = lsm_next_job(hintd->lsm, LSM_WORKER_BACKGROUND);
    if (!job)
        return fault_set(fault, STATUS_DISK_FULL, "%s: no room for the log",
                         hintd->options.lsm.dir);
    lsm_job_run(job);
    return take_job(hintd, job, fault);
}

// The hints of another node's directory may be delivered there already: its own hintd does it.
static enum status check_owner(const struct hintd *hintd, struct fault *fault)
{
    const struct ring_node *node = &hintd->ring->nodes[hintd->node_index];
    struct actor last = actor_parse(hintd->tally.actor);
    if (!hintd->tally.actor || (last.node == node->number && last.kind == ACTOR_HINTD))
        return STATUS_OK;
    return fault_set(fault, STATUS_INVALID,
                     "%s: these are the hints of node number %u, not of %s (number %u): put them "
                     "back where they belong",
                     hintd->options.lsm.dir, last.node, node->name, node->number);
}

uint64_t hintd_new_actor(const struct hintd *hintd, uint32_t last, struct moment now)
{
    struct actor actor = {
        .node = hintd->ring->nodes[hintd->node_index].number,
        .kind = ACTOR_HINTD,
        .start = actor_start_after(now.wall_ms, last),
        .random = hintd->random,
    };
    return actor.start ? actor_make(actor) : 0;
}

// A log that filled memory has to be flushed before (BUSY).
static enum status write_note(struct hintd *hintd, struct bytes note, struct fault *fault)
{
    struct lsm_batch batch = {0};
    lsm_batch_note(&batch, note);
    uint64_t position;
    enum status status, job = STATUS_OK;
    do {
        status = lsm_write(hintd->lsm, &batch, &position);
        if (status == STATUS_BUSY)
            job = run_job(hintd, fault);
    } while (status == STATUS_BUSY && !job);
    lsm_batch_release(&batch);
    if (status && !job)
        fault_set(fault, status, "%s: unable to register this start: %s", hintd->options.lsm.dir,
                  status_text(status));
    return job ? job : status;
}

// Registers this life.
static enum status start_actor(struct hintd *hintd, uint64_t random, struct moment now,
                               struct fault *fault)
{
    uint32_t last = hintd->tally.actor ? actor_parse(hintd->tally.actor).start : 0;
    hintd->random = (uint16_t)random;
    uint64_t actor = hintd_new_actor(hintd, last, now);
    if (!actor)
        return fault_set(fault, STATUS_INVALID, "%s: it was started in a year that is none",
                         hintd->options.lsm.dir);
    struct buf note = {0};
    hintd->tally.actor = actor;
    hintd->peers.terms.actor = actor; // stores hear of it, so that the ones before can be closed
    tally_format_start(&hintd->tally, &note);
    enum status status = write_note(hintd, buf_bytes(&note), fault);
    buf_release(&note);
    while (!status && lsm_durable(hintd->lsm) < lsm_written(hintd->lsm))
        status = run_job(hintd, fault);
    return status;
}

static void prepare(struct hintd *hintd, const struct hintd_options *options, struct moment now)
{
    struct link_terms terms = {.ping_interval_ms = options->ping_interval_ms,
                               .down_after_ms = options->down_after_ms,
                               .self = options->node};
    hintd->options.ring = NULL; // there will be others
    peers_init(&hintd->peers, &terms, SERVICE_HINTD, service_bit(SERVICE_STORE), options->link_of);
    hintd_adopt(hintd, options->ring, now);
    tally_init(&hintd->tally, options->request_memory_ms);
    hintd->tally.partition_count = hintd->ring->partition_count;
    hintd->tally.begin_ms = now.mono_ms;
    hintd->tally.requests.seed = options->boot;
    table_init(&hintd->fences.last, options->boot);
    table_init(&hintd->counters, options->boot);
    meters_init(&hintd->meters, options->boot);
    hintd->started_ms = now.mono_ms;
    hintd->options.lsm.owner = (struct lsm_owner){
        .context = hintd,
        .features = tally_format_features,
        .snapshot = on_snapshot,
        .restore = on_restore,
        .replay = on_replay,
    };
}

enum status hintd_open(struct hintd *hintd, const struct hintd_options *options, uint64_t random,
                       struct moment now, struct fault *fault)
{
    *hintd = (struct hintd){.options = *options};
    if (ring_find_node(&options->ring->ring, options->node) < 0)
        return fault_set(fault, STATUS_INVALID, "this node is not in the ring");
    prepare(hintd, options, now);
    enum status status = lsm_open(&hintd->lsm, &hintd->options.lsm, fault);
    if (!status)
        status = check_owner(hintd, fault);
    if (!status)
        status = start_actor(hintd, random, now, fault);
    for (uint32_t i = 0; !status && i < hintd->tally.target_count; i++) {
        const struct tally_target *target = &hintd->tally.targets[i];
        hintd_delivery(hintd, target->node)->accepted = target->count;
    }
    if (status)
        hintd_close(hintd);
    return status;
}

void hintd_close(struct hintd *hintd)
{
    if (hintd->lsm)
        lsm_close(hintd->lsm);
    for (uint32_t i = 0; i < hintd->delivery_count; i++) {
        delivery_stop(&hintd->deliveries[i]);
        buf_release(&hintd->deliveries[i].cursor);
    }
    free(hintd->deliveries);
    tally_release(&hintd->tally);
    fences_release(&hintd->fences);
    peers_release(&hintd->peers);
    meters_release(&hintd->meters);
    parked_release(&hintd->parked);
    table_release(&hintd->counters);
    ring_snapshot_drop(hintd->snapshot);
    keeping_release(&hintd->keeping);
    keeping_release(&hintd->other);
    record_release(&hintd->joined);
    change_release(&hintd->change);
    clock_release(&hintd->told.clock);
    keeping_batch_release(&hintd->batch);
    superseded_list_release(&hintd->requests);
    clock_release(&hintd->clock);
    buf_release(&hintd->part);
    buf_release(&hintd->encoded);
    buf_release(&hintd->lists);
    buf_release(&hintd->text);
    *hintd = (struct hintd){0};
}

// ---- what operations share ---------------------------------------------------------------

struct delivery *hintd_delivery(struct hintd *hintd, uint64_t node)
{
    size_t size = sizeof *hintd->deliveries;
    size_t at = search_number(hintd->deliveries, hintd->delivery_count, size, node);
    if (at < hintd->delivery_count && hintd->deliveries[at].node == node)
        return &hintd->deliveries[at];
    hintd->deliveries = xrealloc(hintd->deliveries, (hintd->delivery_count + 1) * size);
    memmove(&hintd->deliveries[at + 1], &hintd->deliveries[at],
            (hintd->delivery_count - at) * size);
    hintd->delivery_count++;
    hintd->deliveries[at] = (struct delivery){.node = node, .must_sort = true};
    throttle_init(&hintd->deliveries[at].throttle, hintd->options.rate);
    return &hintd->deliveries[at];
}

void hintd_note_hint(struct hintd *hintd, uint64_t target, struct bytes engine_key)
{
    struct delivery *delivery = hintd_delivery(hintd, target);
    struct flying *flying = delivery_find_key(delivery, engine_key);
    if (flying)
        flying->is_stale = true;
    delivery->accepted++;
}

uint64_t *hintd_counter(struct hintd *hintd, uint32_t keyspace, uint32_t partition)
{
    uint64_t id = (uint64_t)keyspace << 32 | partition;
    return &table_add(&hintd->counters, table_key(&id))->number;
}

// ---- a twin ------------------------------------------------------------------------------

// If it cannot be written now the next start is told again.
static void note_start(struct hintd *hintd, uint64_t actor)
{
    uint64_t position;
    hintd->tally.actor = actor;
    buf_clear(&hintd->part);
    tally_format_start(&hintd->tally, &hintd->part);
    lsm_batch_clear(&hintd->batch.batch);
    lsm_batch_note(&hintd->batch.batch, buf_bytes(&hintd->part));
    (void)!lsm_write(hintd->lsm, &hintd->batch.batch, &position);
    lsm_batch_clear(&hintd->batch.batch);
}

static void begin_again(struct hintd *hintd, uint32_t last, struct moment now)
{
    struct actor actor = actor_parse(hintd->tally.actor);
    actor.start = actor_start_after(now.wall_ms, last);
    if (!actor.start)
        return;
    note_start(hintd, actor_make(actor));
    hintd->peers.terms.actor = hintd->tally.actor;
    table_release(&hintd->counters);
    table_init(&hintd->counters, hintd->options.boot);
}

void hintd_hear_of_self(struct hintd *hintd, uint32_t start, struct moment now)
{
    uint32_t own = actor_parse(hintd->tally.actor).start;
    if (hintd->twin.text[0] || start <= own)
        return;
    if (now.mono_ms < hintd->started_ms + YOUNG_MS) {
        begin_again(hintd, start, now);
        return;
    }
    fault_set(&hintd->twin, STATUS_REFUSED,
              "%s: another process has the identity of this node, and is younger (start %u, this "
              "is start %u)",
              hintd->options.lsm.dir, start, own);
    note_start(hintd, actor_first(actor_process(hintd->tally.actor), start)); // ours is later then
}

// ---- debts -------------------------------------------------------------------------------

// They are written at a tick: there may be thousands in a second, and none is a promise.
void hintd_owe(struct hintd *hintd, uint64_t target, uint32_t partition, struct moment now)
{
    tally_owe(&hintd->tally, target, partition, now.wall_ms);
    hintd->has_unwritten_debts = true;
    hintd->may_owe_strangers |= ring_find_node(hintd->ring, target) < 0;
}

static void write_debts(struct hintd *hintd)
{
    struct lsm_batch *batch = &hintd->batch.batch;
    struct buf *note = &hintd->part;
    uint64_t position;
    buf_clear(note);
    for (uint32_t i = 0; i < hintd->tally.debt_count; i++)
        tally_format_debt(&hintd->tally.debts[i], note);
    lsm_batch_clear(batch);
    lsm_batch_note(batch, buf_bytes(note));
    if (!note->size || !lsm_write(hintd->lsm, batch, &position))
        hintd->has_unwritten_debts = false;
    lsm_batch_clear(batch);
}

void hintd_on_tick(struct hintd *hintd, struct moment now)
{
    lsm_tick(hintd->lsm, now.mono_ms);
    requests_forget_old(&hintd->tally.requests, now.mono_ms);
    fences_forget_old(&hintd->fences, now.mono_ms);
    if (!hintd->has_unwritten_debts || now.mono_ms < hintd->debts_due_ms)
        return;
    hintd->debts_due_ms = now.mono_ms + DEBTS_MS;
    write_debts(hintd);
}
