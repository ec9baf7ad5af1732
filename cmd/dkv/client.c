#include "dkv/client.h"

#include "base/random.h"
#include "base/xalloc.h"
#include "dkv/routers.h"
#include "os/clock.h"
#include "os/entropy.h"

#include <assert.h>
#include <poll.h>
#include <stdlib.h>

enum {
    WINDOW_COUNT = 4096,
    WINDOW_SIZE = 8 * 1024 * 1024,
    PING_AFTER_MS = 500,
    SILENCE_MS = 1500,
    PROBE_AFTER_MS = 20,    // an ipc connection takes less than this
    CONNECT_IPC_MS = 250,   // then the next endpoint is tried
    CONNECT_TCP_MS = 1500,  // four round trips with CURVE
    GIVE_UP_MS = 1000,      // no router was ever reached
    PAUSE_FIRST_MS = 5,
    PAUSE_MAX_MS = 200,
    KEEP_SIZE_MAX = 64 * 1024, // of the buffer of a free slot
    LINK = 0,
};

enum request_state { REQUEST_FREE, REQUEST_QUEUED, REQUEST_SENT, REQUEST_PAUSED };

union callback {
    client_on_put *put;
    client_on_get *get;
    client_on_scan *scan;
    client_on_answer *answer;
};

struct request {
    uint32_t generation; // with the index it is the id of the operation
    uint8_t state;
    uint8_t type;           // MESSAGE_PUT ...
    bool maybe_applied;     // a put that some router may have begun
    uint32_t batch;         // the message it was sent in
    uint32_t pause_ms;      // before the next try
    uint64_t deadline_ms;   // 0 = none
    uint64_t retry_at_ms;   // when PAUSED
    union callback on_done;
    void *context;
    struct buf bytes; // room for a header, then the encoded operation
};

struct client {
    struct net *net;
    struct routers routers;
    struct random random;
    uint64_t boot;

    struct request *requests;
    uint32_t request_count; // slots
    uint32_t *free_slots;
    uint32_t free_count;
    uint64_t *queue; // ids in the order in which they are to be sent; a ring
    uint32_t queue_first, queue_count, queue_capacity;
    uint32_t in_flight; // not free
    uint64_t in_flight_size;
    uint32_t sent_count; // SENT
    uint64_t sent_size;
    uint32_t batch;
    struct buf message;

    uint32_t current; // endpoint
    bool connected;   // HELLO was queued on the connection
    bool ever_connected;
    bool probed;
    bool blocked; // the connection takes nothing more for now
    bool lost;    // the connection is gone
    uint64_t opened_ms;   // the client's first request
    uint64_t link_ms;     // the link was made
    uint64_t heard_ms;    // the last message came, or the first request went out
    uint64_t pinged_ms;
    uint64_t next_check_ms;
    uint32_t callback_count;
    bool is_welcome;
    struct op_welcome welcome;
};

static uint64_t id_of(const struct client *client, const struct request *request)
{
    return (uint64_t)request->generation << 32 | (uint64_t)(request - client->requests);
}

static struct request *find(const struct client *client, uint64_t id)
{
    uint32_t index = (uint32_t)id;
    if (index >= client->request_count)
        return NULL;
    struct request *request = &client->requests[index];
    return request->state != REQUEST_FREE && request->generation == id >> 32 ? request : NULL;
}

static struct bytes op_bytes(const struct request *request)
{
    return bytes_of(request->bytes.data + MESSAGE_HEADER_SIZE,
                    request->bytes.size - MESSAGE_HEADER_SIZE);
}

// ---- the queue --------------------------------------------------------------------

static void enqueue(struct client *client, struct request *request)
{
    if (client->queue_count == client->queue_capacity) {
        uint32_t capacity = client->queue_capacity ? 2 * client->queue_capacity : 64;
        uint64_t *queue = xmalloc(capacity * sizeof *queue);
        for (uint32_t i = 0; i < client->queue_count; i++)
            queue[i] = client->queue[(client->queue_first + i) % client->queue_capacity];
        free(client->queue);
        client->queue = queue;
        client->queue_first = 0;
        client->queue_capacity = capacity;
    }
    uint32_t at = (client->queue_first + client->queue_count++) % client->queue_capacity;
    client->queue[at] = id_of(client, request);
    request->state = REQUEST_QUEUED;
}

