#include "dkv-hintd/reception.h"

#include "dkv-hintd/deliveries.h"
#include "dkv-hintd/life.h"
#include "dkv-hintd/order.h"
#include "dkv-hintd/owing.h"
#include "peer/following.h"
#include "peer/stamp.h"
#include "wire/age.h"
#include "wire/hello.h"

enum { HURRIED_MS = 1 };

// ---- routers -----------------------------------------------------------------------------

static void refuse(struct outbox *outbox, const struct arrival *arrival, enum status status,
                   const char *why)
{
    struct op_error error = {.status = (uint8_t)status, .text = bytes_of_text(why)};
    op_encode_error(&error, outbox_add(outbox, arrival->link, MESSAGE_ERROR, 0));
}

// True if the router has given up by now: what its client was told is not for us to change.
static bool is_expired(const struct hintd *hintd, const struct message_header *header,
                       struct moment now)
{
    return message_is_expired(header, hintd->options.boot, now.mono_ms);
}

static void serve_parked_op(struct hintd *hintd, struct parked_op *op, struct moment now,
                            struct outbox *outbox)
{
    enum status status = STATUS_OK;
    hintd->wait = op->wait;
    hintd->wait.is_first = true;
    if (is_expired(hintd, &op->header, now)) {
        hintd->counts.expired++;
    } else {
        struct reader body = reader_of(buf_bytes(&op->body));
        status = order_serve(hintd, &op->arrival, &op->header, &body, now, outbox);
    }
    if (status == STATUS_BUSY)
        parked_put_off(&hintd->parked, op, &hintd->wait);
    else
        parked_remove(&hintd->parked, op);
}

// Keeps an operation that has to wait: hintd->wait says for what. Where there is no room the first
// one is served, which waits for the disk.
static void park(struct hintd *hintd, const struct arrival *arrival,
                 const struct message_header *header, struct bytes body, struct moment now,
                 struct outbox *outbox)
{
    struct parked_op op = {.wait = hintd->wait, .arrival = *arrival, .header = *header};
    hintd->counts.parked++;
    while (hintd->parked.count && !parked_has_room(&hintd->parked, body.size)) {
        hintd->parked.ops[0].wait.miss_count = PARKED_MISSES_MAX;
        serve_parked_op(hintd, &hintd->parked.ops[0], now, outbox);
    }
    parked_add(&hintd->parked, &op, body);
}

// A ring document of our router.
static enum status follow(struct hintd *hintd, const struct arrival *arrival, struct reader *body,
                          struct moment now, struct outbox *outbox)
{
    struct ring_snapshot *next;
    enum status status =
        following_on_ring(hintd->snapshot, hintd->options.node, arrival, body, outbox, &next);
    if (!status && next)
        reception_adopt(hintd, next, now);
    if (!status)
        ring_snapshot_drop(next);
    return status;
}

// The next operation of a message. INVALID: it is none.
static enum status serve_next(struct hintd *hintd, const struct arrival *arrival,
                              const struct message_header *header, struct reader *body,
                              struct moment now, struct outbox *outbox)
{
    struct reader begin = *body;
    if (header->type == MESSAGE_RING)
        return follow(hintd, arrival, body, now, outbox);
    hintd->wait = (struct parked_wait){0};
    enum status status = order_serve(hintd, arrival, header, body, now, outbox);
    if (status != STATUS_BUSY)
        return status;
    size_t size = reader_left(&begin) - reader_left(body);
    park(hintd, arrival, header, bytes_of(begin.at, size), now, outbox);
    return STATUS_OK;
}

static void on_request(struct hintd *hintd, const struct arrival *arrival,
                       const struct message_header *header, struct reader *body, struct moment now,
                       struct outbox *outbox)
{
    if (!service_allows(SERVICE_HINTD, arrival->role, (enum message_type)header->type)) {
        hintd->counts.not_allowed++;
        refuse(outbox, arrival, STATUS_NOT_AUTHORISED, "a hintd serves routers only");
        return;
    }
    if (hintd->twin.text[0] && header->type != MESSAGE_HELLO)
        return; // WELCOME says why
    meters_taken(&hintd->meters, arrival->link, header);
    if (is_expired(hintd, header, now)) {
        hintd->counts.expired += header->count;
        return;
    }
    for (unsigned i = 0; i < header->count; i++) {
        if (serve_next(hintd, arrival, header, body, now, outbox)) {
            refuse(outbox, arrival, STATUS_INVALID, "malformed operation");
            return;
        }
    }
}

// ---- stores ------------------------------------------------------------------------------

static void take_change(struct hintd *hintd, uint32_t number, enum link_change change)
{
    if (change == LINK_WENT_UP)
        deliveries_on_up(hintd, number);
    else if (change == LINK_WENT_DOWN)
        deliveries_on_down(hintd, number);
}

