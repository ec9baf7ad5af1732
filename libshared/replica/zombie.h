// zombie.h - writes that were purged and come back, in a message that was late for long.
//
// What every owner of a shard has known, its horizon, was here: a value from below it that is not
// here any more was superseded and purged. It is dropped, and its dot leaves the clock of the
// record that it came in, else that record would seem to have superseded good copies elsewhere. A
// deletion may be purged only if all that its record covers is below the horizon, and is judged so
// when it comes back.
//
// A write that was known here, is gone, and is not below the horizon was lost: it is taken.
#pragma once

#include "replica/replica.h"

// A tombstone, or a value that is expired by our clock.
bool zombie_is_deletion(const struct replica *replica, const struct sibling *sibling);

// Nothing of this dot is held, and every owner has known it.
bool zombie_was_purged(const struct replica *replica, const struct sibling *sibling);

// Drops the zombies of a record that comes in; how many.
uint32_t zombie_drop(const struct replica *replica, struct record *incoming);
