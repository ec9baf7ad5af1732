// frame.h - a frame of the log that is no write of one key.
#pragma once

#include "dkv-store/ledger_notes.h"
#include "dkv-store/store.h"

// Empties store->frame, for a new one. Notes are appended to store->frame.note, and records put
// into store->frame.batch.
void frame_begin(struct store *store);

// Writes it, and applies its note as a restart would.
//   BUSY, DISK_FULL, IO: nothing happened
enum status frame_write(struct store *store, struct moment now) MUST_USE;

// The other owners of a shard, as node numbers; -1: this node is none of them.
int frame_others(const struct store *store, uint32_t keyspace, uint32_t partition,
                 uint16_t numbers[RING_OWNERS_MAX]);

// The shard, which knows its other owners. NULL: this node does not own it.
struct ledger_shard *frame_shard(struct store *store, uint32_t keyspace, uint32_t partition);
