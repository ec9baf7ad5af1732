#include "dkv-store/store.h"

#include "dkv-store/ledger_format.h"
#include "dkv-store/pair.h"

void store_adopt(struct store *store, struct ring_snapshot *ring)
{
    ring_snapshot_hold(ring);
    ring_snapshot_drop(store->snapshot);
    store->snapshot = ring;
    store->ring_ms = store->turn_ms;
    store->ring = &ring->ring;
    store->node_index = ring_find_node(store->ring, store->options.node);
}

static void on_snapshot(void *context, struct buf *out)
{
    const struct store *store = context;
    ledger_format_snapshot(&store->ledger, out);
}

static enum status on_restore(void *context, struct bytes snapshot, struct fault *fault)
{
    struct store *store = context;
    return ledger_format_restore(&store->ledger, snapshot, fault);
}

static enum status on_replay(void *context, struct bytes note, struct fault *fault)
{
    struct store *store = context;
    return ledger_format_replay(&store->ledger, note, fault);
}

// A merge that met damage has left its range as it was: all else goes on. One that met a fault
// which may pass is tried again.
static enum status take_job(struct store *store, struct lsm_job *job, struct fault *fault)
{
    struct fault reason = {0};
    enum status status = lsm_on_done(store->lsm, job, &reason);
    if (!status || status == STATUS_DISK_FULL || status == STATUS_EXHAUSTED ||
        lsm_failed(store->lsm))
        return status ? fault_set(fault, status, "%s", reason.text) : STATUS_OK;
    if (status == STATUS_CORRUPT)
        store_note_damage(store, &store->counts.damaged_merges, &reason);
    return STATUS_OK;
}

// Runs the next job of a worker, of the log before the background.
static enum status run_job(struct store *store, struct fault *fault)
{
    struct lsm_job *job = lsm_next_job(store->lsm, LSM_WORKER_LOG);
    if (!job)
        job = lsm_next_job(store->lsm, LSM_WORKER_BACKGROUND);
    if (!job)
        return fault_set(fault, STATUS_DISK_FULL, "%s: no room for the log",
                         store->options.lsm.dir);
    lsm_job_run(job);
    return take_job(store, job, fault);
}

// 0: no start is left.
static uint64_t new_actor(const struct store *store, uint64_t random, struct moment now)
{
    struct actor actor = {
        .node = store->ring->nodes[store->node_index].number,
        .kind = ACTOR_STORE,
        .random = (uint16_t)random,
    };
    uint32_t process = actor_process(actor_make(actor));
    actor.start = actor_start_after(now.wall_ms, ledger_last_start(&store->ledger, process));
    return actor.start ? actor_make(actor) : 0;
}

static const char *name_of_number(const struct ring *ring, uint16_t number)
{
    for (uint32_t i = 0; i < ring->node_count; i++) {
        if (ring->nodes[i].number == number)
            return ring->nodes[i].name;
    }
    return "that this ring does not have";
}

// A copy of another node's directory lacks writes that this one acknowledged, and would say so. The
// life before this one tells whose it is.
static enum status check_owner(const struct store *store, struct fault *fault)
{
    const struct ring_node *node = &store->ring->nodes[store->node_index];
    uint16_t number = actor_parse(store->ledger.actor).node;
    if (!store->ledger.actor || store->ledger.is_old || number == node->number)
        return STATUS_OK;
    return fault_set(fault, STATUS_INVALID,
                     "%s: this is the data of node %s (number %u), not of %s (number %u): put it "
                     "back where it belongs, and here what belongs here",
                     store->options.lsm.dir, name_of_number(store->ring, number), number,
                     node->name, node->number);
}

// A log that filled memory has to be flushed before (BUSY).
static enum status write_note(struct store *store, struct bytes note, struct fault *fault)
{
    struct lsm_batch batch = {0};
    lsm_batch_note(&batch, note);
    uint64_t position;
    enum status status, job = STATUS_OK;
    do {
        status = lsm_write(store->lsm, &batch, &position);
        if (status == STATUS_BUSY)
            job = run_job(store, fault);
    } while (status == STATUS_BUSY && !job);
    lsm_batch_release(&batch);
    if (status && !job)
        fault_set(fault, status, "%s: unable to register this start: %s", store->options.lsm.dir,
                  status_text(status));
    return job ? job : status;
}

// Registers this life.
static enum status start_actor(struct store *store, uint64_t random, struct moment now,
                               struct fault *fault)
{
    uint64_t actor = new_actor(store, random, now);
    if (!actor)
        return fault_set(fault, STATUS_INVALID, "%s: it was started in a year that is none",
                         store->options.lsm.dir);
    struct buf note = {0};
    ledger_start_actor(&store->ledger, actor);
    ledger_format_start(&store->ledger, &note);
    enum status status = write_note(store, buf_bytes(&note), fault);
    store->ledger.lives.position += !status;
    buf_release(&note);
    while (!status && lsm_durable(store->lsm) < lsm_written(store->lsm))
        status = run_job(store, fault);
    return status;
}

