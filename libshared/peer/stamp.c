#include "peer/stamp.h"

void stamp_headers(struct outbox *outbox, const struct ring_snapshot *ring, uint64_t boot,
                   struct moment now)
{
    outbox->header.epoch = ring->ring.epoch;
    outbox->header.ring_hash = (uint32_t)ring->hash;
    outbox->header.boot = boot;
    outbox->header.sent_ms = link_clock(boot, now.mono_ms);
}

bool stamp_link(struct outbox_message *message, const struct peers *peers, uint32_t number,
                struct moment now)
{
    const struct link *link = peers_link(peers, number);
    if (!link)
        return false;
    message->your_ms = peer_clock_now(&link->clock, now.mono_ms);
    message->received_kib = (uint32_t)(link->taken_bytes / 1024);
    return true;
}

void stamp_links(struct outbox *outbox, const struct peers *peers,
                 uint32_t (*number_of)(link_id link), struct moment now)
{
    for (uint32_t i = 0; i < outbox->count; i++)
        (void)stamp_link(&outbox->messages[i], peers, number_of(outbox->messages[i].link), now);
}
