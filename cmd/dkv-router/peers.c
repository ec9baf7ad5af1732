#include "dkv-router/peers.h"

#include "base/xalloc.h"

#include <stdlib.h>

enum {
    NAMES_MAX = 8, // in the status; there are more nodes than fit a line
    CLOCK_OFF_MS = 10000,
    CLOCK_AGAIN_MS = 60000,
};

void peers_init(struct peers *peers, const struct ring *ring, const struct links *links,
                struct moment now)
{
    *peers = (struct peers){.count = links->count, .ring = ring, .begin_ms = now.mono_ms};
    peers->peers = xcalloc(peers->count, sizeof *peers->peers);
    for (uint32_t i = 0; i < peers->count; i++)
        peers->peers[i] = (struct peer){.told = LINK_WELL, .down_ms = now.mono_ms};
}

void peers_release(struct peers *peers)
{
    free(peers->peers);
    *peers = (struct peers){0};
}

static const char *kind_of(uint32_t number)
{
    return number < LINKS_ROUTER ? "store" : "router";
}

static const char *name_of(const struct peers *peers, uint32_t number)
{
    return peers->ring->nodes[number % LINKS_ROUTER].name;
}

static void append_seconds(uint64_t duration_ms, struct buf *line)
{
    buf_printf(line, "%llu.%llu s", (unsigned long long)(duration_ms / 1000),
               (unsigned long long)(duration_ms % 1000 / 100));
}

static enum link_change tell_up(struct peers *peers, uint32_t number, struct moment now,
                                struct buf *line)
{
    struct peer *peer = &peers->peers[number];
    peer->is_up = true;
    if (peer->told == LINK_WELL)
        return LINK_UNCHANGED;
    peer->told = LINK_WELL;
    buf_printf(line, "%s: its %s answers again, after ", name_of(peers, number), kind_of(number));
    append_seconds(now.mono_ms - peer->down_ms, line);
    return LINK_WENT_UP;
}

static enum link_change tell_down(struct peers *peers, uint32_t number, enum link_state state,
                                  struct buf *line)
{
    static const char *const what[] = {
        [LINK_DOWN] = "does not answer",
        [LINK_OTHER_CLUSTER] = "belongs to another cluster",
        [LINK_OTHER_NODE] = "is that of another node",
        [LINK_OTHER_VERSION] = "speaks another version",
        [LINK_OTHER_RING] = "has another ring document of this epoch",
    };
    peers->peers[number].told = state;
    buf_printf(line, "%s: its %s %s", name_of(peers, number), kind_of(number), what[state]);
    return LINK_WENT_DOWN;
}

enum link_change peers_look(struct peers *peers, const struct links *links, uint32_t number,
                            struct moment now, struct buf *line)
{
    const struct link *link = &links->links[number];
    struct peer *peer = &peers->peers[number];
    if (!link->exists)
        return LINK_UNCHANGED;
    if (link->up)
        return peer->is_up ? LINK_UNCHANGED : tell_up(peers, number, now, line);
    enum link_state state = link_state(link);
    if (peer->is_up) {
        peer->is_up = false;
        peer->down_ms = now.mono_ms;
        return tell_down(peers, number, state, line);
    }
    bool is_late = now.mono_ms > peers->begin_ms + links->down_after_ms;
    return is_late && peer->told != state ? tell_down(peers, number, state, line) : LINK_UNCHANGED;
}

bool peers_look_at_clock(struct peers *peers, const struct links *links, uint32_t number,
                         uint64_t warn_ms, struct moment now, struct buf *line)
{
    const struct link *link = &links->links[number];
    struct peer *peer = &peers->peers[number];
    int64_t ahead_ms = link->wall_ahead_ms;
    uint64_t off_ms = ahead_ms < 0 ? -(uint64_t)ahead_ms : (uint64_t)ahead_ms;
    if (!link->up || off_ms <= warn_ms) {
        peer->off_ms = 0;
        return false;
    }
    if (!peer->off_ms)
        peer->off_ms = now.mono_ms;
    if (now.mono_ms < peer->off_ms + CLOCK_OFF_MS || now.mono_ms < peer->clock_due_ms)
        return false;
    peer->clock_due_ms = now.mono_ms + CLOCK_AGAIN_MS;
    buf_printf(line, "%s: its clock is ", name_of(peers, number));
    append_seconds(off_ms, line);
    buf_printf(line, " %s ours", ahead_ms < 0 ? "behind" : "ahead of");
    return true;
}

void peers_status(const struct peers *peers, const struct links *links, struct buf *out)
{
    uint32_t node_count = peers->ring->node_count, up_count = 0, named_count = 0;
    for (uint32_t i = 0; i < node_count; i++)
        up_count += links->links[i].up;
    buf_printf(out, "serving; %u of %u stores up", up_count, node_count);
    for (uint32_t i = 0; i < node_count; i++) {
        if (links->links[i].up)
            continue;
        if (named_count++ == NAMES_MAX) {
            buf_append_text(out, ", ...");
            return;
        }
        buf_printf(out, "%s %s", named_count == 1 ? "; down:" : ",", name_of(peers, i));
    }
}
