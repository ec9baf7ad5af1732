// loss.h - this store finds that it lacks what it had known.
//
// A record whose checksum fails, a directory that was wiped or put back to an older state: the copy
// of each shard that is concerned is marked lost. It goes back to knowing what every owner has
// known, counts a loss, and this store begins a new life with a new actor, without a restart. Such
// a copy merges and acknowledges, but answers no reads, until it has pulled from every other owner.
// A copy without other owners stays what it is: nobody can help it, so people are told.
//
// The marker is written before anything else is minted or joined.
#pragma once

#include "dkv-store/store.h"

// A record of this partition is damaged: all its shards are concerned that are not lost yet.
void loss_found(struct store *store, uint32_t partition, const char *why);
void loss_found_in_shard(struct store *store, uint32_t keyspace, uint32_t partition,
                         const char *why);
// It comes to this node, which has nothing of it yet, by a move of the ring.
void loss_of_given_shard(struct store *store, uint32_t keyspace, uint32_t partition);
// A block that has its keys is passed over from now on: those that are lost are marked once more.
void loss_of_block(struct store *store, uint32_t partition);
void loss_found_everywhere(struct store *store, const char *why);

// Writes the marker of what was found, if there is anything.
//   BUSY, DISK_FULL, IO: it could not be: nothing else may be changed
//   INVALID: there is no start left
enum status loss_settle(struct store *store, struct moment now) MUST_USE;
