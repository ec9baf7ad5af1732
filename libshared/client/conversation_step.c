// The steps of a conversation: what to connect, and what to send.
#include "client/conversation_inside.h"
#include "wire/hello.h"

// ---- sending ----------------------------------------------------------------------

// The time left to all of a message, less what the answer needs to come back.
static uint32_t budget_ms(uint64_t deadline_ms, uint64_t now_ms)
{
    if (deadline_ms == UINT64_MAX)
        return 0;
    uint64_t left_ms = deadline_ms > now_ms ? deadline_ms - now_ms : 1;
    left_ms -= least_ms(left_ms / 10, 50);
    return (uint32_t)least_ms(left_ms, UINT32_MAX);
}

static struct conversation_step send(struct conversation *conversation, uint32_t endpoint,
                                     enum message_type type, uint32_t count, uint32_t budget,
                                     struct buf *message, uint64_t now_ms)
{
    const struct connection *connection = &conversation->connections[endpoint];
    struct message_header header = {.type = (uint8_t)type,
                                    .count = (uint16_t)count,
                                    .body_size = (uint32_t)(message->size - MESSAGE_HEADER_SIZE),
                                    .credit_ops = CONVERSATION_WINDOW_COUNT,
                                    .boot = conversation->boot,
                                    .budget_ms = budget,
                                    .sent_ms = link_clock(conversation->boot, now_ms),
                                    .your_ms = peer_clock_now(&connection->clock, now_ms),
                                    .received_kib = (uint32_t)(connection->received_size / 1024)};
    message_header_encode(&header, message->data);
    conversation->sending_to = endpoint;
    return (struct conversation_step){
        .kind = CONVERSATION_SEND, .endpoint = endpoint, .message = buf_bytes(message)};
}

static struct buf *begin_message(struct conversation *conversation)
{
    buf_clear(&conversation->message);
    buf_grow(&conversation->message, MESSAGE_HEADER_SIZE);
    return &conversation->message;
}

static struct conversation_step say_hello(struct conversation *conversation, uint32_t endpoint,
                                          uint64_t now_ms)
{
    struct op_hello hello = {.version_min = MESSAGE_VERSION, .version_max = MESSAGE_VERSION};
    struct buf *message = begin_message(conversation);
    op_encode_hello(&hello, message);
    conversation->sending = SENDING_HELLO;
    return send(conversation, endpoint, MESSAGE_HELLO, 1, 0, message, now_ms);
}

static struct conversation_step ping(struct conversation *conversation, uint32_t endpoint,
                                     uint64_t now_ms)
{
    struct buf *message = begin_message(conversation);
    op_encode_ping(&(struct op_ping){.id = now_ms}, message);
    conversation->connections[endpoint].pinged_ms = now_ms;
    conversation->sending = SENDING_PING;
    return send(conversation, endpoint, MESSAGE_PING, 1, 0, message, now_ms);
}

static bool has_window(const struct connection *connection, uint32_t count, size_t size)
{
    return connection->sent_count + count < CONVERSATION_WINDOW_COUNT &&
           (connection->sent_count + count == 0 ||
            connection->sent_size + size <= CONVERSATION_WINDOW_SIZE);
}

// The requests at the head of the queue that fit one message. False if there is none, or the
// window is full.
static bool send_batch(struct conversation *conversation, uint32_t endpoint, uint64_t now_ms,
                       struct conversation_step *step)
{
    struct connection *connection = &conversation->connections[endpoint];
    struct buf *message = begin_message(conversation);
    struct request *first = NULL, *large = NULL;
    uint64_t deadline_ms = UINT64_MAX;
    uint32_t taken = 0, count = 0;
    for (; taken < connection->queue.count && count < MESSAGE_OPS_MAX && !large; taken++) {
        struct request *request = pending_queued(&conversation->pending, &connection->queue, taken);
        if (!request)
            continue;
        size_t size = request_op(request).size;
        bool fits = !first ||
                    (request->type == first->type && message->size + size <= MESSAGE_SIZE_SOFT_MAX);
        if (!fits || !connection_takes(connection, request->type, now_ms) ||
            !has_window(connection, count, message->size + size))
            break;
        first = first ? first : request;
        request_begin_try(request, random_u64(&conversation->random), now_ms);
        if (size < MESSAGE_SIZE_SOFT_MAX)
            buf_append(message, request_op(request));
        else
            large = request; // it travels alone, from its own buffer
        if (request->deadline_ms)
            deadline_ms = least_ms(deadline_ms, request->deadline_ms);
        count++;
    }
    if (!count) {
        request_queue_take(&connection->queue, taken);
        return false;
    }
    conversation->sending = SENDING_BATCH;
    conversation->sending_taken = taken;
    *step = send(conversation, endpoint, first->type, count, budget_ms(deadline_ms, now_ms),
                 large ? &large->bytes : message, now_ms);
    return true;
}

