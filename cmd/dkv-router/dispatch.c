#include "dkv-router/dispatch.h"

#include "dkv-router/answers.h"
#include "dkv-router/asks.h"
#include "dkv-router/explains.h"
#include "dkv-router/gets.h"
#include "dkv-router/moves.h"
#include "dkv-router/polls.h"
#include "dkv-router/puts.h"
#include "dkv-router/relays.h"
#include "dkv-router/scans.h"
#include "peer/stamp.h"

enum {
    CREDIT_OPS = FLIGHTS_SHARE_MAX,
    CREDIT_KIB = ANSWERS_UNREAD_MAX / 1024,
    IDLE_AFTER_MS = 2000,
    REPLIES_AHEAD = 6, // replies between asking for the memory of a flight and its turn
};

// Every operation that waits for the store or hintd at the end of this link must go on without it.
static void fail_target(struct router *router, uint32_t number, struct moment now,
                        struct outbox *outbox)
{
    for (uint32_t slot = 0; slot < router->flights.slot_count; slot++) {
        struct flight *flight = router->flights.slots[slot];
        int target = flight->kind == FLIGHT_FREE ? -1 : flight_target(flight, number);
        if (target < 0)
            continue;
        if (flight->kind == FLIGHT_PUT)
            puts_on_failed(router, flight, (unsigned)target, now, outbox);
        else if (flight->kind == FLIGHT_GET)
            gets_on_failed(router, flight, (unsigned)target, now, outbox);
        else if (flight->kind == FLIGHT_EXPLAIN)
            explains_on_failed(router, flight, (unsigned)target, outbox);
        else
            scans_on_failed(router, flight, (unsigned)target, now, outbox);
    }
}

static void take_change(struct router *router, uint32_t number, enum link_change change,
                        struct moment now, struct outbox *outbox)
{
    enum service service = peers_service(number);
    bool is_router = service == SERVICE_ROUTER;
    if (is_router && change == LINK_WENT_UP)
        keyring_on_up(&router->keyring, number, now, outbox);
    else if (is_router && change == LINK_WENT_DOWN)
        keyring_on_down(&router->keyring, number);
    else if (change == LINK_WENT_DOWN)
        fail_target(router, number, now, outbox);
    if (change == LINK_WENT_DOWN)
        relays_on_failed(router, number, outbox);
    if (is_router)
        puts_begin_held(router, now, outbox);
}

void dispatch_adopt(struct router *router, struct ring_snapshot *ring, struct moment now,
                    struct outbox *outbox)
{
    uint32_t number;
    router_adopt(router, ring, now);
    epochs_adopt(&router->epochs, ring, now, outbox);
    while (peers_next_lost(&router->peers, now, &number))
        take_change(router, number, LINK_WENT_DOWN, now, outbox);
}

// Every operation begins with its id, behind its size.
static uint64_t peek_id(struct reader body)
{
    reader_u32(&body);
    return reader_u64(&body);
}

static enum status take_reply(struct router *router, uint32_t number, struct reader *body,
                              struct moment now, struct outbox *outbox)
{
    if (peers_service(number) != SERVICE_ROUTER)
        return relays_on_answer(router, number, body, outbox);
    if (peek_id(*body) == EPOCHS_ASK)
        return polls_on_reply(&router->epochs, number, MESSAGE_ANSWER, body, now, outbox);
    enum status status = keyring_on_answer(&router->keyring, number, body);
    puts_begin_held(router, now, outbox);
    return status;
}

static enum status take_answer(struct router *router, uint32_t number,
                               const struct message_header *header, struct reader *body,
                               struct moment now, struct outbox *outbox)
{
    struct op_welcome welcome;
    struct op_pong pong;
    switch (header->type) {
    case MESSAGE_WELCOME:
        if (op_decode_welcome(&welcome, body))
            return STATUS_INVALID;
        take_change(router, number,
                    link_on_welcome(peers_link(&router->peers, number), &router->peers.terms,
                                    peers_at(&router->peers, number)->node, header, &welcome),
                    now, outbox);
        return STATUS_OK;
    case MESSAGE_PONG:
        if (op_decode_pong(&pong, body))
            return STATUS_INVALID;
        link_on_pong(peers_link(&router->peers, number), &pong, now);
        return STATUS_OK;
    case MESSAGE_ANSWER:
        return take_reply(router, number, body, now, outbox);
    case MESSAGE_UPDATED:
        return puts_on_updated(router, number, body, now, outbox);
    case MESSAGE_DURABLE:
        return puts_on_durable(router, number, body, now, outbox);
    case MESSAGE_MERGED:
        return puts_on_merged(router, number, body, now, outbox);
    case MESSAGE_HINTED:
        return puts_on_hinted(router, number, body, now, outbox);
    case MESSAGE_FOUND:
        return puts_on_found(router, number, body, now, outbox);
    case MESSAGE_FETCHED:
        return gets_on_fetched(router, number, body, now, outbox);
    case MESSAGE_SCANNED_LOCAL:
        return scans_on_scanned(router, number, body, now, outbox);
    case MESSAGE_PROMISED:
    case MESSAGE_ACCEPTED:
    case MESSAGE_RING_TAKEN:
        return polls_on_reply(&router->epochs, number, (enum message_type)header->type, body, now,
                              outbox);
    case MESSAGE_INSPECTED:
        return explains_on_inspected(router, number, body, outbox);
    default:
        return STATUS_INVALID;
    }
}

