#include "dkv-repair/post.h"

#include "dkv-repair/endings.h"
#include "dkv-repair/hearing.h"
#include "dkv-repair/owed.h"
#include "dkv-repair/questions.h"
#include "peer/following.h"
#include "peer/stamp.h"
#include "wire/hello.h"

enum { CREDIT_OPS = 64, CREDIT_KIB = 1024 };

void post_adopt(struct repair *repair, struct ring_snapshot *ring, struct moment now)
{
    uint32_t number;
    repair_adopt(repair, ring, now);
    while (peers_next_lost(&repair->peers, now, &number))
        repair_take_change(repair, number, LINK_WENT_DOWN, now);
}

// A store that has heard of a later start of ours than we know of met another process that runs as
// it: a round with that store lets ours hear of it.
static void look_for_twin(struct repair *repair, uint32_t number, struct moment now)
{
    const struct link *link = peers_link(&repair->peers, number);
    const struct link *ours = peers_link_of(&repair->peers, repair->self, SERVICE_STORE);
    struct scope scope = {.node = peers_at(&repair->peers, number)->node};
    if (link == ours || !ours->up || link->store_start <= actor_parse(ours->actor).start ||
        link->store_start <= repair->twin_start)
        return;
    repair->twin_start = link->store_start;
    pulls_hurry(&repair->pulls, &scope, now);
}

// Whatever made our store find that it lacks something, it is pulled at once: rounds of the other
// shards concerned would come to know of it when they are due.
static void look_for_losses(struct repair *repair, uint32_t number, struct moment now)
{
    const struct link *link = peers_link(&repair->peers, number);
    uint64_t losses = link->metrics.values[METRIC_LOSSES];
    if (link != peers_link_of(&repair->peers, repair->self, SERVICE_STORE))
        return;
    if (losses > repair->losses)
        pulls_hurry(&repair->pulls, &(struct scope){0}, now);
    repair->losses = losses;
}

static enum status take_reply(struct repair *repair, uint32_t number,
                              const struct message_header *header, struct reader *body,
                              struct moment now, struct outbox *outbox)
{
    struct op_welcome welcome;
    struct op_pong pong;
    struct op_scrubbed scrubbed;
    struct link *link = peers_link(&repair->peers, number);
    switch (header->type) {
    case MESSAGE_WELCOME:
        if (op_decode_welcome(&welcome, body))
            return STATUS_INVALID;
        repair_take_change(repair, number,
                           link_on_welcome(link, &repair->peers.terms,
                                           peers_at(&repair->peers, number)->node, header,
                                           &welcome),
                           now);
        return STATUS_OK;
    case MESSAGE_PONG:
        if (op_decode_pong(&pong, body))
            return STATUS_INVALID;
        link_on_pong(link, &pong, now);
        look_for_twin(repair, number, now);
        look_for_losses(repair, number, now);
        if (peers_service(number) == SERVICE_STORE)
            repair_on_pong(repair, now);
        return STATUS_OK;
    case MESSAGE_SCRUBBED:
        if (op_decode_scrubbed(&scrubbed, body))
            return STATUS_INVALID;
        scrub_on_reply(&repair->scrub, &scrubbed, now);
        return STATUS_OK;
    case MESSAGE_HEARD:
        return hearing_on_heard(repair, number, body);
    case MESSAGE_DIGESTED:
        return questions_on_digested(repair, body, outbox);
    case MESSAGE_ANSWER:
        return owed_on_answer(repair, number, body, now);
    default:
        repair_on_reply(repair, number, header, body, now);
        return body->bad ? STATUS_INVALID : STATUS_OK;
    }
}

static void on_link_message(struct repair *repair, uint32_t number,
                            const struct message_header *header, struct reader *body,
                            struct moment now, struct outbox *outbox)
{
    struct link *link = peers_link(&repair->peers, number);
    if (!link)
        return;
    repair_take_change(repair, number, link_on_message(link, &repair->peers.terms, header, now),
                       now);
    for (unsigned i = 0; i < header->count; i++) {
        if (take_reply(repair, number, header, body, now, outbox))
            return;
    }
}

