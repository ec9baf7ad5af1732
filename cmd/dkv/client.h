// client.h - a conversation with a cluster.
//
// Requests are sent to one router; when it does not answer, to the next of the list.
// Many may be in flight; replies come in any order through callbacks from client_run().
//
// A put that ends indeterminate (or whose router was lost) is sent again with the same
// request id and PUT_RETRY until its deadline; the router then looks for the first try.
// Once any try may have been applied, the final outcome is OK or INDETERMINATE, never
// "not written". Gets, scans and asks are simply asked again. BUSY is tried again after a
// pause.
//
//                 sent                       reply
//     QUEUED ------------------> SENT -------------------> callback
//        ^                        |  BUSY, indeterminate        ^
//        |        pause over      v                             |
//        +--------------------- PAUSED -------------------------+
//        |                        router lost                 deadline
//        +------------------------ SENT
//
// A router is lost when its connection is, or when it said nothing for 1.5 s while
// something was asked (a PING every 500 ms). If no router of the list can be connected at
// all, requests fail after about a second with UNREACHABLE.
#pragma once

#include "dkv/dkv.h"
#include "wire/message.h"

struct client;

// INVALID: a malformed endpoint, or tcp without keys. Does not wait for a connection.
enum status client_open(struct client **client, const struct globals *globals,
                        struct fault *fault) MUST_USE;
void client_close(struct client *client);

// Callbacks run inside client_run(). The op and what it borrows live during the call.
// On failure without a reply the op has `status` (and text) set and is otherwise empty.
typedef void client_on_put(void *context, const struct op_put_done *done);
typedef void client_on_get(void *context, const struct op_got *got);
typedef void client_on_scan(void *context, const struct op_scanned *scanned);
typedef void client_on_answer(void *context, const struct op_answer *answer);

// Everything in the op is copied; ids are given by the client. deadline_ms is monotonic
// (os/clock.h), 0 = none.
void client_put(struct client *client, const struct op_put *op, uint64_t deadline_ms,
                client_on_put *on_done, void *context);
void client_get(struct client *client, const struct op_get *op, uint64_t deadline_ms,
                client_on_get *on_done, void *context);
void client_scan(struct client *client, const struct op_scan *op, uint64_t deadline_ms,
                 client_on_scan *on_done, void *context);
void client_ask(struct client *client, const char *topic, struct bytes argument,
                uint64_t deadline_ms, client_on_answer *on_done, void *context);

uint32_t client_in_flight(const struct client *client);

// False when the window is full (4096 operations or 8 MiB): what is added now waits here
// and takes memory. A bulk verb adds only while there is room.
bool client_has_room(const struct client *client);

// Sends what is queued, receives, calls back. Returns after at least one callback, after
// timeout_ms (-1 = only then), or when fd (-1 = none) is readable.
void client_run(struct client *client, int fd, int timeout_ms);

// The one-request verbs: runs until that request is done.
void client_drain(struct client *client);

struct request_id client_new_request_id(struct client *client);

// The router in use, for messages: "tcp://127.0.0.1:7400". Its WELCOME, once known, else NULL.
const char *client_endpoint(const struct client *client);
const struct op_welcome *client_welcome(const struct client *client);
