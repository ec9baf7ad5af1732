// ledger_notes.h - notes about a whole shard, or the store: all but starts and writes.
//
// Each is a section of a note, ready to be written; several may lie behind one another, in one
// frame. A store that has written one applies it as a restart does: ledger_format_replay().
#pragma once

#include "dkv-store/ledger.h"

enum ledger_note {
    LEDGER_NOTE_HORIZON = 18,  // varint keyspace, varint partition, seen-clock: G := G u this
    LEDGER_NOTE_ADOPTION = 19, // the same: S := S u this
    LEDGER_NOTE_CLOSING = 20,  // varint keyspace, varint partition, varint process, u32 start
    LEDGER_NOTE_LOSS = 21,  // u64 actor, varint count, for each: varint keyspace, varint partition
    LEDGER_NOTE_WHOLE = 22, // varint keyspace, varint partition, seen-clock, horizon
    LEDGER_NOTE_HEARD = 23, // u64 actor, u64 position
    LEDGER_NOTE_DROP = 24,  // varint keyspace, varint partition
};

struct ledger_place { // of a shard
    uint32_t keyspace, partition;
};

void ledger_notes_horizon(struct ledger_place place, const struct seen *horizon, struct buf *note);
void ledger_notes_adoption(struct ledger_place place, const struct seen *seen, struct buf *note);
void ledger_notes_closing(struct ledger_place place, uint32_t process, uint32_t start,
                          struct buf *note);
void ledger_notes_loss(uint64_t actor, const struct ledger_place *places, size_t count,
                       struct buf *note);
void ledger_notes_whole(struct ledger_place place, const struct seen *seen,
                        const struct seen *horizon, struct buf *note);
void ledger_notes_heard(uint64_t actor, uint64_t position, struct buf *note);
void ledger_notes_drop(struct ledger_place place, struct buf *note);

// Applies the body of such a section. NOT_FOUND: it is of another kind.
enum status ledger_notes_apply(struct ledger *ledger, uint8_t kind, struct reader *body) MUST_USE;
