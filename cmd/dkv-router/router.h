// router.h - the brain of dkv-router: from a client's request to the owners and back.
//
// A put goes to its coordinator's store (UPDATE), then to the other owners (MERGE), until W
// of them have it durably (quorum/put.h). A get asks R owners (quorum/get.h) and repairs
// those that replied with less. A scan page is the join of R owners' pages. The router
// keeps nothing that must survive but its seals (keyring.h), the ring document and its votes on
// the next one (epochs.h): a request that it forgets was never answered, and the client asks again
// with the same request id.
//
// A request says how long it may take, and its message how old it is (wire/age.h): what waited
// too long, in a queue, on the way or because this process stood still, is not begun.
//
// Deterministic: no clock, no socket, no thread.
#pragma once

#include "base/random.h"
#include "causal/token.h"
#include "dkv-router/epochs.h"
#include "dkv-router/flights.h"
#include "dkv-router/keyring.h"
#include "dkv-router/repairs.h"
#include "peer/peers.h"
#include "turn/brain.h"
#include "wire/meter.h"

struct router_options {
    struct ring_snapshot *ring; // the router holds it
    uint64_t node;              // our id in it
    uint64_t boot;
    uint64_t value_size_max;
    uint64_t record_size_max;
    uint64_t ping_interval_ms;
    uint64_t down_after_ms;
    uint64_t clock_refuse_ms; // a clock that is further off orders no writes
    uint64_t timeout_ms;      // of an operation whose client named no budget
    uint32_t services;        // service_bit(): to which it passes questions on, besides its own
    struct bytes software;
    struct bytes votes;  // durable ones of former lives (votes.h); borrowed by router_init()
    struct seals *seals; // with an own key; borrowed. Keys of other routers are added to it
    link_id (*link_of)(uint32_t number); // gives the link_id of link `number` (peers.h)
    uint32_t (*number_of)(link_id link); // and back; UINT32_MAX if it is a client's
};

struct router_counts { // since the start
    uint64_t puts, gets, scans;
    uint64_t unavailable, indeterminate, timeouts, busy;
    uint64_t again;            // blind puts that met what they had not seen, and got a second dot
    uint64_t expired;          // requests that came too late
    uint64_t repairs;          // records sent to owners that replied with less
    uint64_t repairs_repeated; // sent again, as the store was busy
    uint64_t repairs_refused;
    uint64_t repairs_too_large; // records that no store takes: resolve their siblings
    uint64_t hedges;
    uint64_t hints; // that fallbacks were asked to keep
    uint64_t held;  // monotonic reads that had to be repaired before they were answered
    uint64_t late;  // replies to operations that were over
    uint64_t refused;
    uint64_t unread; // messages of clients that do not read their answers
};

// A question that was passed on (relays.h).
struct relay {
    uint64_t id; // as the service has it; 0: free
    link_id client;
    uint64_t client_id; // as the client has it
    uint32_t number;    // of the link to the service
    uint64_t deadline_ms;
};

enum { ROUTER_RELAYS_MAX = 64 };

struct router {
    struct router_options options;
    struct ring_snapshot *snapshot; // the newest ring, held
    const struct ring *ring;        // in it
    uint32_t self;                  // our index in its nodes
    struct peers peers;
    struct flights flights;
    struct meters meters; // what clients have not read yet
    struct keyring keyring;
    struct epochs epochs; // which document counts, and the next one
    struct relay relays[ROUTER_RELAYS_MAX];
    uint64_t relay_id; // of the last one
    struct repairs repairs;
    uint64_t started_ms;
    uint64_t busy_ms;    // when there was an operation or a question last
    uint64_t get_p99_us; // estimate that decides when to hedge
    uint64_t put_p99_us; // and when an owner is late
    struct router_counts counts;
    // Scratch, kept between operations.
    struct record record, joined;
    struct context context;
    struct buf encoded, minted, receipt, text;
};

// INVALID: the node is not in the ring.
enum status router_init(struct router *router, const struct router_options *options,
                        struct moment now, struct fault *fault) MUST_USE;
void router_release(struct router *router);

// Works by this document from now on. Adds links and ends none: that is dispatch_adopt()'s.
void router_adopt(struct router *router, struct ring_snapshot *ring, struct moment now);

// True once every store and every other router was heard, or had time enough for it: a request
// that comes before that would find nobody there.
bool router_is_ready(const struct router *router, struct moment now);
// Lets an estimate of the p99 follow the samples.
void router_observe(uint64_t *p99_us, uint64_t elapsed_ms);

// How long the next tick may wait: flights have hedges and deadlines, links only pings.
unsigned router_tick_within_ms(const struct router *router);
