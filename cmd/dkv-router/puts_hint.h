// puts_hint.h - what a put (quorum/put.h) says to fallbacks, and what it keeps for them.
//
// The record that the owners get is not needed any more once it was sent, unless one of them fails
// or is late: so a flight keeps a copy of it, of a large value only the head.
//
// For the files of puts.h alone.
#pragma once

#include "dkv-router/placing.h"
#include "wire/hint.h"

// What the other owners get.
struct minted {
    struct bytes record;
    struct bytes requests; // that the write superseded
};

// Tells the put which fallbacks there are, before an event that may need them.
void puts_know_fallbacks(struct router *router, struct flight *flight);

// Keeps what was minted, as it came: `dot` is that of the write. Without room nothing is kept, and
// no fallback asked.
void puts_keep_minted(struct router *router, struct flight *flight, const struct minted *minted,
                      bool is_head);

// Sends the hints that are wanted now.
void puts_send_hints(struct router *router, struct flight *flight, struct moment now,
                     struct outbox *outbox);

// The UPDATE, for a fallback that is to keep a hint for every owner.
void puts_send_hint_update(struct router *router, struct flight *flight, unsigned target,
                           const struct op_update *update, struct moment now,
                           struct outbox *outbox);

// How long an owner may take to acknowledge before a fallback keeps a hint for it, in a put that
// may last so long.
uint64_t puts_late_after_ms(const struct router *router, uint64_t lasts_ms);

// The owner of the flight whose node this is; -1: none is.
int puts_find_owner(const struct flight *flight, uint64_t node);
