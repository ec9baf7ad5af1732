// client.h - what a client asks of a router, and other routers, too, ask by name.
#pragma once

#include "causal/record.h"
#include "wire/message.h"

struct op_ask {
    uint64_t id;
    struct bytes topic;    // short
    struct bytes argument; // sized
};

struct op_answer {
    uint64_t id;
    uint8_t status;
    struct bytes text; // sized
};

enum put_flags {
    PUT_DELETE = 1,        // the write is a tombstone
    PUT_STRICT = 2,        // only owners count; and fail rather than validate a blind write with
                           // fewer than R of them
    PUT_KEEP_SIBLINGS = 4, // supersede nothing but what the context covers
    PUT_RETRY = 8,         // this request id may have been sent before: look for it first
    PUT_WANT_CONTEXT = 16, // send the new context back
    PUT_RECORD = 32,       // the value is a record to be joined as it is (restore); role admin
    PUT_WANT_RECEIPT = 64, // send a receipt back, also if the outcome is not known
    PUT_CONDITIONAL = 128, // only if the coordinator has nothing that the context has not seen;
                           // without a context: only if it has no value
};

// A try is one sending of a PUT by its client; all tries of a request carry its id. Only one
// of them may mint at a time, so each says how long it may (dkv(7), "One try at a time").
struct op_put {
    uint64_t id;
    struct request_id request;
    uint8_t level;         // W, enum ring_level or a number
    uint8_t flags;         // enum put_flags
    uint64_t ttl_ms;       // it expires so long after it was minted; 0 = never
    uint64_t try;          // random
    uint32_t budget_ms;    // the router may send UPDATE for so long after this was sent ...
    uint32_t young_ms;     // ... and a store obeys it for so long after that
    uint32_t wait_ms;      // until the try before can mint no more; 0 = it cannot, or there is none
    struct bytes keyspace; // short, its name
    struct bytes key;      // short
    struct bytes context;  // sized, binary context token; empty = blind
    struct bytes value;    // sized
    uint32_t first_ms;     // how long ago the first try of this request was sent, by any client; 0:
                           // that is not known, or there was none
};

// What an encoded PUT says of its try can be changed in place when it is sent (again).
struct put_try {
    bool is_repeated; // PUT_RETRY
    uint64_t name;    // op_put.try
    uint32_t budget_ms, young_ms, wait_ms, first_ms;
};
void op_put_set_try(uint8_t *encoded, const struct put_try *put_try);

struct op_put_done {
    uint64_t id;
    uint8_t status;
    uint8_t acked;   // nodes on which it is durable as far as known
    uint8_t hinted;  // of which as hints
    uint8_t is_void; // this try wrote nothing and never will, whatever others did
    uint32_t keyspace;
    uint64_t epoch;
    struct dot dot;       // counter 0 = not known
    struct bytes context; // sized, binary, only if wanted
    struct bytes text;    // short, why it is not OK
    struct bytes receipt; // sized, binary, only if wanted
    uint8_t is_final;     // PRECONDITION: no try of this request wrote anything, or ever will
};

enum get_flags {
    GET_STRICT = 1, // only owners are asked
    GET_LOCAL = 2,  // the contacted node's own replica, nobody else's
    GET_WANT_CONTEXT = 4,
    GET_MONOTONIC = 8, // answer when so many owners hold the answer that no later read misses it
};

struct op_get {
    uint64_t id;
    uint8_t level; // R
    uint8_t flags;
    struct bytes keyspace; // short
    struct bytes key;      // short
};

struct op_got {
    uint64_t id;
    uint8_t status;  // OK also if the record holds tombstones only; NOT_FOUND = nothing known
    uint8_t replied; // owners whose reply is in it, and fallbacks that stand for one
    uint32_t keyspace;
    struct bytes record;  // sized, encoded record
    struct bytes text;    // short
    struct bytes context; // sized, binary: of that record, only if wanted
};

enum scan_flags {
    SCAN_HEADS = 1, // keys and heads, no values
    SCAN_LOCAL = 2, // the contacted node's own replica
    SCAN_WANT_CONTEXT = 4,
};

struct op_scan {
    uint64_t id;
    uint8_t level; // R
    uint8_t flags;
    uint32_t partition;
    uint32_t size_max;     // bytes of items wanted in the answer, about
    struct bytes keyspace; // short
    struct bytes after;    // short: engine key to go on behind, empty = from the start
    struct bytes prefix;   // short: only keys beginning so
};

// Items in order of the engine key, in `items`: each short key, sized record.
struct op_scanned {
    uint64_t id;
    uint8_t status;
    uint8_t done; // the partition ends here
    uint8_t replied;
    uint32_t keyspace;
    uint32_t item_count;
    struct bytes last;     // short: engine key to pass as `after` for the next page
    struct bytes items;    // sized
    struct bytes text;     // short
    struct bytes contexts; // sized, only if wanted: of each item the context, sized
};

// What every owner has of a key, and of a write of it.
struct op_explain {
    uint64_t id;
    uint8_t level;         // R, of the read whose needs are told
    struct bytes keyspace; // short, its name
    struct bytes key;      // short; empty = that of the receipt
    struct bytes receipt;  // sized, binary: names a write; empty = none is asked for
};

// So many of these targets must reply to a read.
struct explained_need {
    uint32_t of; // a bit for each target
    uint8_t count;
};

enum replica_role {
    REPLICA_OWNER = 0,
};

struct explained_replica {
    uint8_t role;         // enum replica_role
    uint8_t status;       // OK; NOT_FOUND: it knows nothing of the key; UNREACHABLE: it was not
                          // asked; TIMEOUT: it was silent; else as its store says
    uint8_t has_write;    // it has the write of the receipt, or what superseded it
    struct bytes node;    // short, its name
    struct bytes dc;      // short
    struct bytes rack;    // short
    struct bytes state;   // short, a word: "up", "down"
    struct bytes problem; // short, a sentence: "does not answer"; empty = none
    struct bytes head;    // sized, the encoded head of its record
    uint8_t purge;        // enum purge_state (wire/replica.h)
    uint32_t purge_ms;    // so long still, at least
    uint32_t behind;      // a bit for each replica that is waited for
    struct bytes seen;    // sized, as of op_inspected (wire/replica.h); empty: not told
};

struct op_explained {
    uint64_t id;
    uint8_t status;
    uint32_t keyspace;
    uint32_t partition;
    uint64_t token;
    uint64_t epoch;
    uint8_t level;         // R, resolved
    uint8_t replica_count; // in order of preference
    uint8_t need_count;
    struct bytes needs;    // sized: each u32, u8
    struct bytes replicas; // sized: each sized, explained_append()
    struct bytes key;      // short
    struct bytes name;     // short, of the keyspace
    struct bytes text;     // short, why it is not OK
};

void explained_append(const struct explained_replica *replica, struct buf *replicas);
bool explained_next(struct reader *replicas, struct explained_replica *replica); // false: no more
void explained_append_need(struct explained_need need, struct buf *needs);
bool explained_next_need(struct reader *needs, struct explained_need *need); // false: no more

OP_FUNCTIONS(ask)
OP_FUNCTIONS(answer)
OP_FUNCTIONS(put)
OP_FUNCTIONS(put_done)
OP_FUNCTIONS(get)
OP_FUNCTIONS(got)
OP_FUNCTIONS(scan)
OP_FUNCTIONS(scanned)
OP_FUNCTIONS(explain)
OP_FUNCTIONS(explained)
