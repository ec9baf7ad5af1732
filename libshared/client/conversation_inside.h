// conversation_inside.h - what the parts of a conversation share; for its own files.
//
// conversation_begin.c knows where requests go, conversation.c what they are waiting for,
// conversation_step.c what leaves next.
#pragma once

#include "base/moment.h"
#include "client/conversation.h"

// The connection is of no use any more: its requests go to other endpoints.
void conversation_lose(struct conversation *conversation, uint32_t endpoint, enum status why,
                       struct bytes said, uint64_t now_ms);

// Ends what has run out of time; loses endpoints that are silent.
void conversation_check(struct conversation *conversation, uint64_t now_ms);

// The endpoint that a request goes to: where it began, or the next one that is fit; `otherwise` if
// none is. Those that were passed over are tried again beside that when their rest is over.
uint32_t conversation_choose(struct conversation *conversation, const struct request *request,
                             uint32_t otherwise, uint64_t now_ms);
void conversation_queue(struct conversation *conversation, struct request *request,
                        uint32_t endpoint, uint64_t now_ms);
