#include "dkv-router/relays.h"

#include "dkv-router/answers.h"
#include "dkv-router/placing.h"

#include <string.h>

// What may be asked, and the least role for it.
static const struct topic {
    const char *text;
    enum service service;
    enum role role_least;
} topics[] = {
    {"store/compact", SERVICE_STORE, ROLE_CLIENT},
    {"store/compacting", SERVICE_STORE, ROLE_READER},
    {"store/accept-loss", SERVICE_STORE, ROLE_ADMIN},
    {"hintd/list", SERVICE_HINTD, ROLE_READER},
    {"hintd/key", SERVICE_HINTD, ROLE_READER},
    {"hintd/flush", SERVICE_HINTD, ROLE_CLIENT},
    {"repair/status", SERVICE_REPAIR, ROLE_READER},
    {"repair/digest", SERVICE_REPAIR, ROLE_READER},
    {"repair/run", SERVICE_REPAIR, ROLE_CLIENT},
    {"repair/dry-run", SERVICE_REPAIR, ROLE_CLIENT},
    {"repair/scrub", SERVICE_REPAIR, ROLE_CLIENT},
};

static const struct topic *find_topic(struct bytes text)
{
    for (unsigned i = 0; i < sizeof topics / sizeof *topics; i++) {
        if (bytes_equal(text, bytes_of_text(topics[i].text)))
            return &topics[i];
    }
    return NULL;
}

static void answer(struct router *router, link_id client, uint64_t id, enum status status,
                   struct bytes text, struct outbox *outbox)
{
    struct op_answer answer = {.id = id, .status = (uint8_t)status, .text = text};
    answer_answer(router, client, &answer, outbox);
}

// Cuts the first line off the argument.
static struct bytes take_line(struct bytes *argument)
{
    const uint8_t *end = argument->size ? memchr(argument->data, '\n', argument->size) : NULL;
    size_t size = end ? (size_t)(end - argument->data) : argument->size;
    struct bytes line = bytes_of(argument->data, size);
    size_t skipped = size + (end != NULL);
    *argument = skipped ? bytes_of(argument->data + skipped, argument->size - skipped) : *argument;
    return line;
}

// Finds a node by its name, none of which is long. -1: there is none.
static int find_node(const struct router *router, struct bytes name)
{
    char text[RING_NAME_SIZE_MAX + 1] = {0};
    if (!name.size)
        return (int)router->self;
    if (name.size > RING_NAME_SIZE_MAX)
        return -1;
    memcpy(text, name.data, name.size);
    return ring_find_node_name(router->ring, text);
}

static struct relay *find_free(struct router *router)
{
    for (unsigned i = 0; i < ROUTER_RELAYS_MAX; i++) {
        if (!router->relays[i].id)
            return &router->relays[i];
    }
    return NULL;
}

static void pass_on(struct router *router, const struct op_ask *ask, const struct topic *topic,
                    struct bytes argument, struct relay *relay, struct outbox *outbox)
{
    relay->id = ++router->relay_id;
    struct op_ask passed = {.id = relay->id,
                            .topic = bytes_of_text(strchr(topic->text, '/') + 1),
                            .argument = argument};
    relay->client_id = ask->id;
    op_encode_ask(&passed,
                  outbox_add(outbox, router->peers.link_of(relay->number), MESSAGE_ASK, 0));
}

static void refuse_silent(struct router *router, uint32_t number, const struct relay *relay,
                          struct outbox *outbox)
{
    buf_clear(&router->text);
    buf_printf(&router->text, "%s: its %s does not answer", peers_at(&router->peers, number)->name,
               service_text(peers_service(number)));
    answer(router, relay->client, relay->client_id, STATUS_UNAVAILABLE, buf_bytes(&router->text),
           outbox);
}

bool relays_on_ask(struct router *router, const struct arrival *arrival,
                   const struct message_header *header, const struct op_ask *ask, struct moment now,
                   struct outbox *outbox)
{
    const struct topic *topic = find_topic(ask->topic);
    if (!topic)
        return false;
    struct bytes argument = ask->argument, name = take_line(&argument);
    int node = find_node(router, name);
    struct relay *relay = find_free(router);
    enum status status = arrival->role < topic->role_least ? STATUS_NOT_AUTHORISED
                         : node < 0                        ? STATUS_INVALID
                         : !relay                          ? STATUS_BUSY
                                                           : STATUS_OK;
    if (status) {
        const char *why = status == STATUS_INVALID ? "no such node" : status_text(status);
        answer(router, arrival->link, ask->id, status, bytes_of_text(why), outbox);
        return true;
    }
    struct relay asked = {.client = arrival->link,
                          .client_id = ask->id,
                          .number = peers_number(&router->peers, (uint32_t)node, topic->service),
                          .deadline_ms = placing_deadline(router, header, now)};
    const struct link *link = peers_link(&router->peers, asked.number);
    if (!link || !link->up) {
        refuse_silent(router, asked.number, &asked, outbox);
        return true;
    }
    *relay = asked;
    pass_on(router, ask, topic, argument, relay, outbox);
    return true;
}

enum status relays_on_answer(struct router *router, uint32_t number, struct reader *body,
                             struct outbox *outbox)
{
    struct op_answer told;
    if (op_decode_answer(&told, body))
        return STATUS_INVALID;
    for (unsigned i = 0; i < ROUTER_RELAYS_MAX; i++) {
        struct relay *relay = &router->relays[i];
        if (!relay->id || relay->id != told.id || relay->number != number)
            continue;
        answer(router, relay->client, relay->client_id, (enum status)told.status, told.text,
               outbox);
        relay->id = 0;
        return STATUS_OK;
    }
    router->counts.late++;
    return STATUS_OK;
}

void relays_on_failed(struct router *router, uint32_t number, struct outbox *outbox)
{
    for (unsigned i = 0; i < ROUTER_RELAYS_MAX; i++) {
        struct relay *relay = &router->relays[i];
        if (!relay->id || relay->number != number)
            continue;
        refuse_silent(router, number, relay, outbox);
        relay->id = 0;
    }
}

void relays_on_tick(struct router *router, struct moment now, struct outbox *outbox)
{
    for (unsigned i = 0; i < ROUTER_RELAYS_MAX; i++) {
        struct relay *relay = &router->relays[i];
        if (!relay->id || now.mono_ms < relay->deadline_ms)
            continue;
        refuse_silent(router, relay->number, relay, outbox);
        relay->id = 0;
    }
}
