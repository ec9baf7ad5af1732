// ledger_format.h - the parts of notes and snapshots of a ledger, as bytes.
//
// For ledger*.c alone; they are read by functions of ledger.h. Every byte: dkv-record(5).
#pragma once

#include "dkv-store/ledger.h"

void ledger_encode_start(const struct ledger *ledger, struct buf *note);

// A snapshot is a head, all shards, and the request ids.
void ledger_encode_head(const struct ledger *ledger, struct buf *out);
void ledger_encode_shard(const struct ledger_shard *shard, struct buf *out);
void ledger_encode_requests(const struct ledger *ledger, struct buf *out);

// The lists with which an entry ends, in every version; then it is applied. CORRUPT: it is not.
enum status ledger_apply_lists(struct ledger *ledger, struct ledger_entry *entry,
                               struct reader *reader) MUST_USE;
