#include "dkv-store/store.h"

#include "dkv-store/pair.h"
#include "dkv-store/serve.h"
#include "wire/age.h"

#include <stdlib.h>

void store_adopt(struct store *store, struct ring_snapshot *ring)
{
    ring_snapshot_hold(ring);
    ring_snapshot_drop(store->snapshot);
    store->snapshot = ring;
    store->ring = &ring->ring;
    store->node_index = ring_find_node(store->ring, store->options.node);
}

static void on_snapshot(void *context, struct buf *out)
{
    const struct store *store = context;
    ledger_snapshot(&store->ledger, out);
}

static enum status on_restore(void *context, struct bytes snapshot, struct fault *fault)
{
    struct store *store = context;
    return ledger_restore(&store->ledger, snapshot, fault);
}

static enum status on_replay(void *context, struct bytes note, struct fault *fault)
{
    struct store *store = context;
    return ledger_replay(&store->ledger, note, fault);
}

// A merge that met damage has left its range as it was: all else goes on. What may pass is tried
// again.
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

// A copy of another node's directory has not what this one acknowledged, and would say so. The
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

// Registers this life. A log that filled memory has to be flushed before (BUSY).
static enum status start_actor(struct store *store, uint64_t random, struct moment now,
                               struct fault *fault)
{
    uint64_t actor = new_actor(store, random, now);
    if (!actor)
        return fault_set(fault, STATUS_INVALID, "%s: it was started in a year that is none",
                         store->options.lsm.dir);
    buf_clear(&store->note);
    ledger_start_actor(&store->ledger, actor, &store->note);
    lsm_batch_clear(&store->batch);
    lsm_batch_note(&store->batch, buf_bytes(&store->note));
    uint64_t position;
    enum status status;
    while ((status = lsm_write(store->lsm, &store->batch, &position)) == STATUS_BUSY) {
        status = run_job(store, fault);
        if (status)
            return status;
    }
    if (status)
        return fault_set(fault, status, "%s: unable to register this start: %s",
                         store->options.lsm.dir, status_text(status));
    while (!status && lsm_durable(store->lsm) < lsm_written(store->lsm))
        status = run_job(store, fault);
    return status;
}

// Version 1 had other counts and roots. They are in the next snapshot, and until that is durable
// in no log: a start before counts again. Damage costs what is counted behind it; what passes, such
// as too many open files, is no damage.
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
    store->ledger.begin_ms = now.mono_ms;
    store->ledger.requests.seed = options->boot;
    table_init(&store->fences.last, options->boot);
    meters_init(&store->meters, options->boot);
    store->options.lsm.owner = (struct lsm_owner){
        .context = store,
        .features = ledger_features,
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
    record_release(&store->local);
    record_release(&store->incoming);
    record_release(&store->pure);
    clock_release(&store->context);
    lsm_batch_release(&store->batch);
    buf_release(&store->key);
    buf_release(&store->local_bytes);
    buf_release(&store->encoded);
    buf_release(&store->note);
    buf_release(&store->items);
    buf_release(&store->requests);
    buf_release(&store->clock_bytes);
    free(store->dots);
    ring_snapshot_drop(store->snapshot);
    superseded_list_release(&store->superseded);
    *store = (struct store){0};
}

static void refuse(struct outbox *outbox, const struct arrival *arrival, enum status status,
                   const char *why)
{
    struct op_error error = {.status = (uint8_t)status, .text = bytes_of_text(why)};
    op_encode_error(&error, outbox_add(outbox, arrival->link, MESSAGE_ERROR, 0));
}

// Who asked has given up by now.
static bool is_expired(const struct store *store, const struct message_header *header,
                       struct moment now)
{
    return message_is_expired(header, store->options.boot, now.mono_ms);
}

// ---- What waits for the disk -------------------------------------------------------------

void store_serve_parked(struct store *store, struct parked_op *op, struct moment now,
                        struct outbox *outbox)
{
    enum status status = STATUS_OK;
    store->wait = op->wait;
    store->wait.is_first = true;
    if (is_expired(store, &op->header, now)) {
        store->counts.expired++;
    } else {
        struct reader body = reader_of(buf_bytes(&op->body));
        status = serve(store, &op->arrival, &op->header, &body, now, outbox);
    }
    if (status == STATUS_BUSY)
        parked_put_off(&store->parked, op, &store->wait);
    else
        parked_remove(&store->parked, op);
}

