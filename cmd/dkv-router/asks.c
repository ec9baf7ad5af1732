#include "dkv-router/asks.h"

// Names in a ring document have no characters that JSON would escape.
static void add_node(const struct router *router, uint32_t index, struct buf *text)
{
    const struct ring_node *node = &router->ring->nodes[index];
    const struct link *store = &router->links.links[index];
    const struct link *peer = &router->links.links[LINKS_ROUTER + index];
    bool router_up = index == router->self || peer->up;
    const char *state = !store->up || !router_up ? "down"
                        : store->slow            ? "slow"
                        : store->disk_full       ? "full"
                                                 : "up";
    const char *software = index == router->self ? (const char *)router->options.software.data
                                                 : (store->software[0] ? store->software : "");
    buf_printf(text,
               "{\"v\":1,\"node\":\"%s\",\"state\":\"%s\",\"dc\":\"%s\",\"rack\":\"%s\","
               "\"router\":\"%s\",\"store\":\"%s\",\"epoch\":\"%llu\",\"keys\":%llu,"
               "\"bytes\":%llu,\"unsynced_ms\":%u,\"disk_full\":%s,\"version\":\"%s\"}\n",
               node->name, state, node->dc, node->rack, router_up ? "up" : "down",
               store->up ? "up" : "down", (unsigned long long)router->ring->epoch,
               (unsigned long long)store->entry_count, (unsigned long long)store->data_size,
               store->unsynced_age_ms, store->disk_full ? "true" : "false", software);
}

enum status asks_on_ask(struct router *router, const struct arrival *arrival, struct reader *body,
                        struct outbox *outbox)
{
    struct op_ask ask;
    if (op_decode_ask(&ask, body))
        return STATUS_INVALID;
    struct op_answer answer = {.id = ask.id};
    buf_clear(&router->text);
    if (bytes_equal(ask.topic, bytes_of_text("ring"))) {
        answer.text = router->options.ring_text;
    } else if (bytes_equal(ask.topic, bytes_of_text("status"))) {
        for (uint32_t i = 0; i < router->ring->node_count; i++)
            add_node(router, i, &router->text);
        answer.text = buf_bytes(&router->text);
    } else {
        answer.status = STATUS_INVALID;
        answer.text = bytes_of_text("this router does not know the question");
    }
    op_encode_answer(&answer, outbox_add(outbox, arrival->link, MESSAGE_ANSWER, 0));
    return STATUS_OK;
}
