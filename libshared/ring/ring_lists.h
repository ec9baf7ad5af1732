// ring_lists.h - lists of owners that are long enough for every keyspace.
#pragma once

#include "base/fault.h"
#include "ring/ring.h"

// Appends owners to lists that have too few for a keyspace: of the datacenter that it asks for,
// from racks that the list does not have yet, those with least to do. What is in a list keeps its
// place, so every other keyspace stays where it is. INVALID: there are not nodes enough, or lists
// would have more than RING_OWNERS_MAX owners; then nothing has changed.
enum status ring_lengthen_lists(struct ring *ring, struct fault *fault) MUST_USE;