// Serves the one that waits for longest: now it does so for the disk.
static void serve_first(struct store *store, struct moment now, struct outbox *outbox)
{
    struct parked_op *op = &store->parked.ops[0];
    op->wait.miss_count = PARKED_MISSES_MAX;
    store_serve_parked(store, op, now, outbox);
}

// Keeps an operation that serve() found BUSY. `wait` is what for.
static void park(struct store *store, const struct arrival *arrival,
                 const struct message_header *header, struct bytes body, struct moment now,
                 struct outbox *outbox)
{
    struct parked_op op = {.wait = store->wait, .arrival = *arrival, .header = *header};
    store->counts.parked++;
    while (store->parked.count && !parked_has_room(&store->parked, body.size))
        serve_first(store, now, outbox);
    parked_add(&store->parked, &op, body);
}

// The next operation of a message. INVALID: it is none.
static enum status serve_next(struct store *store, const struct arrival *arrival,
                              const struct message_header *header, struct reader *body,
                              struct moment now, struct outbox *outbox)
{
    struct reader begin = *body;
    store->wait = (struct parked_wait){0};
    enum status status = serve(store, arrival, header, body, now, outbox);
    if (status != STATUS_BUSY)
        return status;
    size_t size = reader_left(&begin) - reader_left(body);
    park(store, arrival, header, bytes_of(begin.at, size), now, outbox);
    return STATUS_OK;
}

void store_on_message(struct store *store, const struct arrival *arrival, struct bytes message,
                      struct moment now, struct outbox *outbox)
{
    struct message_header header;
    struct reader body;
    if (message_header_decode(&header, message, &body)) {
        refuse(outbox, arrival, STATUS_INVALID, "not a message of this version");
        return;
    }
    if (!service_allows(SERVICE_STORE, arrival->role, (enum message_type)header.type)) {
        store->counts.refused++;
        refuse(outbox, arrival, STATUS_NOT_AUTHORISED, "a store serves routers only");
        return;
    }
    meters_taken(&store->meters, arrival->link, &header);
    if (is_expired(store, &header, now)) {
        store->counts.expired += header.count;
        return;
    }
    for (unsigned i = 0; i < header.count; i++) {
        if (serve_next(store, arrival, &header, &body, now, outbox)) {
            refuse(outbox, arrival, STATUS_INVALID, "malformed operation");
            return;
        }
    }
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

// Whole milliseconds of what the engine asks for are waited, one delay after the other; it is
// asked again only when something was written since.
static void pace(struct store *store, struct moment now)
{
    if (store->held_until_ms > now.mono_ms)
        return;
    store->held_until_ms = 0;
    uint64_t written = lsm_written(store->lsm);
    if (written == store->pace_mark)
        return;
    store->pace_mark = written;
    store->delay_us += lsm_delay_us(store->lsm);
    uint64_t delay_ms = store->delay_us / 1000;
    if (!delay_ms)
        return;
    store->delay_us -= delay_ms * 1000;
    store->counts.paced_ms += delay_ms;
    store->held_until_ms = now.mono_ms + delay_ms;
    store->held_durable = lsm_durable(store->lsm);
}

void store_on_turn_end(struct store *store, struct moment now, struct outbox *outbox)
{
    struct parked_op *op;
    while ((op = parked_next(&store->parked, lsm_loaded(store->lsm))))
        store_serve_parked(store, op, now, outbox);
    store->turn_ms = now.mono_ms;
    uint64_t durable = lsm_durable(store->lsm), written = lsm_written(store->lsm);
    if (durable >= written) {
        store->unsynced_since_ms = 0;
    } else if (!store->unsynced_since_ms || durable >= store->unsynced_mark) {
        store->unsynced_since_ms = now.mono_ms;
        store->unsynced_mark = written;
    }
    pace(store, now);
    outbox->header.epoch = store->ring->epoch;
    outbox->header.ring_hash = (uint32_t)store->snapshot->hash;
    outbox->header.boot = store->options.boot;
    outbox->header.sent_ms = link_clock(store->options.boot, now.mono_ms);
    for (uint32_t i = 0; i < outbox->count; i++)
        meters_sent(&store->meters, outbox->messages[i].link,
                    outbox->messages[i].bytes.size - MESSAGE_HEADER_SIZE);
}

uint64_t store_durable(const struct store *store)
{
    return store->held_until_ms ? store->held_durable : lsm_durable(store->lsm);
}

unsigned store_tick_within_ms(const struct store *store, unsigned most_ms)
{
    const struct lsm_options *options = &store->options.lsm;
    uint64_t within_ms = most_ms;
    if (store->held_until_ms)
        within_ms = store->held_until_ms - store->turn_ms;
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
