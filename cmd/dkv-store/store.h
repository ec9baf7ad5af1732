// store.h - the brain of dkv-store: one node's replicas.
//
// Serves routers (serve.h): UPDATE mints a dot for a new write, MERGE joins a record that another
// store minted, FETCH and SCAN_LOCAL read, FIND looks for a repeated request. Every one of
// them looks at the record that is there, so that repeated and reordered messages do no harm. A
// late UPDATE would: it supersedes the record that is there when it is read. So it says for how
// long it may be obeyed (wire/age.h), and FIND fences those of earlier tries (replica/fences.h).
//
// Durability: UPDATED leaves at once and promises nothing. DURABLE and MERGED carry a gate,
// the log position of everything they depend on, and leave when the log is synced up to it.
//
// Damage costs the record that it hit, and is counted, with the last fault in `damage`; the copies
// of the shards that it is in are lost (loss.h): they take everything and answer no reads (LOST)
// until other owners have given back what is missing. A shard without other owners goes on, and a
// read of the record replies CORRUPT. Only a log that cannot be written ends the store.
//
// What every owner has known is purged (purge.h), and told from new writes when it comes late.
//
// While flushes and merges fall behind, the engine says how long writers should wait. They do
// when their acknowledgements come later, so those are held back (turn/brake.h): store_durable().
//
// A read that would have to wait for the disk parks its operation (turn/parked.h), and all others
// go on. A scan begins its page again when it comes back.
//
// A store checks itself that it owns the keys it is asked for, and that the sender means the same
// owners (STALE if not).
//
// Deterministic: no clock, no socket, no thread. The engine works through its vfs and hands
// blocking work out as jobs.
#pragma once

#include "base/moment.h"
#include "dkv-store/delay.h"
#include "dkv-store/drops.h"
#include "dkv-store/growth.h"
#include "dkv-store/holding.h"
#include "dkv-store/joins.h"
#include "dkv-store/leaves.h"
#include "dkv-store/purge.h"
#include "dkv-store/scan_local.h"
#include "lsm/lsm.h"
#include "replica/fences.h"
#include "replica/reconcile.h"
#include "ring/ring_snapshot.h"
#include "turn/brain.h"
#include "turn/brake.h"
#include "wire/meter.h"
#include "wire/service.h"

struct store_options {
    struct ring_snapshot *ring; // the store holds it
    uint64_t node;              // our id in it
    uint64_t boot;              // random, of this life
    uint64_t value_size_max;
    uint64_t record_size_max;
    uint64_t request_memory_ms;
    uint64_t purge_age_ms;   // deletions are purged so long after all owners know them, or longer
    uint64_t trash_ms;       // purged values that came back are kept so long for people to see
    uint64_t close_after_ms; // starts of processes are closed so long after the next one, or longer
    uint64_t clock_refuse_ms; // hlcs from outside count for no more than this ahead of ours
    uint64_t ask_ms;        // a start waits so long for what others have heard of it; 0: not at all
    struct lsm_options lsm; // vfs, dir (borrowed too), sizes; its owner is set by the store
    struct bytes software;  // version, borrowed
};

struct store_counts { // since the start
    uint64_t updates, merges, fetches, finds, scans;
    uint64_t repeated;    // requests that had been applied before
    uint64_t lww_dropped; // values lost to a greater hlc
    uint64_t lost_again;  // dots that this store had known and lost: taken back
    uint64_t losses;      // markers, but for those of
    uint64_t given;       // copies that the ring gave to this node
    uint64_t accepted;    // lost copies that count as whole because somebody said so
    uint64_t zombies;     // purged values and deletions that came back and were left out
    uint64_t stripped;    // records that lost deletions, or dots of their clocks
    uint64_t returned;    // values that a lost copy had, and every owner had purged
    uint64_t expired;     // operations dropped because their time was over
    uint64_t late;        // UPDATEs that were too old, or of a try that is fenced
    uint64_t told;        // MERGEs that met values which the write had not seen
    uint64_t forged;      // messages that name dots which this store has not given out
    uint64_t refused;
    uint64_t behind;         // reads put off because the router had too much to take
    uint64_t stalled;        // writes that found memory full
    uint64_t damaged_reads;  // that damage, or the disk, made fail
    uint64_t damaged_merges; // the same
    uint64_t parked;         // operations that waited for the disk, out of the way
};

