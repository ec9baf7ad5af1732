#include "dkv-store/stability.h"

#include "base/xalloc.h"

#include <stdlib.h>

static void end_round(struct stability_peer *peer)
{
    peer->is_pulling = peer->is_left_out = peer->is_complete = false;
    seen_release(&peer->seen);
    seen_release(&peer->horizon);
}

static void drop_points(struct stability *stability)
{
    for (uint32_t i = 0; i < STABILITY_POINTS; i++)
        seen_release(&stability->points[i].seen);
    stability->point_count = 0;
}

void stability_clear_rounds(struct stability *stability)
{
    for (uint32_t i = 0; i < stability->peer_count; i++)
        end_round(&stability->peers[i]);
    struct stability_zombie *zombie;
    for (size_t at = 0; (zombie = stability_next_zombie(stability, &at));) {
        buf_release(&zombie->key);
        free(zombie);
    }
    table_release(&stability->zombies);
    seen_release(&stability->told);
    drop_points(stability);
}

static void release_peer(struct stability_peer *peer)
{
    end_round(peer);
    seen_release(&peer->known);
}

void stability_release(struct stability *stability)
{
    stability_clear_rounds(stability);
    for (uint32_t i = 0; i < stability->peer_count; i++)
        release_peer(&stability->peers[i]);
    free(stability->peers);
    *stability = (struct stability){.must_lose = stability->must_lose};
}

static bool is_among(uint16_t number, const uint16_t *numbers, uint32_t count)
{
    uint32_t i = 0;
    while (i < count && numbers[i] != number)
        i++;
    return i < count;
}

void stability_set_owners(struct stability *stability, const uint16_t *numbers, uint32_t count)
{
    uint32_t kept = 0, before = stability->peer_count;
    for (uint32_t i = 0; i < before; i++) {
        struct stability_peer *peer = &stability->peers[i];
        if (is_among(peer->number, numbers, count))
            stability->peers[kept++] = *peer;
        else
            release_peer(peer);
    }
    stability->peer_count = kept;
    stability->peers = xrealloc(stability->peers, (kept + count + 1) * sizeof *stability->peers);
    for (uint32_t i = 0; i < count; i++) {
        if (!stability_peer(stability, numbers[i]))
            stability->peers[stability->peer_count++] =
                (struct stability_peer){.number = numbers[i]};
    }
    if (kept < before || kept < count)
        drop_points(stability);
}

struct stability_peer *stability_peer(struct stability *stability, uint16_t number)
{
    for (uint32_t i = 0; i < stability->peer_count; i++) {
        if (stability->peers[i].number == number)
            return &stability->peers[i];
    }
    return NULL;
}

void stability_tell(struct stability *stability, struct stability_peer *peer,
                    const struct seen *seen, bool is_lost)
{
    seen_contiguous(&peer->known, seen);
    if (is_lost)
        drop_points(stability);
}

static void drop_oldest(struct stability *stability)
{
    struct seen oldest = stability->points[0].seen;
    stability->point_count--;
    memmove(stability->points, stability->points + 1,
            stability->point_count * sizeof *stability->points);
    stability->points[stability->point_count].seen = oldest; // its memory
}

// A point is worth its place when it is some time younger than the last one: with `age_ms` to
// wait, one in four of them loses little.
void stability_note(struct stability *stability, const struct seen *own, const struct seen *horizon,
                    uint64_t now_ms, uint64_t age_ms)
{
    uint32_t count = stability->point_count;
    const struct stability_point *last = count ? &stability->points[count - 1] : NULL;
    if (count == STABILITY_POINTS || (last && now_ms - last->at_ms < age_ms / 4))
        return;
    struct stability_point *point = &stability->points[count];
    seen_contiguous(&point->seen, own);
    for (uint32_t i = 0; i < stability->peer_count; i++)
        seen_meet(&point->seen, &stability->peers[i].known);
    if (seen_includes(last ? &last->seen : horizon, &point->seen))
        return;
    point->at_ms = now_ms;
    stability->point_count++;
}

const struct seen *stability_ripe(struct stability *stability, uint64_t now_ms, uint64_t age_ms)
{
    uint32_t ripe = 0;
    while (ripe < stability->point_count && now_ms - stability->points[ripe].at_ms >= age_ms)
        ripe++;
    for (uint32_t i = 0; i < ripe; i++)
        drop_oldest(stability);
    // It has just left the points, but not its memory.
    return ripe ? &stability->points[stability->point_count].seen : NULL;
}

void stability_add_zombie(struct stability *stability, struct dot dot, uint64_t token,
                          struct bytes key)
{
    union table_value *value = table_add(&stability->zombies, bytes_of(&dot, sizeof dot));
    if (value->pointer)
        return;
    struct stability_zombie *zombie = xcalloc(1, sizeof *zombie);
    zombie->token = token;
    buf_append(&zombie->key, key);
    value->pointer = zombie;
}

struct stability_zombie *stability_zombie(const struct stability *stability, struct dot dot)
{
    const union table_value *value = table_find(&stability->zombies, bytes_of(&dot, sizeof dot));
    return value ? value->pointer : NULL;
}

struct stability_zombie *stability_next_zombie(const struct stability *stability, size_t *position)
{
    struct bytes key;
    union table_value *value;
    return table_next(&stability->zombies, position, &key, &value) ? value->pointer : NULL;
}
