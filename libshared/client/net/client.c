#include "client/net/client.h"

#include "base/xalloc.h"
#include "client/net/endpoints.h"
#include "os/clock.h"
#include "os/entropy.h"
#include "wire/client.h"

#include <poll.h>
#include <stdlib.h>

struct client {
    struct net *net; // links are numbered as the endpoints are
    struct endpoints endpoints;
    struct conversation conversation;
};

// ---- connections ------------------------------------------------------------------

static void lose(struct client *client, uint32_t number, enum status why, const char *said)
{
    conversation_on_lost(&client->conversation, number, why, bytes_of_text(said), clock_mono_ms());
}

static void connect_to(struct client *client, uint32_t number)
{
    const struct endpoints_item *item = &client->endpoints.items[number];
    struct fault fault;
    net_disconnect(client->net, number);
    if (net_connect(client->net, number, item->text, *item->server_key ? item->server_key : NULL,
                    &fault))
        lose(client, number, STATUS_UNREACHABLE, fault.text);
}

// Failures to connect, and connections that were lost.
static void take_losses(struct client *client)
{
    for (uint32_t i = 0; i < client->endpoints.count; i++) {
        struct fault fault = {""};
        enum net_failure failure = net_take_failure(client->net, i);
        enum status why = endpoints_explain(&client->endpoints, i, failure, &fault);
        if (why)
            lose(client, i, why, fault.text);
    }
    uint32_t number;
    while (net_next_lost(client->net, &number)) {
        struct fault fault;
        fault_set(&fault, STATUS_UNREACHABLE, "%s: the connection was lost",
                  client->endpoints.items[number].text);
        lose(client, number, STATUS_UNREACHABLE, fault.text);
    }
}

// Everything that can be done now. Returns when there will be more, in monotonic ms.
static uint64_t take_steps(struct client *client)
{
    for (;;) {
        uint64_t now_ms = clock_mono_ms();
        struct conversation_step step = conversation_next(&client->conversation, now_ms);
        switch (step.kind) {
        case CONVERSATION_WAIT:
            return step.until_ms;
        case CONVERSATION_CONNECT:
            connect_to(client, step.endpoint);
            break;
        case CONVERSATION_CLOSE:
            net_disconnect(client->net, step.endpoint);
            break;
        case CONVERSATION_SEND:
            conversation_on_sent(&client->conversation,
                                 net_send(client->net, net_link(step.endpoint), step.message),
                                 now_ms);
            break;
        }
    }
}

// ---- public -----------------------------------------------------------------------

enum status client_open(struct client **out, const struct client_options *options,
                        struct fault *fault)
{
    struct client *client = xcalloc(1, sizeof *client);
    struct endpoints *endpoints = &client->endpoints;
    enum status status = endpoints_parse(endpoints, options->endpoints, options->key_dir, fault);
    if (!status) {
        struct net_options net_options = {.keys = endpoints->keys,
                                          .message_size_max = MESSAGE_SIZE_MAX};
        status = net_open(&client->net, &net_options, fault);
    }
    if (status) {
        free(client);
        return status;
    }
    conversation_init(&client->conversation, entropy_u64());
    for (uint32_t i = 0; i < endpoints->count; i++)
        conversation_add_endpoint(&client->conversation, endpoints->items[i].kind,
                                  options->connect_ms ? options->connect_ms
                                                      : endpoints_connect_ms(endpoints, i));
    if (options->is_bulk)
        conversation_learn_ring(&client->conversation, clock_mono_ms());
    take_steps(client);
    *out = client;
    return STATUS_OK;
}

void client_prepare(struct client *client, struct bytes keyspace, struct bytes key)
{
    conversation_prepare(&client->conversation, keyspace, key, clock_mono_ms());
    take_steps(client);
}

void client_close(struct client *client)
{
    if (!client)
        return;
    net_close(client->net);
    conversation_release(&client->conversation);
    free(client);
}

#define CLIENT_START(name, member)                                                                 \
    void client_##name(struct client *client, const struct op_##name *op, uint64_t deadline_ms,    \
                       client_on_##member *on_done, void *context)                                 \
    {                                                                                              \
        conversation_##name(&client->conversation, op, deadline_ms, clock_mono_ms(), on_done,      \
                            context);                                                              \
    }
CLIENT_START(put, put)
CLIENT_START(get, get)
CLIENT_START(scan, scan)
CLIENT_START(explain, explained)
#undef CLIENT_START

void client_ask(struct client *client, const char *topic, struct bytes argument,
                uint64_t deadline_ms, client_on_answer *on_done, void *context)
{
    struct op_ask op = {.topic = bytes_of_text(topic), .argument = argument};
    conversation_ask(&client->conversation, &op, deadline_ms, clock_mono_ms(), on_done, context);
}

uint32_t client_in_flight(const struct client *client)
{
    return conversation_in_flight(&client->conversation);
}

bool client_has_room(const struct client *client)
{
    return conversation_has_room(&client->conversation);
}

static int wait_ms(uint64_t now_ms, uint64_t until_ms, uint64_t limit_ms)
{
    if (until_ms > limit_ms)
        until_ms = limit_ms;
    if (until_ms <= now_ms)
        return 0;
    return until_ms - now_ms > INT32_MAX ? -1 : (int)(until_ms - now_ms);
}

void client_run(struct client *client, int fd, int timeout_ms)
{
    struct conversation *conversation = &client->conversation;
    uint64_t limit_ms = timeout_ms < 0 ? UINT64_MAX : clock_mono_ms() + (uint64_t)timeout_ms;
    uint32_t ended_count = conversation->pending.ended_count;
    for (;;) {
        uint64_t until_ms = take_steps(client);
        if (conversation->pending.ended_count != ended_count)
            return;
        enum status status =
            net_wait(client->net, &fd, fd >= 0, wait_ms(clock_mono_ms(), until_ms, limit_ms));
        struct arrival arrival;
        struct bytes message;
        while (net_receive(client->net, &arrival, &message))
            conversation_on_message(conversation, net_link_number(arrival.link), message,
                                    clock_mono_ms());
        take_losses(client);
        if (status || conversation->pending.ended_count != ended_count ||
            clock_mono_ms() >= limit_ms ||
            (fd >= 0 && poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 0) > 0))
            break;
    }
    take_steps(client); // requests of callbacks leave now, not after the caller's own work
}

void client_drain(struct client *client)
{
    while (client_in_flight(client))
        client_run(client, -1, -1);
}

struct request_id client_new_request_id(struct client *client)
{
    return conversation_request_id(&client->conversation);
}

struct conversation *client_conversation(struct client *client)
{
    return &client->conversation;
}
