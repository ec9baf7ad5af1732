#include "dkv/client.h"

#include "base/random.h"
#include "base/xalloc.h"
#include "dkv/pending.h"
#include "dkv/routers.h"
#include "os/clock.h"
#include "os/entropy.h"
#include "ring/ring.h"
#include "wire/age.h"

#include <poll.h>
#include <stdlib.h>

static uint64_t least_ms(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

enum {
    WINDOW_COUNT = 4096,
    WINDOW_SIZE = 8 * 1024 * 1024,
    PING_AFTER_MS = 500,
    SILENCE_MS = 1500,
    TRANSFER_BYTES_PER_MS = 8 * 1024, // slower links than this look lost
    PROBE_AFTER_MS = 20,              // an ipc connection takes less than this
    PAUSE_FIRST_MS = 5,
    PAUSE_MAX_MS = 200,
    LINK = 0,
};

struct client {
    struct net *net;
    struct routers routers;
    struct random random;
    uint64_t boot;

    struct pending pending;
    uint32_t batch;
    struct buf message;

    uint32_t current; // endpoint
    bool connected;   // HELLO was queued on the connection
    bool ever_connected;
    bool probed;
    bool blocked;       // the connection takes nothing more for now
    bool lost;          // the connection is gone
    uint64_t opened_ms; // the client's first request
    uint64_t link_ms;   // the link was made
    uint64_t heard_ms;  // the last message came, or the first request went out
    uint64_t pinged_ms;
    uint64_t next_check_ms;
    bool is_welcome; // some router said so
    struct op_welcome welcome;
    struct peer_clock clock; // of the router that we are connected to
};

// ---- another try ------------------------------------------------------------------

static void pause_request(struct client *client, struct request *request, uint64_t now_ms)
{
    request->pause_ms = request->pause_ms ? request->pause_ms * 2 : PAUSE_FIRST_MS;
    if (request->pause_ms > PAUSE_MAX_MS)
        request->pause_ms = PAUSE_MAX_MS;
    pending_pause(&client->pending, request, now_ms + request->pause_ms);
    if (client->next_check_ms > request->retry_at_ms)
        client->next_check_ms = request->retry_at_ms;
}

// The requests that were with a router that is lost go to the next one.
static void requeue_sent(struct client *client)
{
    for (uint32_t i = 0; i < client->pending.slot_count; i++) {
        struct request *request = &client->pending.requests[i];
        if (request->state != REQUEST_SENT)
            continue;
        request->maybe_applied |= request->type == MESSAGE_PUT;
        pending_requeue(&client->pending, request);
    }
}

// True if the request goes on in spite of this reply.
static bool try_again(struct client *client, struct request *request, enum status status)
{
    if (request->type == MESSAGE_ASK && status != STATUS_BUSY)
        return false;
    uint64_t now_ms = clock_mono_ms();
    bool is_late = request->deadline_ms && now_ms + PAUSE_FIRST_MS >= request->deadline_ms;
    bool again = request_goes_on(request, status) && !is_late;
    if (status == STATUS_INDETERMINATE || status == STATUS_TIMEOUT)
        request->maybe_applied |= request->type == MESSAGE_PUT;
    if (again)
        pause_request(client, request, now_ms);
    return again;
}

// ---- the link ---------------------------------------------------------------------

static const struct router *current(const struct client *client)
{
    return &client->routers.items[client->current];
}

static void connect_link(struct client *client)
{
    const char *key = current(client)->server_key;
    struct fault fault;
    client->clock = (struct peer_clock){0};
    client->connected = client->probed = client->blocked = client->lost = false;
    client->link_ms = client->heard_ms = clock_mono_ms();
    // A link that cannot be made is one that does not answer: the next endpoint's turn comes.
    if (net_connect(client->net, LINK, current(client)->text, *key ? key : NULL, &fault))
        client->link_ms = 0;
}

static void fail_over(struct client *client)
{
    requeue_sent(client);
    net_disconnect(client->net, LINK);
    client->current = (client->current + 1) % client->routers.count;
    connect_link(client);
}

// The time left to all of a message, less what the answer needs to come back.
static uint32_t budget_ms(uint64_t deadline_ms, uint64_t now_ms)
{
    if (deadline_ms == UINT64_MAX)
        return 0;
    uint64_t left_ms = deadline_ms > now_ms ? deadline_ms - now_ms : 1;
    left_ms -= least_ms(left_ms / 10, 50);
    return (uint32_t)least_ms(left_ms, UINT32_MAX);
}

static enum status send_message(struct client *client, enum message_type type, uint32_t count,
                                uint32_t budget, struct buf *message)
{
    struct message_header header = {.type = (uint8_t)type,
                                    .count = (uint16_t)count,
                                    .body_size = (uint32_t)(message->size - MESSAGE_HEADER_SIZE),
                                    .credit_ops = WINDOW_COUNT,
                                    .boot = client->boot,
                                    .budget_ms = budget,
                                    .sent_ms = link_clock(client->boot, clock_mono_ms()),
                                    .your_ms = peer_clock_now(&client->clock, clock_mono_ms())};
    message_header_encode(&header, message->data);
    return net_send(client->net, net_link(LINK), buf_bytes(message));
}

static enum status say_hello(struct client *client)
{
    struct op_hello hello = {.version_min = MESSAGE_VERSION, .version_max = MESSAGE_VERSION};
    buf_clear(&client->message);
    buf_grow(&client->message, MESSAGE_HEADER_SIZE);
    op_encode_hello(&hello, &client->message);
    enum status status = send_message(client, MESSAGE_HELLO, 1, 0, &client->message);
    if (!status)
        client->connected = client->ever_connected = true;
    return status;
}

static void ping(struct client *client, uint64_t now_ms)
{
    buf_clear(&client->message);
    buf_grow(&client->message, MESSAGE_HEADER_SIZE);
    op_encode_ping(&(struct op_ping){.id = now_ms}, &client->message);
    client->pinged_ms = now_ms;
    if (send_message(client, MESSAGE_PING, 1, 0, &client->message))
        return; // a ping that cannot be sent is one that is not answered
}

// Sends the requests at the head of the queue that fit one message. END if nothing is
// queued or the window is full.
static enum status send_batch(struct client *client, uint64_t now_ms)
{
    uint32_t taken = 0, count = 0;
    uint64_t deadline_ms = UINT64_MAX;
    struct request *first = NULL;
    buf_clear(&client->message);
    buf_grow(&client->message, MESSAGE_HEADER_SIZE);
    for (; taken < client->pending.queue_count && count < MESSAGE_OPS_MAX; taken++) {
        struct request *request = pending_queued(&client->pending, taken);
        if (!request)
            continue;
        // A router that does not know how old a put is cannot begin it: WELCOME comes first.
        if (request->type == MESSAGE_PUT && !client->clock.is_known)
            break;
        size_t size = request_op(request).size;
        if (first &&
            (request->type != first->type || client->message.size + size > MESSAGE_SIZE_SOFT_MAX))
            break;
        if (client->pending.sent_count + count >= WINDOW_COUNT ||
            (client->pending.sent_count + count &&
             client->pending.sent_size + client->message.size + size > WINDOW_SIZE))
            break;
        if (!first)
            first = request;
        request_begin_try(request, random_u64(&client->random), now_ms);
        // A great operation travels alone, from its own buffer.
        if (size < MESSAGE_SIZE_SOFT_MAX)
            buf_append(&client->message, request_op(request));
        else
            count = MESSAGE_OPS_MAX - 1;
        if (request->deadline_ms)
            deadline_ms = least_ms(deadline_ms, request->deadline_ms);
        count++;
    }
    if (!count) {
        pending_dequeue(&client->pending, taken);
        return STATUS_END;
    }
    bool alone = client->message.size == MESSAGE_HEADER_SIZE;
    enum status status =
        send_message(client, first->type, alone ? 1 : count, budget_ms(deadline_ms, now_ms),
                     alone ? &first->bytes : &client->message);
    if (status)
        return status;
    if (!client->pending.sent_count)
        client->heard_ms = now_ms;
    client->batch++;
    for (uint32_t i = 0; i < taken; i++) {
        struct request *request = pending_queued(&client->pending, i);
        if (request)
            pending_sent(&client->pending, request, client->batch);
    }
    pending_dequeue(&client->pending, taken);
    return STATUS_OK;
}

static void send_queued(struct client *client, uint64_t now_ms)
{
    if (!client->pending.queue_count || (!client->connected && say_hello(client)))
        return;
    enum status status;
    do
        status = send_batch(client, now_ms);
    while (!status);
    client->blocked = status == STATUS_BUSY;
    client->lost |= status == STATUS_UNREACHABLE;
}

// ---- replies ----------------------------------------------------------------------

// The message of `id` could not be served as a whole; id 0: nobody knows which.
static void on_error(struct client *client, const struct op_error *error)
{
    const struct request *first = pending_find(&client->pending, error->id);
    uint32_t batch = first ? first->batch : 0;
    for (uint32_t i = 0; i < client->pending.slot_count; i++) {
        struct request *request = &client->pending.requests[i];
        if (request->state != REQUEST_SENT || (error->id && !(first && request->batch == batch)))
            continue;
        // Which operations it speaks of is not sure: some may have begun.
        if (!error->id || error->status == STATUS_INVALID)
            request->maybe_applied = true;
        if (!try_again(client, request, error->status))
            pending_fail(&client->pending, request, error->status, error->text);
    }
}

// The request that a reply answers, NULL if it is not waited for or goes on.
static struct request *answered(struct client *client, uint64_t id, uint8_t type, uint8_t status)
{
    struct request *request = pending_find(&client->pending, id);
    if (!request || request->state != REQUEST_SENT || request->type != type ||
        try_again(client, request, status))
        return NULL;
    return request;
}

static void on_put_done(struct client *client, struct op_put_done *op)
{
    struct request *request = answered(client, op->id, MESSAGE_PUT, op->status);
    if (!request)
        return;
    if (request->maybe_applied && op->status != STATUS_OK)
        op->status = STATUS_INDETERMINATE;
    client_on_put *on_done = request->on_done.put;
    void *context = request->context;
    pending_end(&client->pending, request);
    on_done(context, op);
}

#define ON_REPLY(name, TYPE, member)                                                               \
    static void on_##name(struct client *client, struct op_##name *op)                             \
    {                                                                                              \
        struct request *request = answered(client, op->id, TYPE, op->status);                      \
        if (!request)                                                                              \
            return;                                                                                \
        client_on_##member *on_done = request->on_done.member;                                     \
        void *context = request->context;                                                          \
        pending_end(&client->pending, request);                                                    \
        on_done(context, op);                                                                      \
    }
ON_REPLY(got, MESSAGE_GET, get)
ON_REPLY(scanned, MESSAGE_SCAN, scan)
ON_REPLY(answer, MESSAGE_ASK, answer)
#undef ON_REPLY

static void on_welcome(struct client *client, struct op_welcome *op)
{
    client->welcome = *op;
    client->is_welcome = true;
}

#define READ(name)                                                                                 \
    {                                                                                              \
        struct op_##name op;                                                                       \
        if (op_decode_##name(&op, &body))                                                          \
            return;                                                                                \
        on_##name(client, &op);                                                                    \
        break;                                                                                     \
    }

// What does not decode is dropped: its requests are sent again, or run out of time.
static void on_message(struct client *client, struct bytes message)
{
    struct message_header header;
    struct reader body;
    if (message_header_decode(&header, message, &body))
        return;
    peer_clock_learn(&client->clock, &header, clock_mono_ms());
    for (uint32_t i = 0; i < header.count; i++)
        switch (header.type) {
        case MESSAGE_ERROR:
            READ(error)
        case MESSAGE_WELCOME:
            READ(welcome)
        case MESSAGE_PUT_DONE:
            READ(put_done)
        case MESSAGE_GOT:
            READ(got)
        case MESSAGE_SCANNED:
            READ(scanned)
        case MESSAGE_ANSWER:
            READ(answer)
        default:
            return;
        }
}
#undef READ

// ---- time -------------------------------------------------------------------------

static enum status late_status(const struct client *client, const struct request *request)
{
    if (!client->connected && request->state == REQUEST_QUEUED) {
        // Somebody listens, but there was not even the time to connect.
        bool is_young = !client->ever_connected && current(client)->is_ipc;
        return is_young && !router_is_dead(current(client)) ? STATUS_TIMEOUT : STATUS_UNREACHABLE;
    }
    return request->type == MESSAGE_PUT ? STATUS_BUSY : STATUS_TIMEOUT;
}

static void check_deadlines(struct client *client, uint64_t now_ms)
{
    if (now_ms < client->next_check_ms)
        return;
    client->next_check_ms = UINT64_MAX; // callbacks may bring it nearer
    for (uint32_t i = 0; i < client->pending.slot_count; i++) {
        struct request *request = &client->pending.requests[i];
        if (request->state == REQUEST_FREE)
            continue;
        if (request->deadline_ms && request->deadline_ms <= now_ms) {
            if (request->state == REQUEST_SENT)
                request->maybe_applied = true;
            pending_fail(&client->pending, request, late_status(client, request),
                         bytes_of_text(""));
            continue;
        }
        if (request->state == REQUEST_PAUSED && request->retry_at_ms <= now_ms)
            pending_requeue(&client->pending, request);
        if (request->deadline_ms)
            client->next_check_ms = least_ms(client->next_check_ms, request->deadline_ms);
        if (request->state == REQUEST_PAUSED)
            client->next_check_ms = least_ms(client->next_check_ms, request->retry_at_ms);
    }
}

static void check_unconnected(struct client *client, uint64_t now_ms)
{
    const struct router *at = current(client);
    bool gone = now_ms - client->link_ms >= router_connect_ms(at);
    if (!client->probed && now_ms - client->link_ms >= PROBE_AFTER_MS) {
        client->probed = true;
        gone = gone || router_is_dead(at);
    }
    if (!gone)
        return;
    uint64_t limit_ms = routers_give_up_ms(&client->routers);
    if (!client->ever_connected && now_ms - client->opened_ms >= limit_ms)
        pending_fail_all(&client->pending, STATUS_UNREACHABLE);
    else
        fail_over(client);
}

// A router that is still receiving great values cannot answer a PING behind them.
static uint64_t patience_ms(const struct client *client)
{
    return SILENCE_MS + client->pending.sent_size / TRANSFER_BYTES_PER_MS;
}

static void check_link(struct client *client, uint64_t now_ms)
{
    if (!client->pending.count)
        return;
    uint32_t number;
    while (net_next_lost(client->net, &number))
        client->lost = true;
    if (!client->connected)
        check_unconnected(client, now_ms);
    else if (client->lost ||
             (client->pending.sent_count && now_ms - client->heard_ms >= patience_ms(client)))
        fail_over(client);
    else if (client->pending.sent_count && now_ms - client->heard_ms >= PING_AFTER_MS &&
             now_ms - client->pinged_ms >= PING_AFTER_MS)
        ping(client, now_ms);
}

static int wait_ms(const struct client *client, uint64_t now_ms, int timeout_ms)
{
    uint64_t wait = timeout_ms < 0 ? UINT64_MAX : (uint64_t)timeout_ms;
    if (client->pending.count) {
        if (client->next_check_ms != UINT64_MAX)
            wait =
                least_ms(wait, client->next_check_ms > now_ms ? client->next_check_ms - now_ms : 0);
        // A connection that was just made does not wake us.
        if (!client->connected)
            wait = least_ms(wait, now_ms - client->link_ms < PROBE_AFTER_MS ? 1 : 10);
        else if (client->blocked)
            wait = least_ms(wait, PAUSE_FIRST_MS);
        else
            wait = least_ms(wait, PING_AFTER_MS / 2);
    }
    return wait > INT32_MAX ? -1 : (int)wait;
}

// ---- public -----------------------------------------------------------------------

enum status client_open(struct client **out, const struct globals *globals, struct fault *fault)
{
    struct client *client = xcalloc(1, sizeof *client);
    enum status status = routers_parse(&client->routers, globals, fault);
    if (!status && strlen(globals->keyspace) > RING_NAME_SIZE_MAX)
        status = fault_set(fault, STATUS_INVALID, "no keyspace has a name of more than %d bytes",
                           RING_NAME_SIZE_MAX);
    if (!status) {
        struct net_options options = {.keys = client->routers.keys,
                                      .message_size_max = MESSAGE_SIZE_MAX};
        status = net_open(&client->net, &options, fault);
    }
    if (status) {
        free(client);
        return status;
    }
    random_init(&client->random, entropy_u64());
    client->boot = random_u64(&client->random);
    client->next_check_ms = UINT64_MAX;
    connect_link(client);
    *out = client;
    return STATUS_OK;
}

void client_close(struct client *client)
{
    if (!client)
        return;
    net_close(client->net);
    pending_release(&client->pending);
    buf_release(&client->message);
    free(client);
}

// The caller appends its operation and calls start().
static struct request *new_request(struct client *client, enum message_type type,
                                   uint64_t deadline_ms, union callback on_done, void *context)
{
    struct request *request = pending_add(&client->pending, type);
    request->deadline_ms = deadline_ms;
    request->on_done = on_done;
    request->context = context;
    return request;
}

static void start(struct client *client, struct request *request)
{
    if (!client->opened_ms) // the time before was nobody's to wait
        client->opened_ms = client->link_ms = clock_mono_ms();
    if (request->deadline_ms)
        client->next_check_ms = least_ms(client->next_check_ms, request->deadline_ms);
    pending_start(&client->pending, request);
}

// A write that waits for nobody is of a bulk verb.
#define BEGIN_put(client, request, op)                                                             \
    tries_init(&(request)->tries, deadline_ms ? TRIES_BUDGET_MS : TRIES_BUDGET_BULK_MS,            \
               (request)->bytes.size, (op)->flags &PUT_RETRY)
#define BEGIN_get(client, request, op)  (void)0
#define BEGIN_scan(client, request, op) (void)0

void client_put(struct client *client, const struct op_put *op, uint64_t deadline_ms,
                client_on_put *on_done, void *context)
{
    struct request *request =
        new_request(client, MESSAGE_PUT, deadline_ms, (union callback){.put = on_done}, context);
    struct op_put copy = *op;
    copy.id = pending_id(&client->pending, request);
    op_encode_put(&copy, &request->bytes);
    // A write without a deadline is of a bulk verb.
    tries_init(&request->tries, deadline_ms ? TRIES_BUDGET_MS : TRIES_BUDGET_BULK_MS,
               request->bytes.size, op->flags & PUT_RETRY);
    start(client, request);
}

#define CLIENT_START(name, TYPE)                                                                   \
    void client_##name(struct client *client, const struct op_##name *op, uint64_t deadline_ms,    \
                       client_on_##name *on_done, void *context)                                   \
    {                                                                                              \
        struct request *request =                                                                  \
            new_request(client, TYPE, deadline_ms, (union callback){.name = on_done}, context);    \
        struct op_##name copy = *op;                                                               \
        copy.id = pending_id(&client->pending, request);                                           \
        op_encode_##name(&copy, &request->bytes);                                                  \
        start(client, request);                                                                    \
    }
CLIENT_START(get, MESSAGE_GET)
CLIENT_START(scan, MESSAGE_SCAN)
#undef CLIENT_START

void client_ask(struct client *client, const char *topic, struct bytes argument,
                uint64_t deadline_ms, client_on_answer *on_done, void *context)
{
    struct request *request =
        new_request(client, MESSAGE_ASK, deadline_ms, (union callback){.answer = on_done}, context);
    struct op_ask op = {pending_id(&client->pending, request), bytes_of_text(topic), argument};
    op_encode_ask(&op, &request->bytes);
    start(client, request);
}

uint32_t client_in_flight(const struct client *client)
{
    return client->pending.count;
}

bool client_has_room(const struct client *client)
{
    return client->pending.count < WINDOW_COUNT && client->pending.size < WINDOW_SIZE;
}

void client_run(struct client *client, int fd, int timeout_ms)
{
    uint64_t until_ms = timeout_ms < 0 ? UINT64_MAX : clock_mono_ms() + (uint64_t)timeout_ms;
    uint32_t ended_count = client->pending.ended_count;
    for (;;) {
        uint64_t now_ms = clock_mono_ms();
        send_queued(client, now_ms);
        int left_ms = until_ms == UINT64_MAX ? -1
                      : until_ms > now_ms    ? (int)(until_ms - now_ms)
                                             : 0;
        enum status status = net_wait(client->net, &fd, fd >= 0, wait_ms(client, now_ms, left_ms));
        struct arrival arrival;
        struct bytes message;
        while (net_receive(client->net, &arrival, &message)) {
            client->heard_ms = clock_mono_ms();
            on_message(client, message);
        }
        now_ms = clock_mono_ms();
        check_deadlines(client, now_ms);
        check_link(client, now_ms);
        if (status || client->pending.ended_count != ended_count || now_ms >= until_ms ||
            (fd >= 0 && poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 0) > 0))
            break;
    }
    // What callbacks have queued leaves now, not after the caller's own work.
    send_queued(client, clock_mono_ms());
}

void client_drain(struct client *client)
{
    while (client->pending.count)
        client_run(client, -1, -1);
}

struct request_id client_new_request_id(struct client *client)
{
    struct request_id id;
    uint64_t words[2] = {random_u64(&client->random), random_u64(&client->random)};
    memcpy(id.bytes, words, sizeof id.bytes);
    return id;
}

const char *client_endpoint(const struct client *client)
{
    return current(client)->text;
}

const struct op_welcome *client_welcome(const struct client *client)
{
    return client->is_welcome ? &client->welcome : NULL;
}
