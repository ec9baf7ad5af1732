// history_inside.h - what the files of the history have in common: history.c notes what happened,
// history_tries.c when each try of a put may mint, history_check.c holds what is seen against it,
// history_gone.c says what need not be seen any more.
#pragma once

#include "sim/history.h"
#include "wire/replica.h"

int history_find_mint(const struct history_key *key, struct dot dot); // index, -1 if none

// Which positions of the owners have lost what they had of a put; of one whose owners may have been
// others, all of them if any has.
uint32_t history_lost_owners(const struct history_key *key, const struct act *act);

// Whether fallbacks may have counted.
bool history_may_be_hinted(const struct history *history, const struct act *act);

// Did a write that the clock covers supersede this one?
bool history_is_superseded(const struct history_key *key, const struct clock *clock,
                           const struct mint *mint);

// Did a mint of the act supersede this one, or something that did? Who superseded one try of a
// request superseded every try of it.
bool history_leads_to(const struct history_key *key, const struct mint *mint,
                      const struct act *act);

// Is it a deletion that may be gone without a trace, and nothing of what it superseded is in this
// record (NULL: nobody asks)?
bool history_may_be_purged(struct history *history, const struct history_key *key,
                           const struct mint *mint, const struct record *record);

// A blind put was answered OK.
void history_check_validated(struct history *history, const struct act *act);

// The update has made a first dot, or one that covers what the first has met.
void history_check_try(struct history *history, struct act *act, const struct op_update *update);
