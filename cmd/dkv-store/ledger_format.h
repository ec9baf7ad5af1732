// ledger_format.h - a ledger as bytes: the notes of a log, and the snapshots beside it.
//
// Both are lists of sections (section.h), with room for more kinds; dkv-record(5) gives the bytes.
#pragma once

#include "base/fault.h"
#include "dkv-store/ledger.h"

// Features that a program must know to read its notes and snapshots, for the engine.
extern const char *const ledger_format_features[];

// Encodes the begin of a life as a note, to be durable before anything else is written ...
void ledger_format_start(const struct ledger *ledger, struct buf *note);
// ... and an entry, to be written in one batch with its record.
void ledger_format_note(const struct ledger_entry *entry, struct buf *note);

// Applies a note, at restart. CORRUPT if it is none; INVALID if a newer program has written it:
// the fault says what is needed.
enum status ledger_format_replay(struct ledger *ledger, struct bytes note,
                                 struct fault *fault) MUST_USE;

void ledger_format_snapshot(const struct ledger *ledger, struct buf *out);
enum status ledger_format_restore(struct ledger *ledger, struct bytes snapshot,
                                  struct fault *fault) MUST_USE;
