// owed.h - asks hintds that owe something now and then what they owe this node, and tells them what
// was pulled (debts.h).
#pragma once

#include "dkv-repair/repair.h"

void owed_go_on(struct repair *repair, struct moment now, struct outbox *outbox);

// The answer of the hintd behind link `number`.
enum status owed_on_answer(struct repair *repair, uint32_t number, struct reader *body,
                           struct moment now) MUST_USE;
