// repair.h - what dkv-repair says to the stores of two owners of a shard, and they to it.
//
// A round makes one owner (B) know all that another one (A) has; B pulls from A:
//
//     OPEN       A, B   what do you know?                                OPENED   an opening, gated
//     MEET       A, B   this is what the other one told                  MET
//     TREE       A, B   hashes of the children of some nodes             HASHES
//     LEAVES     A, B   the heads of the records in some ranges          LISTED
//     TAKE       A      a whole record                                   TAKEN
//     RECONCILE  B      A has this record of the key, or none            RECONCILED
//     ADOPT      B      all that differed is resolved; A is still this   ADOPTED
//
// Numbers of nodes are those of
// merkle/tree.h, ranges are of tokens. dkv-repair owns nothing of this: an opening is bytes that
// one store has made for another.
#pragma once

#include "wire/message.h"

// What one store tells another one at the begin of a round.
struct opening_told {
    uint64_t actor;                  // of the store: node number and start are in it
    uint64_t position;               // how much of its log this start has written, all durable
    uint32_t losses;                 // that it counted, ever
    uint8_t is_lost;                 // it may lack what it had known of the shard
    uint32_t heard_start;            // what it last heard of the other store: 0, nothing
    uint64_t heard_position;         // the same
    uint64_t live_count, gone_count; // keys with a value, and without
    uint64_t live_root, deleted_root;
    struct bytes seen;    // sized, seen_encode(): the dots that it knows of
    struct bytes horizon; // sized, the same: those that every owner has known
};

void opening_told_encode(const struct opening_told *opening, struct buf *out);
enum status opening_told_decode(struct opening_told *opening, struct bytes encoded) MUST_USE;

struct op_open {
    uint64_t id;
    uint32_t keyspace, partition;
    uint32_t number; // of the other owner's node
};

struct op_opened {
    uint64_t id;
    uint8_t status;
    struct bytes opening; // sized
};

struct op_meet {
    uint64_t id;
    uint32_t keyspace, partition;
    uint8_t is_pulling;   // a round begins, in which the receiver pulls from there
    struct bytes opening; // sized
};

struct op_met {
    uint64_t id;
    uint8_t status; // STALE: it found that it lacks what it had known; again with a new opening.
                    // REFUSED: a younger process has its identity
};

enum tree_kind {
    TREE_OF_VALUES,
    TREE_OF_DELETIONS,
    TREE_KINDS,
};

struct op_tree {
    uint64_t id;
    uint32_t keyspace, partition;
    uint8_t kind;       // enum tree_kind
    uint8_t level;      // of the nodes
    struct bytes nodes; // sized: u16 each, TREE_PARENTS_MAX at most
};

struct op_hashes {
    uint64_t id;
    uint8_t status;      // BUSY: the tree is not made yet
    uint8_t leaf_level;  // of the tree
    struct bytes hashes; // sized: u64 each, of the children of each node
};

// Ranges of tokens, both ends in them, ascending.
struct token_range {
    uint64_t first, last;
};

enum { TOKEN_RANGE_SIZE = 16 };
void token_range_append(struct token_range range, struct buf *out);
bool token_range_next(struct reader *list, struct token_range *range); // false at the end

struct op_leaves {
    uint64_t id;
    uint32_t keyspace, partition;
    uint32_t size_max;
    struct bytes after;  // short: engine key to go on behind
    struct bytes ranges; // sized, token_range_append()
};

struct op_listed {
    uint64_t id;
    uint8_t status;
    uint64_t actor;     // of the store, now
    uint8_t is_done;    // nothing of the ranges is behind `last`
    struct bytes last;  // short: engine key to go on behind
    struct bytes items; // sized: for each a short key and a sized record, which is a head
};

// A whole record, though the copy may lack others.
struct op_take {
    uint64_t id;
    uint32_t keyspace, partition;
    struct bytes key; // short
};

