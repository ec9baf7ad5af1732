#include "peer/news.h"

#include "base/xalloc.h"
#include "peer/link_text.h"

#include <stdlib.h>

enum {
    NAMES_MAX = 8, // in the status; there are more nodes than fit a line
    CLOCK_OFF_MS = 10000,
    CLOCK_AGAIN_MS = 60000,
};

void news_release(struct news *news)
{
    free(news->items);
    *news = (struct news){0};
}

static struct news_item *item_of(struct news *news, const struct peers *peers, uint32_t number)
{
    const struct peer *peer = peers_at(peers, number);
    if (number >= news->count) {
        uint32_t count = peers->count * SERVICE_COUNT;
        news->items = xrealloc(news->items, count * sizeof *news->items);
        memset(news->items + news->count, 0, (count - news->count) * sizeof *news->items);
        news->count = count;
    }
    struct news_item *item = &news->items[number];
    if (item->node != peer->node)
        *item =
            (struct news_item){.node = peer->node, .told = LINK_WELL, .down_ms = peer->joined_ms};
    return item;
}

static void append_seconds(uint64_t duration_ms, struct buf *line)
{
    buf_printf(line, "%llu.%llu s", (unsigned long long)(duration_ms / 1000),
               (unsigned long long)(duration_ms % 1000 / 100));
}

// "n2: its store"
static void append_name(const struct peers *peers, uint32_t number, struct buf *line)
{
    buf_printf(line, "%s: its %s ", peers_at(peers, number)->name,
               service_text(peers_service(number)));
}

static enum link_change tell_up(struct news_item *item, const struct peers *peers, uint32_t number,
                                struct moment now, struct buf *line)
{
    item->is_up = true;
    if (item->told == LINK_WELL)
        return LINK_UNCHANGED;
    item->told = LINK_WELL;
    append_name(peers, number, line);
    buf_append_text(line, "answers again, after ");
    append_seconds(now.mono_ms - item->down_ms, line);
    return LINK_WENT_UP;
}

static enum link_change tell_down(struct news_item *item, const struct peers *peers,
                                  uint32_t number, enum link_state state, struct buf *line)
{
    item->told = (uint8_t)state;
    append_name(peers, number, line);
    buf_append_text(line, link_text(state)->sentence);
    return LINK_WENT_DOWN;
}

enum link_change news_look(struct news *news, const struct peers *peers, uint32_t number,
                           struct moment now, struct buf *line)
{
    const struct link *link = peers_link(peers, number);
    if (!link)
        return LINK_UNCHANGED;
    struct news_item *item = item_of(news, peers, number);
    if (link->up)
        return item->is_up ? LINK_UNCHANGED : tell_up(item, peers, number, now, line);
    enum link_state state = link_state(link);
    if (item->is_up) {
        item->is_up = false;
        item->down_ms = now.mono_ms;
        return tell_down(item, peers, number, state, line);
    }
    bool is_late = now.mono_ms > peers_at(peers, number)->joined_ms + peers->terms.down_after_ms;
    return is_late && item->told != state ? tell_down(item, peers, number, state, line)
                                          : LINK_UNCHANGED;
}

bool news_look_at_clock(struct news *news, const struct peers *peers, uint32_t number,
                        uint64_t warn_ms, struct moment now, struct buf *line)
{
    const struct link *link = peers_link(peers, number);
    if (!link)
        return false;
    struct news_item *item = item_of(news, peers, number);
    int64_t ahead_ms = link->wall_ahead_ms;
    uint64_t off_ms = ahead_ms < 0 ? -(uint64_t)ahead_ms : (uint64_t)ahead_ms;
    if (!link->up || off_ms <= warn_ms) {
        item->off_ms = 0;
        return false;
    }
    if (!item->off_ms)
        item->off_ms = now.mono_ms;
    if (now.mono_ms < item->off_ms + CLOCK_OFF_MS || now.mono_ms < item->clock_due_ms)
        return false;
    item->clock_due_ms = now.mono_ms + CLOCK_AGAIN_MS;
    buf_printf(line, "%s: its clock is ", peers_at(peers, number)->name);
    append_seconds(off_ms, line);
    buf_printf(line, " %s ours", ahead_ms < 0 ? "behind" : "ahead of");
    return true;
}

static bool is_store_up(const struct peer *peer)
{
    return peer->links[SERVICE_STORE].up;
}

void news_status(const struct peers *peers, struct buf *out)
{
    uint32_t member_count = 0, up_count = 0, named_count = 0;
    for (uint32_t i = 0; i < peers->count; i++) {
        member_count += peers->rows[i]->is_member;
        up_count += peers->rows[i]->is_member && is_store_up(peers->rows[i]);
    }
    buf_printf(out, "serving; %u of %u stores up", up_count, member_count);
    for (uint32_t i = 0; i < peers->count; i++) {
        const struct peer *peer = peers->rows[i];
        if (!peer->is_member || is_store_up(peer))
            continue;
        if (named_count++ == NAMES_MAX) {
            buf_append_text(out, ", ...");
            return;
        }
        buf_printf(out, "%s %s", named_count == 1 ? "; down:" : ",", peer->name);
    }
}
