// conversation_inside.h - what the two halves of a conversation share; for its own files.
//
// conversation.c knows what a request is waiting for, conversation_step.c what leaves next.
#pragma once

#include "base/moment.h"
#include "client/conversation.h"

// The connection is of no use any more: its requests go to other endpoints.
void conversation_lose(struct conversation *conversation, uint32_t endpoint, enum status why,
                       struct bytes said, uint64_t now_ms);

// Ends what has run out of time; loses endpoints that are silent.
void conversation_check(struct conversation *conversation, uint64_t now_ms);
