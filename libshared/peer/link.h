// link.h - whether the peer at the other end of one link answers.
//
//            WELCOME                     silence, loss, new boot id
//     DOWN ──────────► UP ─────────────────────────────────────────► DOWN
//      │ ▲              │ PONG says: oldest write unsynced for > 2 s
//      └─┘ HELLO now    └──► UP, but slow: not asked for new work
//          and then; the connection is made anew when that does not help
//
// DOWN by silence needs a PING that was not answered: while no client wants anything, PINGs
// are few, and the first operation after that sends one at once.
//
// Liveness is local judgement and only steers requests; nobody is ever evicted by it. Any
// message from a link is a sign of life; PING goes out when there was none for a while.
//
// WELCOME must come from the node that the link was made for, of our cluster, with our ring
// document if it is of the same epoch, and a version that we speak; from anyone else the link
// stays down, and says why. It does so, too, while a store that has started asks others what they
// have heard of it, if what we ask has to wait for that.
#pragma once

#include "base/moment.h"
#include "wire/age.h"
#include "wire/hello.h"
#include "wire/metrics.h"
#include "wire/outbox.h"

// A PONG that took longer to come says nothing of the clocks.
enum { WALL_TRIP_MS_MAX = 500 };

enum { LINK_IDLE_PATIENCE = 25 }; // intervals between PINGs while no client wants anything

struct link {
    bool exists;
    bool up;
    bool slow;
    uint8_t problem;         // enum link_state: why its WELCOME was refused
    struct peer_clock clock; // of the peer's life, from its messages
    uint64_t taken_bytes;    // bodies of all that came
    uint64_t epoch;          // of the peer's ring, as it said last
    uint64_t actor;
    uint32_t heard_start; // of our own start, as its WELCOME said
    uint64_t heard_ms;    // last message
    uint64_t pinged_ms;   // last PING or HELLO; 0: one is due at once
    uint64_t pong_ms;     // last PONG, of this life; 0: none yet
    uint64_t asked_ms;    // first PING since the last message
    uint64_t reset_ms;    // when the connection was last made anew
    uint64_t entry_count;
    uint64_t data_size;
    uint32_t unsynced_age_ms;
    uint32_t store_start, hintd_start; // of our node: the last that a store heard of
    bool is_wall_known;
    int64_t wall_ahead_ms; // of a store's clock before ours, within half of WALL_TRIP_MS_MAX
    bool disk_full;
    struct metrics metrics; // of a store, from its last PONG
    char software[24];
};

// What is the same for all links of a process.
struct link_terms {
    uint64_t ping_interval_ms;
    uint64_t down_after_ms;
    bool is_idle;   // no client wants anything: ping seldom
    uint64_t self;  // our node id
    uint64_t actor; // ours, if we mint dots: a hintd does; 0 = none
    uint64_t cluster;
    uint64_t epoch;
    uint32_t ring_hash;
    bool needs_answers; // of stores: one that is asking others does not count as up
};

// What became of a link.
enum link_change {
    LINK_UNCHANGED,
    LINK_WENT_UP,
    LINK_WENT_DOWN,
};

// How the peer is, the worst first.
enum link_state {
    LINK_DOWN,
    LINK_NO_PROBLEM = LINK_DOWN, // that we know of: no WELCOME was refused
    LINK_OTHER_CLUSTER,
    LINK_OTHER_NODE,
    LINK_OTHER_VERSION,
    LINK_OTHER_RING,
    LINK_TWIN,   // it has stopped: a younger process runs as it, too
    LINK_ASKING, // it has just started
    LINK_SLOW,
    LINK_FULL,
    LINK_DAMAGED,
    LINK_WELL,
};

enum link_state link_state(const struct link *link);

// When the last PINGs were due while no client wants anything. All processes of a machine send
// theirs at the same time, so that each wakes once for many of them.
static inline uint64_t link_idle_ping_ms(const struct link_terms *terms, struct moment now)
{
    return now.mono_ms - now.mono_ms % (LINK_IDLE_PATIENCE * terms->ping_interval_ms);
}

// A PING has no answer yet.
static inline bool link_is_asked(const struct link *link)
{
    return link->asked_ms > link->heard_ms;
}

static inline bool link_can_ask(const struct link *link)
{
    return link->up && !link->slow;
}

// Any message from the link. A boot id other than before means that the peer's old life, and
// every request to it, is over: WENT_DOWN; the WELCOME of its new life brings it up again.
// Another document of our epoch takes it down, too.
enum link_change link_on_message(struct link *link, const struct link_terms *terms,
                                 const struct message_header *header, struct moment now);
// `node` is the one that the link was made for.
enum link_change link_on_welcome(struct link *link, const struct link_terms *terms, uint64_t node,
                                 const struct message_header *header,
                                 const struct op_welcome *welcome);
void link_on_pong(struct link *link, const struct op_pong *pong, struct moment now);
// The connection was lost or a message could not be queued.
enum link_change link_on_lost(struct link *link, struct moment now);

// Sends what is due to the link of this id: HELLO, PING, a reset. `patience`: how many intervals
// of silence mean nothing.
enum link_change link_on_tick(struct link *link, const struct link_terms *terms, unsigned patience,
                              link_id id, struct moment now, struct outbox *outbox);
