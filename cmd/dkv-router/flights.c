#include "dkv-router/flights.h"

#include "base/xalloc.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

enum {
    BUFFER_KEPT_MAX = 512, // bytes a free slot may keep per buffer
    CACHE_LINE = 64,
    FLIGHT_PREFETCHED = offsetof(struct flight, replies),
};

void flights_init(struct flights *flights, uint64_t now_ms)
{
    *flights = (struct flights){.wheel_at = now_ms / FLIGHTS_TICK_MS};
    flights->slots = xcalloc(FLIGHTS_MAX, sizeof *flights->slots);
    flights->free_slots = xcalloc(FLIGHTS_MAX, sizeof *flights->free_slots);
    for (uint32_t i = 0; i < FLIGHTS_WHEEL_SIZE; i++)
        flights->wheel[i] = FLIGHT_NONE;
}

static void release_buffers(struct flight *flight, size_t kept_max)
{
    struct buf *buffers[] = {&flight->key, &flight->value, &flight->after, &flight->seen,
                             &flight->minted};
    for (unsigned i = 0; i < sizeof buffers / sizeof *buffers; i++) {
        if (buffers[i]->capacity > kept_max)
            buf_release(buffers[i]);
        else
            buf_clear(buffers[i]);
    }
}

static void give_replies(struct flights *flights, struct flight *flight)
{
    for (unsigned i = 0; i < flight->route.count; i++) {
        replies_give(&flights->replies, flight->replies[i]);
        flight->replies[i] = NULL;
    }
}

struct reply *flight_reply(struct flights *flights, struct flight *flight, unsigned target)
{
    if (!flight->replies[target])
        flight->replies[target] = replies_take(&flights->replies);
    return flight->replies[target];
}

static void release_shares(struct table *shares)
{
    size_t position = 0;
    struct bytes client;
    for (union table_value *share; table_next(shares, &position, &client, &share);)
        free(share->pointer);
    table_release(shares);
}

void flights_release(struct flights *flights)
{
    for (uint32_t i = 0; i < flights->slot_count; i++) {
        give_replies(flights, flights->slots[i]);
        release_buffers(flights->slots[i], 0);
        ring_snapshot_drop(flights->slots[i]->ring);
        free(flights->slots[i]->hints);
        clock_release(&flights->slots[i]->context);
        clock_release(&flights->slots[i]->covers);
        free(flights->slots[i]);
    }
    free(flights->slots);
    free(flights->free_slots);
    release_shares(&flights->shares);
    replies_release(&flights->replies);
    *flights = (struct flights){0};
}

static uint32_t *wheel_slot(struct flights *flights, uint64_t wake_ms)
{
    return &flights->wheel[(wake_ms / FLIGHTS_TICK_MS) % FLIGHTS_WHEEL_SIZE];
}

static void link_in(struct flights *flights, struct flight *flight)
{
    uint32_t *head = wheel_slot(flights, flight->wake_ms);
    flight->previous = FLIGHT_NONE;
    flight->next = *head;
    if (*head != FLIGHT_NONE)
        flights->slots[*head]->previous = flight->slot;
    *head = flight->slot;
}

static void link_out(struct flights *flights, struct flight *flight)
{
    if (flight->previous != FLIGHT_NONE)
        flights->slots[flight->previous]->next = flight->next;
    else
        *wheel_slot(flights, flight->wake_ms) = flight->next;
    if (flight->next != FLIGHT_NONE)
        flights->slots[flight->next]->previous = flight->previous;
}

// What is due already fires at the next tick that is looked at.
static uint64_t not_in_the_past(const struct flights *flights, uint64_t wake_ms)
{
    uint64_t earliest = flights->wheel_at * FLIGHTS_TICK_MS;
    return wake_ms < earliest ? earliest : wake_ms;
}

static struct flight_share *find_share(const struct flights *flights, link_id client)
{
    const union table_value *share = table_find(&flights->shares, table_key(&client));
    return share ? share->pointer : NULL;
}

static bool has_share_left(const struct flight_share *share, size_t size)
{
    return share->count < FLIGHTS_SHARE_MAX && share->held_size + size <= FLIGHTS_SHARE_SIZE_MAX;
}

static struct flight_share *add_to_share(struct flights *flights, link_id client, size_t size)
{
    struct flight_share *share = find_share(flights, client);
    if (!share) {
        share = xcalloc(1, sizeof *share);
        share->client = client;
        table_add(&flights->shares, table_key(&client))->pointer = share;
    }
    share->count++;
    share->held_size += size;
    return share;
}

static void take_from_share(struct flights *flights, struct flight *flight)
{
    struct flight_share *share = flight->share;
    flight_expect(flight, 0);
    share->held_size -= flight->held_size;
    flight->share = NULL;
    if (--share->count)
        return;
    table_remove(&flights->shares, table_key(&share->client));
    free(share);
}