// The i-th request that waits to be sent; NULL if it was finished meanwhile.
static struct request *queued(const struct client *client, uint32_t i)
{
    struct request *request =
        find(client, client->queue[(client->queue_first + i) % client->queue_capacity]);
    return request && request->state == REQUEST_QUEUED ? request : NULL;
}

static void dequeue(struct client *client, uint32_t count)
{
    client->queue_first = (client->queue_first + count) % client->queue_capacity;
    client->queue_count -= count;
}

static void leave_sent(struct client *client, const struct request *request)
{
    if (request->state != REQUEST_SENT)
        return;
    client->sent_count--;
    client->sent_size -= request->bytes.size;
}

// ---- the end of a request ---------------------------------------------------------

static void release_slot(struct client *client, struct request *request)
{
    leave_sent(client, request);
    client->in_flight--;
    client->in_flight_size -= request->bytes.size;
    request->state = REQUEST_FREE;
    request->generation++;
    if (request->bytes.capacity > KEEP_SIZE_MAX)
        buf_release(&request->bytes);
    client->free_slots[client->free_count++] = (uint32_t)(request - client->requests);
    client->callback_count++;
}

// Ends a request that no reply answers.
static void fail(struct client *client, struct request *request, enum status status,
                 struct bytes text)
{
    union callback on_done = request->on_done;
    void *context = request->context;
    uint8_t type = request->type;
    if (type == MESSAGE_PUT && request->maybe_applied)
        status = STATUS_INDETERMINATE;
    release_slot(client, request);
    if (type == MESSAGE_PUT)
        on_done.put(context, &(struct op_put_done){.status = (uint8_t)status, .text = text});
    else if (type == MESSAGE_GET)
        on_done.get(context, &(struct op_got){.status = (uint8_t)status, .text = text});
    else if (type == MESSAGE_SCAN)
        on_done.scan(context, &(struct op_scanned){.status = (uint8_t)status, .text = text});
    else
        on_done.answer(context, &(struct op_answer){.status = (uint8_t)status, .text = text});
}

static void fail_all(struct client *client, enum status status, const char *text)
{
    for (uint32_t i = 0; i < client->request_count; i++)
        if (client->requests[i].state != REQUEST_FREE)
            fail(client, &client->requests[i], status, bytes_of_text(text));
}

// ---- another try ------------------------------------------------------------------

// From now on the router is told that the request id may be known already.
static void mark_retry(struct request *request)
{
    if (request->type != MESSAGE_PUT || request->maybe_applied)
        return;
    request->maybe_applied = true;
    struct op_put op;
    struct reader reader = reader_of(op_bytes(request));
    if (op_decode_put(&op, &reader))
        assert(!"an operation of our own does not decode");
    op.flags |= PUT_RETRY;
    struct buf again = {0};
    buf_grow(&again, MESSAGE_HEADER_SIZE);
    op_encode_put(&op, &again);
    buf_release(&request->bytes);
    request->bytes = again;
}

static void pause_request(struct client *client, struct request *request, uint64_t now_ms)
{
    leave_sent(client, request);
    request->pause_ms = request->pause_ms ? request->pause_ms * 2 : PAUSE_FIRST_MS;
    if (request->pause_ms > PAUSE_MAX_MS)
        request->pause_ms = PAUSE_MAX_MS;
    request->state = REQUEST_PAUSED;
    request->retry_at_ms = now_ms + request->pause_ms;
    if (client->next_check_ms > request->retry_at_ms)
        client->next_check_ms = request->retry_at_ms;
}

