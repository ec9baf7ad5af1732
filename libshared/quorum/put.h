// put.h - one write in flight, as a pure state machine.
//
//            a retry           no owner knows it          UPDATED
//     start ─────────► FINDING ────────────────► UPDATING ───────► MERGING ──► ENDED
//                       │   │ one is silent        ▲  ▲ AGAIN, once │ ▲
//                       │   ▼                      │  └─────────────┘ │
//                       │ WAITING ─────────────────┘                  │
//                       │   │      the try before is over             │
//                       └───┴─────────────────────────────────────────┘
//                        found
//
// A first try starts in UPDATING, a record from a dump in MERGING. A refusal of UPDATE sends it to
// the next owner, or ends the put if others would refuse, too; one that came late is sent again.
// The put ends from every phase: at the deadline, or when too few owners are left; from UPDATING
// when the coordinator is lost, too.
//
// FINDING   a repeated request: an owner may have an earlier try. Its record is joined
//           everywhere instead of minting anew; of one that was purged there is nothing to join. An
//           owner that does not know the request is fenced: it obeys this try alone from now on.
// WAITING   owners that did not reply may still obey the try before this one.
// UPDATING  the coordinator mints the dot. From the moment this was sent the write may
//           exist, and only an explicit refusal takes that back. If the coordinator is lost,
//           nobody can say whether it minted: INDETERMINATE.
// MERGING   the other owners join the record. What counts towards W is DURABLE of the
//           coordinator and MERGED of any other owner, both OK, each owner once. The client
//           is answered when W is met or cannot be met any more; the put ends when nothing is
//           outstanding. AGAIN: R and W have told, and one of them held a write that this one
//           has not seen.
//
// Validation. A blind write supersedes what its coordinator holds, which may lack a write that
// was acknowledged before this one began. That one is on W owners, so among any R owners one
// holds it, and joined it before this record came: its MERGED tells so. Then a second dot that
// covers all that was told is asked for (AGAIN), before the client is answered: of the
// coordinator, or, if that is lost, of another owner that has told. Writes that meet the second
// record were made at the same time as this one, and stay. So the W that acknowledge must have
// told, too: a write with W = all meets every write with W = 1.
//
// Hints (hints.h). For an owner that cannot be reached, refuses the record or is late with its
// acknowledgement a fallback keeps a hint, before the answer or after it. Unless the put is strict
// a hint counts for its owner (acks.h). What the fallback held is told for an owner that cannot be
// reached, not for one that is late and may tell more. A fallback may even coordinate, where no
// owner can: then it keeps a hint for every owner. A retry asks fallbacks, too, as the first try
// may have. The caller says who they are when it sends an event that may need them: put.hints is
// NULL until then.
//
// Owners are numbered 0 .. n-1 in order of preference: an owner is a target (ring_route.h) below
// n, and fallbacks are targets from n on. Sets of targets are bit masks.
// Each event returns a step: what to send now and whether to answer. The caller sends,
// and reports failures to send as events (put_on_failed).
//
// Answers: OK; UNAVAILABLE, LATE and refusals when nothing was written anywhere;
// INDETERMINATE when it may have been.
//
// A conditional write that is repeated may find its condition unmet by its own first try, or by
// another write. Only owners mint such a one. If all of them know nothing of the request, and would
// know if they had ever minted it, then none has, and they are fenced, so none will: the refusal is
// final. An owner that was started since the first try cannot say that: what it minted and lost may
// be under way to another one.
#pragma once

#include "quorum/hints.h"

enum put_phase {
    PUT_FINDING,
    PUT_WAITING,
    PUT_UPDATING,
    PUT_MERGING,
    PUT_ENDED,
};

struct put_start {
    uint8_t n;             // owners
    const struct needs *w; // that must acknowledge
    const struct needs *r; // that must tell what they held
    target_set live;       // owners that can be reached now
    target_set unable;     // of which may not coordinate: their clocks are off
    target_set filling;    // nor may these, that are not read yet
    bool retry;            // FINDING first
    bool validate;         // a blind write
    bool strict;           // only owners count, and fewer than R that can tell are too few; else
                           // as many tell as can be reached
    bool conditional;      // only owners coordinate: a fallback cannot judge what is there
    struct hints *hints;   // NULL: not needed yet
};

