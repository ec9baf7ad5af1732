// convergence.h - what a store does in the rounds of repair, one shard at a time.
//
// A round lets this store, B, pull from another owner of the shard, A:
//
//     both      convergence_open()        each tells its opening, behind the gate of its log ...
//     both      convergence_meet()        ... and is told the other's; B says that it pulls
//     B         convergence_reconcile()   for every key in which both differ
//     both      convergence_open()        A tells once more who it is
//     B         convergence_adopt()       all that A knew at its opening, B knows now
//
// A round that ends in between leaves what was joined, and adopts nothing. One that begins anew
// with the same owner takes the place of the last one, of which nobody may go on: keys that were
// reconciled before the opening prove nothing for it. Rounds with several owners may run side by
// side.
//
// Every function writes one frame of the log at most, and leaves the shard as it was if that could
// not be written (BUSY, DISK_FULL, IO). What it replies on is durable at lsm_written(): a reply
// that tells any of it has that as its gate.
#pragma once

#include "base/moment.h"
#include "dkv-store/holding.h"
#include "dkv-store/store.h"

// What an owner tells of a shard, and of itself.
struct opening {
    uint64_t actor;       // of its store: node number and start are in it
    uint64_t position;    // how many frames of its log this start has written
    uint32_t losses;      // that it counted, ever
    bool is_lost;         // it may lack what it had known
    uint32_t heard_start; // what it last heard of the store that it tells this: 0, nothing
    uint64_t heard_position;
    const struct seen *seen;    // S: the dots that it knows of
    const struct seen *horizon; // G: those that every owner has known
    uint64_t live_count, gone_count;
    uint64_t live_root, deleted_root;
};

// Tells the opening to the owner with this number. It borrows from the ledger until the next call
// of anything. NOT_OWNER: this node does not own the shard; INVALID: there is none.
enum status convergence_open(struct store *store, uint32_t keyspace, uint32_t partition,
                             uint16_t number, struct opening *opening) MUST_USE;

// Takes an opening. `is_pulling`: a round begins in which this store pulls from there.
//   STALE    this store found that it lacks what it had known: it is marked lost, which needs an
//            opening more
//   REFUSED  another process has this node's identity and is younger: this one serves nobody any
//            more
//   NOT_OWNER, INVALID; the log's
enum status convergence_meet(struct store *store, uint32_t keyspace, uint32_t partition,
                             const struct opening *theirs, bool is_pulling,
                             struct moment now) MUST_USE;

enum reconciled {
    RECONCILED,         // what both have of the key was joined, and both agree on it
    RECONCILE_FETCH,    // some of a head is to be taken: again with the whole record
    RECONCILE_LEFT_OUT, // some of it can only be told apart in a later round: this one adopts
                        // nothing
};

// Decides about one key in which both differ. `holding` was located and read, and is empty if the
// record is damaged; `record` is what the other owner has, as a record or its head, and empty if it
// has none; `actor` is the one that its store tells when it has given that (an actor never comes
// back): after its opening it may have become an older state of itself.
//   STALE    there is no such round any more, or the owner restarted or lost something since
//   CORRUPT, INVALID as join_record(); NOT_OWNER; the log's
enum status convergence_reconcile(struct store *store, struct holding *holding, struct bytes record,
                                  uint64_t actor, struct moment now,
                                  enum reconciled *reconciled) MUST_USE;

// Ends a round: every key in which both differed was reconciled. `again` is what the owner tells
// now. A lost copy keeps what it adopts aside until it has ended a round with every other owner;
// then it is whole.
//
// While trees are compared, the owner goes on writing: a value that this store never saw may have
// given way to a deletion, and both trees look alike. So all that was written there since the
// opening has to be known here, too: then each record that changed is here, or what superseded it.
//   STALE         there is no such round, or the owner restarted or lost something since
//   CHECK_FAILED  something was left out: again later
//   BUSY          it knows writes that are not here yet: ask once more with the same
enum status convergence_adopt(struct store *store, uint32_t keyspace, uint32_t partition,
                              const struct opening *again, struct moment now) MUST_USE;

// ---- Ends of starts ----------------------------------------------------------------------

// The starts of one process up to `start` ended long enough ago for the shard to close them.
struct convergence_ending {
    uint32_t process; // actor_process()
    uint32_t start;
};

// Finds the next one from *position on, which is 0 at first. False: there is none left.
bool convergence_next_ending(struct store *store, uint32_t keyspace, uint32_t partition,
                             struct moment now, size_t *position,
                             struct convergence_ending *ending);

// Closes them: every dot of theirs counts as known from now on. Asked for only when, in this order,
// no hintd of any node held a hint of the shard with a dot of those starts, and then all owners,
// none of them lost, told the same of them (seen_same_starts()).
//   REFUSED  this copy is lost, or they have not ended long enough ago
enum status convergence_close(struct store *store, uint32_t keyspace, uint32_t partition,
                              const struct convergence_ending *ending, struct moment now) MUST_USE;

// ---- Losses ------------------------------------------------------------------------------

// Makes a lost copy whole without a round with every owner, because somebody says so.
enum status convergence_accept_loss(struct store *store, uint32_t keyspace, uint32_t partition,
                                    struct moment now) MUST_USE;

// Takes what a store or hintd says of itself in its HELLO or WELCOME, and what it last heard of
// this store. The statuses of convergence_meet().
enum status convergence_hear(struct store *store, uint64_t actor, uint64_t position,
                             uint32_t heard_start, uint64_t heard_position,
                             struct moment now) MUST_USE;

// What this store last heard of that process; false, and zeros, if nothing.
bool convergence_heard(const struct store *store, uint32_t process, uint32_t *start,
                       uint64_t *position);
