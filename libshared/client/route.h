// route.h - the way to one endpoint: its connection, as far as a client knows it.
//
//              CONNECT step           HELLO was taken
//     CLOSED ──► WANTED ──► CONNECTING ──────────────► OPEN
//        ▲                     │                         │
//        └─────────────────────┴── lost, silent, too long ┘
//
// A connection that is being made takes nothing: HELLO is offered again and again until it does.
// A router that says nothing for SILENCE_MS, though it was asked (a PING every PING_AFTER_MS), is
// lost.
//
// A lost one rests: nothing new goes there while another one is left. When the rest is over it is
// tried, that is connected with nobody waiting for it, until its router says WELCOME; so a node
// that is dead holds up nobody twice. Each rest is twice as long as the one before, until a
// request has been answered.
#pragma once

#include "client/pending.h"
#include "wire/age.h"

enum {
    ROUTE_PING_AFTER_MS = 500,
    ROUTE_SILENCE_MS = 1500,
    ROUTE_STALE_MS = 2000,   // after so long without a word a PING is answered before all else
    ROUTE_RECONNECT_MS = 50, // after a failure
    ROUTE_BLOCKED_MS = 5,    // the connection takes nothing more for now
    ROUTE_REST_FIRST_MS = 1000,
    ROUTE_REST_MAX_MS = 8000,
};

enum route_state { ROUTE_CLOSED, ROUTE_WANTED, ROUTE_CONNECTING, ROUTE_OPEN };

struct route {
    uint8_t state;           // enum route_state
    bool is_to_close;        // a connection is left that is to go
    bool is_doubted;         // it was lost, and nobody has said WELCOME since
    bool is_tried;           // it is connected to see whether somebody does
    enum status why;         // how the last connection or attempt ended; OK = none did
    struct buf said;         // and a sentence about it
    uint32_t connect_max_ms; // a connection that takes longer fails
    uint64_t begun_ms;       // CONNECTING since, or since somebody waits for it
    uint64_t again_ms;       // neither connected nor sent to before
    uint32_t rest_ms;        // how long the last rest was; 0 = it has answered well since
    uint64_t rests_until_ms;
    uint64_t heard_ms; // a message came, or the connection was made
    uint64_t asked_ms; // something is waited for since
    uint64_t pinged_ms;
    uint64_t received_size;  // of the bodies that came on this connection
    struct peer_clock clock; // of the router
    struct request_queue queue;
    uint32_t sent_count; // requests without an answer
    uint64_t sent_size;  // their bytes
};

void route_release(struct route *route);

// A request is to be sent: it is wanted, and waited for from now on.
void route_want(struct route *route, uint64_t now_ms);

void route_begin(struct route *route, uint64_t now_ms); // it is being connected
void route_on_open(struct route *route, uint64_t now_ms);
void route_on_message(struct route *route, const struct message_header *header, uint64_t now_ms);
void route_on_answer(struct route *route); // a request was answered well
void route_on_lost(struct route *route, enum status why, struct bytes said, uint64_t now_ms);

// Nothing new goes there for a while: it was lost, or another one was able when it was not.
void route_rest(struct route *route, uint64_t now_ms);

// New requests may go there.
bool route_is_fit(const struct route *route, uint64_t now_ms);

// A lost one is connected again if its rest is over.
void route_try(struct route *route, uint64_t now_ms);
void route_trust(struct route *route); // it is fit: somebody said WELCOME

// The connection cannot be made in time, or its router says nothing.
bool route_is_silent(const struct route *route, uint64_t now_ms);
bool route_wants_ping(const struct route *route, uint64_t now_ms);

// False: it is not open, takes nothing for now, or the clock of its router is too uncertain:
// then the answer to HELLO or PING comes first. Only a put cannot do without any clock.
bool route_takes(const struct route *route, enum message_type type, uint64_t now_ms);

// When it has to be looked at again if nothing happens; UINT64_MAX = never.
uint64_t route_wake_ms(const struct route *route, uint64_t now_ms);
