// message.h - every message that dkv processes exchange.
//
// One frame: a header and `count` operations of one type. Little-endian, bounded, no
// allocation; decoded operations borrow from the frame. dkv-wire(7) is the grammar.
//
//     header  64 bytes
//     body    count operations, each behind its size (u32) and beginning with its id
//
// The requester chooses the id; the reply carries it back. Replies may come in any
// order and in other groupings than the requests. A reader passes over what an operation has
// behind the fields that it knows, so that fields can be added at the end.
//
// Who asks whom:
//     client -> router   HELLO PING PUT GET SCAN ASK
//     router -> store    HELLO PING UPDATE MERGE FETCH FIND SCAN_LOCAL
//     router -> router   HELLO PING ASK
//
// Limits: 256 operations and 64 KiB a message; one larger operation travels alone.
#pragma once

#include "causal/record.h"

enum {
    MESSAGE_MAGIC = 0x6b64, // "dk"
    MESSAGE_VERSION = 2,
    MESSAGE_HEADER_SIZE = 64,
    MESSAGE_OPS_MAX = 256,
    MESSAGE_SIZE_SOFT_MAX = 64 * 1024,
    MESSAGE_SIZE_MAX = 36 * 1024 * 1024, // the join of two greatest records, and its envelope
};

enum message_type {
    MESSAGE_ERROR = 1, // reply to a message that cannot be served as a whole
    MESSAGE_HELLO = 2,
    MESSAGE_WELCOME = 3,
    MESSAGE_PING = 4,
    MESSAGE_PONG = 5,
    MESSAGE_ASK = 6, // a question by name: "ring", "status", "metrics"; of a router also "seals"
    MESSAGE_ANSWER = 7,
    MESSAGE_PUT = 16,
    MESSAGE_PUT_DONE = 17,
    MESSAGE_GET = 18,
    MESSAGE_GOT = 19,
    MESSAGE_SCAN = 20,
    MESSAGE_SCANNED = 21,
    MESSAGE_UPDATE = 32,
    MESSAGE_UPDATED = 33,
    MESSAGE_DURABLE = 34,
    MESSAGE_MERGE = 35,
    MESSAGE_MERGED = 36,
    MESSAGE_FETCH = 37,
    MESSAGE_FETCHED = 38,
    MESSAGE_FIND = 39,
    MESSAGE_FOUND = 40,
    MESSAGE_SCAN_LOCAL = 41,
    MESSAGE_SCANNED_LOCAL = 42,
};

// u16 magic, u8 version, u8 type, u16 flags (0), u16 count, u32 body size,
// u16 credit_ops, u16 credit_kib, u64 epoch, u64 boot, u32 budget_ms, u32 ring_hash,
// u64 sent_ms, u64 your_ms, u32 received_kib, u32 since
struct message_header {
    uint8_t type;          // enum message_type
    uint16_t count;        // operations in the body
    uint32_t body_size;    // bytes behind the header
    uint16_t credit_ops;   // how many operations the sender is willing to have in flight
    uint16_t credit_kib;   // and how many KiB of answers it lets wait; 0 = not said
    uint64_t epoch;        // of the ring that the sender worked by; 0 = has none (clients)
    uint64_t since;        // of a request: the epoch since which those that it is for are the
                           // owners, below 2^32; 0 stands for the first
    uint64_t boot;         // random id of the sender's life
    uint32_t budget_ms;    // time left for the operations when this was sent; 0 = not said
    uint32_t ring_hash;    // low bits of the hash of the sender's ring, beside its epoch
    uint64_t sent_ms;      // by the sender's link clock (wire/age.h)
    uint64_t your_ms;      // and by the receiver's, as the sender knows it: never too late; 0 = it
                           // does not
    uint32_t received_kib; // of bodies that the sender took from this link, modulo 2^32
};

void message_header_encode(const struct message_header *header, uint8_t out[MESSAGE_HEADER_SIZE]);

// INVALID unless magic, version, sizes and reserved fields are right; then `body`
// reads exactly the body.
enum status message_header_decode(struct message_header *header, struct bytes message,
                                  struct reader *body) MUST_USE;

// ---- operations -------------------------------------------------------------------
// For each: a struct, op_encode_X (appends to out), op_decode_X (INVALID if the bytes
// are not one). `bytes` members are borrowed from the message. The last member tells
// its encoding where it is not obvious: short = u16 size, sized = u32 size.

