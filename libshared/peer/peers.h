// peers.h - the processes of the cluster that a daemon talks to, and the links to them.
//
// A peer is a node, by its id. It has a row here, and in that a link to each of its services that
// the daemon talks to; to itself it has none. The number of a link is row and service; it stays the
// same whatever the ring document says, and so do requests that are under way. A new document adds
// rows and lets others go. The row of a node that left is given to another one only when all that
// was asked of it is over.
//
// Indexes of nodes end with their document: peers_number() translates those of the newest one.
#pragma once

#include "peer/clocks.h"
#include "peer/link.h"
#include "ring/ring_snapshot.h"
#include "wire/service.h"

enum {
    PEERS_MAX = RING_NODES_MAX,
    PEERS_KEPT_MS = 10 * 60 * 1000, // of a node that left: longer than any operation lasts
};

struct peer {
    uint64_t node;             // its id
    struct clock_offset clock; // of its store
    char name[RING_NAME_SIZE_MAX + 1];
    bool is_member;
    uint64_t joined_ms; // when we first heard of it
    uint64_t left_ms;   // when it was a member for the last time
    struct link links[SERVICE_COUNT];
};

struct peers {
    struct peer **rows;
    uint32_t count;
    uint16_t *row_of; // by index in the ring
    struct link_terms terms;
    enum service own;  // the daemon's
    uint32_t services; // that it talks to, service_bit()
    uint64_t ticked_ms;
    link_id (*link_of)(uint32_t number); // gives the link_id of link `number`
};

// `terms` has the intervals and our node id; `services` are those that a daemon of the service
// `own` talks to.
void peers_init(struct peers *peers, const struct link_terms *terms, enum service own,
                uint32_t services, link_id (*link_of)(uint32_t number));
void peers_release(struct peers *peers);

// From now on the nodes of this document are peers. Links of those that left go down: the caller
// looks for them with peers_next_lost(), until none is left.
void peers_adopt(struct peers *peers, const struct ring_snapshot *ring, struct moment now);
bool peers_next_lost(struct peers *peers, struct moment now, uint32_t *number);

static inline uint32_t peers_number(const struct peers *peers, uint32_t index, enum service service)
{
    return peers->row_of[index] * (uint32_t)SERVICE_COUNT + service;
}

static inline struct peer *peers_at(const struct peers *peers, uint32_t number)
{
    return peers->rows[number / SERVICE_COUNT];
}

static inline enum service peers_service(uint32_t number)
{
    return (enum service)(number % SERVICE_COUNT);
}

// Returns the link of this number; NULL if there is none.
struct link *peers_link(const struct peers *peers, uint32_t number);

// Returns that of a node of the ring, by its index.
static inline struct link *peers_link_of(const struct peers *peers, uint32_t index,
                                         enum service service)
{
    return &peers->rows[peers->row_of[index]]->links[service];
}

// Finds the number of the next link, service by service, stores first; begin with UINT32_MAX. False
// at the end.
bool peers_next(const struct peers *peers, uint32_t *number);

// Call once before the links are ticked: forgives silence while this process stood still.
void peers_begin_tick(struct peers *peers, struct moment now);

// Somebody wants to know how the others are: those whose last PONG is older than this are asked at
// the next tick, which is soon.
void peers_refresh(struct peers *peers, uint64_t age_ms, struct moment now);

// How long after the last tick the next one may be, as far as the links are concerned.
unsigned peers_tick_within_ms(const struct peers *peers);

// Judges whose clock is off (peer.clock), by what the links to the stores know.
void peers_judge_clocks(struct peers *peers, uint64_t refuse_ms);
// Sends what is due on this link.
enum link_change peers_on_tick(struct peers *peers, uint32_t number, struct moment now,
                               struct outbox *outbox);
