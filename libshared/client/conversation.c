#include "client/conversation_inside.h"
#include "wire/client.h"
#include "wire/hello.h"

#include <stdlib.h>

_Static_assert(CONVERSATION_ENDPOINTS_MAX <= 64, "request.asked has a bit for each endpoint");

enum {
    PAUSE_FIRST_MS = 5,
    PAUSE_MAX_MS = 200,
};

void conversation_init(struct conversation *conversation, uint64_t seed)
{
    *conversation = (struct conversation){.check_ms = UINT64_MAX};
    random_init(&conversation->random, seed);
    conversation->boot = random_u64(&conversation->random);
}

void conversation_release(struct conversation *conversation)
{
    pending_release(&conversation->pending);
    for (uint32_t i = 0; i < conversation->endpoint_count; i++)
        connection_release(&conversation->connections[i]);
    spread_release(&conversation->spread);
    buf_release(&conversation->message);
}

struct request_id conversation_request_id(struct conversation *conversation)
{
    struct request_id id;
    uint64_t words[2] = {random_u64(&conversation->random), random_u64(&conversation->random)};
    memcpy(id.bytes, words, sizeof id.bytes);
    return id;
}

// ---- where a request goes ---------------------------------------------------------

// It waits for no answer any more.
static void leave(struct conversation *conversation, const struct request *request)
{
    if (request->state != REQUEST_SENT)
        return;
    struct connection *connection = &conversation->connections[request->endpoint];
    connection->sent_count--;
    connection->sent_size -= request->bytes.size;
}

static void fail(struct conversation *conversation, struct request *request, enum status status,
                 struct bytes text)
{
    leave(conversation, request);
    pending_fail(&conversation->pending, request, status, text);
}

void conversation_queue(struct conversation *conversation, struct request *request,
                        uint32_t endpoint, uint64_t now_ms)
{
    leave(conversation, request);
    request->endpoint = (uint8_t)endpoint;
    connection_want(&conversation->connections[endpoint], now_ms);
    pending_queue(&conversation->pending, request, &conversation->connections[endpoint].queue);
}

static void pause_request(struct conversation *conversation, struct request *request,
                          uint64_t now_ms)
{
    leave(conversation, request);
    request->pause_ms = request->pause_ms ? request->pause_ms * 2 : PAUSE_FIRST_MS;
    if (request->pause_ms > PAUSE_MAX_MS)
        request->pause_ms = PAUSE_MAX_MS;
    pending_pause(&conversation->pending, request, now_ms + request->pause_ms);
    conversation->check_ms = least_ms(conversation->check_ms, request->retry_at_ms);
}

// The router that it was for is not able. False if every other endpoint was asked, too.
static bool ask_next(struct conversation *conversation, struct request *request, uint64_t now_ms)
{
    request->asked |= (uint64_t)1 << request->endpoint;
    for (uint32_t i = 1; i < conversation->endpoint_count; i++) {
        uint32_t endpoint = (request->endpoint + i) % conversation->endpoint_count;
        const struct connection *connection = &conversation->connections[endpoint];
        bool is_failing = connection->why && now_ms < connection->again_ms;
        if (request->asked >> endpoint & 1 || is_failing)
            continue;
        conversation_queue(conversation, request, endpoint, now_ms);
        return true;
    }
    return false;
}

// Its endpoint is lost. A request that was on its way around goes on there.
static void ask_elsewhere(struct conversation *conversation, struct request *request,
                          uint64_t now_ms)
{
    if (!request->asked || request->is_maybe_applied) {
        request->asked = 0;
        uint32_t next = (request->endpoint + 1u) % conversation->endpoint_count;
        conversation_queue(conversation, request,
                           conversation_choose(conversation, request, next, now_ms), now_ms);
    } else if (!ask_next(conversation, request, now_ms)) {
        fail(conversation, request, STATUS_UNAVAILABLE, buf_bytes(&request->refusal));
    }
}

