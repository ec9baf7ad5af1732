// tally_format.h - a tally as bytes: the notes of a log, and the snapshots beside it.
//
// Both are lists of sections (section.h), with room for more kinds; dkv-hints(5) gives the bytes.
#pragma once

#include "base/fault.h"
#include "dkv-hintd/tally.h"

// Features that a program must know to read its notes and snapshots, for the engine.
extern const char *const tally_format_features[];

// Encodes the begin of a life as a note, to be durable before anything else is written ...
void tally_format_start(const struct tally *tally, struct buf *note);
// ... that no store knows of a later start ...
void tally_format_last(struct buf *note);
// ... a change of a hint, to be written in one batch with it; notes of several may follow one
// another ...
void tally_format_entry(const struct tally_entry *entry, struct buf *note);
// ... a debt, and one that is settled.
void tally_format_debt(const struct tally_debt *debt, struct buf *note);
void tally_format_settled(uint64_t target, uint32_t partition, uint64_t mark, struct buf *note);

// Applies a note, at restart. CORRUPT if it is none; INVALID if a newer program has written it:
// the fault says what is needed.
enum status tally_format_replay(struct tally *tally, struct bytes note,
                                struct fault *fault) MUST_USE;

void tally_format_snapshot(const struct tally *tally, struct buf *out);
enum status tally_format_restore(struct tally *tally, struct bytes snapshot,
                                 struct fault *fault) MUST_USE;
