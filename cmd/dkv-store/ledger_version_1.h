// ledger_version_1.h - notes and snapshots as version 1 wrote them: read, no more written.
//
// They knew partitions, not shards, and hashed leaves in another way: what they say of dots
// belongs to the keyspace "default", and counts and roots are not known (ledger->is_old).
#pragma once

#include "dkv-store/ledger.h"

bool ledger_is_note_1(struct bytes note);
enum status ledger_replay_1(struct ledger *ledger, struct bytes note) MUST_USE;
enum status ledger_restore_1(struct ledger *ledger, struct bytes snapshot) MUST_USE;