// True if the request goes on in spite of this reply.
static bool goes_on(struct conversation *conversation, struct request *request, enum status status,
                    struct bytes text, uint64_t now_ms)
{
    if (request->type == MESSAGE_ASK && status != STATUS_BUSY)
        return false;
    if (request->deadline_ms && now_ms + PAUSE_FIRST_MS >= request->deadline_ms)
        return false;
    if (status == STATUS_UNAVAILABLE && !request->is_local) {
        if (!request->asked)
            buf_set(&request->refusal, text);
        if (ask_next(conversation, request, now_ms))
            return true;
    }
    if (!request_goes_on(request, status))
        return false;
    if (status == STATUS_UNAVAILABLE)
        request->asked = 0;
    pause_request(conversation, request, now_ms);
    return true;
}

// ---- lost endpoints ---------------------------------------------------------------

// Every endpoint failed since it was connected last.
static bool is_alone(const struct conversation *conversation, enum status *why)
{
    bool is_refused = true;
    *why = STATUS_UNREACHABLE;
    for (uint32_t i = 0; i < conversation->endpoint_count; i++) {
        enum status failure = conversation->connections[i].why;
        if (!failure)
            return false;
        is_refused &= failure == STATUS_NOT_AUTHORISED;
        if (failure != STATUS_UNREACHABLE && *why != STATUS_NOT_AUTHORISED)
            *why = failure;
    }
    return is_refused || !conversation->is_known;
}

// The reasons for which all of them were lost, as one text.
static void say_failures(const struct conversation *conversation, struct buf *text)
{
    for (uint32_t i = 0; i < conversation->endpoint_count; i++) {
        struct bytes said = buf_bytes(&conversation->connections[i].said);
        if (said.size && text->size)
            buf_append_text(text, "; ");
        buf_append(text, said);
    }
}

static void fail_all(struct conversation *conversation, enum status status)
{
    struct buf text = {0};
    say_failures(conversation, &text);
    for (uint32_t i = 0; i < conversation->pending.slot_count; i++) {
        struct request *request = &conversation->pending.requests[i];
        if (request->state != REQUEST_FREE)
            fail(conversation, request, status, buf_bytes(&text));
    }
    buf_release(&text);
}

void conversation_lose(struct conversation *conversation, uint32_t endpoint, enum status why,
                       struct bytes said, uint64_t now_ms)
{
    struct pending *pending = &conversation->pending;
    struct connection *connection = &conversation->connections[endpoint];
    struct request_queue queued = connection->queue;
    connection->queue = (struct request_queue){0};
    connection_on_lost(connection, why, said, now_ms);
    for (uint32_t i = 0; i < pending->slot_count; i++) {
        struct request *request = &pending->requests[i];
        if (request->state != REQUEST_SENT || request->endpoint != endpoint)
            continue;
        request->is_maybe_applied |= request->type == MESSAGE_PUT;
        ask_elsewhere(conversation, request, now_ms);
    }
    for (uint32_t i = 0; i < queued.count; i++) {
        struct request *request = pending_queued(pending, &queued, i);
        if (request)
            ask_elsewhere(conversation, request, now_ms);
    }
    free(queued.ids);
    enum status status;
    if (is_alone(conversation, &status))
        fail_all(conversation, status);
}

void conversation_on_lost(struct conversation *conversation, uint32_t endpoint, enum status why,
                          struct bytes said, uint64_t now_ms)
{
    if (endpoint < conversation->endpoint_count &&
        conversation->connections[endpoint].state >= CONNECTION_CONNECTING)
        conversation_lose(conversation, endpoint, why, said, now_ms);
}

// ---- replies ----------------------------------------------------------------------

// The message of `id` could not be served as a whole; id 0: nobody knows which.
static void on_error(struct conversation *conversation, uint32_t endpoint,
                     const struct op_error *error, uint64_t now_ms)
{
    struct pending *pending = &conversation->pending;
    const struct request *first = pending_find(pending, error->id);
    if (error->id && !first)
        return;
    uint32_t batch = first ? first->batch : 0;
    for (uint32_t i = 0; i < pending->slot_count; i++) {
        struct request *request = &pending->requests[i];
        if (request->state != REQUEST_SENT || request->endpoint != endpoint ||
            (error->id && request->batch != batch))
            continue;
        // Which operations it speaks of is not sure: some may have begun.
        if (!error->id || error->status == STATUS_INVALID)
            request->is_maybe_applied |= request->type == MESSAGE_PUT;
        if (!goes_on(conversation, request, error->status, error->text, now_ms))
            fail(conversation, request, error->status, error->text);
    }
}