struct store {
    struct store_options options;
    struct ring_snapshot *snapshot; // the newest ring, held
    const struct ring *ring;        // in it
    int node_index;
    struct lsm *lsm;
    struct ledger ledger;
    struct fences fences;
    struct meters meters; // bytes that routers have not taken yet
    struct growth growth; // of hash trees
    struct parked parked;
    struct parked_wait wait;    // of the operation that is served
    uint64_t opened_ms;         // monotonic
    uint64_t remembers_from_ms; // the same: requests that were applied later are known
    uint64_t ring_ms;           // the same: when the ring became this one
    bool is_asking;             // what others have heard of this store: asking.h ...
    bool has_asked_all;         // ... and all of them told it
    uint64_t hlc_last;
    uint64_t unsynced_since_ms; // no later than the oldest write that is not durable; 0 = all is
    uint64_t unsynced_mark;     // lsm_written() when that was set
    uint64_t turn_ms;           // when the last turn was
    uint64_t tick_mark;         // the same at the last tick
    struct brake brake;         // on acknowledgements
    struct delay delay;         // of clients
    struct store_counts counts;
    struct {
        bool is_due;        // found, and not marked yet
        bool is_given;      // nothing but copies that the ring gives to this node
        uint64_t mark;      // position of the last marker: no write is minted until it is durable
        struct fault fault; // what was found last
    } loss;
    struct fault twin;   // not OK: a younger process runs as this one, which serves nobody
    struct fault damage; // the last one
    struct fault forged; // the last one: where
    // Made by one operation after the other, kept for their memory.
    struct holding holding;
    struct change change;
    struct scan_local scan;
    struct leaves leaves;
    struct {
        struct seen seen, horizon; // of an opening that came
        struct buf seen_encoded, horizon_encoded;
    } round;
    struct superseded_list requests; // of a MERGE
    struct clock dots;               // the same
    struct {
        struct buf note;
        struct lsm_batch batch;
    } frame; // frame.h
    struct purge purge;
    struct drops drops;
    struct joins joining;
    struct resolution resolution;
    struct buf part, head, seen; // of a reply
};

// Opens the engine, recovers the ledger, starts a new actor (with some of the random bits) and
// makes it durable by running the engine's jobs itself. Nothing is served before this returned OK.
//   LOCKED, CORRUPT, IO, DISK_FULL as lsm_open(); INVALID: the node is not in the ring, or a newer
//   program has written there.
enum status store_open(struct store *store, const struct store_options *options, uint64_t random,
                       struct moment now, struct fault *fault) MUST_USE;
void store_close(struct store *store);

// Works by this document from now on, which ring_check_successor() has accepted and this node is
// in.
void store_adopt(struct store *store, struct ring_snapshot *ring);

// A message was not queued.
void store_on_unsent(struct store *store, link_id link, struct bytes message);
void store_on_tick(struct store *store, struct moment now, struct outbox *outbox);
// Ends a turn: notes since when something is not durable, and how long writers are to wait.
void store_note_turn(struct store *store, struct moment now);

// Gates are compared with this: the log, but not while writers are to wait.
uint64_t store_durable(const struct store *store);

// How long the next tick may wait, after a turn's end; `most_ms` if nothing is due before.
unsigned store_tick_within_ms(const struct store *store, unsigned most_ms);

// Jobs of the engine; see lsm.h. Not OK: the log failed and the process must stop, the fault
// says why.
struct lsm_job *store_next_job(struct store *store, enum lsm_worker worker);
enum status store_on_job_done(struct store *store, struct lsm_job *job, struct fault *fault);

// A read met damage, or a disk that fails: counts and keeps it.
void store_note_damage(struct store *store, uint64_t *count, const struct fault *fault);