// The requests that were with a router that is lost go to the next one.
static void requeue_sent(struct client *client)
{
    for (uint32_t i = 0; i < client->request_count; i++) {
        struct request *request = &client->requests[i];
        if (request->state != REQUEST_SENT)
            continue;
        leave_sent(client, request);
        mark_retry(request);
        enqueue(client, request);
    }
}

// A refusal is final, unless an earlier try may have been applied: then only time can
// tell, and until the deadline we ask again.
static bool is_worth_a_retry(const struct request *request, enum status status)
{
    switch (status) {
    case STATUS_BUSY:
    case STATUS_STALE:
        return true;
    case STATUS_INDETERMINATE:
    case STATUS_TIMEOUT:
        return request->deadline_ms != 0;
    case STATUS_UNAVAILABLE:
    case STATUS_NOT_OWNER:
        return request->maybe_applied && request->deadline_ms;
    default:
        return false;
    }
}

// True if the request goes on in spite of this reply.
static bool try_again(struct client *client, struct request *request, enum status status)
{
    if (request->type == MESSAGE_ASK && status != STATUS_BUSY)
        return false;
    uint64_t now_ms = clock_mono_ms();
    bool is_late = request->deadline_ms && now_ms + PAUSE_FIRST_MS >= request->deadline_ms;
    bool again = is_worth_a_retry(request, status) && !is_late;
    if (status == STATUS_INDETERMINATE || status == STATUS_TIMEOUT)
        mark_retry(request);
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

static uint64_t least_ms(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
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
                                    .budget_ms = budget};
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
    // A ping that cannot be sent is one that is not answered.
    enum status ignored = send_message(client, MESSAGE_PING, 1, 0, &client->message);
    (void)ignored;
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
    for (; taken < client->queue_count && count < MESSAGE_OPS_MAX; taken++) {
        struct request *request = queued(client, taken);
        if (!request)
            continue;
        size_t size = op_bytes(request).size;
        if (first && (request->type != first->type ||
                      client->message.size + size > MESSAGE_SIZE_SOFT_MAX))
            break;
        if (client->sent_count + count >= WINDOW_COUNT ||
            (client->sent_count + count && client->sent_size + client->message.size + size > WINDOW_SIZE))
            break;
        if (!first)
            first = request;
        // A great operation travels alone, from its own buffer.
        if (size < MESSAGE_SIZE_SOFT_MAX)
            buf_append(&client->message, op_bytes(request));
        else
            count = MESSAGE_OPS_MAX - 1;
        if (request->deadline_ms)
            deadline_ms = least_ms(deadline_ms, request->deadline_ms);
        count++;
    }
    if (!count) {
        dequeue(client, taken);
        return STATUS_END;
    }
    bool alone = client->message.size == MESSAGE_HEADER_SIZE;
    enum status status = send_message(client, first->type, alone ? 1 : count,
                                      budget_ms(deadline_ms, now_ms),
                                      alone ? &first->bytes : &client->message);
    if (status)
        return status;
    if (!client->sent_count)
        client->heard_ms = now_ms;
    client->batch++;
    for (uint32_t i = 0; i < taken; i++) {
        struct request *request = queued(client, i);
        if (!request)
            continue;
        request->state = REQUEST_SENT;
        request->batch = client->batch;
        client->sent_count++;
        client->sent_size += request->bytes.size;
    }
    dequeue(client, taken);
    return STATUS_OK;
}

static void send_queued(struct client *client, uint64_t now_ms)
{
    if (!client->queue_count || (!client->connected && say_hello(client)))
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
    const struct request *first = find(client, error->id);
    uint32_t batch = first ? first->batch : 0;
    for (uint32_t i = 0; i < client->request_count; i++) {
        struct request *request = &client->requests[i];
        if (request->state == REQUEST_SENT && (!error->id || (first && request->batch == batch)) &&
            !try_again(client, request, error->status))
            fail(client, request, error->status, error->text);
    }
}

