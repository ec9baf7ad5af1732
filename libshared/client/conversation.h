// conversation.h - a client and its routers, as a pure state machine.
//
// The caller owns the connections and the clock. It tells what happens, and takes steps until
// there is none:
//
//     conversation_put(), _get() ...                conversation_next() ─► CONNECT endpoint
//     conversation_on_message(endpoint, bytes)                             CLOSE endpoint
//     conversation_on_lost(endpoint, why)                                  SEND bytes to endpoint
//     conversation_on_sent(status)                                         WAIT until
//
// Times are monotonic milliseconds, the same clock in every call. Callbacks run inside of
// conversation_next() and _on_message(); they may begin new requests.
//
// An endpoint is an address that the client was given; a router listens there. A request with a
// key, and a page of a scan, begins at one of the nearest (spread.h), so that all routers have
// their share; a question, and a request to one replica alone, at the first. When its endpoint is
// lost it goes to the next one in the user's order that is fit; connection.h says when a lost one
// is fit again. A connection is made when a request needs it; beforehand if many keys follow.
//
//                 sent                        reply
//     QUEUED ───────────────────► SENT ───────────────────────► callback
//      ▲  ▲     endpoint lost     │ │
//      │  └───────────────────────┘ │ busy, late, indeterminate
//      │        pause over          ▼
//      └───────────────────────── PAUSED
//
// A request ends at its deadline, whatever its state.
//
// A put is sent again with the same request id and PUT_RETRY once an earlier try may have been
// applied; the router then looks for that first. From then on its outcome is OK or
// INDETERMINATE, never "not written". A router that is not able (UNAVAILABLE) is not the last
// word: each other endpoint is asked once, unless the request is for that router alone.
//
// When no connection to any endpoint can be made, and none was before, all requests fail at once;
// as they do when every router refuses our key.
#pragma once

#include "base/random.h"
#include "client/connection.h"
#include "client/spread.h"
#include "wire/client.h"

enum {
    CONVERSATION_ENDPOINTS_MAX = SPREAD_ENDPOINTS_MAX,
    CONVERSATION_WINDOW_COUNT = 4096,
    CONVERSATION_WINDOW_SIZE = 8 * 1024 * 1024,
};

enum conversation_sending { SENDING_NONE, SENDING_HELLO, SENDING_PING, SENDING_BATCH };

struct conversation {
    struct random random;
    uint64_t boot;
    struct pending pending;
    struct connection connections[CONVERSATION_ENDPOINTS_MAX];
    uint32_t endpoint_count;
    struct spread spread;
    uint32_t first;    // the endpoint of requests that spread.h does not place
    bool is_fixed;     // all requests begin at `first`
    bool is_learning;  // the ring is asked for
    bool is_known;     // one was connected once
    uint64_t check_ms; // no deadline or pause ends before

    // The message that is to be sent.
    enum conversation_sending sending;
    uint32_t sending_to;
    uint32_t sending_taken; // entries of its queue
    uint32_t batch;
    struct buf message;
};

void conversation_init(struct conversation *conversation, uint64_t seed);
void conversation_release(struct conversation *conversation); // calls nobody back

// Before anything else, in the user's order.
void conversation_add_endpoint(struct conversation *conversation, enum spread_kind kind,
                               uint32_t connect_max_ms);

// From now on all requests begin at this endpoint, which is fit, whatever happened there before.
void conversation_use(struct conversation *conversation, uint32_t endpoint);

// A request with this key follows: the connection for it can be made.
void conversation_prepare(struct conversation *conversation, struct bytes keyspace,
                          struct bytes key, uint64_t now_ms);

// Many keys follow: connects all of the nearest endpoints, and asks the first for the ring, by
// which requests are spread from then on; those before do not wait for it. Does nothing if there
// is one endpoint to choose from. Not in flight for conversation_in_flight().
void conversation_learn_ring(struct conversation *conversation, uint64_t now_ms);
void conversation_set_ring_take(struct conversation *conversation, struct ring *ring); // is known

// Requests. Everything in the op is copied; ids are given here. deadline_ms 0 = none.
void conversation_put(struct conversation *conversation, const struct op_put *op,
                      uint64_t deadline_ms, uint64_t now_ms, client_on_put *on_done, void *context);
void conversation_get(struct conversation *conversation, const struct op_get *op,
                      uint64_t deadline_ms, uint64_t now_ms, client_on_get *on_done, void *context);
void conversation_scan(struct conversation *conversation, const struct op_scan *op,
                       uint64_t deadline_ms, uint64_t now_ms, client_on_scan *on_done,
                       void *context);
void conversation_explain(struct conversation *conversation, const struct op_explain *op,
                          uint64_t deadline_ms, uint64_t now_ms, client_on_explained *on_done,
                          void *context);
void conversation_ask(struct conversation *conversation, const struct op_ask *op,
                      uint64_t deadline_ms, uint64_t now_ms, client_on_answer *on_done,
                      void *context);

struct request_id conversation_request_id(struct conversation *conversation); // a new one

static inline uint32_t conversation_in_flight(const struct conversation *conversation)
{
    return conversation->pending.count - conversation->is_learning;
}

// False when the window is full: what is added now waits here and takes memory.
static inline bool conversation_has_room(const struct conversation *conversation)
{
    return conversation->pending.count < CONVERSATION_WINDOW_COUNT &&
           conversation->pending.size < CONVERSATION_WINDOW_SIZE;
}

enum conversation_step_kind {
    CONVERSATION_WAIT, // nothing to do before until_ms (UINT64_MAX: before an event)
    CONVERSATION_CONNECT,
    CONVERSATION_CLOSE,
    CONVERSATION_SEND, // and tell with conversation_on_sent()
};

struct conversation_step {
    enum conversation_step_kind kind;
    uint32_t endpoint;
    struct bytes message; // valid until the next call
    uint64_t until_ms;
};

struct conversation_step conversation_next(struct conversation *conversation, uint64_t now_ms);

// The outcome of the last SEND. OK: it is on its way. BUSY: the connection takes no more for
// now. UNREACHABLE: there is none, or not yet.
void conversation_on_sent(struct conversation *conversation, enum status status, uint64_t now_ms);

// A message that does not decode is dropped: its requests are sent again, or run out of time.
void conversation_on_message(struct conversation *conversation, uint32_t endpoint,
                             struct bytes message, uint64_t now_ms);

// The connection, or the attempt, came to an end. `why`: UNREACHABLE; NOT_AUTHORISED: our key or
// user is refused; INVALID: we came without keys. `said` is a sentence for people.
void conversation_on_lost(struct conversation *conversation, uint32_t endpoint, enum status why,
                          struct bytes said, uint64_t now_ms);