struct op_hello { // first message on every link; the answer says who is there
    uint64_t id;
    uint8_t version_min, version_max;
    uint32_t capabilities;
    uint64_t cluster; // as far as the sender has a ring; 0 = it has none
    uint64_t node;    // the sender's node id, 0 for a client
    uint64_t actor;   // the actor of the sender's store, 0 = none
};

struct op_welcome {
    uint64_t id;
    uint8_t version;
    uint8_t version_min, version_max; // that it speaks
    uint32_t capabilities;
    uint64_t cluster;
    uint64_t node;
    uint64_t actor;
    uint32_t value_size_max;
    uint8_t role;          // the asker's, enum role in wire/role.h
    struct bytes software; // short, such as "0.1.0"
};

struct op_ping {
    uint64_t id;
};

struct op_pong {
    uint64_t id;
    uint64_t actor;
    uint32_t unsynced_age_ms; // age of the oldest write that is not durable yet
    uint64_t entry_count;     // keys with a record, deleted ones included
    uint64_t data_size;       // bytes in tables and memory, and of values beside them
    uint8_t disk_full;
    uint64_t wall_ms;     // its wall clock
    struct bytes metrics; // sized, of a store: wire/metrics.h
};

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

struct op_error {
    uint64_t id; // of the first operation, 0 if none could be read
    uint8_t status;
    struct bytes text; // short
};

enum put_flags {
    PUT_DELETE = 1,        // the write is a tombstone
    PUT_STRICT = 2,        // fail rather than validate a blind write with fewer than R owners
    PUT_KEEP_SIBLINGS = 4, // supersede nothing but what the context covers
    PUT_RETRY = 8,         // this request id may have been sent before: look for it first
    PUT_WANT_CONTEXT = 16, // send the new context back
    PUT_RECORD = 32,       // the value is a record to be joined as it is (restore); role admin
    PUT_WANT_RECEIPT = 64, // send a receipt back, also if the outcome is not known
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
};

// What an encoded PUT says of its try can be changed in place when it is sent (again).
struct put_try {
    bool is_repeated; // PUT_RETRY
    uint64_t name;    // op_put.try
    uint32_t budget_ms, young_ms, wait_ms;
};
void op_put_set_try(uint8_t *encoded, const struct put_try *put_try);

struct op_put_done {
    uint64_t id;
    uint8_t status;
    uint8_t acked;   // nodes on which it is durable as far as known
    uint8_t hinted;  // of which as hints; 0: there are none yet
    uint8_t is_void; // this try wrote nothing and never will, whatever others did
    uint32_t keyspace;
    uint64_t epoch;
    struct dot dot;       // counter 0 = not known
    struct bytes context; // sized, binary, only if wanted
    struct bytes text;    // short, why it is not OK
    struct bytes receipt; // sized, binary, only if wanted
};