// Reads on, up to the id of the operation REPLIES_AHEAD further, and asks for its flight.
static void look_ahead(const struct router *router, struct reader *ahead)
{
    struct reader operation = reader_of(reader_sized(ahead));
    flights_prefetch(&router->flights, reader_u64(&operation));
}

// A message on one of our links: answers of a store or of another router.
static void on_link_message(struct router *router, uint32_t number,
                            const struct message_header *header, struct reader *body,
                            struct moment now, struct outbox *outbox)
{
    struct link *link = peers_link(&router->peers, number);
    if (!link)
        return;
    take_change(router, number, link_on_message(link, &router->peers.terms, header, now), now,
                outbox);
    epochs_on_heard(&router->epochs, peers_at(&router->peers, number)->node, header->epoch, now,
                    outbox);
    struct reader ahead = *body;
    for (unsigned i = 0; i < REPLIES_AHEAD; i++)
        look_ahead(router, &ahead);
    for (unsigned i = 0; i < header->count; i++) {
        look_ahead(router, &ahead);
        if (take_answer(router, number, header, body, now, outbox))
            return;
    }
}

// The error carries the id of the first operation.
static void refuse(struct router *router, const struct arrival *arrival, struct reader body,
                   enum status status, const char *why, struct outbox *outbox)
{
    struct op_error error = {
        .id = peek_id(body), .status = (uint8_t)status, .text = bytes_of_text(why)};
    answer_error(router, arrival->link, &error, outbox);
}

static enum status greet(struct router *router, const struct arrival *arrival, struct reader *body,
                         struct outbox *outbox)
{
    struct op_hello hello;
    if (op_decode_hello(&hello, body))
        return STATUS_INVALID;
    struct op_welcome welcome = op_welcome_to(&hello);
    welcome.cluster = router->ring->cluster;
    welcome.node = router->options.node;
    welcome.actor = peers_link_of(&router->peers, router->self, SERVICE_STORE)->actor;
    welcome.value_size_max = (uint32_t)router->options.value_size_max;
    welcome.role = (uint8_t)arrival->role;
    welcome.software = router->options.software;
    answer_welcome(router, arrival->link, &welcome, outbox);
    return STATUS_OK;
}

static enum status take_request(struct router *router, const struct arrival *arrival,
                                const struct message_header *header, struct reader *body,
                                struct moment now, struct outbox *outbox)
{
    struct op_ping ping;
    switch (header->type) {
    case MESSAGE_HELLO:
        return greet(router, arrival, body, outbox);
    case MESSAGE_PING:
        if (op_decode_ping(&ping, body))
            return STATUS_INVALID;
        struct op_pong pong = {.id = ping.id, .wall_ms = now.wall_ms};
        answer_pong(router, arrival->link, &pong, outbox);
        return STATUS_OK;
    case MESSAGE_PUT:
        return puts_on_put(router, arrival, header, body, now, outbox);
    case MESSAGE_GET:
        return gets_on_get(router, arrival, header, body, now, outbox);
    case MESSAGE_SCAN:
        return scans_on_scan(router, arrival, header, body, now, outbox);
    case MESSAGE_EXPLAIN:
        return explains_on_explain(router, arrival, header, body, now, outbox);
    case MESSAGE_ASK:
        return asks_on_ask(router, arrival, header, body, now, outbox);
    case MESSAGE_PREPARE:
    case MESSAGE_ACCEPT:
        return polls_on_request(&router->epochs, arrival->link, (enum message_type)header->type,
                                body, outbox);
    default:
        return STATUS_INVALID;
    }
}

// True if the client must read what waits for it before it is answered; it was told so, as long as
// that is of any use. A request with a small answer is not held up so soon.
static bool must_read(struct router *router, const struct arrival *arrival, struct reader body,
                      bool is_small, struct outbox *outbox)
{
    enum status status = answers_admit(router, arrival->link);
    if (!status || (status == STATUS_BUSY && is_small))
        return false;
    router->counts.unread++;
    if (status == STATUS_BUSY)
        refuse(router, arrival, body, STATUS_BUSY, "read the answers that wait", outbox);
    return true;
}

// A client's message that is none.
static void on_garbage(struct router *router, const struct arrival *arrival, struct outbox *outbox)
{
    struct reader nothing = {0};
    if (!must_read(router, arrival, nothing, false, outbox))
        refuse(router, arrival, nothing, STATUS_INVALID, "not a message of this version", outbox);
}

