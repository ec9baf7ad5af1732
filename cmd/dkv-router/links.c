#include "dkv-router/links.h"

#include "base/xalloc.h"

#include <stdlib.h>

enum {
    HELLO_INTERVAL_MS = 100,
    RESET_AFTER_MS = 2000,   // of silence while down
    SLOW_UNSYNCED_MS = 2000, // a disk that hangs this long counts as down
    STALL_MS = 300,
    ROUTER_PATIENCE = 5, // nothing waits for other routers: they are pinged less
    IDLE_PATIENCE = 10,  // and while no client wants anything, everybody is
};

void links_init(struct links *links, const struct ring *ring, uint32_t self, uint32_t ring_hash)
{
    *links = (struct links){.count = LINKS_ROUTER + ring->node_count,
                            .ring = ring,
                            .self = self,
                            .ring_hash = ring_hash};
    links->links = xcalloc(links->count, sizeof *links->links);
    for (uint32_t i = 0; i < ring->node_count; i++) {
        links->links[i].exists = true;
        links->links[LINKS_ROUTER + i].exists = i != self;
    }
}

void links_release(struct links *links)
{
    free(links->links);
    *links = (struct links){0};
}

static enum link_change go_down(struct link *link, struct moment now)
{
    if (!link->up)
        return LINK_UNCHANGED;
    link->pinged_ms = 0; // HELLO at once: it may be back already
    link->asked_ms = 0;
    link->reset_ms = now.mono_ms;
    link->up = false;
    return LINK_WENT_DOWN;
}

enum link_state link_state(const struct link *link)
{
    return !link->up                        ? (enum link_state)link->problem
           : link->slow                     ? LINK_SLOW
           : link->disk_full                ? LINK_FULL
           : metrics_damage(&link->metrics) ? LINK_DAMAGED
                                            : LINK_WELL;
}

enum link_change links_on_message(struct links *links, uint32_t number,
                                  const struct message_header *header, struct moment now)
{
    struct link *link = &links->links[number];
    bool is_same_life = link->clock.is_known && link->clock.boot == header->boot;
    link->heard_ms = now.mono_ms;
    link->taken_bytes += header->body_size;
    peer_clock_learn(&link->clock, header, now.mono_ms);
    return is_same_life ? LINK_UNCHANGED : go_down(link, now);
}

// What is wrong with who answered.
static enum link_state judge(const struct links *links, uint32_t number,
                             const struct message_header *header, const struct op_welcome *welcome)
{
    const struct ring *ring = links->ring;
    if (welcome->version_min > MESSAGE_VERSION || welcome->version_max < MESSAGE_VERSION)
        return LINK_OTHER_VERSION;
    if (welcome->cluster != ring->cluster)
        return LINK_OTHER_CLUSTER;
    if (welcome->node != ring->nodes[number % LINKS_ROUTER].id)
        return LINK_OTHER_NODE;
    if (header->epoch == ring->epoch && header->ring_hash != links->ring_hash)
        return LINK_OTHER_RING;
    return LINK_DOWN;
}

enum link_change links_on_welcome(struct links *links, uint32_t number,
                                  const struct message_header *header,
                                  const struct op_welcome *welcome)
{
    struct link *link = &links->links[number];
    link->problem = (uint8_t)judge(links, number, header, welcome);
    if (link->problem)
        return LINK_UNCHANGED;
    link->actor = welcome->actor;
    size_t size = welcome->software.size < sizeof link->software - 1 ? welcome->software.size
                                                                     : sizeof link->software - 1;
    memset(link->software, 0, sizeof link->software);
    if (size)
        memcpy(link->software, welcome->software.data, size);
    if (link->up)
        return LINK_UNCHANGED;
    link->up = true;
    link->slow = false;
    return LINK_WENT_UP;
}

void links_on_pong(struct links *links, uint32_t number, const struct op_pong *pong,
                   struct moment now)
{
    struct link *link = &links->links[number];
    link->actor = pong->actor;
    link->entry_count = pong->entry_count;
    link->data_size = pong->data_size;
    link->unsynced_age_ms = pong->unsynced_age_ms;
    link->disk_full = pong->disk_full;
    link->wall_ahead_ms = (int64_t)(pong->wall_ms - now.wall_ms);
    metrics_decode(&link->metrics, pong->metrics);
    link->slow = pong->unsynced_age_ms > SLOW_UNSYNCED_MS;
}

enum link_change links_on_lost(struct links *links, uint32_t number, struct moment now)
{
    return go_down(&links->links[number], now);
}

static void send_hello(const struct links *links, uint32_t number, struct outbox *outbox)
{
    struct op_hello hello = {.version_min = MESSAGE_VERSION,
                             .version_max = MESSAGE_VERSION,
                             .cluster = links->ring->cluster,
                             .node = links->ring->nodes[links->self].id};
    op_encode_hello(&hello, outbox_add(outbox, links->address(number), MESSAGE_HELLO, 0));
}

static void send_ping(const struct links *links, uint32_t number, struct outbox *outbox)
{
    struct op_ping ping = {.id = 0};
    op_encode_ping(&ping, outbox_add(outbox, links->address(number), MESSAGE_PING, 0));
}

// Nothing came for down_after_ms, although it was asked.
static bool is_silent(const struct links *links, const struct link *link, struct moment now)
{
    return link->asked_ms > link->heard_ms && now.mono_ms > link->heard_ms + links->down_after_ms &&
           now.mono_ms > link->asked_ms + links->down_after_ms / 2;
}

// A PING also when others talk, but seldom: its answer carries the state of the store.
static uint64_t ping_after(const struct links *links, uint32_t number, const struct link *link,
                           struct moment now)
{
    unsigned patience = links->is_idle          ? IDLE_PATIENCE
                        : number < LINKS_ROUTER ? 1
                                                : ROUTER_PATIENCE;
    uint64_t interval = patience * links->ping_interval_ms;
    return now.mono_ms >= link->heard_ms + interval ? interval : 2 * interval;
}

enum link_change links_on_tick(struct links *links, uint32_t number, struct moment now,
                               struct outbox *outbox)
{
    struct link *link = &links->links[number];
    if (!link->up) {
        if (now.mono_ms >= link->reset_ms + RESET_AFTER_MS) {
            link->reset_ms = now.mono_ms;
            outbox_reset_link(outbox, links->address(number));
        } else if (now.mono_ms >= link->pinged_ms + HELLO_INTERVAL_MS) {
            link->pinged_ms = now.mono_ms;
            send_hello(links, number, outbox);
        }
        return LINK_UNCHANGED;
    }
    if (is_silent(links, link, now))
        return go_down(link, now);
    if (now.mono_ms >= link->pinged_ms + ping_after(links, number, link, now)) {
        link->pinged_ms = now.mono_ms;
        if (link->asked_ms <= link->heard_ms)
            link->asked_ms = now.mono_ms;
        send_ping(links, number, outbox);
    }
    return LINK_UNCHANGED;
}

void links_begin_tick(struct links *links, struct moment now)
{
    for (uint32_t i = 0; !links->ticked_ms && i < links->count; i++)
        links->links[i].reset_ms = now.mono_ms; // the connections were just made
    if (links->ticked_ms && now.mono_ms > links->ticked_ms + STALL_MS) {
        for (uint32_t i = 0; i < links->count; i++)
            links->links[i].heard_ms = now.mono_ms;
    }
    links->ticked_ms = now.mono_ms;
}
