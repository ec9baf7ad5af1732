// strip.h - deletions are purged, and clocks shrink.
//
// A record of which every owner has known all that it covers loses its tombstones and expired
// values, and its clock keeps the dots of the values that are left. Nothing left: the key is gone.
// Each owner does it alone: what comes late is told from new writes by the horizon (zombie.h).
#pragma once

#include "replica/change.h"

// Makes the change. False: there is nothing to strip, or not yet. `*expires_ms` becomes the first
// time at which more can be stripped of the record; it stays if there is none before it.
bool strip_record(const struct replica *replica, struct change *change, uint64_t *expires_ms);
