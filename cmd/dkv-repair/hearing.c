#include "dkv-repair/hearing.h"

void hearing_go_on(struct repair *repair, struct outbox *outbox)
{
    struct op_hear op;
    for (uint32_t i = 0; repair->asking.is_running && i < repair->ring->node_count; i++) {
        uint32_t number = peers_number(&repair->peers, i, SERVICE_STORE);
        const struct link *link = peers_link(&repair->peers, number);
        while (link && link_can_ask(link) && asking_next(&repair->asking, i, &op))
            op_encode_hear(&op,
                           outbox_add(outbox, repair->options.link_of(number), MESSAGE_HEAR, 0));
    }
}

enum status hearing_on_heard(struct repair *repair, uint32_t number, struct reader *body)
{
    struct op_heard heard;
    int index = ring_find_node(repair->ring, peers_at(&repair->peers, number)->node);
    if (op_decode_heard(&heard, body))
        return STATUS_INVALID;
    if (index >= 0)
        asking_on_heard(&repair->asking, (uint32_t)index, &heard);
    return STATUS_OK;
}
