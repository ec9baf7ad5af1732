// Where requests go, and how they begin.
#include "client/conversation_inside.h"

#include "ring/ring_text.h"
#include "wire/client.h"

enum {
    PATIENT_MS = 10 * 1000, // a write with that much time is of a bulk verb
    RING_TIMEOUT_MS = 60 * 1000,
};

// ---- endpoints --------------------------------------------------------------------

void conversation_add_endpoint(struct conversation *conversation, enum spread_kind kind,
                               uint32_t connect_max_ms)
{
    struct connection *connection = &conversation->connections[conversation->endpoint_count++];
    *connection = (struct connection){.connect_max_ms = connect_max_ms};
    spread_add(&conversation->spread, kind);
}

void conversation_use(struct conversation *conversation, uint32_t endpoint)
{
    conversation->is_fixed = true;
    conversation->first = endpoint;
    connection_trust(&conversation->connections[endpoint]);
}

static uint32_t home_of_key(const struct conversation *conversation, struct bytes keyspace,
                            struct bytes key)
{
    return conversation->is_fixed ? conversation->first
                                  : spread_of_key(&conversation->spread, keyspace, key);
}

static uint32_t home_of_partition(const struct conversation *conversation, struct bytes keyspace,
                                  uint32_t partition)
{
    return conversation->is_fixed ? conversation->first
                                  : spread_of_partition(&conversation->spread, keyspace, partition);
}

uint32_t conversation_choose(struct conversation *conversation, const struct request *request,
                             uint32_t otherwise, uint64_t now_ms)
{
    for (uint32_t i = 0; i < conversation->endpoint_count; i++) {
        uint32_t endpoint = (request->home + i) % conversation->endpoint_count;
        struct connection *connection = &conversation->connections[endpoint];
        if (connection_is_fit(connection, now_ms))
            return endpoint;
        connection_try(connection, now_ms);
    }
    return otherwise;
}

void conversation_prepare(struct conversation *conversation, struct bytes keyspace,
                          struct bytes key, uint64_t now_ms)
{
    connection_want(&conversation->connections[home_of_key(conversation, keyspace, key)], now_ms);
}

// ---- the ring ---------------------------------------------------------------------

static void on_ring(void *context, const struct op_answer *answer)
{
    struct conversation *conversation = context;
    struct ring ring = {0};
    conversation->is_learning = false;
    conversation->pending.ended_count--; // nobody waits for it
    if (!answer->status && !ring_text_parse(&ring, answer->text, NULL))
        conversation_set_ring_take(conversation, &ring);
}

void conversation_learn_ring(struct conversation *conversation, uint64_t now_ms)
{
    struct spread *spread = &conversation->spread;
    if (!spread_is_choice(spread) || spread->ring.partition_count || conversation->is_learning)
        return;
    conversation->is_learning = true;
    for (uint32_t i = 0; i < spread->nearest_count; i++)
        connection_want(&conversation->connections[spread->nearest[i]], now_ms);
    struct op_ask op = {.topic = bytes_of_text("ring")};
    conversation_ask(conversation, &op, now_ms + RING_TIMEOUT_MS, now_ms, on_ring, conversation);
}

void conversation_set_ring_take(struct conversation *conversation, struct ring *ring)
{
    spread_set_ring_take(&conversation->spread, ring);
}

// ---- requests ---------------------------------------------------------------------

// The caller appends its operation and calls start().
static struct request *add(struct conversation *conversation, enum message_type type,
                           uint64_t deadline_ms, union callback on_done, void *context)
{
    struct request *request = pending_add(&conversation->pending, type);
    request->deadline_ms = deadline_ms;
    request->on_done = on_done;
    request->context = context;
    return request;
}

static void start(struct conversation *conversation, struct request *request, uint64_t now_ms)
{
    if (request->deadline_ms)
        conversation->check_ms = least_ms(conversation->check_ms, request->deadline_ms);
    conversation_queue(conversation, request,
                       conversation_choose(conversation, request, request->home, now_ms), now_ms);
}

static void begin_put(struct conversation *conversation, struct request *request,
                      const struct op_put *op, uint64_t now_ms)
{
    bool is_single = request->deadline_ms && request->deadline_ms < now_ms + PATIENT_MS;
    request->home = (uint8_t)home_of_key(conversation, op->keyspace, op->key);
    tries_init(&request->tries, is_single ? TRIES_BUDGET_MS : TRIES_BUDGET_BULK_MS,
               request->bytes.size, op->flags & PUT_RETRY);
}

static void begin_get(struct conversation *conversation, struct request *request,
                      const struct op_get *op, uint64_t now_ms)
{
    (void)now_ms;
    request->is_local = op->flags & GET_LOCAL;
    request->home = (uint8_t)(request->is_local ? conversation->first
                                                : home_of_key(conversation, op->keyspace, op->key));
}

static void begin_scan(struct conversation *conversation, struct request *request,
                       const struct op_scan *op, uint64_t now_ms)
{
    (void)now_ms;
    request->is_local = op->flags & SCAN_LOCAL;
    request->home =
        (uint8_t)(request->is_local ? conversation->first
                                    : home_of_partition(conversation, op->keyspace, op->partition));
}

// The key may be in the receipt, which the routers read.
static void begin_explain(struct conversation *conversation, struct request *request,
                          const struct op_explain *op, uint64_t now_ms)
{
    (void)now_ms;
    request->home = (uint8_t)(op->key.size ? home_of_key(conversation, op->keyspace, op->key)
                                           : conversation->first);
}

static void begin_ask(struct conversation *conversation, struct request *request,
                      const struct op_ask *op, uint64_t now_ms)
{
    (void)op;
    (void)now_ms;
    request->is_local = true;
    request->home = (uint8_t)conversation->first;
}

#define CONVERSATION_START(name, TYPE, member)                                                     \
    void conversation_##name(struct conversation *conversation, const struct op_##name *op,        \
                             uint64_t deadline_ms, uint64_t now_ms, client_on_##member *on_done,   \
                             void *context)                                                        \
    {                                                                                              \
        struct request *request =                                                                  \
            add(conversation, TYPE, deadline_ms, (union callback){.member = on_done}, context);    \
        struct op_##name copy = *op;                                                               \
        copy.id = pending_id(&conversation->pending, request);                                     \
        op_encode_##name(&copy, &request->bytes);                                                  \
        begin_##name(conversation, request, op, now_ms);                                           \
        start(conversation, request, now_ms);                                                      \
    }
CONVERSATION_START(put, MESSAGE_PUT, put)
CONVERSATION_START(get, MESSAGE_GET, get)
CONVERSATION_START(scan, MESSAGE_SCAN, scan)
CONVERSATION_START(explain, MESSAGE_EXPLAIN, explained)
CONVERSATION_START(ask, MESSAGE_ASK, answer)
#undef CONVERSATION_START