static void refuse(struct repair *repair, const struct arrival *arrival, enum status status,
                   const char *why, struct outbox *outbox)
{
    struct op_error error = {.status = (uint8_t)status, .text = bytes_of_text(why)};
    repair->counts.refused++;
    op_encode_error(&error, outbox_add(outbox, arrival->link, MESSAGE_ERROR, 0));
}

static enum status greet(const struct repair *repair, const struct arrival *arrival,
                         struct reader *body, struct outbox *outbox)
{
    struct op_hello hello;
    if (op_decode_hello(&hello, body))
        return STATUS_INVALID;
    struct op_welcome welcome = op_welcome_to(&hello);
    welcome.cluster = repair->ring->cluster;
    welcome.node = repair->options.node;
    welcome.role = (uint8_t)arrival->role;
    welcome.software = repair->options.software;
    op_encode_welcome(&welcome, outbox_add(outbox, arrival->link, MESSAGE_WELCOME, 0));
    return STATUS_OK;
}

// The router of this node hands us the ring document that counts.
static enum status follow(struct repair *repair, const struct arrival *arrival, struct reader *body,
                          struct moment now, struct outbox *outbox)
{
    struct ring_snapshot *next;
    enum status status =
        following_on_ring(repair->snapshot, repair->options.node, arrival, body, outbox, &next);
    if (!status && next)
        post_adopt(repair, next, now);
    if (!status)
        ring_snapshot_drop(next);
    return status;
}

static enum status take_request(struct repair *repair, const struct arrival *arrival,
                                const struct message_header *header, struct reader *body,
                                struct moment now, struct outbox *outbox)
{
    struct op_ping ping;
    switch (header->type) {
    case MESSAGE_HELLO:
        return greet(repair, arrival, body, outbox);
    case MESSAGE_PING:
        if (op_decode_ping(&ping, body))
            return STATUS_INVALID;
        struct op_pong pong = {.id = ping.id, .wall_ms = now.wall_ms};
        op_encode_pong(&pong, outbox_add(outbox, arrival->link, MESSAGE_PONG, 0));
        return STATUS_OK;
    case MESSAGE_RING:
        return follow(repair, arrival, body, now, outbox);
    case MESSAGE_ASK:
        return questions_on_ask(repair, arrival, body, now, outbox);
    default:
        return STATUS_INVALID;
    }
}

void post_on_message(struct repair *repair, const struct arrival *arrival, struct bytes message,
                     struct moment now, struct outbox *outbox)
{
    struct message_header header;
    struct reader body;
    uint32_t number = repair->options.number_of(arrival->link);
    bool is_ours = number != UINT32_MAX;
    if (message_header_decode(&header, message, &body)) {
        if (!is_ours)
            refuse(repair, arrival, STATUS_INVALID, "not a message of this version", outbox);
        return;
    }
    if (is_ours) {
        on_link_message(repair, number, &header, &body, now, outbox);
        return;
    }
    if (!service_allows(SERVICE_REPAIR, arrival->role, (enum message_type)header.type)) {
        refuse(repair, arrival, STATUS_NOT_AUTHORISED, "repair serves routers only", outbox);
        return;
    }
    for (unsigned i = 0; i < header.count; i++) {
        if (take_request(repair, arrival, &header, &body, now, outbox)) {
            refuse(repair, arrival, STATUS_INVALID, "malformed operation", outbox);
            return;
        }
    }
}

void post_on_lost(struct repair *repair, link_id link, struct moment now)
{
    uint32_t number = repair->options.number_of(link);
    struct link *lost = peers_link(&repair->peers, number);
    if (lost)
        repair_take_change(repair, number, link_on_lost(lost, now), now);
}

void post_on_turn_end(struct repair *repair, struct moment now, struct outbox *outbox)
{
    hearing_go_on(repair, outbox);
    repair_go_on(repair, now, outbox);
    endings_go_on(repair, now, outbox);
    owed_go_on(repair, now, outbox);
    stamp_headers(outbox, repair->snapshot, repair->options.boot, now);
    outbox->header.credit_ops = CREDIT_OPS;
    outbox->header.credit_kib = CREDIT_KIB;
    stamp_links(outbox, &repair->peers, repair->options.number_of, now);
}
