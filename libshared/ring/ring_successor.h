// ring_successor.h - from one ring document to the next.
//
// A shard is where it is since an epoch: the document says for each partition and each keyspace
// when its owners last changed. So two processes with different documents can tell whether they
// mean the same owners of a shard: they do if it is where it is since an epoch that both have
// reached.
#pragma once

#include "ring/ring.h"

// Makes `next` the document that follows `before`: epoch, parent, and since when everything is
// where it is. Call it when nothing else is to change.
void ring_succeed(struct ring *next, const struct ring *before);

// Whether `next` may come after `before`, at once or later. INVALID with the reason: of another
// cluster, not newer, other partitions, a node whose id or number was changed, a keyspace whose id
// or conflict policy was, or another document of the parent's epoch.
enum status ring_check_successor(const struct ring *before, const struct ring *next,
                                 struct fault *fault) MUST_USE;

// Whether a shard has the same owners in both documents, in the same order, and the same of them
// are read and written.
bool ring_stays(const struct ring *before, const struct ring_keyspace *old_keyspace,
                const struct ring *next, const struct ring_keyspace *new_keyspace,
                uint32_t partition);
