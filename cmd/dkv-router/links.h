// links.h - which stores and routers answer: the state of every link of a router.
//
//            WELCOME                     silence, loss, new boot id
//     DOWN ──────────► UP ─────────────────────────────────────────► DOWN
//      │ ▲              │ PONG says: oldest write unsynced for > 2 s
//      └─┘ HELLO now    └──► UP, but slow: not asked for new work
//          and then; the connection is made anew when that does not help
//
// DOWN by silence needs a PING that was not answered: while no client wants anything, PINGs
// are few, and the first operation after that brings one at once.
//
// Liveness is local judgement and only steers requests; nobody is ever evicted by it. Any
// message from a link is a sign of life; PING goes out when there was none for a while.
//
// WELCOME must come from the node that the link was made for, of our cluster, with our ring
// document and a version that we speak; from anyone else the link stays down, and says why.
//
// There are two links to every other node: to its store and to its router. Link numbers are
// the node's index in the ring, plus LINKS_ROUTER for routers.
#pragma once

#include "base/moment.h"
#include "ring/ring.h"
#include "wire/age.h"
#include "wire/metrics.h"
#include "wire/role.h"

enum { LINKS_ROUTER = RING_NODES_MAX };

struct link {
    bool exists;
    bool up;
    bool slow;
    uint8_t problem;         // enum link_state: why its WELCOME was not accepted; 0 = nothing
    struct peer_clock clock; // of the peer's life, from its messages
    uint64_t taken_bytes;    // bodies of all that came
    uint64_t actor;
    uint64_t heard_ms;  // last message
    uint64_t pinged_ms; // last PING or HELLO
    uint64_t asked_ms;  // first PING since the last message
    uint64_t reset_ms;  // when the connection was last made anew
    uint64_t entry_count;
    uint64_t data_size;
    uint32_t unsynced_age_ms;
    int64_t wall_ahead_ms; // of a store's clock before ours, about
    bool disk_full;
    struct metrics metrics; // of a store, from its last PONG
    char software[24];
};

struct links {
    struct link *links; // 2 × RING_NODES_MAX at most, by number
    uint32_t count;
    uint64_t ping_interval_ms;
    uint64_t down_after_ms;
    bool is_idle; // no client wants anything: ping seldom
    uint64_t ticked_ms;
    link_id (*address)(uint32_t number); // how the shell calls link `number`
    const struct ring *ring;             // borrowed
    uint32_t self;                       // our index in it
    uint32_t ring_hash;
};

// What became of a link.
enum link_change {
    LINK_UNCHANGED,
    LINK_WENT_UP,
    LINK_WENT_DOWN,
};

void links_init(struct links *links, const struct ring *ring, uint32_t self, uint32_t ring_hash);
void links_release(struct links *links);

// How a store is, the worst first.
enum link_state {
    LINK_DOWN,
    LINK_OTHER_CLUSTER,
    LINK_OTHER_NODE,
    LINK_OTHER_VERSION,
    LINK_OTHER_RING,
    LINK_SLOW,
    LINK_FULL,
    LINK_DAMAGED,
    LINK_WELL,
};

enum link_state link_state(const struct link *link);

static inline bool links_can_ask(const struct links *links, uint32_t number)
{
    return links->links[number].up && !links->links[number].slow;
}

// Any message from the link. A boot id other than before means that the peer's old life, and
// every request to it, is over: WENT_DOWN; the WELCOME of its new life brings it up again.
enum link_change links_on_message(struct links *links, uint32_t number,
                                  const struct message_header *header, struct moment now);
enum link_change links_on_welcome(struct links *links, uint32_t number,
                                  const struct message_header *header,
                                  const struct op_welcome *welcome);
void links_on_pong(struct links *links, uint32_t number, const struct op_pong *pong,
                   struct moment now);
// The connection was lost or a message could not be queued.
enum link_change links_on_lost(struct links *links, uint32_t number, struct moment now);

// Sends what is due on this link: HELLO, PING, a reset.
enum link_change links_on_tick(struct links *links, uint32_t number, struct moment now,
                               struct outbox *outbox);
// Call once before the links are ticked: forgives silence while this process stood still.
void links_begin_tick(struct links *links, struct moment now);
