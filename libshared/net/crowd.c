#include "net/crowd.h"

#include "base/xalloc.h"

#include <stdlib.h>
#include <string.h>

enum { MILLI = 1000 };

void crowd_init(struct crowd *crowd, const struct crowd_limits *limits)
{
    *crowd = (struct crowd){.limits = *limits, .oldest = -1, .newest = -1};
}

void crowd_release(struct crowd *crowd)
{
    free(crowd->guests);
    free(crowd->hosts);
    *crowd = (struct crowd){.oldest = -1, .newest = -1};
}

// ---- addresses -------------------------------------------------------------------------

static uint64_t credit_max(const struct crowd *crowd)
{
    return (uint64_t)crowd->limits.credit_max * MILLI;
}

static void add_credit(const struct crowd *crowd, struct crowd_host *host, uint64_t milli)
{
    host->credit_milli += milli;
    if (host->credit_milli > credit_max(crowd))
        host->credit_milli = credit_max(crowd);
}

static void refill(const struct crowd *crowd, struct crowd_host *host, uint64_t now_ms)
{
    if (now_ms <= host->credit_ms)
        return;
    add_credit(crowd, host, (now_ms - host->credit_ms) * crowd->limits.credit_per_s);
    host->credit_ms = now_ms;
}

// Nobody is connected from there and it owes nothing.
static bool is_forgettable(const struct crowd *crowd, const struct crowd_host *host)
{
    return !host->count && !host->is_barred && host->credit_milli == credit_max(crowd);
}

// Its index. An address is remembered while it has connections or owes credit; there are
// never more with connections than connections, and one that only owes is forgotten when
// its place is needed.
static uint32_t find_host(struct crowd *crowd, const struct crowd_address *address, uint64_t now_ms)
{
    uint32_t place = crowd->host_count;
    for (uint32_t i = 0; i < crowd->host_count; i++) {
        struct crowd_host *host = &crowd->hosts[i];
        if (!memcmp(&host->address, address, sizeof *address))
            return i;
        refill(crowd, host, now_ms);
        bool is_crammed = crowd->host_count > 2 * crowd->limits.connections_max;
        if (is_forgettable(crowd, host) || (is_crammed && !host->count))
            place = i;
    }
    if (place == crowd->host_count) {
        crowd->host_count++;
        if (!(place & (place - 1))) // the next power of two
            crowd->hosts = xrealloc(crowd->hosts, (place ? 2 * place : 1) * sizeof *crowd->hosts);
    } else {
        crowd->barred_count -= crowd->hosts[place].is_barred;
        crowd->is_unbarred |= crowd->hosts[place].is_barred;
    }
    crowd->hosts[place] = (struct crowd_host){
        .address = *address, .credit_milli = credit_max(crowd), .credit_ms = now_ms};
    return place;
}

bool crowd_refresh(struct crowd *crowd, uint64_t now_ms)
{
    bool is_changed = crowd->is_unbarred;
    crowd->is_unbarred = false;
    for (uint32_t i = 0; i < crowd->host_count; i++) {
        struct crowd_host *host = &crowd->hosts[i];
        refill(crowd, host, now_ms);
        uint64_t least = host->is_barred ? credit_max(crowd) / 4 : MILLI;
        bool is_barred = host->credit_milli < least;
        crowd->barred_count += (uint32_t)is_barred - (uint32_t)host->is_barred;
        is_changed |= is_barred != host->is_barred;
        host->is_barred = is_barred;
    }
    return is_changed;
}

uint32_t crowd_barred(const struct crowd *crowd, struct crowd_address *barred, uint32_t max)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < crowd->host_count && count < max; i++) {
        if (crowd->hosts[i].is_barred)
            barred[count++] = crowd->hosts[i].address;
    }
    return count;
}

// ---- connections -----------------------------------------------------------------------

static struct crowd_guest *find_guest(const struct crowd *crowd, int guest)
{
    if (guest < 0 || (uint32_t)guest >= crowd->capacity || !crowd->guests[guest].is_here)
        return NULL;
    return &crowd->guests[guest];
}