struct op_taken {
    uint64_t id;
    uint8_t status;      // NOT_FOUND: it has none
    uint64_t actor;      // of the store, now
    struct bytes record; // sized
};

enum verdict {
    VERDICT_RESOLVED,
    VERDICT_FETCH,    // the whole record is wanted
    VERDICT_LEFT_OUT, // this round cannot decide
};

struct op_reconcile {
    uint64_t id;
    uint32_t keyspace, partition;
    uint64_t actor;      // of the store whose record it is, as that told with it
    struct bytes key;    // short
    struct bytes record; // sized: a head or a whole one; empty = that node has none
};

struct op_reconciled {
    uint64_t id;
    uint8_t status;
    uint8_t verdict; // enum verdict
};

struct op_adopt {
    uint64_t id;
    uint32_t keyspace, partition;
    struct bytes opening; // sized, of the store that was pulled from: what it tells now
};

struct op_adopted {
    uint64_t id;
    uint8_t status;  // STALE: the other has restarted or lost something since;
                     // CHECK_FAILED: something was left out;
                     // BUSY: it knows writes that are on their way here, again soon
    uint8_t is_lost; // this copy still
};

// All shards of this store, without asking it to read anything.
struct op_digest {
    uint64_t id;
    uint32_t keyspace;
    uint32_t partition; // the first that is wanted
};

struct op_digested {
    uint64_t id;
    uint8_t status;
    uint32_t next;      // the partition to go on with; 0: that is all
    struct bytes items; // sized, digest_append()
};

struct digest {
    uint32_t partition;
    uint64_t live_root, deleted_root;
    uint64_t live_count, gone_count;
};

enum { DIGEST_SIZE = 36 };
void digest_append(const struct digest *digest, struct buf *out);
bool digest_next(struct reader *list, struct digest *digest); // false at the end

// Reads every record again, one partition after the other.
struct op_scrub {
    uint64_t id;
    uint32_t partition;
    uint8_t is_begin; // anew; else only how far it is
};

struct op_scrubbed {
    uint64_t id;
    uint8_t status; // BUSY: it is under way; CORRUPT: something cannot be read, or is not what was
                    // written
    uint64_t record_count;
    struct bytes text; // short: what is wrong
};

// Which starts of processes ended long enough ago for the shard to close them?
struct op_endings {
    uint64_t id;
    uint32_t keyspace, partition;
};

struct op_ended {
    uint64_t id;
    uint8_t status;
    struct bytes items; // sized, ending_append()
};

// The starts of one process up to this one.
struct ending {
    uint32_t process; // actor_process()
    uint32_t start;
};

enum { ENDING_SIZE = 8 };
void ending_append(struct ending ending, struct buf *out);
bool ending_next(struct reader *list, struct ending *ending); // false at the end

// From now on all dots of these starts count as known. Asked for only when no hint has one, and
// then all owners, none of them lost, told the same of them.
struct op_close {
    uint64_t id;
    uint32_t keyspace, partition;
    uint32_t process, start;
};

struct op_closed {
    uint64_t id;
    uint8_t status; // REFUSED: this copy is lost, or they have not ended long enough ago
};

OP_FUNCTIONS(open)
OP_FUNCTIONS(opened)
OP_FUNCTIONS(meet)
OP_FUNCTIONS(met)
OP_FUNCTIONS(tree)
OP_FUNCTIONS(hashes)
OP_FUNCTIONS(leaves)
OP_FUNCTIONS(listed)
OP_FUNCTIONS(take)
OP_FUNCTIONS(taken)
OP_FUNCTIONS(reconcile)
OP_FUNCTIONS(reconciled)
OP_FUNCTIONS(adopt)
OP_FUNCTIONS(adopted)
OP_FUNCTIONS(digest)
OP_FUNCTIONS(digested)
OP_FUNCTIONS(scrub)
OP_FUNCTIONS(scrubbed)
OP_FUNCTIONS(endings)
OP_FUNCTIONS(ended)
OP_FUNCTIONS(close)
OP_FUNCTIONS(closed)
