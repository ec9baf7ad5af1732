// flights.h - the operations that a router has in flight.
//
// A flight lives from the client's request until nothing is outstanding any more, at most
// until its deadline. Its id, sent along with every request to a store, names the slot and
// the life of the slot, so that a late reply to an earlier flight is recognised. Every
// flight waits in a timer wheel for its next waking (a hedge, its deadline).
//
// Bounded by count and by bytes, and each client has a quarter of both, so that one that asks for
// more than it reads does not keep others from asking. Beyond, the router answers BUSY.
#pragma once

#include "base/moment.h"
#include "base/table.h"
#include "dkv-router/replies.h"
#include "quorum/get.h"
#include "quorum/put.h"
#include "quorum/scan.h"
#include "ring/ring_snapshot.h"
#include "wire/role.h"

enum {
    FLIGHTS_MAX = 16384,
    FLIGHTS_SIZE_MAX = 128 << 20, // bytes of keys, values and replies held
    FLIGHTS_SHARES = 4,           // one client has at most a quarter of both
    FLIGHTS_SHARE_MAX = FLIGHTS_MAX / FLIGHTS_SHARES,
    FLIGHTS_SHARE_SIZE_MAX = FLIGHTS_SIZE_MAX / FLIGHTS_SHARES,
    FLIGHTS_TICK_MS = 8,
    FLIGHTS_WHEEL_SIZE = 1024,
    FLIGHT_LINGER_MS = 10, // between the client's deadline and ours, so that ours comes first
};

enum flight_kind {
    FLIGHT_FREE,
    FLIGHT_PUT,
    FLIGHT_GET,
    FLIGHT_SCAN,
    FLIGHT_EXPLAIN,
};

// What the targets of an explanation said: their heads are in the replies of the flight.
struct explain {
    target_set asked; // reply outstanding
    target_set has_write;
    uint8_t statuses[RING_TARGETS_MAX]; // enum status
    uint8_t purges[RING_TARGETS_MAX];   // enum purge_state
    uint32_t purges_ms[RING_TARGETS_MAX];
    target_set behind[RING_TARGETS_MAX];
};

// What one client has in flight.
struct flight_share {
    link_id client;
    uint32_t count;
    size_t held_size;
    size_t expected; // bytes of answers that are still to come, guessed
};

// Every reply looks at the first fields: they share a line of the processor's cache.
struct flight {
    uint8_t kind; // enum flight_kind
    uint32_t life;
    uint32_t slot;
    uint16_t links[RING_TARGETS_MAX]; // by target: the number of the link to an owner's store or a
                                      // fallback's hintd
    struct ring_snapshot *ring;       // that it was planned by, held
    struct ring_route route;          // in it
    uint32_t next, previous;          // in the wheel, FLIGHT_NONE = end
    uint64_t wake_ms;
    uint64_t started_ms;
    uint64_t deadline_ms;
    link_id client;
    struct flight_share *share; // of the client
    uint64_t client_id;         // the op's id in the client's request
    uint8_t flags;              // of the client's request
    uint8_t level;              // that was asked for
    size_t held_size;           // counted against FLIGHTS_SIZE_MAX
    size_t expected;            // see flight_share
    struct buf key;
    union {
        struct put put;
        struct get get;
        struct scan scan;
        struct explain explain;
    };
    // A get.
    bool shows_nothing; // what others are to hold: nothing but deletions
    // A put.
    struct request_id request;
    uint64_t try;           // of the client
    uint64_t mint_until_ms; // this try may send UPDATE until then ...
    uint64_t wait_until_ms; // ... and the try before until then
    uint64_t first_ms;      // the first try of all was sent then, or before; 0: nobody knows
    uint32_t young_ms;
    uint64_t ttl_ms;
    uint64_t hlc_floor;
    struct clock context; // what the next UPDATE supersedes: the client's context; for AGAIN the
                          // clock of the record that was sent, and what owners told
    struct clock covers;  // what the client's next context covers
    struct buf seen;      // request ids that its context has seen
    bool has_context;
    struct dot dot;
    uint64_t hlc; // the largest that `covers` stands for
    struct buf value;
    struct buf minted;  // for hints: the record that its coordinator made, or the head of that;
                        // behind it the requests that the write superseded
    size_t minted_size; // of the record; 0: none is there to send
    bool minted_is_head;
    uint64_t merged_ms;  // when that was sent to the owners
    struct hints *hints; // of its put; NULL: no fallback was needed
    bool was_stale;      // a store meant other owners
    // A get or scan: what each target replied; NULL: nothing yet.
    struct reply *replies[RING_TARGETS_MAX];
    // A scan.
    uint32_t size_max;
    struct buf after;
};

#define FLIGHT_NONE UINT32_MAX

struct flights {
    struct flight **slots;
    uint32_t slot_count; // made so far
    uint32_t *free_slots;
    uint32_t free_count;
    uint32_t count;
    size_t held_size;
    struct table shares; // by client, those that have flights
    struct replies replies;
    uint32_t wheel[FLIGHTS_WHEEL_SIZE];
    uint64_t wheel_at; // tick number up to which everything has fired
};

void flights_init(struct flights *flights, uint64_t now_ms);
void flights_release(struct flights *flights);

// A new flight, or NULL if there are too many, in all or of this client. `size` is what it
// will hold; however large that is, one alone is the client's right.
struct flight *flights_add(struct flights *flights, enum flight_kind kind, link_id client,
                           size_t size, uint64_t wake_ms);
void flights_remove(struct flights *flights, struct flight *flight);
// Counts what the flight holds besides. False if that is too much now.
bool flights_hold(struct flights *flights, struct flight *flight, size_t more) MUST_USE;

// The answer will have about `size` bytes; 0 = it is made now.
void flight_expect(struct flight *flight, size_t size);
size_t flights_expected(const struct flights *flights, link_id client); // of all its flights

// Makes room for the reply of this target, in place of the one before.
struct reply *flight_reply(struct flights *flights, struct flight *flight, unsigned target);

static inline uint64_t flight_id(const struct flight *flight)
{
    return (uint64_t)flight->life << 32 | flight->slot;
}

// How long others may take for their part of it.
static inline uint32_t flight_budget_ms(const struct flight *flight, struct moment now)
{
    uint64_t left_ms = flight->deadline_ms - now.mono_ms;
    return flight->deadline_ms > now.mono_ms ? (uint32_t)left_ms : 1;
}

struct flight *flights_find(struct flights *flights, uint64_t id); // NULL if it is over

// Finds the flight of this kind that a reply on link `number` belongs to, and the target at the
// other end. NULL if the flight is over, or asks nobody there.
struct flight *flights_find_of(struct flights *flights, uint64_t id, enum flight_kind kind,
                               uint32_t number, unsigned *target);

// The flight of this id will be looked at soon: asks the processor for its memory.
void flights_prefetch(const struct flights *flights, uint64_t id);

// Besides the slot an id has room for three bits of the caller's, which flights_find() passes over.
#define FLIGHT_AGAIN         ((uint64_t)1 << 31)
#define FLIGHT_ATTEMPT_SHIFT 29
#define FLIGHT_ATTEMPT       ((uint64_t)3 << FLIGHT_ATTEMPT_SHIFT)

// Finds the target of the flight at the end of link `number`, -1 if there is none.
int flight_target(const struct flight *flight, uint32_t number);

void flights_wake_at(struct flights *flights, struct flight *flight, uint64_t wake_ms);
// The next flight whose time has come, NULL if there is none. It must be removed or given a
// later time before the next call.
struct flight *flights_next_due(struct flights *flights, uint64_t now_ms);