enum get_flags {
    GET_STRICT = 1, // changes nothing: only owners are asked
    GET_LOCAL = 2,  // the contacted node's own replica, nobody else's
    GET_WANT_CONTEXT = 4,
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
    uint8_t replied; // owners whose answer is in it
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

enum update_flags {
    UPDATE_DELETE = 1,
    UPDATE_KEEP_SIBLINGS = 2,
    UPDATE_BLIND = 4,  // supersede what the coordinator's record holds, besides the context
    UPDATE_AGAIN = 8,  // the request has a dot, which met others: give it one that covers them
    UPDATE_FRESH = 16, // this very try made that dot: nobody can have meant to supersede it before
};

struct op_update { // to the coordinator's store, which gives the write its dot
    uint64_t id;
    struct request_id request;
    uint8_t flags;
    uint32_t keyspace;
    uint64_t try;         // of the PUT: a store that was asked by a later one refuses it
    uint32_t young_ms;    // older than this, counted by the link's clock, it is LATE: not obeyed
    uint64_t hlc_floor;   // greater than any hlc in the context
    uint64_t ttl_ms;      // 0 = it never expires
    struct bytes key;     // short
    struct bytes context; // sized, an encoded clock; empty = none
    struct bytes seen;    // sized: request ids that the context has seen, 16 bytes each
    struct bytes value;   // sized
};

// Not gated: it promises nothing about durability. DURABLE follows when it is.
struct op_updated {
    uint64_t id;
    uint8_t status;
    struct dot dot;
    uint64_t hlc;
    struct bytes requests; // sized: of the writes that this one superseded, superseded_append()
    struct bytes record;   // sized, the whole record, to be merged by the other owners
    uint8_t is_head;       // of it the head alone: the only value is that of the UPDATE
};

// Values of fewer bytes always come back: that costs less than putting them into a head.
enum { UPDATED_HEAD_VALUE_MIN = 1024 };

struct op_done { // DURABLE
    uint64_t id;
    uint8_t status;
};

// What was superseded, as `requests` of UPDATED and MERGE have it, one behind the other: dot,
// request id.
enum { SUPERSEDED_ENCODED_SIZE = 32 };
void superseded_append(const struct superseded *superseded, struct buf *out);
bool superseded_next(struct reader *list, struct superseded *superseded); // false at the end

struct op_merge {
    uint64_t id;
    uint32_t keyspace;
    struct dot dot;        // of the write that is to be validated; counter 0 = none is
    struct bytes key;      // short
    struct bytes dots;     // sized, an encoded clock: what the record stands for besides its
                           // siblings; empty = nothing
    struct bytes requests; // sized: superseded by that write
    struct bytes record;   // sized
};

enum merged_flags {
    MERGED_LOST = 1,       // the owner may lack what it had known; not sent yet
    MERGED_SUPERSEDED = 2, // the write was superseded here: there is nothing to validate
};

struct op_merged {
    uint64_t id;
    uint8_t status;
    uint8_t flags;     // enum merged_flags
    uint64_t hlc_told; // greatest of what it held
    struct bytes told; // sized, the encoded clock of what the owner held, if some of that the
                       // record neither has nor covers; else empty
};

struct op_fetch {
    uint64_t id;
    uint8_t head; // clock and dots are enough
    uint32_t keyspace;
    struct bytes key; // short
};

struct op_fetched {
    uint64_t id;
    uint8_t status;      // NOT_FOUND: nothing known of this key
    struct bytes record; // sized
};

// Does this store know the request? If not, it obeys from now on only UPDATEs of this try.
struct op_find {
    uint64_t id;
    struct request_id request;
    uint64_t try;
    uint32_t keyspace;
    struct bytes key; // short
};

enum find_state {
    FIND_LIVE = 1,       // a sibling of the record is of this request
    FIND_SUPERSEDED = 2, // the record covers it, and does not have it
    FIND_BEATEN = 3, // lww: it lost to a greater hlc that is there; nobody meant to supersede it
    FIND_PURGED = 4, // it was written; nothing of it is left. Not sent yet
};

struct op_found {
    uint64_t id;
    uint8_t status;      // NOT_FOUND: nothing known of this request; it is fenced
    uint8_t state;       // enum find_state
    struct dot dot;      // that the request became
    struct bytes record; // sized
};

struct op_scan_local {
    uint64_t id;
    uint8_t heads;
    uint32_t partition;
    uint32_t keyspace;
    uint32_t size_max;
    struct bytes after;  // short
    struct bytes prefix; // short
};

// SCANNED_LOCAL is an op_scanned.

#define OP_FUNCTIONS(name)                                                                         \
    void op_encode_##name(const struct op_##name *op, struct buf *out);                            \
    enum status op_decode_##name(struct op_##name *op, struct reader *body) MUST_USE;
OP_FUNCTIONS(hello)
OP_FUNCTIONS(welcome)
OP_FUNCTIONS(ping)
OP_FUNCTIONS(pong)
OP_FUNCTIONS(ask)
OP_FUNCTIONS(answer)
OP_FUNCTIONS(error)
OP_FUNCTIONS(put)
OP_FUNCTIONS(put_done)
OP_FUNCTIONS(get)
OP_FUNCTIONS(got)
OP_FUNCTIONS(scan)
OP_FUNCTIONS(scanned)
OP_FUNCTIONS(update)
OP_FUNCTIONS(updated)
OP_FUNCTIONS(done)
OP_FUNCTIONS(merge)
OP_FUNCTIONS(merged)
OP_FUNCTIONS(fetch)
OP_FUNCTIONS(fetched)
OP_FUNCTIONS(find)
OP_FUNCTIONS(found)
OP_FUNCTIONS(scan_local)
#undef OP_FUNCTIONS