// The request that a reply answers, NULL if it is not waited for or goes on.
static struct request *answered(struct client *client, uint64_t id, uint8_t type, uint8_t status)
{
    struct request *request = find(client, id);
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
    release_slot(client, request);
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
        release_slot(client, request);                                                             \
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
    if (!client->connected && request->state == REQUEST_QUEUED)
        return STATUS_UNREACHABLE;
    return request->type == MESSAGE_PUT ? STATUS_BUSY : STATUS_TIMEOUT;
}

static void check_deadlines(struct client *client, uint64_t now_ms)
{
    if (now_ms < client->next_check_ms)
        return;
    client->next_check_ms = UINT64_MAX; // callbacks may bring it nearer
    for (uint32_t i = 0; i < client->request_count; i++) {
        struct request *request = &client->requests[i];
        if (request->state == REQUEST_FREE)
            continue;
        if (request->deadline_ms && request->deadline_ms <= now_ms) {
            if (request->state == REQUEST_SENT)
                request->maybe_applied = true;
            fail(client, request, late_status(client, request), bytes_of_text(""));
            continue;
        }
        if (request->state == REQUEST_PAUSED && request->retry_at_ms <= now_ms)
            enqueue(client, request);
        if (request->deadline_ms)
            client->next_check_ms = least_ms(client->next_check_ms, request->deadline_ms);
        if (request->state == REQUEST_PAUSED)
            client->next_check_ms = least_ms(client->next_check_ms, request->retry_at_ms);
    }
}

static void check_unconnected(struct client *client, uint64_t now_ms)
{
    const struct router *at = current(client);
    bool gone = now_ms - client->link_ms >= (at->is_ipc ? CONNECT_IPC_MS : CONNECT_TCP_MS);
    if (!client->probed && now_ms - client->link_ms >= PROBE_AFTER_MS) {
        client->probed = true;
        gone = gone || router_is_dead(at);
    }
    if (!gone)
        return;
    // Every endpoint gets its turn before we give up.
    uint64_t limit_ms = 0;
    for (uint32_t i = 0; i < client->routers.count; i++)
        limit_ms += client->routers.items[i].is_ipc ? CONNECT_IPC_MS : CONNECT_TCP_MS;
    if (limit_ms < GIVE_UP_MS)
        limit_ms = GIVE_UP_MS;
    if (!client->ever_connected && now_ms - client->opened_ms >= limit_ms)
        fail_all(client, STATUS_UNREACHABLE, "");
    else
        fail_over(client);
}

static void check_link(struct client *client, uint64_t now_ms)
{
    if (!client->in_flight)
        return;
    uint32_t number;
    while (net_next_lost(client->net, &number))
        client->lost = true;
    if (!client->connected)
        check_unconnected(client, now_ms);
    else if (client->lost || (client->sent_count && now_ms - client->heard_ms >= SILENCE_MS))
        fail_over(client);
    else if (client->sent_count && now_ms - client->heard_ms >= PING_AFTER_MS &&
             now_ms - client->pinged_ms >= PING_AFTER_MS)
        ping(client, now_ms);
}

