// get.h - one read in flight, as a pure state machine.
//
// Asks R owners, one for the record and the others for its clock and dots (a head).
//
//     ASKING ── R replied ──► compare: no head is ahead ──────────► answer, repair
//        ▲                       │  some are        ▲
//        │                       ▼                  │ all are there
//        │                    FETCHING the records of those
//     an owner fails, or is slow (hedge): the next one is asked
//
// The caller keeps the records: it joins those that came whole, compares each reply with that,
// and answers the join. An owner that replied with less than it is repaired.
// HOLDING: a monotonic read is answered when so many owners hold the answer that whoever reads
// later asks one of them: N-R+1, while a shard moves of both sets of owners. Those that replied
// with less, and those that were not asked, get it before the answer, not behind it; who
// acknowledges holds it. Owners are numbered in order of preference: targets (ring_route.h) below
// n, fallbacks are those behind them. Sets are bit masks.
//
// Where fewer than R owners can be asked, the fallbacks that keep hints for them are, all that
// there are (unless the caller knows none). Each stands for one owner that cannot be reached,
// whether it keeps something or not; what it keeps is joined. All of them are waited for, until the
// hedge: any one of them may have what the others have not.
//
// Answers: OK (R owners replied), UNAVAILABLE (too few can be reached, known before
// asking or when one fails; or too few can hold the answer), TIMEOUT.
#pragma once

#include "quorum/acks.h"
#include "ring/ring.h"

enum get_phase {
    GET_ASKING,
    GET_FETCHING,
    GET_HOLDING,
    GET_ENDED,
};

struct get {
    uint8_t n;
    struct needs r;
    uint8_t phase;       // enum get_phase
    target_set live;     // owners
    target_set holders;  // fallbacks that can be asked; none: they are not needed, or not wanted
    bool is_hedged;      // R replies are enough now
    target_set asked;    // reply outstanding
    target_set fetching; // full record outstanding
    target_set replied;  // with a head or a record
    target_set full;     // with a full record
    bool monotonic;      // set after get_start(), and:
    struct needs later;  // what reads by later documents need, too; none: the same
    target_set holding;  // known to hold all of the answer
    target_set repaired; // were sent it, and have not acknowledged
};

struct get_step {
    target_set fetch; // send FETCH (record)
    target_set head;  // send FETCH (head)
    bool compare;     // R replied: the caller must compare, and go on with get_on_compared()
    bool answer;      // answer with `status`; if that is OK, the join of what came
    enum status status;
    target_set repair; // and send it to these, which acknowledge if `holds`
    bool holds;
    bool ended;
};

// `order` lists the owners from the nearest to the farthest, n of them; `holders` can be asked
// besides.
struct get_step get_start(struct get *get, uint8_t n, const struct needs *r, target_set live,
                          target_set holders, const uint8_t *order);
// How many replies count.
uint8_t get_count(const struct get *get);
// A reply (also "nothing known") with the full record, or with a head.
struct get_step get_on_reply(struct get *get, unsigned owner, bool full);
// How the replies compare with the join of the full records.
struct get_comparison {
    target_set ahead;  // heads that hold what it has not
    target_set behind; // replies that lack some of it
};
struct get_step get_on_compared(struct get *get, struct get_comparison comparison);
// While HOLDING: an owner acknowledged the answer, or refused it.
struct get_step get_on_held(struct get *get, unsigned owner, bool is_held);
// `holders` can be asked besides, if fewer than R owners are left.
struct get_step get_on_failed(struct get *get, unsigned target, target_set holders);
// It takes longer than usual: one more owner is asked for the full record.
struct get_step get_on_hedge(struct get *get);
struct get_step get_on_deadline(struct get *get);
