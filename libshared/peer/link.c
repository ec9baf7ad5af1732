#include "peer/link.h"
#include "wire/hello.h"

#include <string.h>

enum {
    HELLO_INTERVAL_MS = 100,
    RESET_AFTER_MS = 2000,   // of silence while down
    SLOW_UNSYNCED_MS = 2000, // a disk that hangs this long counts as down
};

static enum link_change go_down(struct link *link, struct moment now)
{
    if (!link->up)
        return LINK_UNCHANGED;
    link->pinged_ms = 0; // HELLO at once: it may be back already
    link->asked_ms = 0;
    link->reset_ms = now.mono_ms;
    link->up = link->is_wall_known = false;
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

enum link_change link_on_message(struct link *link, const struct link_terms *terms,
                                 const struct message_header *header, struct moment now)
{
    bool is_same_life = link->clock.is_known && link->clock.boot == header->boot;
    link->heard_ms = now.mono_ms;
    link->taken_bytes += header->body_size;
    link->epoch = header->epoch;
    peer_clock_learn(&link->clock, header, now.mono_ms);
    bool is_other_ring = header->epoch == terms->epoch && header->ring_hash != terms->ring_hash;
    if (link->up && is_other_ring)
        link->problem = LINK_OTHER_RING;
    return is_same_life && !is_other_ring ? LINK_UNCHANGED : go_down(link, now);
}

// What is wrong with the peer that said WELCOME.
static enum link_state judge(const struct link_terms *terms, uint64_t node,
                             const struct message_header *header, const struct op_welcome *welcome)
{
    if (welcome->version_min > MESSAGE_VERSION || welcome->version_max < MESSAGE_VERSION)
        return LINK_OTHER_VERSION;
    if (welcome->cluster != terms->cluster)
        return LINK_OTHER_CLUSTER;
    if (welcome->node != node)
        return LINK_OTHER_NODE;
    if (header->epoch == terms->epoch && header->ring_hash != terms->ring_hash)
        return LINK_OTHER_RING;
    if (welcome->capabilities & CAPABILITY_TWIN)
        return LINK_TWIN;
    if (terms->needs_answers && welcome->is_asking)
        return LINK_ASKING;
    return LINK_NO_PROBLEM;
}

enum link_change link_on_welcome(struct link *link, const struct link_terms *terms, uint64_t node,
                                 const struct message_header *header,
                                 const struct op_welcome *welcome)
{
    link->problem = (uint8_t)judge(terms, node, header, welcome);
    if (link->problem != LINK_NO_PROBLEM)
        return LINK_UNCHANGED;
    link->actor = welcome->actor;
    link->heard_start = welcome->heard_start;
    size_t size = welcome->software.size < sizeof link->software - 1 ? welcome->software.size
                                                                     : sizeof link->software - 1;
    memset(link->software, 0, sizeof link->software);
    if (size)
        memcpy(link->software, welcome->software.data, size);
    if (link->up)
        return LINK_UNCHANGED;
    link->up = true;
    link->slow = false;
    link->pinged_ms = link->pong_ms = 0;
    return LINK_WENT_UP;
}

// The PING had our time as its id, and the clock was looked at half-way.
static void learn_wall(struct link *link, const struct op_pong *pong, struct moment now)
{
    uint64_t trip_ms = now.mono_ms - pong->id;
    if (!pong->wall_ms || trip_ms > WALL_TRIP_MS_MAX)
        return;
    link->is_wall_known = true;
    link->wall_ahead_ms = (int64_t)(pong->wall_ms + trip_ms / 2 - now.wall_ms);
}

void link_on_pong(struct link *link, const struct op_pong *pong, struct moment now)
{
    link->pong_ms = now.mono_ms;
    link->actor = pong->actor;
    link->entry_count = pong->entry_count;
    link->data_size = pong->data_size;
    link->unsynced_age_ms = pong->unsynced_age_ms;
    link->disk_full = pong->disk_full;
    link->store_start = pong->store_start;
    link->hintd_start = pong->hintd_start;
    learn_wall(link, pong, now);
    metrics_decode(&link->metrics, pong->metrics);
    link->slow = pong->unsynced_age_ms > SLOW_UNSYNCED_MS;
}

enum link_change link_on_lost(struct link *link, struct moment now)
{
    return go_down(link, now);
}

static void send_hello(const struct link_terms *terms, link_id id, struct outbox *outbox)
{
    struct op_hello hello = {.version_min = MESSAGE_VERSION,
                             .version_max = MESSAGE_VERSION,
                             .cluster = terms->cluster,
                             .node = terms->self,
                             .actor = terms->actor};
    op_encode_hello(&hello, outbox_add(outbox, id, MESSAGE_HELLO, 0));
}

static void send_ping(link_id id, struct moment now, struct outbox *outbox)
{
    struct op_ping ping = {.id = now.mono_ms};
    op_encode_ping(&ping, outbox_add(outbox, id, MESSAGE_PING, 0));
}

// Nothing came for down_after_ms, although it was asked.
static bool is_silent(const struct link *link, const struct link_terms *terms, struct moment now)
{
    return link_is_asked(link) && now.mono_ms > link->heard_ms + terms->down_after_ms &&
           now.mono_ms > link->asked_ms + terms->down_after_ms / 2;
}

// A PING also when others talk, but seldom: its answer carries the state of the store.
static bool is_ping_due(const struct link *link, const struct link_terms *terms, unsigned patience,
                        struct moment now)
{
    uint64_t interval = patience * terms->ping_interval_ms;
    if (!link->pinged_ms)
        return true;
    if (terms->is_idle)
        return link->pinged_ms < link_idle_ping_ms(terms, now);
    bool is_quiet = now.mono_ms >= link->heard_ms + interval;
    return now.mono_ms >= link->pinged_ms + (is_quiet ? interval : 2 * interval);
}

enum link_change link_on_tick(struct link *link, const struct link_terms *terms, unsigned patience,
                              link_id id, struct moment now, struct outbox *outbox)
{
    if (!link->up) {
        if (now.mono_ms >= link->reset_ms + RESET_AFTER_MS) {
            link->reset_ms = now.mono_ms;
            outbox_reset_link(outbox, id);
        } else if (now.mono_ms >= link->pinged_ms + HELLO_INTERVAL_MS) {
            link->pinged_ms = now.mono_ms;
            send_hello(terms, id, outbox);
        }
        return LINK_UNCHANGED;
    }
    if (is_silent(link, terms, now))
        return go_down(link, now);
    if (is_ping_due(link, terms, patience, now)) {
        link->pinged_ms = now.mono_ms;
        if (link->asked_ms <= link->heard_ms)
            link->asked_ms = now.mono_ms;
        send_ping(id, now, outbox);
    }
    return LINK_UNCHANGED;
}
