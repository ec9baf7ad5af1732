// hearing.h - brings to our store what others have heard of it (asking.h): requests and replies.
#pragma once

#include "dkv-repair/repair.h"

// Sends what is to be said.
void hearing_go_on(struct repair *repair, struct outbox *outbox);

// A reply. INVALID: it is none.
enum status hearing_on_heard(struct repair *repair, uint32_t number, struct reader *body) MUST_USE;
