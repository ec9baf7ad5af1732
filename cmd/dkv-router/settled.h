// settled.h - whether all owners work by the document that counts.
//
// Stores alone matter: they refuse what others send by the documents before.
#pragma once

#include "dkv-router/epochs.h"

// Whether the store of every owner does, has what that gives to it, and has let go of what it
// takes; and of those that become owners by `next`, which is to follow (NULL: none). UNAVAILABLE:
// not yet, or one does not answer; the fault says who and what.
enum status settled_check(const struct epochs *epochs, const struct ring *next,
                          struct fault *fault) MUST_USE;

// The epoch that the router of a node works by, as far as is known; 0: it does not answer.
uint64_t settled_router_epoch(const struct epochs *epochs, uint32_t index);

// Appends a line "EPOCH MOVE", then one a node: "NODE router-epoch store-epoch joining former".
void settled_tell(const struct epochs *epochs, struct buf *out);
