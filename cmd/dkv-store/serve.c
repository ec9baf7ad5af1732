#include "dkv-store/serve.h"

#include "dkv-store/asking.h"
#include "dkv-store/damage.h"
#include "dkv-store/dropping.h"
#include "dkv-store/joining.h"
#include "dkv-store/loss.h"
#include "dkv-store/operation.h"
#include "dkv-store/purging.h"
#include "dkv-store/rounds.h"
#include "peer/following.h"
#include "peer/stamp.h"
#include "wire/age.h"
#include "wire/hello.h"

static void refuse(struct outbox *outbox, const struct arrival *arrival, enum status status,
                   const char *why)
{
    struct op_error error = {.status = (uint8_t)status, .text = bytes_of_text(why)};
    op_encode_error(&error, outbox_add(outbox, arrival->link, MESSAGE_ERROR, 0));
}

// True if the router has given up by now.
static bool is_expired(const struct store *store, const struct message_header *header,
                       struct moment now)
{
    return message_is_expired(header, store->options.boot, now.mono_ms);
}

// ---- Parked operations -------------------------------------------------------------------

void serve_parked_op(struct store *store, struct parked_op *op, struct moment now,
                     struct outbox *outbox)
{
    enum status status = STATUS_OK;
    store->wait = op->wait;
    store->wait.is_first = true;
    if (is_expired(store, &op->header, now)) {
        store->counts.expired++;
    } else {
        struct reader body = reader_of(buf_bytes(&op->body));
        status = operation_serve(store, &op->arrival, &op->header, &body, now, outbox);
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
    serve_parked_op(store, op, now, outbox);
}

// Keeps an operation that has to wait: store->wait says for what.
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

// The router of this node hands us the ring document that counts.
static enum status follow(struct store *store, const struct arrival *arrival, struct reader *body,
                          struct outbox *outbox)
{
    struct ring_snapshot *next;
    enum status status =
        following_on_ring(store->snapshot, store->options.node, arrival, body, outbox, &next);
    if (!status && next)
        store_adopt(store, next);
    if (!status)
        ring_snapshot_drop(next);
    return status;
}

// The next operation of a message. INVALID: it is none.
static enum status serve_next(struct store *store, const struct arrival *arrival,
                              const struct message_header *header, struct reader *body,
                              struct moment now, struct outbox *outbox)
{
    struct reader begin = *body;
    if (header->type == MESSAGE_RING)
        return follow(store, arrival, body, outbox);
    if (header->type == MESSAGE_UPDATE || header->type == MESSAGE_FETCH)
        delay_on_operation(&store->delay, now); // others send neither
    store->wait = (struct parked_wait){0};
    enum status status = operation_serve(store, arrival, header, body, now, outbox);
    if (status != STATUS_BUSY)
        return status;
    size_t size = reader_left(&begin) - reader_left(body);
    park(store, arrival, header, bytes_of(begin.at, size), now, outbox);
    return STATUS_OK;
}

void serve_on_message(struct store *store, const struct arrival *arrival, struct bytes message,
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
        refuse(outbox, arrival, STATUS_NOT_AUTHORISED, "a store serves processes of nodes only");
        return;
    }
    if (store->twin.text[0] && header.type != MESSAGE_HELLO)
        return; // WELCOME says why
    meters_taken(&store->meters, arrival->link, &header);
    joining_follow(store);
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

// ---- Turns -------------------------------------------------------------------------------

void serve_on_tick(struct store *store, struct moment now, struct outbox *outbox)
{
    store_on_tick(store, now, outbox);
    asking_on_tick(store, now);
    joining_follow(store);
    joining_on_tick(store);
    purging_on_tick(store, now);
    dropping_on_tick(store, now);
}

bool serve_is_quiet(const struct store *store)
{
    return lsm_written(store->lsm) == store->tick_mark && !store->purge.is_passing &&
           !store->drops.is_under_way && !store->parked.count && !store->loss.is_due;
}

void serve_on_turn_end(struct store *store, struct moment now, struct outbox *outbox)
{
    struct parked_op *op;
    while (!store->twin.text[0] && (op = parked_next(&store->parked, lsm_loaded(store->lsm))))
        serve_parked_op(store, op, now, outbox);
    rounds_on_turn_end(store, now);
    damage_mark(store);
    if (loss_settle(store, now))
        store->counts.stalled++; // the next change, or turn, tries again
    else
        damage_pass_over(store);
    store_note_turn(store, now);
    delay_on_turn_end(&store->delay, lsm_written(store->lsm), lsm_durable(store->lsm), now);
    stamp_headers(outbox, store->snapshot, store->options.boot, now);
    for (uint32_t i = 0; i < outbox->count; i++)
        meters_sent(&store->meters, outbox->messages[i].link,
                    outbox->messages[i].bytes.size - MESSAGE_HEADER_SIZE);
}