// True if a client's message is not to be obeyed; it was told why, unless it has given up.
static bool turn_away(struct router *router, const struct arrival *arrival,
                      const struct message_header *header, struct reader body, struct moment now,
                      struct outbox *outbox)
{
    bool is_small = header->type == MESSAGE_HELLO || header->type == MESSAGE_PING;
    meters_taken(&router->meters, arrival->link, header);
    if (must_read(router, arrival, body, is_small, outbox))
        return true;
    if (!service_allows(SERVICE_ROUTER, arrival->role, (enum message_type)header->type)) {
        router->counts.refused++;
        refuse(router, arrival, body, STATUS_NOT_AUTHORISED, "the key's role does not allow this",
               outbox);
        return true;
    }
    if (message_is_expired(header, router->options.boot, now.mono_ms)) {
        router->counts.expired += header->count; // the client has given up
        return true;
    }
    return false;
}

void dispatch_on_message(struct router *router, const struct arrival *arrival, struct bytes message,
                         struct moment now, struct outbox *outbox)
{
    struct message_header header;
    struct reader body;
    uint32_t number = router->options.number_of(arrival->link);
    if (message_header_decode(&header, message, &body)) {
        if (number == UINT32_MAX)
            on_garbage(router, arrival, outbox);
        return;
    }
    if (number != UINT32_MAX) {
        on_link_message(router, number, &header, &body, now, outbox);
        return;
    }
    if (turn_away(router, arrival, &header, body, now, outbox))
        return;
    if (arrival->node)
        epochs_on_heard(&router->epochs, arrival->node, header.epoch, now, outbox);
    struct reader first = body;
    for (unsigned i = 0; i < header.count; i++) {
        if (take_request(router, arrival, &header, &body, now, outbox)) {
            refuse(router, arrival, first, STATUS_INVALID, "malformed operation", outbox);
            return;
        }
    }
}

void dispatch_on_lost(struct router *router, link_id link, struct moment now, struct outbox *outbox)
{
    uint32_t number = router->options.number_of(link);
    struct link *lost = peers_link(&router->peers, number);
    if (lost)
        take_change(router, number, link_on_lost(lost, now), now, outbox);
}

void dispatch_on_unsent(struct router *router, link_id link, struct bytes message, enum status why,
                        struct moment now, struct outbox *outbox)
{
    if (router->options.number_of(link) == UINT32_MAX)
        answers_on_unsent(router, link, message, why);
    else
        dispatch_on_lost(router, link, now, outbox);
}

static void wake(struct router *router, struct flight *flight, struct moment now,
                 struct outbox *outbox)
{
    if (flight->kind == FLIGHT_PUT)
        puts_on_wake(router, flight, now, outbox);
    else if (flight->kind == FLIGHT_GET)
        gets_on_wake(router, flight, now, outbox);
    else if (flight->kind == FLIGHT_EXPLAIN)
        explains_on_deadline(router, flight, outbox);
    else
        scans_on_deadline(router, flight, outbox);
}

// Proposals end by replies, by a document that counts and by time: asked for at every tick.
static void answer_polls(struct router *router, struct outbox *outbox)
{
    link_id client;
    struct op_answer answer;
    while (polls_next_answer(&router->epochs, &client, &answer))
        answer_answer(router, client, &answer, outbox);
}

void dispatch_on_job_done(struct router *router, struct moment now, struct outbox *outbox)
{
    struct ring_snapshot *document = epochs_on_job_done(&router->epochs, now);
    if (document)
        dispatch_adopt(router, document, now, outbox);
    ring_snapshot_drop(document);
    polls_on_job_done(&router->epochs, now, outbox);
}

void dispatch_on_tick(struct router *router, struct moment now, struct outbox *outbox)
{
    if (router->flights.count || router->repairs.count || router->ring->move)
        router->busy_ms = now.mono_ms;
    router->peers.terms.is_idle = now.mono_ms > router->busy_ms + IDLE_AFTER_MS;
    peers_begin_tick(&router->peers, now);
    peers_judge_clocks(&router->peers, router->options.clock_refuse_ms);
    for (uint32_t number = UINT32_MAX; peers_next(&router->peers, &number);)
        take_change(router, number, peers_on_tick(&router->peers, number, now, outbox), now,
                    outbox);
    keyring_on_tick(&router->keyring, now);
    relays_on_tick(router, now, outbox);
    epochs_on_tick(&router->epochs, now, outbox);
    moves_on_tick(&router->epochs, now);
    polls_on_tick(&router->epochs, now, outbox);
    answer_polls(router, outbox);
    puts_begin_held(router, now, outbox);
    answers_on_tick(router, outbox);
    gets_repeat_repairs(router, now, outbox);
    struct flight *flight;
    while ((flight = flights_next_due(&router->flights, now.mono_ms)))
        wake(router, flight, now, outbox);
}

void dispatch_on_turn_end(const struct router *router, struct moment now, struct outbox *outbox)
{
    stamp_headers(outbox, router->snapshot, router->options.boot, now);
    outbox->header.credit_ops = CREDIT_OPS;
    outbox->header.credit_kib = CREDIT_KIB;
    stamp_links(outbox, &router->peers, router->options.number_of, now);
}