static void on_batch_sent(struct conversation *conversation, uint64_t now_ms)
{
    struct connection *connection = &conversation->connections[conversation->sending_to];
    if (!connection->sent_count)
        connection->asked_ms = now_ms;
    conversation->batch++;
    for (uint32_t i = 0; i < conversation->sending_taken; i++) {
        struct request *request = pending_queued(&conversation->pending, &connection->queue, i);
        if (!request)
            continue;
        request->state = REQUEST_SENT;
        request->was_sent = true;
        request->batch = conversation->batch;
        connection->sent_count++;
        connection->sent_size += request->bytes.size;
    }
    request_queue_take(&connection->queue, conversation->sending_taken);
}

// No try was made of what did not leave.
static void on_batch_kept(struct conversation *conversation)
{
    struct connection *connection = &conversation->connections[conversation->sending_to];
    for (uint32_t i = 0; i < conversation->sending_taken; i++) {
        struct request *request = pending_queued(&conversation->pending, &connection->queue, i);
        if (request)
            request->tries = request->tries_before;
    }
}

void conversation_on_sent(struct conversation *conversation, enum status status, uint64_t now_ms)
{
    struct connection *connection = &conversation->connections[conversation->sending_to];
    enum conversation_sending sending = conversation->sending;
    conversation->sending = SENDING_NONE;
    if (status && sending == SENDING_BATCH)
        on_batch_kept(conversation);
    if (status == STATUS_BUSY) {
        connection->again_ms = now_ms + CONNECTION_BLOCKED_MS;
    } else if (sending == SENDING_HELLO && status) {
        connection->again_ms = connection_wake_ms(connection, now_ms);
    } else if (sending == SENDING_HELLO) {
        connection_on_open(connection, now_ms);
        conversation->is_known = true;
    } else if (status) {
        conversation_lose(conversation, conversation->sending_to, STATUS_UNREACHABLE,
                          (struct bytes){0}, now_ms);
    } else if (sending == SENDING_BATCH) {
        on_batch_sent(conversation, now_ms);
    }
}

// ---- steps ------------------------------------------------------------------------

static bool step_of(struct conversation *conversation, uint32_t endpoint, uint64_t now_ms,
                    struct conversation_step *step)
{
    struct connection *connection = &conversation->connections[endpoint];
    *step = (struct conversation_step){.endpoint = endpoint};
    if (connection->is_to_close) {
        connection->is_to_close = false;
        step->kind = CONVERSATION_CLOSE;
        return true;
    }
    if (connection->state == CONNECTION_WANTED && now_ms >= connection->again_ms) {
        connection_begin(connection, now_ms);
        step->kind = CONVERSATION_CONNECT;
        return true;
    }
    if (connection->state == CONNECTION_CONNECTING && now_ms >= connection->again_ms &&
        (connection->queue.count || connection->is_tried)) {
        *step = say_hello(conversation, endpoint, now_ms);
        return true;
    }
    if (connection_wants_ping(connection, now_ms)) {
        *step = ping(conversation, endpoint, now_ms);
        return true;
    }
    return connection->queue.count && send_batch(conversation, endpoint, now_ms, step);
}

struct conversation_step conversation_next(struct conversation *conversation, uint64_t now_ms)
{
    conversation_check(conversation, now_ms);
    struct conversation_step step;
    uint64_t until_ms = conversation->pending.count ? conversation->check_ms : UINT64_MAX;
    for (uint32_t i = 0; i < conversation->endpoint_count; i++) {
        if (step_of(conversation, i, now_ms, &step))
            return step;
        until_ms = least_ms(until_ms, connection_wake_ms(&conversation->connections[i], now_ms));
    }
    return (struct conversation_step){.kind = CONVERSATION_WAIT, .until_ms = until_ms};
}
