// The connections of a simulated client, and the messages on them.
#include "sim/client_inside.h"
#include "wire/client.h"

enum { COPY_LATER_MS = 1500 };

uint64_t client_now_ms(const struct client *client)
{
    return client->world->now_us / WORLD_MS;
}

// ---- connections ---------------------------------------------------------------------

static bool is_cut(const struct client *client, uint32_t router)
{
    uint32_t place = network_place(client->port);
    return client->network->cut[place][router] || client->network->cut[router][place];
}

static bool is_connected(const struct client *client, uint32_t router)
{
    const struct port *port = &client->network->ports[NETWORK_ROUTER + router];
    return client->lives[router] && port->up && port->life == client->lives[router];
}

static void connect_router(struct client *client, uint32_t router)
{
    const struct port *port = &client->network->ports[NETWORK_ROUTER + router];
    client->lives[router] = port->up && !is_cut(client, router) ? port->life : 0;
}

// Answers on their way to an old connection are lost, unless another one shares its port.
static void close_router(struct client *client, uint32_t router)
{
    bool is_last = true;
    client->lives[router] = 0;
    for (uint32_t i = 0; i < client->ring->node_count; i++)
        is_last &= !client->lives[i];
    if (is_last)
        network_start(client->network, client->port);
}

static bool was_obeyed(const struct client *client, uint64_t id)
{
    for (uint32_t i = 0; i < CLIENT_OBEYED_MAX; i++) {
        if (client->obeyed[i] == id)
            return true;
    }
    return false;
}

// Only of tries that were obeyed: of one that was refused the client says so, and it stays so.
// (Between a client and its router nothing comes twice; a wire that copies what was refused
// could make it written.)
static bool may_come_twice(const struct client *client, struct bytes message)
{
    struct message_header header;
    struct reader body;
    struct op_put put;
    if (message_header_decode(&header, message, &body))
        return false;
    for (unsigned i = 0; header.type == MESSAGE_PUT && i < header.count; i++) {
        if (op_decode_put(&put, &body) || !was_obeyed(client, put.id))
            return false;
    }
    return true;
}

// Somebody else uses the same request ids again, and says so.
static void make_retries(struct client *client, struct buf *message)
{
    struct reader body = reader_of(buf_bytes(message));
    reader_bytes(&body, MESSAGE_HEADER_SIZE);
    while (message->data[3] == MESSAGE_PUT && reader_left(&body)) {
        struct put_try again = {.is_repeated = true,
                                .name = random_u64(&client->world->random),
                                .budget_ms = 4 * COPY_LATER_MS,
                                .young_ms = 300,
                                .wait_ms = 900};
        op_put_set_try(message->data + (message->size - reader_left(&body)), &again);
        reader_sized(&body);
    }
}

static void send_copy(void *self, struct event *event)
{
    struct client *client = self;
    if (!may_come_twice(client, buf_bytes(&event->bytes)))
        return;
    make_retries(client, &event->bytes);
    world_sometimes(client->world, SOMETIMES_COPIED, event->bytes.data[3] == MESSAGE_PUT);
    network_send_port_take(client->network, NETWORK_GHOST, NETWORK_ROUTER + (uint32_t)event->a,
                           &event->bytes);
}

static void plan_copy(struct client *client, uint32_t router, struct bytes message)
{
    struct world *world = client->world;
    struct event event = {
        .at_us = world->now_us + world_below(world, COPY_LATER_MS * WORLD_MS),
        .fire = send_copy,
        .self = client,
        .a = world_chance(world, 800) ? router : world_below(world, client->ring->node_count)};
    buf_set(&event.bytes, message);
    events_add_take(&world->events, &event);
}

// Notes what a message says about the operations in it.
static void look_at(struct client *client, uint32_t router, struct bytes message)
{
    struct message_header header;
    struct reader body;
    struct op_put put;
    if (message_header_decode(&header, message, &body))
        world_fail(client->world, "a client sends what is no message");
    world_sometimes(client->world, SOMETIMES_SHARED, header.count > 1);
    if (header.type == MESSAGE_PUT || header.type == MESSAGE_GET || header.type == MESSAGE_SCAN) {
        world_sometimes(client->world, SOMETIMES_FAIL_OVER,
                        client->conversation.is_fixed && router != client->router);
        world_sometimes(client->world, SOMETIMES_SPREAD,
                        !client->conversation.is_fixed && router != client->sent_to);
        client->sent_to = router;
    }
    for (unsigned i = 0; header.type == MESSAGE_PUT && i < header.count; i++) {
        struct act *act = NULL;
        if (!op_decode_put(&put, &body))
            act = history_act_of(client->history, &put.request);
        if (!act) {
            world_fail(client->world, "a client sends a put that nobody asked for");
            return;
        }
        act->is_retried |= put.flags & PUT_RETRY;
    }
}

static enum status send(struct client *client, uint32_t router, struct bytes message)
{
    if (!client->lives[router])
        connect_router(client, router);
    if (!is_connected(client, router))
        return STATUS_UNREACHABLE;
    look_at(client, router, message);
    if (world_chance(client->world, client->copied))
        plan_copy(client, router, message);
    struct buf bytes = {0};
    buf_set(&bytes, message);
    network_send_port_take(client->network, client->port, NETWORK_ROUTER + router, &bytes);
    return STATUS_OK;
}

static void on_turn(void *self, struct event *event)
{
    struct client *client = self;
    if (event->a == client->turn)
        client_take_turn(client);
}

static void look_at_routes(const struct client *client)
{
    for (uint32_t i = 0; i < client->ring->node_count; i++)
        world_sometimes(client->world, SOMETIMES_TRIED,
                        client->conversation.connections[i].is_tried);
    world_sometimes(client->world, SOMETIMES_RING_LEARNT,
                    client->conversation.spread.ring.partition_count);
}

static void lose(struct client *client, uint32_t router)
{
    conversation_on_lost(&client->conversation, router, STATUS_UNREACHABLE, (struct bytes){0},
                         client_now_ms(client));
}

void client_take_turn(struct client *client)
{
    struct conversation *conversation = &client->conversation;
    for (uint32_t i = 0; client->notices && i < client->ring->node_count; i++) {
        if (client->lives[i] && !is_connected(client, i))
            lose(client, i);
    }
    uint64_t until_ms = 0; // every step but the last, which is to wait, leaves it so
    while (!until_ms && !client->world->failed) {
        struct conversation_step step = conversation_next(conversation, client_now_ms(client));
        if (step.kind == CONVERSATION_CONNECT)
            connect_router(client, step.endpoint);
        else if (step.kind == CONVERSATION_CLOSE)
            close_router(client, step.endpoint);
        else if (step.kind == CONVERSATION_SEND)
            conversation_on_sent(conversation, send(client, step.endpoint, step.message),
                                 client_now_ms(client));
        else
            until_ms = step.until_ms;
    }
    look_at_routes(client);
    client->turn++;
    if (until_ms != UINT64_MAX && !client->world->failed)
        world_plan(client->world, (until_ms - client_now_ms(client)) * WORLD_MS, on_turn, client,
                   client->turn, 0);
}

void client_receive(void *self, const struct arrival *arrival, struct buf *bytes)
{
    struct client *client = self;
    uint32_t router = network_place((uint32_t)arrival->link);
    conversation_on_message(&client->conversation, router, buf_bytes(bytes), client_now_ms(client));
    client_take_turn(client);
}

void client_lose_link(struct client *client)
{
    lose(client, client->sent_to);
    client_take_turn(client);
}
