// message.h - what all messages of dkv processes have in common.
//
// One frame: a header and `count` operations of one type. Little-endian, bounded, no
// allocation; decoded operations borrow from the frame. dkv-wire(7) is the grammar.
//
//     header  64 bytes
//     body    count operations, each behind its size (u32) and beginning with its id
//
// The requester chooses the id; the reply carries it back. (A store replies to its router, the
// router answers its client; as messages both are replies.) Replies may come in any
// order and in other groupings than the requests. A reader passes over what an operation has
// behind the fields that it knows, so that fields can be added at the end.
//
// Who asks whom:
//     client -> router   HELLO PING PUT GET SCAN EXPLAIN ASK
//     router -> store    HELLO PING UPDATE MERGE FETCH FIND SCAN_LOCAL INSPECT ASK
//     router -> router   HELLO PING ASK PREPARE ACCEPT
//     router -> processes of its node: RING
//     router -> hintd    HELLO PING HINT HINT_UPDATE FETCH FIND ASK
//     router -> repair   HELLO PING ASK
//     hintd  -> store    HELLO PING MERGE
//     repair -> store    HELLO PING OPEN MEET TREE LEAVES TAKE RECONCILE ADOPT DIGEST SCRUB
//                        ENDINGS CLOSE
//     repair -> hintd    HELLO PING HELD
//
// Limits: 256 operations and 64 KiB a message; one larger operation travels alone.
#pragma once

#include "base/buf.h"
#include "base/reader.h"
#include "base/status.h"

enum {
    MESSAGE_MAGIC = 0x6b64, // "dk"
    MESSAGE_VERSION = 2,
    MESSAGE_HEADER_SIZE = 64,
    MESSAGE_OPS_MAX = 256,
    MESSAGE_SIZE_SOFT_MAX = 64 * 1024,
    MESSAGE_SIZE_MAX = 36 * 1024 * 1024, // the join of two largest records, and its envelope
};

enum message_type {
    MESSAGE_ERROR = 1, // reply to a message that cannot be served as a whole
    MESSAGE_HELLO = 2,
    MESSAGE_WELCOME = 3,
    MESSAGE_PING = 4,
    MESSAGE_PONG = 5,
    MESSAGE_ASK = 6, // a question by name: "ring", "status", "metrics"; of a router also "seals"
    MESSAGE_ANSWER = 7,
    MESSAGE_HEAR = 8,
    MESSAGE_HEARD = 9,
    MESSAGE_PUT = 16,
    MESSAGE_PUT_DONE = 17,
    MESSAGE_GET = 18,
    MESSAGE_GOT = 19,
    MESSAGE_SCAN = 20,
    MESSAGE_SCANNED = 21,
    MESSAGE_EXPLAIN = 22,
    MESSAGE_EXPLAINED = 23,
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
    MESSAGE_INSPECT = 43,
    MESSAGE_INSPECTED = 44,
    MESSAGE_HINT = 48,
    MESSAGE_HINTED = 49,
    MESSAGE_HINT_UPDATE = 50, // the replies are UPDATED and DURABLE
    MESSAGE_HELD = 51,
    MESSAGE_HELD_TOLD = 52,
    MESSAGE_OPEN = 64,
    MESSAGE_OPENED = 65,
    MESSAGE_MEET = 66,
    MESSAGE_MET = 67,
    MESSAGE_TREE = 68,
    MESSAGE_HASHES = 69,
    MESSAGE_LEAVES = 70,
    MESSAGE_LISTED = 71,
    MESSAGE_RECONCILE = 72,
    MESSAGE_RECONCILED = 73,
    MESSAGE_ADOPT = 74,
    MESSAGE_ADOPTED = 75,
    MESSAGE_DIGEST = 76,
    MESSAGE_DIGESTED = 77,
    MESSAGE_SCRUB = 78,
    MESSAGE_SCRUBBED = 79,
    MESSAGE_ENDINGS = 96,
    MESSAGE_ENDED = 97,
    MESSAGE_CLOSE = 98,
    MESSAGE_CLOSED = 99,
    MESSAGE_TAKE = 100,
    MESSAGE_TAKEN = 101,
    MESSAGE_PREPARE = 80,
    MESSAGE_PROMISED = 81,
    MESSAGE_ACCEPT = 82,
    MESSAGE_ACCEPTED = 83,
    MESSAGE_RING = 84,
    MESSAGE_RING_TAKEN = 85,
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
// They stand in one header for each conversation: hello.h, client.h, replica.h,
// repair.h. For each there is a
// struct, op_encode_X (appends to out) and op_decode_X (INVALID if the bytes are not one). `bytes`
// members are borrowed from the message. Where it is not obvious a comment tells the encoding:
// short = u16 size, sized = u32 size.

#define OP_FUNCTIONS(name)                                                                         \
    void op_encode_##name(const struct op_##name *op, struct buf *out);                            \
    enum status op_decode_##name(struct op_##name *op, struct reader *body) MUST_USE;
