// connection.h - the connection to one endpoint, as far as a client knows it.
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
// tried, that is connected while nobody waits for it, until its router says WELCOME; so a node
// that is dead holds up nobody twice. Each rest is twice as long as the one before, until a
// request has been answered.
#pragma once

#include "client/pending.h"
#include "wire/age.h"

enum {
    CONNECTION_PING_AFTER_MS = 500,
    CONNECTION_SILENCE_MS = 1500,
    CONNECTION_STALE_MS = 2000,   // after so long without a word a PING is answered before all else
    CONNECTION_RECONNECT_MS = 50, // after a failure
    CONNECTION_BLOCKED_MS = 5,    // the connection takes nothing more for now
    CONNECTION_REST_FIRST_MS = 1000,
    CONNECTION_REST_MAX_MS = 8000,
};

enum connection_state {
    CONNECTION_CLOSED,
    CONNECTION_WANTED,
    CONNECTION_CONNECTING,
    CONNECTION_OPEN
};

struct connection {
    uint8_t state;           // enum connection_state
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

void connection_release(struct connection *connection);

// A request is to be sent: it is wanted, and waited for from now on.
void connection_want(struct connection *connection, uint64_t now_ms);

void connection_begin(struct connection *connection, uint64_t now_ms); // it is being connected
void connection_on_open(struct connection *connection, uint64_t now_ms);
void connection_on_message(struct connection *connection, const struct message_header *header,
                           uint64_t now_ms);
void connection_on_answer(struct connection *connection); // a request was answered well
void connection_on_lost(struct connection *connection, enum status why, struct bytes said,
                        uint64_t now_ms);

// Nothing new goes there for a while: it was lost, or another one was able when it was not.
void connection_rest(struct connection *connection, uint64_t now_ms);

// New requests may go there.
bool connection_is_fit(const struct connection *connection, uint64_t now_ms);

// A lost one is connected again if its rest is over.
void connection_try(struct connection *connection, uint64_t now_ms);
void connection_trust(struct connection *connection); // it is fit: somebody said WELCOME

// The connection cannot be made in time, or its router says nothing.
bool connection_is_silent(const struct connection *connection, uint64_t now_ms);
bool connection_wants_ping(const struct connection *connection, uint64_t now_ms);

// False: it is not open, takes nothing for now, or the clock of its router is too uncertain:
// then the answer to HELLO or PING comes first. Only a put cannot do without any clock.
bool connection_takes(const struct connection *connection, enum message_type type, uint64_t now_ms);

// When it has to be looked at again if nothing happens; UINT64_MAX = never.
uint64_t connection_wake_ms(const struct connection *connection, uint64_t now_ms);
