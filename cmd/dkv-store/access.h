// access.h - how operations change a key: it is read for that, and what became of it is written.
#pragma once

#include "dkv-store/store.h"

// Reads a key that is to be changed, as reading_read(), of which nothing is held if its record is
// damaged: the copy is lost then, and takes what others have. holding->shard is there.
enum status access_read_to_change(struct store *store, const struct message_header *header,
                                  uint32_t keyspace, struct bytes key, struct holding *holding,
                                  struct moment now) MUST_USE;

// Whether this copy of a shard may lack what it had known: then it answers no reads.
bool access_is_lost(const struct store *store, uint32_t keyspace, uint32_t partition);
// ... or it is not known yet whether it does (asking.h). False: neither.
bool access_may_lack(const struct store *store, uint32_t keyspace, uint32_t partition);

// Follows and counts a change that was made, even if it was refused ...
void access_note_change(struct store *store, const struct holding *holding,
                        const struct change *change);
// ... and writes it. BUSY, DISK_FULL: it was not.
enum status access_write(struct store *store, struct holding *holding, const struct change *change,
                         struct moment now) MUST_USE;

// The shard has such a record: some pass has to look whether it can be stripped when it expires.
void access_note_expiry(const struct store *store, struct ledger_shard *shard,
                        const struct record *record);
