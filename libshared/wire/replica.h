// replica.h - what a router asks of a store about the records of its replica.
#pragma once

#include "causal/record.h"
#include "wire/client.h"

enum update_flags {
    UPDATE_DELETE = 1,
    UPDATE_KEEP_SIBLINGS = 2,
    UPDATE_BLIND = 4,  // supersede what the coordinator's record holds, besides the context
    UPDATE_AGAIN = 8,  // the request has a dot, which met others: give it one that covers them
    UPDATE_FRESH = 16, // this very try made that dot: nobody can have meant to supersede it before
    UPDATE_TAKES_HEAD = 32,  // the router can do with the head of the record (op_updated.is_head)
    UPDATE_CONDITIONAL = 64, // PRECONDITION if there is what the context has not seen, or, without
                             // one, a value
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
    struct bytes record;   // sized, the whole record, to be joined by the other owners
    uint8_t is_head;       // of it the head alone: the only value is that of the UPDATE
    uint8_t is_lost;       // the owner may lack what it had known: its record tells nothing
};

// Values of fewer bytes always come back: that costs less than putting them into a head.
enum { UPDATED_HEAD_VALUE_MIN = 1024 };

struct op_durable {
    uint64_t id;
    uint8_t status;
};

// What was superseded, as `requests` of UPDATED and MERGE have it, one behind the other: dot,
// request id.
enum { SUPERSEDED_ENCODED_SIZE = 32 };
void superseded_append(const struct superseded *superseded, struct buf *out);
bool superseded_next(struct reader *list, struct superseded *superseded); // false at the end

// Whole lists of it. Encoding replaces what is in `out`, and leaves out writes without a request
// id; the result is that of `out`. Decoding replaces what is in `list`, and ends where no whole one
// is left.
struct bytes superseded_encode(const struct superseded_list *list, struct buf *out);
void superseded_decode(struct bytes encoded, struct superseded_list *list);

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
    MERGED_LOST = 1,       // the owner may lack what it had known: it tells nothing
    MERGED_SUPERSEDED = 2, // the write was superseded here: there is nothing to validate
};

struct op_merged {
    uint64_t id;
    uint8_t status;    // NOT_KEPT: what the write was part of was purged since
    uint8_t flags;     // enum merged_flags
    uint64_t hlc_told; // the largest of what it held
    struct bytes told; // sized, the encoded clock of what the owner held, if some of that the
                       // record neither has nor covers; else empty
};

struct op_fetch {
    uint64_t id;
    uint8_t head; // clock and dots are enough
    uint32_t keyspace;
    struct bytes key; // short
    uint8_t is_gated; // the reply waits until what it tells is durable
};

struct op_fetched {
    uint64_t id;
    uint8_t status;      // NOT_FOUND: nothing known of this key; LOST: this owner does not count
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
    FIND_PURGED = 4, // it was written, every owner has known it, and nothing of the key is left
};

struct op_found {
    uint64_t id;
    uint8_t status;        // NOT_FOUND: nothing known of this request; it is fenced
    uint8_t state;         // enum find_state
    struct dot dot;        // that the request became
    struct bytes record;   // sized
    uint32_t remembers_ms; // of NOT_FOUND by a store: it would know what it applied so long ago
};

// What does this store have of the key, and does it have this write of it? Fences nobody.
struct op_inspect {
    uint64_t id;
    struct request_id request; // of the write; all zero: not known
    struct dot dot;            // of the write; counter 0: not known
    uint32_t keyspace;
    struct bytes key; // short
};

// Gated: what it tells of is durable.
// What the purge of the deletions in a record waits for, at one owner. Later ones are nearer.
enum purge_state {
    PURGE_NOT_TOLD = 0, // of an older store, or nothing is there
    PURGE_LOST,         // the copy is, until rounds with all other owners are complete
    PURGE_LACKS,        // it does not know all writes that the record's clock names
    PURGE_GAPS,         // it knows these, and lacks others that came before them
    PURGE_WAITS,        // other owners have not told it that they know them without a gap
    PURGE_AGES,         // all do; not long enough yet
    PURGE_DUE,          // all have for purge/age
};

struct op_inspected {
    uint64_t id;
    uint8_t status;      // NOT_FOUND: nothing known of this key
    uint8_t has_write;   // it has the write, or what superseded it
    uint8_t state;       // enum find_state of the request; 0: it is not known
    struct bytes head;   // sized, the encoded head of the record
    uint8_t purge;       // enum purge_state
    uint32_t purge_ms;   // AGES: so long still, at least
    struct bytes behind; // sized: u16 each, numbers of the nodes of owners that are waited for
    struct bytes seen;   // sized, seen_encode(): the dots that it knows of in the shard of the key,
                         // be it that they were purged; empty: of an older store, or too large
};

// A seen-clock with more than that is left out: an answer has one of every owner.
enum { INSPECTED_SEEN_SIZE_MAX = 256 * 1024 };

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

OP_FUNCTIONS(update)
OP_FUNCTIONS(updated)
OP_FUNCTIONS(durable)
OP_FUNCTIONS(merge)
OP_FUNCTIONS(merged)
OP_FUNCTIONS(fetch)
OP_FUNCTIONS(fetched)
OP_FUNCTIONS(find)
OP_FUNCTIONS(found)
OP_FUNCTIONS(scan_local)
OP_FUNCTIONS(inspect)
OP_FUNCTIONS(inspected)