// Version 1 had other counts and roots. They are in the next snapshot, and until that is durable
// in no log: a start before counts again. Damage costs all that is counted behind it; a fault that
// passes, like too many open files, is no damage.
static enum status upgrade(struct store *store, struct fault *fault)
{
    struct fault damage = {0};
    uint64_t count;
    enum status status = pair_recount(store->lsm, &store->ledger, &count, &damage);
    if (status == STATUS_CORRUPT || status == STATUS_IO) {
        store_note_damage(store, &store->counts.damaged_reads, &damage);
        status = STATUS_OK;
    }
    if (status)
        return fault_set(fault, status, "%s", damage.text);
    lsm_flush(store->lsm);
    return STATUS_OK;
}

enum status store_open(struct store *store, const struct store_options *options, uint64_t random,
                       struct moment now, struct fault *fault)
{
    *store = (struct store){.options = *options};
    store->options.ring = NULL; // there will be others
    if (ring_find_node(&options->ring->ring, options->node) < 0)
        return fault_set(fault, STATUS_INVALID, "this node is not in the ring");
    store_adopt(store, options->ring);
    ledger_init(&store->ledger, store->ring->partition_count, options->request_memory_ms);
    store->ledger.now_ms = store->opened_ms = store->ring_ms = now.mono_ms;
    store->remembers_from_ms = now.mono_ms;
    store->ledger.requests.seed = options->boot;
    table_init(&store->fences.last, options->boot);
    meters_init(&store->meters, options->boot);
    store->options.lsm.owner = (struct lsm_owner){
        .context = store,
        .features = ledger_format_features,
        .snapshot = on_snapshot,
        .restore = on_restore,
        .replay = on_replay,
    };
    enum status status = lsm_open(&store->lsm, &store->options.lsm, fault);
    if (!status)
        status = check_owner(store, fault);
    if (!status && store->ledger.is_old)
        status = upgrade(store, fault);
    if (!status)
        status = start_actor(store, random, now, fault);
    if (status)
        store_close(store);
    // Without other nodes nobody can be asked.
    store->is_asking = !status && options->ask_ms && store->ring->node_count > 1;
    store->turn_ms = now.mono_ms;
    return status;
}

void store_close(struct store *store)
{
    if (store->lsm)
        lsm_close(store->lsm);
    meters_release(&store->meters);
    ledger_release(&store->ledger);
    fences_release(&store->fences);
    parked_release(&store->parked);
    ring_snapshot_drop(store->snapshot);
    holding_release(&store->holding);
    change_release(&store->change);
    scan_local_release(&store->scan);
    leaves_release(&store->leaves);
    growth_release(&store->growth);
    seen_release(&store->round.seen);
    seen_release(&store->round.horizon);
    buf_release(&store->round.seen_encoded);
    buf_release(&store->round.horizon_encoded);
    superseded_list_release(&store->requests);
    clock_release(&store->dots);
    buf_release(&store->frame.note);
    lsm_batch_release(&store->frame.batch);
    purge_release(&store->purge);
    drops_release(&store->drops);
    resolution_release(&store->resolution);
    buf_release(&store->part);
    buf_release(&store->head);
    buf_release(&store->seen);
    *store = (struct store){0};
}

void store_on_unsent(struct store *store, link_id link, struct bytes message)
{
    meters_unsent(&store->meters, link, message.size - MESSAGE_HEADER_SIZE);
}

void store_on_tick(struct store *store, struct moment now, struct outbox *outbox)
{
    (void)outbox;
    lsm_tick(store->lsm, now.mono_ms);
    store->tick_mark = lsm_written(store->lsm);
    requests_forget_old(&store->ledger.requests, now.mono_ms);
    fences_forget_old(&store->fences, now.mono_ms);
}

static uint64_t delay_us(void *context)
{
    return lsm_delay_us(((struct store *)context)->lsm);
}

void store_note_turn(struct store *store, struct moment now)
{
    store->turn_ms = now.mono_ms;
    uint64_t durable = lsm_durable(store->lsm), written = lsm_written(store->lsm);
    if (durable >= written) {
        store->unsynced_since_ms = 0;
    } else if (!store->unsynced_since_ms || durable >= store->unsynced_mark) {
        store->unsynced_since_ms = now.mono_ms;
        store->unsynced_mark = written;
    }
    brake_on_turn_end(&store->brake, now.mono_ms, written, durable, delay_us, store);
}

uint64_t store_durable(const struct store *store)
{
    return brake_durable(&store->brake, lsm_durable(store->lsm));
}

unsigned store_tick_within_ms(const struct store *store, unsigned most_ms)
{
    const struct lsm_options *options = &store->options.lsm;
    uint64_t within_ms = growth_can_step(&store->growth, store->lsm) ? 0 : most_ms;
    within_ms = brake_within_ms(&store->brake, store->turn_ms, within_ms);
    bool is_sync_due = options->durability == LSM_DURABILITY_INTERVAL &&
                       lsm_written(store->lsm) != store->tick_mark;
    if (is_sync_due && within_ms > options->interval_ms)
        within_ms = options->interval_ms;
    return within_ms < most_ms ? (unsigned)within_ms : most_ms;
}

struct lsm_job *store_next_job(struct store *store, enum lsm_worker worker)
{
    return lsm_next_job(store->lsm, worker);
}

enum status store_on_job_done(struct store *store, struct lsm_job *job, struct fault *fault)
{
    enum status status = take_job(store, job, fault);
    return lsm_failed(store->lsm) ? status : STATUS_OK;
}

void store_note_damage(struct store *store, uint64_t *count, const struct fault *fault)
{
    (*count)++;
    store->damage = *fault;
}
