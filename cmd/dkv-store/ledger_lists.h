// ledger_lists.h - the lists with which an entry ends, in notes of every version.
#pragma once

#include "dkv-store/ledger.h"

// Reads the dots and the superseded requests up to the end, and applies the entry with them.
//   CORRUPT: it is not applied
enum status ledger_lists_apply(struct ledger *ledger, struct ledger_entry *entry,
                               struct reader *reader) MUST_USE;
