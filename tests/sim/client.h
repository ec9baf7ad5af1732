// client.h - a simulated user of the client program's own pure half (client/conversation.h).
//
// It chooses operations, gives the conversation a clock and connections, and holds answers
// against the history. Some clients have several operations under way at once, which then share
// messages; some are in no hurry. Some use one router as long as it is there, others all that are
// near, and may ask for the ring to spread by. Contexts are those that it was given, however old.
//
// A connection to a router is there as long as that life of the router is. A put that a
// client sent, and was obeyed, may come a second time, later, by a way that nobody listens on any
// more.
#pragma once

#include "client/conversation.h"
#include "sim/history.h"
#include "sim/network.h"

enum { CLIENT_FLIGHTS_MAX = 6, CLIENT_OBEYED_MAX = 64 };

struct client_request {
    enum act_kind kind;
    uint32_t key;
    bool with_context; // if it has one
    uint8_t flags;     // enum put_flags, get_flags, scan_flags
    uint8_t level;
    uint32_t value_size;
    uint64_t timeout_us;
    struct act *repeats; // an earlier put, with its request id; or NULL
};

// One operation under way.
struct client_flight {
    struct client *client;
    struct act *act; // NULL = free
    struct client_request request;
    uint64_t deadline_ms;
    bool is_copied;                 // a put
    bool scanned[HISTORY_KEYS_MAX]; // keys that the scan has met
};

struct client {
    struct world *world;
    struct network *network;
    struct history *history;
    const struct ring *ring;
    uint32_t port;
    uint32_t router;    // that it uses, if it uses one; may be set while it is idle
    uint32_t sent_to;   // that it asked last
    bool is_patient;    // the examiner: one at a time, within the time of the request
    bool is_bulk;       // in no hurry
    bool is_learning;   // asks for the ring
    bool notices;       // a router that ended, at once; else by its silence
    uint64_t copied;    // per mille of its messages that come twice
    uint32_t width;     // operations under way at once, at most
    uint32_t acts_left; // random ones
    uint64_t think_us;
    uint32_t value_size_max;
    struct buf contexts[HISTORY_KEYS_MAX]; // tokens, empty = none

    struct conversation conversation;
    uint32_t lives[NETWORK_NODES_MAX]; // of the routers that it is connected to, 0 = none
    uint64_t turn;                     // a planned turn that is not the last one planned is void

    uint64_t obeyed[CLIENT_OBEYED_MAX]; // ids of the last tries that were answered OK
    uint32_t obeyed_count;

    struct client_flight flights[CLIENT_FLIGHTS_MAX];
    uint32_t flight_count;
    struct act *act;    // one at work, NULL = idle
    struct buf record;  // the last one got
    enum status status; // of the last act
};

void client_init(struct client *client, uint32_t index, struct world *world,
                 struct network *network, struct history *history, const struct ring *ring);
void client_release(struct client *client);

// Random operations, until none are left or the world says stop (acts_left = 0).
void client_begin(struct client *client);
// This one operation; the client must be idle.
void client_start(struct client *client, const struct client_request *request);
void client_lose_link(struct client *client); // it notices that its router is gone
