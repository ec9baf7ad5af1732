// owed.h - asks every hintd now and then what it owes this node, and tells it what was pulled
// (debts.h).
#pragma once

#include "dkv-repair/repair.h"

void owed_go_on(struct repair *repair, struct moment now, struct outbox *outbox);

// The answer of the hintd behind link `number`.
enum status owed_on_answer(struct repair *repair, uint32_t number, struct reader *body,
                           struct moment now) MUST_USE;
