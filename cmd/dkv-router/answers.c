#include "dkv-router/answers.h"
#include "wire/hello.h"

#define ANSWER_FUNCTION(name, TYPE)                                                                \
    void answer_##name(struct router *router, link_id client, const struct op_##name *op,          \
                       struct outbox *outbox)                                                      \
    {                                                                                              \
        struct buf *out = outbox_add(outbox, client, TYPE, 0);                                     \
        size_t begun = out->size;                                                                  \
        op_encode_##name(op, out);                                                                 \
        meters_sent(&router->meters, client, out->size - begun);                                   \
    }
ANSWER_FUNCTION(error, MESSAGE_ERROR)
ANSWER_FUNCTION(welcome, MESSAGE_WELCOME)
ANSWER_FUNCTION(pong, MESSAGE_PONG)
ANSWER_FUNCTION(answer, MESSAGE_ANSWER)
ANSWER_FUNCTION(put_done, MESSAGE_PUT_DONE)
ANSWER_FUNCTION(got, MESSAGE_GOT)
ANSWER_FUNCTION(scanned, MESSAGE_SCANNED)
ANSWER_FUNCTION(explained, MESSAGE_EXPLAINED)
#undef ANSWER_FUNCTION

static uint64_t bound(const struct router *router)
{
    if (router->meters.unread_bytes <= ANSWERS_UNREAD_ALL_MAX)
        return ANSWERS_UNREAD_MAX;
    uint64_t part = ANSWERS_UNREAD_ALL_MAX / router->meters.count;
    return part < ANSWERS_UNREAD_MAX ? part : ANSWERS_UNREAD_MAX;
}

bool answers_fit(const struct router *router, link_id client, size_t size)
{
    uint64_t waiting = meters_unread(&router->meters, client);
    return !waiting || waiting + size <= bound(router);
}

bool answers_will_fit(const struct router *router, link_id client, size_t size)
{
    uint64_t waiting =
        meters_unread(&router->meters, client) + flights_expected(&router->flights, client);
    return !waiting || waiting + size <= bound(router);
}

enum status answers_admit(struct router *router, link_id client)
{
    if (meters_unread(&router->meters, client) <= bound(router))
        return STATUS_OK;
    bool is_deaf = meters_refuse(&router->meters, client) > ANSWERS_REFUSED_MAX;
    return is_deaf ? STATUS_LATE : STATUS_BUSY;
}

void answers_on_tick(struct router *router, struct outbox *outbox)
{
    link_id client;
    if (router->meters.unread_bytes > ANSWERS_UNREAD_ALL_MAX / 2 &&
        meters_oldest(&router->meters, &client))
        answer_pong(router, client, &(struct op_pong){0}, outbox);
}

void answers_on_unsent(struct router *router, link_id client, struct bytes message, enum status why)
{
    if (why == STATUS_UNREACHABLE)
        meters_forget(&router->meters, client);
    else
        meters_unsent(&router->meters, client, message.size - MESSAGE_HEADER_SIZE);
}
