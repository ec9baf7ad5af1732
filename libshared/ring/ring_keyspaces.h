// ring_keyspaces.h - changes of the keyspaces of a ring, before ring_succeed() makes it the next
// document.
//
// The id of a new keyspace is the epoch that it comes with. So no document has more than one new
// keyspace, and no id ever stands for another one, even after a drop.
#pragma once

#include "base/fault.h"
#include "ring/ring.h"

// Adds a keyspace; its id is given. Lists of owners that are too short for its copies get longer:
// what they have stays as it is, so no data moves. EXISTS: its name is taken; INVALID: limits, or
// there are not nodes enough.
enum status ring_add_keyspace(struct ring *ring, const struct ring_keyspace *keyspace,
                              struct fault *fault) MUST_USE;

// NOT_FOUND: there is none of this name; INVALID: "default", which always exists.
enum status ring_drop_keyspace(struct ring *ring, const char *name, struct fault *fault) MUST_USE;

// "3" or "dc1:3,dc2:2". INVALID: it is neither, or names a datacenter twice.
enum status ring_copies_parse(struct bytes text, struct ring_keyspace *keyspace,
                              struct fault *fault) MUST_USE;
void ring_copies_format(const struct ring_copies *copies, uint32_t count, struct buf *out);
