// access.h - how operations read a key, and write what became of it.
#pragma once

#include "dkv-store/store.h"

// Reads a key. BUSY: the operation has to wait for the disk, or for one on the same key that does.
// CORRUPT: the copy of its shard is marked lost before the next change (loss.h).
enum status access_read(struct store *store, const struct message_header *header, uint32_t keyspace,
                        struct bytes key, struct holding *holding) MUST_USE;

// The same of a key that is to be changed, of which nothing is held if its record is damaged: the
// copy is lost then, and takes what others have. holding->shard is there.
enum status access_read_to_change(struct store *store, const struct message_header *header,
                                  uint32_t keyspace, struct bytes key, struct holding *holding,
                                  struct moment now) MUST_USE;

// Counts how a read of the partition failed, if it did.
void access_note_read(struct store *store, enum status status, uint32_t partition,
                      const struct fault *fault);

// Gives the key as mint, join, find and strip ask for it.
struct replica access_replica(const struct store *store, const struct holding *holding,
                              struct moment now);

// Whether this copy of a shard may lack what it had known: then it answers no reads.
bool access_is_lost(const struct store *store, uint32_t keyspace, uint32_t partition);

// Follows and counts a change that was made, even if it was refused ...
void access_note_change(struct store *store, const struct holding *holding,
                        const struct change *change);
// ... and writes it. BUSY, DISK_FULL: it was not.
enum status access_write(struct store *store, struct holding *holding, const struct change *change,
                         struct moment now) MUST_USE;