// The request that a reply is for; NULL if it is not waited for.
static struct request *find_sent(struct conversation *conversation, uint32_t endpoint,
                                 enum message_type type, uint64_t id)
{
    struct request *request = pending_find(&conversation->pending, id);
    bool is_waited_for = request && request->state == REQUEST_SENT && request->type == type &&
                         request->endpoint == endpoint;
    return is_waited_for ? request : NULL;
}

// Its router did it; those that were not able to may rest.
static void on_able(struct conversation *conversation, const struct request *request,
                    uint64_t now_ms)
{
    connection_on_answer(&conversation->connections[request->endpoint]);
    for (uint32_t i = 0; request->asked && i < conversation->endpoint_count; i++) {
        if (request->asked >> i & 1)
            connection_rest(&conversation->connections[i], now_ms);
    }
}

// The request that a reply ends; NULL if it is not waited for, or the request goes on.
static struct request *answered(struct conversation *conversation, uint32_t endpoint,
                                enum message_type type, uint64_t id, enum status status,
                                struct bytes text, uint64_t now_ms)
{
    struct request *request = find_sent(conversation, endpoint, type, id);
    if (!request)
        return NULL;
    if (status == STATUS_INDETERMINATE || status == STATUS_TIMEOUT)
        request->is_maybe_applied |= type == MESSAGE_PUT;
    if (goes_on(conversation, request, status, text, now_ms))
        return NULL;
    if (!status)
        on_able(conversation, request, now_ms);
    leave(conversation, request);
    return request;
}

static void on_welcome(struct conversation *conversation, uint32_t endpoint,
                       const struct op_welcome *welcome)
{
    connection_trust(&conversation->connections[endpoint]);
    spread_on_node(&conversation->spread, endpoint, welcome->node);
}

static void note_void(struct conversation *conversation, uint32_t endpoint,
                      const struct op_put_done *op)
{
    struct request *request = find_sent(conversation, endpoint, MESSAGE_PUT, op->id);
    if (request && op->is_void)
        tries_take_back(&request->tries);
    // Of what was refused for good it does not matter what became of the tries before.
    if (request && op->is_final && op->status == STATUS_PRECONDITION)
        request->is_maybe_applied = false;
}

#define ON_REPLY(name, TYPE, member, said)                                                         \
    static void on_##name(struct conversation *conversation, uint32_t endpoint,                    \
                          struct op_##name *op, uint64_t now_ms)                                   \
    {                                                                                              \
        struct request *request =                                                                  \
            answered(conversation, endpoint, TYPE, op->id, op->status, said, now_ms);              \
        if (!request)                                                                              \
            return;                                                                                \
        client_on_##member *on_done = request->on_done.member;                                     \
        void *context = request->context;                                                          \
        op->status = (uint8_t)request_outcome(request, op->status);                                \
        pending_end(&conversation->pending, request);                                              \
        on_done(context, op);                                                                      \
    }
ON_REPLY(put_done, MESSAGE_PUT, put, op->text)
ON_REPLY(got, MESSAGE_GET, get, op->text)
ON_REPLY(scanned, MESSAGE_SCAN, scan, op->text)
ON_REPLY(explained, MESSAGE_EXPLAIN, explained, op->text)
ON_REPLY(answer, MESSAGE_ASK, answer, (struct bytes){0})
#undef ON_REPLY