struct put {
    uint8_t n;
    uint8_t phase;      // enum put_phase
    int8_t coordinator; // -1 = none yet
    bool validate, strict, conditional;
    bool was_found;    // the record is an earlier try's
    bool met_others;   // somebody told something
    bool again;        // the second dot
    bool is_over;      // set by the caller: this try may mint no more
    bool sent;         // an UPDATE or MERGE may have left: never again "not written"
    bool maybe_before; // a retry: the same holds, whatever the owners say
    bool is_final;     // no try wrote anything, or ever will
    bool answered;
    uint8_t attempt;     // UPDATEs that were sent to the coordinator before the last one
    uint8_t refusal;     // enum status of the last owner that refused, OK = none
    target_set live;     // owners that are still worth asking
    target_set refused;  // refused to coordinate
    target_set asked;    // FIND outstanding
    target_set fenced;   // replied to FIND: nothing known of this request
    target_set sure;     // set by the caller, of those: had they applied it, ever, they would know
    target_set merging;  // MERGE or DURABLE outstanding
    target_set acked;    // durable with the owner
    target_set early;    // DURABLE overtook UPDATED
    target_set told;     // told what they held, the coordinator by its record
    target_set unkept;   // answered NOT_KEPT: they will never have it, by no hint either
    struct hints *hints; // the caller's; NULL: no fallback was needed
    struct needs w, r;
};

// Whether it still matters what owners tell of other writes.
static inline bool put_is_validating(const struct put *put)
{
    return put->validate && !put->again;
}

enum { PUT_ATTEMPTS_MAX = 3 }; // UPDATEs to one owner: the link's clocks may have been out of date

struct put_step {
    target_set find;  // send FIND to these
    int8_t update;    // send UPDATE to this one; -1 = none (AGAIN if put->again)
    target_set merge; // send MERGE of the record to these
    bool hint;        // send HINT of the record as hints_take() says
    bool wait;        // put_on_waited() when the try before can mint no more
    bool answer;      // answer the client with `status`
    enum status status;
    bool ended; // nothing is outstanding: forget this put
};

struct put_step put_start(struct put *put, const struct put_start *start);

// A record that exists already (restored from a dump): goes to every owner at once.
struct put_step put_start_merging(struct put *put, const struct put_start *start);

// What a record or an owner says of the write: whether it met what it had not seen.
enum put_conflict {
    PUT_ALONE,
    PUT_MET_OTHERS,
    PUT_LOST,            // the owner may lack what it had known: it counts as nobody that told
    PUT_LOST_MET_OTHERS, // ... but what it holds is to be superseded all the same
    PUT_SUPERSEDED,      // it is not live any more: there is nothing to validate
};

// FOUND: OK if the owner knew the request; its record is then the one that MERGE carries. NOT_FOUND
// if it did not. Anything else is no reply.
struct put_step put_on_found(struct put *put, unsigned owner, enum status status,
                             enum put_conflict conflict);
// A target knows that the write was minted before, known to every owner, and purged: it is written.
struct put_step put_on_purged(struct put *put);
// The try before this one can mint no more.
struct put_step put_on_waited(struct put *put);
// Whether this owner is the coordinator, and is to say what became of UPDATE: nobody else's word
// counts.
bool put_awaits_updated(const struct put *put, unsigned owner);
// UPDATED: its record is the one that MERGE carries.
struct put_step put_on_updated(struct put *put, unsigned owner, enum put_conflict conflict);
// The UPDATE of this attempt was refused: one that came too late may be sent again, as the next
// attempt. A refusal that comes twice says nothing of a later one.
struct put_step put_on_refused(struct put *put, unsigned owner, uint8_t attempt,
                               enum status status);
// DURABLE with its status.
struct put_step put_on_durable(struct put *put, unsigned owner, enum status status);
// MERGED with its status.
struct put_step put_on_merged(struct put *put, unsigned owner, enum status status,
                              enum put_conflict conflict);
// HINTED by a fallback, for an owner.
struct put_step put_on_hinted(struct put *put, unsigned owner, unsigned holder, enum status status,
                              enum put_conflict conflict);
// The owners that have not acknowledged take long: fallbacks keep hints for them.
struct put_step put_on_late(struct put *put);
// The target cannot be reached any more (link lost, could not be sent).
struct put_step put_on_failed(struct put *put, unsigned target);
// The deadline: answers if it has not.
struct put_step put_on_deadline(struct put *put);

// On how many nodes it is durable as far as known, and on how many of them as a hint.
struct put_tally {
    uint8_t acked, hinted;
};
struct put_tally put_tally(const struct put *put);