static enum status take_answer(struct hintd *hintd, uint32_t number,
                               const struct message_header *header, struct reader *body,
                               struct moment now)
{
    struct link *link = peers_link(&hintd->peers, number);
    struct op_welcome welcome;
    struct op_pong pong;
    switch (header->type) {
    case MESSAGE_WELCOME:
        if (op_decode_welcome(&welcome, body))
            return STATUS_INVALID;
        take_change(hintd, number,
                    link_on_welcome(link, &hintd->peers.terms,
                                    peers_at(&hintd->peers, number)->node, header, &welcome));
        if (link->up)
            life_on_heard(hintd, welcome.heard_start, now);
        return STATUS_OK;
    case MESSAGE_PONG:
        if (op_decode_pong(&pong, body))
            return STATUS_INVALID;
        link_on_pong(link, &pong, now);
        hintd_hear_of_self(hintd, pong.hintd_start, now);
        deliveries_on_pong(hintd, number, now);
        return STATUS_OK;
    case MESSAGE_MERGED:
        return deliveries_on_merged(hintd, number, body, now);
    default:
        return STATUS_INVALID;
    }
}

static void on_answer(struct hintd *hintd, uint32_t number, const struct message_header *header,
                      struct reader *body, struct moment now)
{
    struct link *link = peers_link(&hintd->peers, number);
    if (!link)
        return;
    take_change(hintd, number, link_on_message(link, &hintd->peers.terms, header, now));
    for (unsigned i = 0; i < header->count; i++) {
        if (take_answer(hintd, number, header, body, now))
            return;
    }
}

void reception_on_message(struct hintd *hintd, const struct arrival *arrival, struct bytes message,
                          struct moment now, struct outbox *outbox)
{
    struct message_header header;
    struct reader body;
    uint32_t number = hintd->options.number_of(arrival->link);
    if (message_header_decode(&header, message, &body)) {
        if (number == UINT32_MAX)
            refuse(outbox, arrival, STATUS_INVALID, "not a message of this version");
        return;
    }
    if (number == UINT32_MAX)
        on_request(hintd, arrival, &header, &body, now, outbox);
    else
        on_answer(hintd, number, &header, &body, now);
}

void reception_on_lost(struct hintd *hintd, link_id link, struct moment now)
{
    uint32_t number = hintd->options.number_of(link);
    struct link *lost = peers_link(&hintd->peers, number);
    if (lost)
        take_change(hintd, number, link_on_lost(lost, now));
}

void reception_on_unsent(struct hintd *hintd, link_id link, struct bytes message, struct moment now)
{
    if (hintd->options.number_of(link) == UINT32_MAX)
        meters_unsent(&hintd->meters, link, message.size - MESSAGE_HEADER_SIZE);
    else
        reception_on_lost(hintd, link, now);
}

void reception_adopt(struct hintd *hintd, struct ring_snapshot *ring, struct moment now)
{
    uint32_t number;
    hintd_adopt(hintd, ring, now);
    while (peers_next_lost(&hintd->peers, now, &number))
        take_change(hintd, number, LINK_WENT_DOWN);
}

// ---- turns -------------------------------------------------------------------------------

void reception_on_tick(struct hintd *hintd, struct moment now, struct outbox *outbox)
{
    hintd_on_tick(hintd, now);
    life_settle(hintd, now);
    hintd->may_owe_strangers = hintd->may_owe_strangers && owing_hand_over(hintd);
    hintd->peers.terms.is_idle = !hintd->tally.bytes;
    peers_begin_tick(&hintd->peers, now);
    for (uint32_t number = UINT32_MAX; peers_next(&hintd->peers, &number);)
        take_change(hintd, number, peers_on_tick(&hintd->peers, number, now, outbox));
    deliveries_on_tick(hintd, now);
}

static uint64_t delay_us(void *context)
{
    return lsm_delay_us(((struct hintd *)context)->lsm);
}

void reception_on_turn_end(struct hintd *hintd, struct moment now, struct outbox *outbox)
{
    struct parked_op *op;
    while (!hintd->twin.text[0] && (op = parked_next(&hintd->parked, lsm_loaded(hintd->lsm))))
        serve_parked_op(hintd, op, now, outbox);
    deliveries_run(hintd, now, outbox);
    hintd->turn_ms = now.mono_ms;
    brake_on_turn_end(&hintd->brake, now.mono_ms, lsm_written(hintd->lsm), lsm_durable(hintd->lsm),
                      delay_us, hintd);
    stamp_headers(outbox, hintd->snapshot, hintd->options.boot, now);
    for (uint32_t i = 0; i < outbox->count; i++) {
        struct outbox_message *message = &outbox->messages[i];
        uint32_t number = hintd->options.number_of(message->link);
        if (!stamp_link(message, &hintd->peers, number, now))
            meters_sent(&hintd->meters, message->link, message->bytes.size - MESSAGE_HEADER_SIZE);
    }
}

unsigned reception_tick_within_ms(const struct hintd *hintd)
{
    uint64_t most_ms = hintd->is_hurried ? HURRIED_MS : peers_tick_within_ms(&hintd->peers);
    return (unsigned)brake_within_ms(&hintd->brake, hintd->turn_ms, most_ms);
}