struct flight *flights_add(struct flights *flights, enum flight_kind kind, link_id client,
                           size_t size, uint64_t wake_ms)
{
    const struct flight_share *share = find_share(flights, client);
    if (flights->count == FLIGHTS_MAX || flights->held_size + size > FLIGHTS_SIZE_MAX ||
        (share && !has_share_left(share, size)))
        return NULL;
    struct flight *flight;
    if (flights->free_count) {
        flight = flights->slots[flights->free_slots[--flights->free_count]];
    } else {
        flight = xcalloc(1, sizeof *flight);
        flight->slot = flights->slot_count;
        flights->slots[flights->slot_count++] = flight;
    }
    flight->kind = (uint8_t)kind;
    flight->life++;
    flight->client = client;
    flight->share = add_to_share(flights, client, size);
    flight->held_size = size;
    flight->expected = 0;
    flight->has_context = flight->was_stale = false;
    flight->hlc_floor = flight->hlc = 0;
    flight->dot = (struct dot){0};
    flight->flags = 0;
    flight->minted_size = 0;
    clock_clear(&flight->context);
    clock_clear(&flight->covers);
    flight->wake_ms = not_in_the_past(flights, wake_ms);
    link_in(flights, flight);
    flights->held_size += size;
    flights->count++;
    return flight;
}

void flights_remove(struct flights *flights, struct flight *flight)
{
    assert(flight->kind != FLIGHT_FREE);
    link_out(flights, flight);
    take_from_share(flights, flight);
    flights->held_size -= flight->held_size;
    flights->count--;
    flight->kind = FLIGHT_FREE;
    ring_snapshot_drop(flight->ring);
    flight->ring = NULL;
    free(flight->hints);
    flight->hints = NULL;
    give_replies(flights, flight);
    release_buffers(flight, BUFFER_KEPT_MAX);
    flights->free_slots[flights->free_count++] = flight->slot;
}

bool flights_hold(struct flights *flights, struct flight *flight, size_t more)
{
    struct flight_share *share = flight->share;
    bool is_alone = share->count == 1;
    if (flights->held_size + more > FLIGHTS_SIZE_MAX ||
        (!is_alone && share->held_size + more > FLIGHTS_SHARE_SIZE_MAX))
        return false;
    flight->held_size += more;
    share->held_size += more;
    flights->held_size += more;
    return true;
}

void flight_expect(struct flight *flight, size_t size)
{
    flight->share->expected += size - flight->expected;
    flight->expected = size;
}

size_t flights_expected(const struct flights *flights, link_id client)
{
    const struct flight_share *share = find_share(flights, client);
    return share ? share->expected : 0;
}

static uint32_t slot_of(uint64_t id)
{
    return (uint32_t)(id & ~(FLIGHT_AGAIN | FLIGHT_ATTEMPT));
}

void flights_prefetch(const struct flights *flights, uint64_t id)
{
    uint32_t slot = slot_of(id);
    const char *flight = slot < flights->slot_count ? (const char *)flights->slots[slot] : NULL;
    for (size_t at = 0; flight && at < FLIGHT_PREFETCHED; at += CACHE_LINE)
        __builtin_prefetch(flight + at, 1);
}

struct flight *flights_find(struct flights *flights, uint64_t id)
{
    uint32_t slot = slot_of(id);
    if (slot >= flights->slot_count)
        return NULL;
    struct flight *flight = flights->slots[slot];
    return flight->kind != FLIGHT_FREE && flight->life == id >> 32 ? flight : NULL;
}

int flight_target(const struct flight *flight, uint32_t number)
{
    for (int i = 0; i < flight->route.count; i++) {
        if (flight->links[i] == number)
            return i;
    }
    return -1;
}

struct flight *flights_find_of(struct flights *flights, uint64_t id, enum flight_kind kind,
                               uint32_t number, unsigned *target)
{
    struct flight *flight = flights_find(flights, id);
    int index = flight && flight->kind == kind ? flight_target(flight, number) : -1;
    *target = index < 0 ? 0 : (unsigned)index;
    return index < 0 ? NULL : flight;
}

void flights_wake_at(struct flights *flights, struct flight *flight, uint64_t wake_ms)
{
    link_out(flights, flight);
    flight->wake_ms = not_in_the_past(flights, wake_ms);
    link_in(flights, flight);
}

struct flight *flights_next_due(struct flights *flights, uint64_t now_ms)
{
    for (uint64_t now_at = now_ms / FLIGHTS_TICK_MS; flights->wheel_at < now_at;
         flights->wheel_at++) {
        uint32_t slot = flights->wheel[flights->wheel_at % FLIGHTS_WHEEL_SIZE];
        while (slot != FLIGHT_NONE) { // the others of this slot wait for a later lap
            struct flight *flight = flights->slots[slot];
            if (flight->wake_ms <= now_ms)
                return flight;
            slot = flight->next;
        }
    }
    return NULL;
}
