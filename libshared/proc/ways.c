#include "proc/ways.h"

#include "base/xalloc.h"
#include "proc/log.h"

#include <stdlib.h>

enum { AGAIN_MS = 2000 };

void ways_release(struct ways *ways)
{
    for (uint32_t i = 0; i < ways->count; i++)
        buf_release(&ways->connected[i]);
    free(ways->connected);
    *ways = (struct ways){0};
}

static const char *way_of(const struct ways *ways, uint32_t number, char endpoint[NODE_PATH_SIZE],
                          const char **key)
{
    const struct node *node = ways->node;
    const struct ring *ring = &node->ring->ring;
    const struct ring_node *peer =
        &ring->nodes[ring_find_node(ring, peers_at(ways->peers, number)->node)];
    enum door door = ways->doors[peers_service(number)];
    bool is_ours = peer->id == node->settings.node_id && door_facts(door)->socket;
    *key = is_ours ? NULL : peer->public_key;
    return is_ours ? node_socket(node, door, endpoint) : node_door(peer, door, endpoint);
}

// Connects the link if it is not connected to where it should be.
static enum status connect(struct ways *ways, uint32_t number, struct moment now,
                           struct outbox *outbox, struct fault *fault)
{
    char endpoint[NODE_PATH_SIZE];
    const char *key, *way = way_of(ways, number, endpoint, &key);
    struct buf *connected = &ways->connected[number], wanted = {0};
    enum status status = STATUS_OK;
    buf_printf(&wanted, "%s %s", way, key ? key : "");
    if (!bytes_equal(buf_bytes(connected), buf_bytes(&wanted))) {
        if (connected->size) {
            net_disconnect(ways->node->net, number);
            if (ways->on_moved)
                ways->on_moved(ways->context, number, now, outbox);
        }
        buf_clear(connected);
        status = net_connect(ways->node->net, number, way, key, fault);
        if (!status)
            buf_set(connected, buf_bytes(&wanted));
    }
    buf_release(&wanted);
    return status;
}

static void disconnect(struct ways *ways)
{
    for (uint32_t i = 0; i < ways->count; i++) {
        if (peers_link(ways->peers, i) || !ways->connected[i].size)
            continue;
        net_disconnect(ways->node->net, i);
        buf_clear(&ways->connected[i]);
    }
}

void ways_connect(struct ways *ways, struct moment now, struct outbox *outbox)
{
    uint32_t count = ways->peers->count * SERVICE_COUNT;
    struct fault fault;
    ways->connected = xrealloc(ways->connected, count * sizeof *ways->connected);
    for (; ways->count < count; ways->count++)
        ways->connected[ways->count] = (struct buf){0};
    disconnect(ways);
    bool was_complete = !ways->again_ms;
    ways->again_ms = 0;
    for (uint32_t i = UINT32_MAX; peers_next(ways->peers, &i);) {
        if (!connect(ways, i, now, outbox, &fault))
            continue;
        ways->again_ms = now.mono_ms + AGAIN_MS;
        if (was_complete)
            log_line(LOG_LEVEL_ERROR, "%s", fault.text);
    }
}

void ways_follow(struct ways *ways, struct ring_snapshot *ring, struct moment now,
                 struct outbox *outbox)
{
    if (ring == ways->node->ring)
        return;
    node_take_ring(ways->node, ring);
    ways->again_ms = 0;
    ways_connect(ways, now, outbox);
}

void ways_on_tick(struct ways *ways, struct moment now, struct outbox *outbox)
{
    if (ways->again_ms && now.mono_ms >= ways->again_ms)
        ways_connect(ways, now, outbox);
}