static int wait_ms(const struct client *client, uint64_t now_ms, int timeout_ms)
{
    uint64_t wait = timeout_ms < 0 ? UINT64_MAX : (uint64_t)timeout_ms;
    if (client->in_flight) {
        if (client->next_check_ms != UINT64_MAX)
            wait = least_ms(wait, client->next_check_ms > now_ms ? client->next_check_ms - now_ms : 0);
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
    if (!status) {
        struct net_options options = {.keys = client->routers.keys,
                                      .plain = !globals->key_dir,
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
    for (uint32_t i = 0; i < client->request_count; i++)
        buf_release(&client->requests[i].bytes);
    free(client->requests);
    free(client->free_slots);
    free(client->queue);
    buf_release(&client->message);
    free(client);
}

// A slot with room for the header; the caller appends its operation and calls start().
static struct request *new_request(struct client *client, enum message_type type,
                                   uint64_t deadline_ms, union callback on_done, void *context)
{
    if (!client->free_count) {
        uint32_t count = client->request_count ? 2 * client->request_count : 8;
        client->requests = xrealloc(client->requests, count * sizeof *client->requests);
        client->free_slots = xrealloc(client->free_slots, count * sizeof *client->free_slots);
        memset(client->requests + client->request_count, 0,
               (count - client->request_count) * sizeof *client->requests);
        for (uint32_t i = count; i > client->request_count; i--) {
            client->requests[i - 1].generation = 1;
            client->free_slots[client->free_count++] = i - 1;
        }
        client->request_count = count;
    }
    struct request *request = &client->requests[client->free_slots[--client->free_count]];
    request->type = (uint8_t)type;
    request->maybe_applied = false;
    request->pause_ms = 0;
    request->deadline_ms = deadline_ms;
    request->on_done = on_done;
    request->context = context;
    buf_clear(&request->bytes);
    buf_grow(&request->bytes, MESSAGE_HEADER_SIZE);
    return request;
}

static void start(struct client *client, struct request *request)
{
    if (!client->opened_ms)
        client->opened_ms = clock_mono_ms();
    client->in_flight++;
    client->in_flight_size += request->bytes.size;
    if (request->deadline_ms)
        client->next_check_ms = least_ms(client->next_check_ms, request->deadline_ms);
    enqueue(client, request);
}

#define CLIENT_START(name, TYPE)                                                                   \
    void client_##name(struct client *client, const struct op_##name *op, uint64_t deadline_ms,    \
                       client_on_##name *on_done, void *context)                                   \
    {                                                                                              \
        struct request *request =                                                                  \
            new_request(client, TYPE, deadline_ms, (union callback){.name = on_done}, context);    \
        struct op_##name copy = *op;                                                               \
        copy.id = id_of(client, request);                                                          \
        op_encode_##name(&copy, &request->bytes);                                                  \
        start(client, request);                                                                    \
    }
CLIENT_START(put, MESSAGE_PUT)
CLIENT_START(get, MESSAGE_GET)
CLIENT_START(scan, MESSAGE_SCAN)
#undef CLIENT_START

void client_ask(struct client *client, const char *topic, struct bytes argument,
                uint64_t deadline_ms, client_on_answer *on_done, void *context)
{
    struct request *request = new_request(client, MESSAGE_ASK, deadline_ms,
                                          (union callback){.answer = on_done}, context);
    struct op_ask op = {id_of(client, request), bytes_of_text(topic), argument};
    op_encode_ask(&op, &request->bytes);
    start(client, request);
}

uint32_t client_in_flight(const struct client *client)
{
    return client->in_flight;
}

bool client_has_room(const struct client *client)
{
    return client->in_flight < WINDOW_COUNT && client->in_flight_size < WINDOW_SIZE;
}

static bool is_readable(int fd)
{
    struct pollfd wanted = {.fd = fd, .events = POLLIN};
    return fd >= 0 && poll(&wanted, 1, 0) > 0;
}

void client_run(struct client *client, int fd, int timeout_ms)
{
    uint64_t until_ms = timeout_ms < 0 ? UINT64_MAX : clock_mono_ms() + (uint64_t)timeout_ms;
    client->callback_count = 0;
    for (;;) {
        uint64_t now_ms = clock_mono_ms();
        send_queued(client, now_ms);
        int left_ms = until_ms == UINT64_MAX ? -1
                      : until_ms > now_ms    ? (int)(until_ms - now_ms)
                                             : 0;
        enum status status =
            net_wait(client->net, &fd, fd >= 0, wait_ms(client, now_ms, left_ms));
        struct arrival arrival;
        struct bytes message;
        while (net_receive(client->net, &arrival, &message)) {
            client->heard_ms = clock_mono_ms();
            on_message(client, message);
        }
        now_ms = clock_mono_ms();
        check_deadlines(client, now_ms);
        check_link(client, now_ms);
        if (status || client->callback_count || now_ms >= until_ms || is_readable(fd))
            break;
    }
    // What callbacks have queued leaves now, not after the caller's own work.
    send_queued(client, clock_mono_ms());
}

void client_drain(struct client *client)
{
    while (client->in_flight)
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
