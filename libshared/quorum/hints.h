// hints.h - the fallbacks of one put: which were asked to keep a hint for an owner, and which do.
//
//     wanted ── the caller sends HINT ──► asked ── HINTED ──► kept
//                                           └── refused, or out of reach: the next fallback
//
// A fallback is a target behind the owners (ring_route.h); a holder is one that can be asked. Each
// owner that lacks the record gets a hint, at a fallback of its own as long as there are enough, in
// its datacenter if there is one: beyond that a hint still brings the record to its owner, but
// counts no more (acks.h).
//
// Most puts need no fallback, and have no such struct.
#pragma once

#include "quorum/acks.h"

struct hints {
    target_set all;                     // fallbacks
    target_set holders;                 // of which these can be asked, and have refused nothing
    target_set near[RING_OWNERS_MAX];   // by owner: fallbacks in its datacenter
    target_set late;                    // owners that take too long: they get a hint, too
    target_set wanted[RING_OWNERS_MAX]; // by owner
    target_set asked[RING_OWNERS_MAX];  // that and `wanted`: the reply is to come
    target_set kept[RING_OWNERS_MAX];   // durably
    target_set told[RING_OWNERS_MAX];   // told what they held for the owner
};

// Makes sure that every owner of `missing` has a hint, or will have; and then, if `w` is given,
// that these and `own` meet it, or can if all goes well, as far as there are fallbacks. True if any
// are wanted now.
bool hints_plan(struct hints *hints, uint8_t n, target_set missing, target_set own,
                const struct needs *w) MUST_USE;

// Takes one that is wanted. False if there is none.
bool hints_take(struct hints *hints, uint8_t n, unsigned *owner, unsigned *holder) MUST_USE;

// This holder was asked to keep one for each owner (HINT_UPDATE).
void hints_ask_all(struct hints *hints, uint8_t n, unsigned holder);

static inline bool hints_is_asked(const struct hints *hints, unsigned owner, unsigned holder)
{
    return hints->asked[owner] & target_bit(holder);
}

static inline void hints_keep(struct hints *hints, unsigned owner, unsigned holder)
{
    hints->asked[owner] &= ~target_bit(holder);
    hints->kept[owner] |= target_bit(holder);
}

// It refused, or cannot be reached: it is asked no more.
void hints_drop(struct hints *hints, uint8_t n, unsigned holder);

// All begin anew, for another record.
void hints_reset(struct hints *hints, uint8_t n);

bool hints_are_open(const struct hints *hints, uint8_t n); // any reply is to come
// Whether somebody who was asked has told nothing.
bool hints_lack_told(const struct hints *hints, uint8_t n);
// Those that keep one for any owner.
target_set hints_keepers(const struct hints *hints, uint8_t n);
