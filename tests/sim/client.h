// client.h - a simulated user with a connection to one router at a time.
//
// One operation after the other, as the client program does them: an operation has a
// deadline; one whose outcome is not known is repeated with the same request id, marked as
// a repetition, until its deadline; a router that is silent is left for the next one. Its
// contexts are those that it was given, however old.
#pragma once

#include "sim/history.h"
#include "sim/network.h"
#include "wire/age.h"
#include "wire/tries.h"

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

struct client {
    struct world *world;
    struct network *network;
    struct history *history;
    const struct ring *ring;
    uint32_t port;
    uint32_t router; // index of the node it talks to
    bool is_patient; // repeats what it does not know the end of
    uint32_t acts_left;
    uint64_t think_us;
    uint32_t value_size_max;
    struct buf contexts[HISTORY_KEYS_MAX]; // tokens, empty = none

    struct act *act; // at work, NULL = idle
    struct client_request request;
    uint64_t deadline_us;
    bool is_in_doubt; // a put was sent and not answered
    bool is_maybe_applied;
    struct tries tries;
    struct peer_clock clock; // of its router
    uint32_t attempt;
    uint64_t pause_us;
    struct buf after;               // of a scan
    bool scanned[HISTORY_KEYS_MAX]; // keys that the scan has met
    struct buf record;              // the last one got, of `act` at its end
    enum status status;             // of the last act
};

void client_init(struct client *client, uint32_t index, struct world *world,
                 struct network *network, struct history *history, const struct ring *ring);
void client_release(struct client *client);

// Random operations, until none are left or the world says stop (acts_left = 0).
void client_begin(struct client *client);
// This one operation; the client must be idle.
void client_start(struct client *client, const struct client_request *request);
void client_lose_link(struct client *client); // it notices that its router is gone