static void add_stranger(struct crowd *crowd, int guest)
{
    struct crowd_guest *it = &crowd->guests[guest];
    it->is_stranger = true;
    it->older = crowd->newest;
    it->newer = -1;
    if (crowd->newest >= 0)
        crowd->guests[crowd->newest].newer = guest;
    else
        crowd->oldest = guest;
    crowd->newest = guest;
    crowd->stranger_count++;
    crowd->hosts[it->host].stranger_count++;
}

static void drop_stranger(struct crowd *crowd, struct crowd_guest *it)
{
    if (!it->is_stranger)
        return;
    it->is_stranger = false;
    if (it->older >= 0)
        crowd->guests[it->older].newer = it->newer;
    else
        crowd->oldest = it->newer;
    if (it->newer >= 0)
        crowd->guests[it->newer].older = it->older;
    else
        crowd->newest = it->older;
    crowd->stranger_count--;
    crowd->hosts[it->host].stranger_count--;
}

static void remove_guest(struct crowd *crowd, struct crowd_guest *it)
{
    drop_stranger(crowd, it);
    crowd->hosts[it->host].count--;
    crowd->count--;
    it->is_here = false;
}

static void make_room(struct crowd *crowd, int guest)
{
    uint32_t capacity = crowd->capacity ? crowd->capacity : 64;
    while (capacity <= (uint32_t)guest)
        capacity *= 2;
    if (capacity == crowd->capacity)
        return;
    crowd->guests = xrealloc(crowd->guests, capacity * sizeof *crowd->guests);
    memset(crowd->guests + crowd->capacity, 0,
           (capacity - crowd->capacity) * sizeof *crowd->guests);
    crowd->capacity = capacity;
}

bool crowd_enter(struct crowd *crowd, int guest, uint32_t listener,
                 const struct crowd_address *address, bool is_stranger, uint64_t now_ms)
{
    struct crowd_guest *before = find_guest(crowd, guest);
    if (before) // its end was not heard yet
        remove_guest(crowd, before);
    uint32_t index = find_host(crowd, address, now_ms);
    struct crowd_host *host = &crowd->hosts[index];
    refill(crowd, host, now_ms);
    if (crowd->count >= crowd->limits.connections_max || host->count >= crowd->limits.share_max ||
        (is_stranger && host->credit_milli < MILLI))
        return false;
    make_room(crowd, guest);
    struct crowd_guest *it = &crowd->guests[guest];
    *it = (struct crowd_guest){.is_here = true, .listener = listener, .host = index};
    host->count++;
    crowd->count++;
    if (is_stranger) {
        host->credit_milli -= MILLI;
        add_stranger(crowd, guest);
    }
    return true;
}

void crowd_prove(struct crowd *crowd, int guest)
{
    struct crowd_guest *it = find_guest(crowd, guest);
    if (it)
        drop_stranger(crowd, it);
}

void crowd_admit(struct crowd *crowd, const struct crowd_address *address, uint64_t now_ms)
{
    uint32_t index = find_host(crowd, address, now_ms); // which may move the hosts
    struct crowd_host *host = &crowd->hosts[index];
    refill(crowd, host, now_ms);
    add_credit(crowd, host, MILLI);
}

void crowd_leave(struct crowd *crowd, int guest, uint32_t listener)
{
    struct crowd_guest *it = find_guest(crowd, guest);
    if (it && it->listener == listener)
        remove_guest(crowd, it);
}

int crowd_surplus(const struct crowd *crowd)
{
    if (crowd->stranger_count <= crowd->limits.strangers_max)
        return -1;
    int found = -1;
    uint32_t most = 0;
    for (int i = crowd->oldest; i >= 0; i = crowd->guests[i].newer) {
        uint32_t count = crowd->hosts[crowd->guests[i].host].stranger_count;
        if (count > most) {
            most = count;
            found = i;
        }
    }
    return found;
}
