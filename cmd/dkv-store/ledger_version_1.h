// ledger_version_1.h - notes and snapshots as version 1 wrote them: read, no more written.
//
// They knew partitions, not shards, and hashed leaves in another way: their dots belong to the
// keyspace "default", and counts and roots are not known (ledger->is_old).
#pragma once

#include "dkv-store/ledger.h"

bool ledger_version_1_is_note(struct bytes note);
enum status ledger_version_1_replay(struct ledger *ledger, struct bytes note) MUST_USE;
enum status ledger_version_1_restore(struct ledger *ledger, struct bytes snapshot) MUST_USE;
