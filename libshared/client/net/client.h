// client.h - a conversation with a cluster, over real connections.
//
// client/conversation.h decides what is sent, where to, tried again and given up; this gives it a
// clock, a connection to each endpoint that it wants (net), and the reason when there is none.
//
//     client_open(&client, &(struct client_options){.endpoints = "ipc:///run/dkv/router.sock"}, ..)
//     client_get(client, &op, deadline_ms, on_got, context)
//     client_drain(client)                              on_got() is called
//     client_close(client)
//
// One thread uses a client. It knows nothing of a command line, and prints nothing.
#pragma once

#include "base/fault.h"
#include "client/conversation.h"
#include "wire/client.h"

struct client;

struct client_options {
    const char *endpoints; // separated by commas: client/net/endpoints.h
    const char *key_dir;   // with client.key and cluster.pub; NULL = no keys
    uint32_t connect_ms;   // a connection that takes longer fails; 0 = 250 (ipc), 1500 (tcp)
    bool is_bulk;          // many keys follow: each is to go to a node that has it
};

// INVALID: a malformed endpoint, or tcp without keys. Does not wait for a connection.
enum status client_open(struct client **client, const struct client_options *options,
                        struct fault *fault) MUST_USE;
void client_close(struct client *client); // NULL is allowed; calls nobody back

// A request with this key follows: its connection is made while the caller prepares it.
void client_prepare(struct client *client, struct bytes keyspace, struct bytes key);

// Callbacks (client/pending.h) run inside client_run(). Everything in the op is copied; ids are
// given by the client. deadline_ms is monotonic (os/clock.h), 0 = none.
void client_put(struct client *client, const struct op_put *op, uint64_t deadline_ms,
                client_on_put *on_done, void *context);
void client_get(struct client *client, const struct op_get *op, uint64_t deadline_ms,
                client_on_get *on_done, void *context);
void client_scan(struct client *client, const struct op_scan *op, uint64_t deadline_ms,
                 client_on_scan *on_done, void *context);
void client_explain(struct client *client, const struct op_explain *op, uint64_t deadline_ms,
                    client_on_explained *on_done, void *context);
void client_ask(struct client *client, const char *topic, struct bytes argument,
                uint64_t deadline_ms, client_on_answer *on_done, void *context);

uint32_t client_in_flight(const struct client *client);

// False when the window is full (4096 operations or 8 MiB): what is added now waits here
// and takes memory. A bulk verb adds only while there is room.
bool client_has_room(const struct client *client);

// Sends what is queued, receives, calls back. Returns after at least one callback, after
// timeout_ms (-1 = only then), or when fd (-1 = none) is readable.
void client_run(struct client *client, int fd, int timeout_ms);

// Runs until every request is done.
void client_drain(struct client *client);

struct request_id client_new_request_id(struct client *client);

// For pure code that makes requests of its own, such as client/lanes.h.
struct conversation *client_conversation(struct client *client);