#define READ(name, take)                                                                           \
    {                                                                                              \
        struct op_##name op;                                                                       \
        if (op_decode_##name(&op, &body))                                                          \
            return;                                                                                \
        take;                                                                                      \
        break;                                                                                     \
    }

void conversation_on_message(struct conversation *conversation, uint32_t endpoint,
                             struct bytes message, uint64_t now_ms)
{
    struct message_header header;
    struct reader body;
    if (endpoint >= conversation->endpoint_count ||
        conversation->connections[endpoint].state != CONNECTION_OPEN ||
        message_header_decode(&header, message, &body))
        return;
    connection_on_message(&conversation->connections[endpoint], &header, now_ms);
    for (uint32_t i = 0; i < header.count; i++)
        switch (header.type) {
        case MESSAGE_ERROR:
            READ(error, on_error(conversation, endpoint, &op, now_ms))
        case MESSAGE_PUT_DONE:
            READ(put_done, note_void(conversation, endpoint, &op);
                 on_put_done(conversation, endpoint, &op, now_ms))
        case MESSAGE_GOT:
            READ(got, on_got(conversation, endpoint, &op, now_ms))
        case MESSAGE_SCANNED:
            READ(scanned, on_scanned(conversation, endpoint, &op, now_ms))
        case MESSAGE_EXPLAINED:
            READ(explained, on_explained(conversation, endpoint, &op, now_ms))
        case MESSAGE_ANSWER:
            READ(answer, on_answer(conversation, endpoint, &op, now_ms))
        case MESSAGE_WELCOME:
            READ(welcome, on_welcome(conversation, endpoint, &op))
        default: // of PONG the header says it all
            return;
        }
}
#undef READ

// ---- time -------------------------------------------------------------------------

// Ends a request whose time is over.
static void expire(struct conversation *conversation, struct request *request)
{
    struct buf text = {0};
    enum status status = request->type == MESSAGE_PUT ? STATUS_BUSY : STATUS_TIMEOUT;
    if (request->state == REQUEST_SENT) {
        request->is_maybe_applied |= request->type == MESSAGE_PUT;
    } else if (request->refusal.size) {
        status = STATUS_UNAVAILABLE;
        buf_append(&text, buf_bytes(&request->refusal));
    } else if (!request->was_sent) {
        if (conversation->connections[request->endpoint].state != CONNECTION_OPEN)
            say_failures(conversation, &text);
        status = text.size ? STATUS_UNREACHABLE : STATUS_TIMEOUT; // no time even to connect
    }
    fail(conversation, request, status, buf_bytes(&text));
    buf_release(&text);
}

// Its pause is over.
static void retry(struct conversation *conversation, struct request *request, uint64_t now_ms)
{
    uint32_t endpoint = request->endpoint; // one that is on its way around goes on there
    if (!request->asked)
        endpoint = conversation_choose(conversation, request, request->home, now_ms);
    conversation_queue(conversation, request, endpoint, now_ms);
}

static void check_requests(struct conversation *conversation, uint64_t now_ms)
{
    if (now_ms < conversation->check_ms)
        return;
    conversation->check_ms = UINT64_MAX; // callbacks may bring it nearer
    for (uint32_t i = 0; i < conversation->pending.slot_count; i++) {
        struct request *request = &conversation->pending.requests[i];
        if (request->state == REQUEST_FREE)
            continue;
        if (request->deadline_ms && request->deadline_ms <= now_ms) {
            expire(conversation, request);
            continue;
        }
        if (request->state == REQUEST_PAUSED && request->retry_at_ms <= now_ms)
            retry(conversation, request, now_ms);
        if (request->deadline_ms)
            conversation->check_ms = least_ms(conversation->check_ms, request->deadline_ms);
        if (request->state == REQUEST_PAUSED)
            conversation->check_ms = least_ms(conversation->check_ms, request->retry_at_ms);
    }
}

static void check_connections(struct conversation *conversation, uint64_t now_ms)
{
    for (uint32_t i = 0; i < conversation->endpoint_count; i++) {
        struct connection *connection = &conversation->connections[i];
        if (!connection_is_silent(connection, now_ms))
            continue;
        struct buf said = {0};
        buf_append(&said,
                   buf_bytes(&connection->said)); // the reason of an earlier attempt says more
        conversation_lose(conversation, i, connection->why ? connection->why : STATUS_UNREACHABLE,
                          buf_bytes(&said), now_ms);
        buf_release(&said);
    }
}

void conversation_check(struct conversation *conversation, uint64_t now_ms)
{
    check_requests(conversation, now_ms);
    check_connections(conversation, now_ms);
}
